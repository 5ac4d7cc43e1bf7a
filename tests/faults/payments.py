"""A program that pays and reacts to its payments, as fast as it can, until it is killed: `payments.py URL FOLDER NAME`.

Two reactions see each payment: one only writes (`book`), one calls out first (`mail`). Mails go into the file `mails` in
FOLDER, a line each, under the key of their delivery; what was acknowledged to a caller goes into `acknowledged`. Both are
the world outside: a killed process takes nothing of them back.

With the file `quiet` in FOLDER it pays nothing more, and only delivers.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Protocol

from sqlalchemy import Column, Integer, MetaData, Table, Text, bindparam, insert

from krepis import App, Command, Context, Event, OutboundPort, WritePort, bind
from krepis.app import Service
from krepis.errors import Unavailable
from krepis.events import Events
from krepis.outbox import TABLES, Outbox
from krepis.sql import Database, Sql, include_tables, statement

PAYERS = 3
STEPS_MAX = 200
"""Payments on one account: with them the work of a test has an end, however slow the machine."""

metadata = MetaData()
booked = Table(
    "booked",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("who", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("step", Integer, nullable=False),
)
include_tables(metadata, *TABLES)


class Paid(Event):
    account: str
    step: int


class Pay(Command[None]):
    account: str
    step: int


class Book(WritePort, Protocol):
    async def add(self, ctx: Context, who: str, event: Paid) -> None: ...


class Mail(OutboundPort, Protocol):
    async def send(self, ctx: Context, text: str) -> None: ...


ADD = statement(insert(booked).values(who=bindparam("who"), account=bindparam("account"), step=bindparam("step")))


class SqlBook(Book):
    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def add(self, ctx: Context, who: str, event: Paid) -> None:
        await self._sql.run(ADD, who=who, account=event.account, step=event.step)


class FileMail(Mail):
    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    async def send(self, ctx: Context, text: str) -> None:
        await asyncio.sleep(0.001)
        os.write(self._file, f"{ctx.idempotency_key} {text}\n".encode())


async def pay(ctx: Context, command: Pay, *, events: Events) -> None:
    await events.emit(ctx, Paid(account=command.account, step=command.step))


async def on_paid_book(ctx: Context, event: Paid, *, book: Book) -> None:
    await book.add(ctx, "book", event)


async def on_paid_mail(ctx: Context, event: Paid, *, mail: Mail, book: Book) -> None:
    await mail.send(ctx, f"{event.account} {event.step}")
    await book.add(ctx, "mail", event)


def an_app(url: str, folder: Path) -> App:
    return App(
        "payments",
        handlers=(pay,),
        reactions=(on_paid_book, on_paid_mail),
        adapters=(bind(Book, SqlBook), bind(Mail, lambda: FileMail(folder / "mails"), scope="app")),
        store=Database(url, metadata=metadata, connect_wait_max_s=20),
        parts=(Outbox(attempts_max=500, pause_min_s=0.01, pause_max_s=0.1, sweep_s=0.3, lease_s=0.8, poll_s=0.02),),
    )


async def payer(service: Service, folder: Path, account: str, acknowledged: int) -> None:
    step = 0
    while step < STEPS_MAX and not (folder / "quiet").exists():
        try:
            await service.dispatch(service.context(timeout=5), Pay(account=account, step=step))
        except Unavailable:
            await asyncio.sleep(0.05)
        else:
            os.write(acknowledged, f"{account} {step}\n".encode())
        step += 1
        await asyncio.sleep(0.01)


async def main(url: str, folder: Path, name: str) -> None:
    acknowledged = os.open(folder / "acknowledged", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    async with an_app(url, folder).start() as service:
        (folder / f"up {name}").touch()
        await asyncio.gather(*(payer(service, folder, f"{name}-{number}", acknowledged) for number in range(PAYERS)))
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))
