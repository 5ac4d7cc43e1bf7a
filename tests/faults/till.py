"""A till, the service under test: each command adds one row, once for its key.

`post /pay` is a plain command, `post /send` calls out first: it writes the key that it calls with into a file. Settings,
from the environment: `TILL_DB` is the database's url, `TILL_CALLS` the file.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Protocol

from sqlalchemy import Column, Integer, MetaData, Table, Text, bindparam, insert

from krepis import App, Command, Context, OutboundPort, Value, WritePort, bind
from krepis.http import Doors
from krepis.idempotency import TABLES as IDEMPOTENCY
from krepis.idempotency import Idempotency
from krepis.sql import Database, Sql, include_tables, statement

metadata = MetaData()
include_tables(metadata, *IDEMPOTENCY)
rows = Table("rows", metadata, Column("id", Integer, primary_key=True), Column("label", Text, nullable=False))
ADD = statement(insert(rows).values(label=bindparam("label")).returning(rows.c.id), into=int)


class Paid(Value):
    id: int
    label: str


class Pay(Command[Paid]):
    label: str
    pause_ms: int = 0


class Send(Command[Paid]):
    label: str


class Rows(WritePort, Protocol):
    async def add(self, ctx: Context, label: str) -> int: ...


class Carrier(OutboundPort, Protocol):
    async def send(self, ctx: Context, label: str) -> None: ...


class SqlRows(Rows):
    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def add(self, ctx: Context, label: str) -> int:
        return await self._sql.one(ADD, label=label)


class Calls(Carrier):
    async def send(self, ctx: Context, label: str) -> None:
        with Path(os.environ["TILL_CALLS"]).open("a", encoding="utf-8") as file:  # noqa: ASYNC230 - microseconds
            file.write(f"{label} {ctx.idempotency_key}\n")
        await asyncio.sleep(0.005)


async def pay(ctx: Context, command: Pay, *, rows: Rows) -> Paid:
    ctx.log.info("paying")
    number = await rows.add(ctx, command.label)
    await asyncio.sleep(command.pause_ms / 1000)
    return Paid(id=number, label=command.label)


async def send(ctx: Context, command: Send, *, rows: Rows, carrier: Carrier) -> Paid:
    await carrier.send(ctx, command.label)
    return Paid(id=await rows.add(ctx, command.label), label=command.label)


doors = Doors()
doors.post("/pay", Pay, status=201)
doors.post("/send", Send, status=201)

app = App(
    "till",
    handlers=(pay, send),
    adapters=(bind(Rows, SqlRows), bind(Carrier, Calls, scope="app")),
    doors=doors,
    store=Database(os.environ.get("TILL_DB", "sqlite://"), metadata=metadata),
    parts=(Idempotency(required=(Pay,)),),
)
