"""What it costs to dispatch one message without network, above the handler itself, and what interception costs.

The rounds of all cases are interleaved; the median is printed, in microseconds per call.
"""

import sys
from collections.abc import Awaitable, Callable
from itertools import count as counting
from typing import Any, Protocol

from bench.micro import measuring
from sqlalchemy import MetaData, literal, select

from krepis import App, Command, Context, Query, ReadPort, bind
from krepis.idempotency import TABLES, Idempotency
from krepis.identity import SYSTEM
from krepis.port import PortCall
from krepis.sql import Database, Sql, include_tables, statement

SEVEN = statement(select(literal(7)), into=int)


class Numbers(ReadPort, Protocol):
    async def same(self, ctx: Context, number: int) -> int: ...


class Rows(ReadPort, Protocol):
    async def seven(self, ctx: Context) -> int: ...


class PlainNumbers(Numbers):
    async def same(self, ctx: Context, number: int) -> int:
        return number


class SqlRows(Rows):
    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def seven(self, ctx: Context) -> int:
        return await self._sql.one(SEVEN)


class Bare(Command[int]):
    quantity: int


class WithPort(Command[int]):
    quantity: int


class FromStore(Query[int]):
    quantity: int


class IntoStore(Command[int]):
    quantity: int


async def bare(ctx: Context, command: Bare) -> int:
    return command.quantity


async def with_port(ctx: Context, command: WithPort, *, numbers: Numbers) -> int:
    return await numbers.same(ctx, command.quantity)


async def from_store(ctx: Context, query: FromStore, *, rows: Rows) -> int:
    return await rows.seven(ctx)


async def into_store(ctx: Context, command: IntoStore, *, rows: Rows) -> int:
    return await rows.seven(ctx)


async def passing(call: PortCall, proceed: Callable[[], Awaitable[Any]]) -> Any:
    return await proceed()


def an_app(*interceptors: Any, parts: tuple[Any, ...] = ()) -> App:
    metadata = MetaData()
    include_tables(metadata, *TABLES)
    return App(
        "dispatch",
        handlers=(bare, with_port, from_store, into_store),
        adapters=(bind(Numbers, PlainNumbers), bind(Rows, SqlRows)),
        store=Database("sqlite://", metadata=metadata),
        interceptors=interceptors,
        parts=parts,
    )


async def measure(count: int, repeat: int) -> dict[str, float]:
    keyed_app = an_app(parts=(Idempotency(),))
    async with an_app().start() as plain, an_app(passing).start() as intercepted, keyed_app.start() as keyed:
        ctx = plain.context(timeout=3600)
        keys = counting()

        def under_key(key: str) -> Context:
            return keyed.context(actor=SYSTEM, timeout=3600, idempotency_key=key)

        numbers = PlainNumbers()
        first, second, third, fourth = (
            Bare(quantity=3),
            WithPort(quantity=3),
            FromStore(quantity=3),
            IntoStore(quantity=3),
        )
        cases = {
            "a handler, called by hand": lambda: bare(ctx, first),
            "dispatched, with context and deadline": lambda: plain.dispatch(ctx, first),
            "a handler with a port, called by hand": lambda: with_port(ctx, second, numbers=numbers),
            "dispatched, no interceptor": lambda: plain.dispatch(ctx, second),
            "dispatched, one interceptor": lambda: intercepted.dispatch(ctx, second),
            "a query with one row, dispatched (SQLite in memory, read-only transaction)": lambda: plain.dispatch(
                ctx, third
            ),
            "a command with one row, dispatched (SQLite in memory, write transaction)": lambda: plain.dispatch(
                ctx, fourth
            ),
            "the same, with the part for idempotency keys and no key": lambda: keyed.dispatch(ctx, fourth),
            "the same, with a new idempotency key": lambda: keyed.dispatch(under_key(f"new {next(keys)}"), fourth),
            "the same, answered again for a known key": lambda: keyed.dispatch(under_key("known"), fourth),
        }
        return await measuring.steps_in_turns(count, repeat, cases)


if __name__ == "__main__":
    sys.exit(measuring.calls("dispatch", __doc__, measure, count=100_000))
