"""A clockwork, the service under test for schedules: six of them, one for each policy of missed runs, plain and calling out.

Each run adds the row `NAME SLOT`. Before that, it says so to the world outside, which takes nothing back: a line
`NAME SLOT PID KEY` in a file. Settings, from the environment: `CLOCKWORK_DB` is the database's url, `CLOCKWORK_RUNS` the file.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol

from sqlalchemy import Column, Integer, MetaData, Table, Text, bindparam, insert

from krepis import App, Command, Context, OutboundPort, WritePort, bind
from krepis.schedules import TABLES, Every, Schedules, every
from krepis.sql import Database, Sql, include_tables, statement

SKIP_PERIOD_S = 4
"""Far enough apart for a run that was killed to be run again (after its lease) before the next one is due."""

GRACE_S = 0.5
TIMEOUT_S = 1.5
PAUSE_S = 0.1

metadata = MetaData()
include_tables(metadata, *TABLES)
rows = Table("rows", metadata, Column("id", Integer, primary_key=True), Column("label", Text, nullable=False))
ADD = statement(insert(rows).values(label=bindparam("label")))


class Tick(Command[None]):
    name: str
    slot: str


class Ring(Command[None]):
    """Calls out."""

    name: str
    slot: str


class Rows(WritePort, Protocol):
    async def add(self, ctx: Context, label: str) -> None: ...


class Bell(OutboundPort, Protocol):
    async def ring(self, ctx: Context, label: str) -> None: ...


class SqlRows(Rows):
    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def add(self, ctx: Context, label: str) -> None:
        await self._sql.run(ADD, label=label)


class LoudBell(Bell):
    async def ring(self, ctx: Context, label: str) -> None:
        await say(ctx, label)


async def say(ctx: Context, label: str) -> None:
    with Path(os.environ["CLOCKWORK_RUNS"]).open("a", encoding="utf-8") as file:  # noqa: ASYNC230 - microseconds
        file.write(f"{label} {os.getpid()} {ctx.idempotency_key}\n")
    await asyncio.sleep(PAUSE_S)  # so that many kills find it in the middle


async def tick(ctx: Context, command: Tick, *, rows: Rows) -> None:
    await rows.add(ctx, f"{command.name} {command.slot}")
    await say(ctx, f"{command.name} {command.slot}")


async def ring(ctx: Context, command: Ring, *, rows: Rows, bell: Bell) -> None:
    await bell.ring(ctx, f"{command.name} {command.slot}")
    await rows.add(ctx, f"{command.name} {command.slot}")


def scheduled(name: str, kind: type[Tick | Ring], missed: Literal["once", "skip", "all"]) -> Every:
    def made(slot: datetime) -> Any:
        return kind(name=name, slot=f"{slot.timestamp():.0f}")

    made.__annotations__["return"] = kind
    text = f"{SKIP_PERIOD_S} seconds" if missed == "skip" else "second"
    message: Callable[[datetime], Any] = made
    return every(text, message, name=name, missed=missed, timeout_s=TIMEOUT_S, attempts_max=1000, grace_s=GRACE_S)


app = App(
    "clockwork",
    handlers=(tick, ring),
    adapters=(bind(Rows, SqlRows), bind(Bell, LoudBell, scope="app")),
    store=Database(os.environ.get("CLOCKWORK_DB", "sqlite://"), metadata=metadata),
    parts=(
        Schedules(
            scheduled("tick-once", Tick, "once"),
            scheduled("tick-skip", Tick, "skip"),
            scheduled("tick-all", Tick, "all"),
            scheduled("ring-once", Ring, "once"),
            scheduled("ring-skip", Ring, "skip"),
            scheduled("ring-all", Ring, "all"),
            concurrent_max=6,
            look_s=0.1,
            retry_s=0.05,
            lease_margin_s=0.2,
        ),
    ),
)
