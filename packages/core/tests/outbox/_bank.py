"""A bank whose reactions keep a ledger of what they have seen: in order, each event once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from sqlalchemy import Column, Integer, MetaData, Table, Text, bindparam, insert, select

from krepis import App, Command, Context, Event, OutboundPort, WritePort, bind
from krepis.events import Events
from krepis.outbox import TABLES, Outbox
from krepis.sql import Database, Sql, include_tables, statement

metadata = MetaData()
seen = Table(
    "seen",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("who", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("step", Integer, nullable=False),
)
include_tables(metadata, *TABLES)


class Paid(Event):
    step: int
    account: str
    aggregate = "account"


class Jotted(Event):
    account: str


class Pay(Command[None]):
    account: str
    steps: list[int]
    fail: bool = False


class Book(WritePort, Protocol):
    async def add(self, ctx: Context, who: str, account: str, step: int) -> None: ...
    async def all(self, ctx: Context) -> list[tuple[str, str, int]]: ...


class Mail(OutboundPort, Protocol):
    async def send(self, ctx: Context, text: str) -> None: ...


ADD = statement(insert(seen).values(who=bindparam("who"), account=bindparam("account"), step=bindparam("step")))
ALL = statement(select(seen.c.who, seen.c.account, seen.c.step).order_by(seen.c.number))


class SqlBook(Book):
    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def add(self, ctx: Context, who: str, account: str, step: int) -> None:
        await self._sql.run(ADD, who=who, account=account, step=step)

    async def all(self, ctx: Context) -> list[tuple[str, str, int]]:
        return await self._sql.all(ALL)


async def pay(ctx: Context, command: Pay, *, events: Events) -> None:
    for step in command.steps:
        await events.emit(ctx, Paid(account=command.account, step=step))
    if command.fail:
        raise LookupError("after emitting")


async def on_paid(ctx: Context, event: Paid, *, book: Book) -> None:
    await book.add(ctx, "on_paid", event.account, event.step)


def an_app(
    url: str,
    *reactions: Callable[..., Any],
    handlers: tuple[Callable[..., Any], ...] = (pay,),
    adapters: tuple[Any, ...] = (),
    outbox: Outbox | None = None,
) -> App:
    return App(
        "bank",
        handlers=handlers,
        reactions=reactions,
        adapters=(bind(Book, SqlBook), *adapters),
        store=Database(url, metadata=metadata),
        parts=(outbox or Outbox(),),
    )


async def stored(store: Any, query: Any) -> list[Any]:
    """What a query finds, asked from outside of the app."""
    from krepis._system import SystemSources
    from krepis.context import root

    return await store.transact(root(SystemSources()), "read", lambda sql: sql.all(statement(query)))


async def booked(app: App) -> list[tuple[str, str, int]]:
    return await stored(app.store, select(seen.c.who, seen.c.account, seen.c.step).order_by(seen.c.number))
