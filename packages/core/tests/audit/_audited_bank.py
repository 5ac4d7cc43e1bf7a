"""The bank that these tests share: one table, a few commands."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Protocol

from sqlalchemy import Column, Integer, MetaData, Table, Text, bindparam, func, insert, select

import krepis.audit
from krepis import App, Command, Context, Query, ReadPort, Rejection, WritePort, bind
from krepis._system import SystemSources
from krepis.access import Policy, anyone, may, role
from krepis.app import Service
from krepis.audit import Audit, Row, Verdict, verify
from krepis.audit.tables import COUNT_PENDING
from krepis.audit.verify import rows
from krepis.context import root
from krepis.sql import Database, Sql, include_tables, statement
from krepis.types import Secret

metadata = MetaData()
payments = Table("payments", metadata, Column("id", Text, primary_key=True), Column("amount", Integer, nullable=False))
include_tables(metadata, *krepis.audit.TABLES)

ADD = statement(insert(payments).values(id=bindparam("id", type_=Text), amount=bindparam("amount", type_=Integer)))
COUNT = statement(select(func.count()).select_from(payments), into=int)


class Refused(Rejection):
    message = "no"


class Pay(Command[str]):
    to: str
    amount: int = 1
    password: str = "hunter2"
    pin: Secret = Secret("4711")


class CountPayments(Query[int]):
    pass


class Close(Command[None]):
    pass


class Ledger(ReadPort, Protocol):
    async def count(self, ctx: Context) -> int: ...


class WritableLedger(Ledger, WritePort, Protocol):
    async def add(self, ctx: Context, amount: int) -> str: ...


class SqlLedger(WritableLedger):
    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def count(self, ctx: Context) -> int:
        return await self._sql.one(COUNT)

    async def add(self, ctx: Context, amount: int) -> str:
        id = str(ctx.new_id())
        await self._sql.run(ADD, id=id, amount=amount)
        return id


async def pay(ctx: Context, command: Pay, *, ledger: WritableLedger) -> str:
    id = await ledger.add(ctx, command.amount)
    if command.amount == 0:
        raise Refused
    if command.amount < 0:
        raise LookupError("password=hunter2")
    return id


async def count_payments(ctx: Context, query: CountPayments, *, ledger: Ledger) -> int:
    return await ledger.count(ctx)


def close(ctx: Context, command: Close) -> None:
    return None


POLICY = Policy(may(anyone, Pay, CountPayments), may(role("boss"), Close))


def an_app(url: str, audit: Audit | None = None) -> App:
    return App(
        "bank",
        handlers=(pay, count_payments, close),
        adapters=(bind(WritableLedger, SqlLedger),),
        store=Database(url, metadata=metadata),
        policy=POLICY,
        parts=(audit or Audit(),),
    )


@asynccontextmanager
async def serving(
    url: str, audit: Audit | None = None, *, fresh: bool = True, by_hand: bool = False
) -> AsyncGenerator[Service]:
    """The bank, started; its tables are made first unless they are there."""
    app = an_app(url, audit)
    database = app.store
    assert isinstance(database, Database)
    if fresh and not database.in_memory:
        await database.open()
        await database.create_tables()
        await database.close()
    async with app.start(by_hand=by_hand) as service:
        yield service


def a_ctx() -> Context:
    return root(SystemSources(), timeout=20)


async def in_unit(service: Service, work: Any, mode: Any = "write") -> Any:
    assert service.app.store is not None
    return await service.app.store.transact(a_ctx(), mode, work)


async def kept(service: Service) -> list[Row]:
    """The rows of the chain."""

    async def work(sql: Sql) -> list[Row]:
        return [row async for row in rows(sql)]

    return await in_unit(service, work, "read")


async def waiting(service: Service) -> int:
    return await in_unit(service, lambda sql: sql.one(COUNT_PENDING), "read")


async def settled(service: Service, count: int) -> list[Row]:
    """The rows, as soon as there are so many and no entry waits."""
    import asyncio

    async with asyncio.timeout(10):
        while len(await kept(service)) < count or await waiting(service):  # noqa: ASYNC110 - the table has no event
            await asyncio.sleep(0.005)
    return await kept(service)


async def verdict(service: Service, audit: Audit, *anchors: Any) -> Verdict:
    database = service.app.store
    assert isinstance(database, Database)
    return await verify(database, a_ctx(), audit.hashing, anchors)


async def broken(service: Service, audit: Audit, *anchors: Any) -> Any:
    """The first broken place, which there has to be."""
    found = (await verdict(service, audit, *anchors)).broken
    assert found is not None
    return found
