"""A notice board: notes in a table, callers by token, events as they happen. Served as a process, too.

`BOARD_DB` is the url of its database; `BOARD_LIMITS` holds settings of `StreamLimits` as JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Protocol

from sqlalchemy import Column, Integer, MetaData, Table, Text, bindparam, insert, select

from krepis import Actor, App, Command, Context, Event, NotFound, Query, Value, WritePort, bind
from krepis.access import Policy, may, role, user
from krepis.events import Events
from krepis.http import Doors, StreamLimits
from krepis.identity import Caller, Identify, InvalidCredential
from krepis.outbox import TABLES, Outbox
from krepis.part import Part
from krepis.port import ReadPort
from krepis.sql import Database, Sql, include_tables, statement
from krepis.types import Cursor, Offset, Page, paged

StartBoard = Callable[..., AbstractAsyncContextManager[Any]]

metadata = MetaData()
notes = Table(
    "notes",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("reader", Text, nullable=False),
    Column("text", Text, nullable=False),
)
tokens = Table("tokens", metadata, Column("token", Text, primary_key=True), Column("caller", Text, nullable=False))
include_tables(metadata, *TABLES)


class Pinned(Event):
    number: int
    reader: str
    text: str


class Cleaned(Event):
    by: str


class Note(Value):
    number: int
    reader: str
    text: str


class Row(Value):
    """One of each kind that CSV has a form for."""

    number: int
    text: str
    price: Decimal
    at: datetime
    done: bool
    maybe: str | None = None


class Pin(Command[Note]):
    reader: str
    text: str


class Burst(Command[int]):
    count: int
    size: int = 10


class Fail(Command[None]):
    pass


class Nap(Command[str]):
    seconds: float


class Revoke(Command[None]):
    token: str


class ListNotes(Query[Page[Note]]):
    reader: str | None = None
    page: Annotated[Cursor, paged(2, 10)] = Cursor()


class ListByOffset(Query[Page[Note]]):
    page: Annotated[Offset, paged(2, 10)] = Offset()


class ListRows(Query[Page[Row]]):
    count: int = 0
    fail_at: int | None = None
    stuck: bool = False
    page: Annotated[Cursor, paged(5, 50)] = Cursor()


class WatchBoard(Query[int]):
    """How many notes there are, and what happens to them from now on."""

    board: str = "main"


class WatchQuietly(Query[None]):
    pass


class NoSuchBoard(NotFound):
    message = "there is no board `{name}`"


class Board(ReadPort, Protocol):
    async def after(self, ctx: Context, number: int, count: int, reader: str | None) -> Sequence[Note]: ...
    async def count(self, ctx: Context) -> int: ...
    async def caller(self, ctx: Context, token: str) -> str | None: ...


class WritableBoard(Board, WritePort, Protocol):
    async def pin(self, ctx: Context, reader: str, text: str) -> int: ...
    async def revoke(self, ctx: Context, token: str) -> None: ...


PIN = statement(
    insert(notes).values(reader=bindparam("reader"), text=bindparam("text")).returning(notes.c.number), into=int
)
AFTER = statement(
    select(notes)
    .where(notes.c.number > bindparam("number"), notes.c.reader.like(bindparam("reader")))
    .order_by(notes.c.number)
    .limit(bindparam("count")),
    into=Note,
)
LAST = statement(select(notes.c.number).order_by(notes.c.number.desc()).limit(1), into=int)
CALLER = statement(select(tokens.c.caller).where(tokens.c.token == bindparam("wanted")), into=str)
REVOKE = statement(tokens.delete().where(tokens.c.token == bindparam("wanted")))


class SqlBoard(WritableBoard):
    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def after(self, ctx: Context, number: int, count: int, reader: str | None) -> Sequence[Note]:
        return await self._sql.all(AFTER, number=number, count=count, reader=reader or "%")

    async def count(self, ctx: Context) -> int:
        return await self._sql.first(LAST) or 0

    async def caller(self, ctx: Context, token: str) -> str | None:
        return await self._sql.first(CALLER, wanted=token)

    async def pin(self, ctx: Context, reader: str, text: str) -> int:
        return await self._sql.one(PIN, reader=reader, text=text)

    async def revoke(self, ctx: Context, token: str) -> None:
        await self._sql.run(REVOKE, wanted=token)


async def identify(ctx: Context, query: Identify, *, board: Board) -> Caller:
    found = await board.caller(ctx, query.credential.reveal())
    if found is None:
        raise InvalidCredential
    name, _, tenant = found.partition("@")
    return Caller(Actor(name, frozenset({"staff"} if name == "sam" else ())), tenant or None)


async def pin(ctx: Context, command: Pin, *, board: WritableBoard, events: Events) -> Note:
    number = await board.pin(ctx, command.reader, command.text)
    await events.emit(ctx, Pinned(number=number, reader=command.reader, text=command.text))
    return Note(number=number, reader=command.reader, text=command.text)


async def burst(ctx: Context, command: Burst, *, events: Events) -> int:
    for number in range(command.count):
        await events.emit(ctx, Pinned(number=number, reader="all", text="x" * command.size))
    return command.count


async def fail(ctx: Context, command: Fail) -> None:
    raise RuntimeError("a bug")


async def nap(ctx: Context, command: Nap) -> str:
    ctx.log.info("napping")
    await asyncio.sleep(command.seconds)
    return "slept"


async def revoke(ctx: Context, command: Revoke, *, board: WritableBoard) -> None:
    await board.revoke(ctx, command.token)


async def list_notes(ctx: Context, query: ListNotes, *, board: Board) -> Page[Note]:
    behind = int(query.page.cursor or 0)
    found = await board.after(ctx, behind, query.page.limit + 1, query.reader)
    items = list(found[: query.page.limit])
    return Page(items=items, next=str(items[-1].number) if len(found) > query.page.limit else None)


async def list_by_offset(ctx: Context, query: ListByOffset, *, board: Board) -> Page[Note]:
    found = await board.after(ctx, query.page.offset, query.page.limit, None)
    return Page(items=list(found))


NASTY = (
    "plain",
    'a "quote", and, commas',
    "two\r\nlines",
    "=1+1",
    "+49 30",
    "-5",
    "@cmd",
    "\ttab",
    "ünï",
    "",
    " ",
    "'",
)


async def list_rows(ctx: Context, query: ListRows) -> Page[Row]:
    begin = int(query.page.cursor or 0)
    if query.fail_at is not None and begin >= query.fail_at:
        raise RuntimeError("a bug in the middle")
    end = min(begin + query.page.limit, query.count)
    items = [a_row(number) for number in range(begin, end)]
    following = str(begin or end) if query.stuck else str(end)
    return Page(items=items, next=following if end < query.count else None)


def a_row(number: int) -> Row:
    at = datetime.fromisoformat("2030-01-01T12:00:00+00:00")
    text = NASTY[number % len(NASTY)]
    return Row(number=-number, text=text, price=Decimal(-number) / 4, at=at, done=number % 2 == 0, maybe=None)


async def watch_board(ctx: Context, query: WatchBoard, *, board: Board) -> int:
    if query.board != "main":
        raise NoSuchBoard(name=query.board)
    return await board.count(ctx)


async def watch_quietly(ctx: Context, query: WatchQuietly) -> None:
    return None


def is_theirs(actor: Actor | None, event: Any) -> bool:
    if actor is None or isinstance(event, Cleaned):
        return False
    return event.reader in (actor.id, "all") or "staff" in actor.roles


HANDLERS = (
    identify, pin, burst, fail, nap, revoke, list_notes, list_by_offset, list_rows, watch_board, watch_quietly,
)  # fmt: skip
POLICY = Policy(
    may(user, Pin, Nap, Fail, ListNotes, ListByOffset, ListRows, WatchBoard, WatchQuietly),
    may(role("staff"), Burst, Revoke),
)


def declared(limits: StreamLimits) -> Doors:
    doors = Doors(streams=limits)
    doors.post("/notes", Pin, status=201)
    doors.post("/burst", Burst)
    doors.post("/revoke", Revoke)
    doors.get("/notes", ListNotes)
    doors.get("/notes.ndjson", ListNotes, stream="ndjson")
    doors.get("/offset.ndjson", ListByOffset, stream="ndjson")
    doors.get("/rows.csv", ListRows, stream="csv")
    doors.get("/formulas.csv", ListRows, stream="csv", formulas=True)
    doors.get("/rows.ndjson", ListRows, stream="ndjson")
    doors.events("/events", WatchBoard, of=(Pinned,), visible=is_theirs)
    doors.events("/all", WatchQuietly, of=(Pinned, Cleaned))
    commands = {"pin": Pin, "nap": Nap, "fail": Fail, "burst": Burst, "list": ListNotes}
    doors.websocket("/live", WatchBoard, commands=commands, events=(Pinned,), visible=is_theirs, timeout=5)
    doors.websocket("/ask", WatchQuietly, commands=commands, timeout=5)
    return doors


def a_board(database: Database, *, parts: Sequence[Part] = (), **limits: Any) -> App:
    return App(
        "board",
        handlers=HANDLERS,
        adapters=(bind(WritableBoard, SqlBoard),),
        doors=declared(StreamLimits(**limits)),
        store=database,
        parts=(Outbox(), *parts),
        policy=POLICY,
    )


async def prepare(url: str) -> None:
    """Make the tables, and tokens for Ann, Ben, Sam of the staff, and Tom of another tenant."""
    database = Database(url, metadata=metadata)
    await database.open()
    try:
        await database.create_tables()
        await add_tokens(database)
    finally:
        await database.close()


ADD_TOKEN = statement(insert(tokens).values(token=bindparam("token"), caller=bindparam("caller")))


async def add_tokens(database: Database) -> None:
    from krepis._system import SystemSources
    from krepis.context import root

    async def add(sql: Sql) -> None:
        for name in ("ann", "ben", "sam", "tom@other"):
            await sql.run(ADD_TOKEN, token=f"{name.partition('@')[0]}s", caller=name)

    await database.transact(root(SystemSources(), timeout=10), "write", add)


if "BOARD_DB" in os.environ:
    app = a_board(
        Database(os.environ["BOARD_DB"], metadata=metadata), **json.loads(os.environ.get("BOARD_LIMITS", "{}"))
    )
