"""A service that only counts, with an audit log: each command is one row of `counted`, and has to be one entry.

`AUDITED_DB` is the database's url.
"""

from __future__ import annotations

import os
from typing import Protocol

from sqlalchemy import Column, MetaData, Table, Text, bindparam, insert

import krepis.audit
from krepis import App, Command, Context, WritePort, bind
from krepis.audit import Audit
from krepis.http import Doors
from krepis.sql import Database, Sql, include_tables, statement
from krepis.telemetry import AccessLog, Health, Metrics

metadata = MetaData()
counted = Table("counted", metadata, Column("name", Text, primary_key=True))
include_tables(metadata, *krepis.audit.TABLES)

ADD = statement(insert(counted).values(name=bindparam("name", type_=Text)))


class Count(Command[str]):
    name: str


class Names(WritePort, Protocol):
    async def add(self, ctx: Context, name: str) -> None: ...


class SqlNames(Names):
    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def add(self, ctx: Context, name: str) -> None:
        await self._sql.run(ADD, name=name)


async def count(ctx: Context, command: Count, *, names: Names) -> str:
    await names.add(ctx, command.name)
    return command.name


doors = Doors()
doors.post("/count", Count)
app = App(
    "audited",
    handlers=(count,),
    adapters=(bind(Names, SqlNames),),
    doors=doors,
    store=Database(os.environ.get("AUDITED_DB", "sqlite://"), metadata=metadata),
    parts=(Audit(key="k" * 32), Health(), Metrics(), AccessLog()),
)
