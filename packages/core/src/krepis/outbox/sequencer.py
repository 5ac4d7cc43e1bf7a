"""Gives stored events their positions, after the commits that stored them.

A sequence or an identity is drawn before the commit, so whoever reads by it can pass a number whose transaction is
still open, and never see it. Positions are therefore given by whoever holds the row of the counter, to events that are
committed, and are themselves committed before the next holder gives one. So whoever has seen a position has seen all
before it. Commands never wait for the counter: they don't touch it.

The deliveries are made in the same transaction, one for each reaction that the emitting code has written down.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from msgspec import Struct
from sqlalchemy import BigInteger, Integer, Text, bindparam, func, insert, select, text, update

from krepis._system import SystemSources
from krepis.context import root
from krepis.outbox.tables import counter, deliveries, events
from krepis.sql import Database, Sql, UniqueViolation, statement

T = TypeVar("T")

CHANNEL = "krepis_events"
"""The channel of PostgreSQL's NOTIFY; its payload is the worker that gave the positions."""


class Unnumbered(Struct):
    """An event without a position."""

    number: int
    about: str
    reactions: list[str]


class Numbered(Struct):
    """What one round has done: the last position, the reactions that got work, whether there may be more."""

    last: int
    reactions: frozenset[str]
    more: bool


READ_COMMITTED = statement(text("SET TRANSACTION ISOLATION LEVEL READ COMMITTED"))
NO_WAITING = statement(
    text("SELECT set_config('synchronous_commit', 'off', true) AS value").columns(value=Text), into=str
)
TELL = statement(
    text(f"SELECT pg_notify('{CHANNEL}', :worker)").bindparams(bindparam("worker", type_=Text)).columns(told=Text)
)
LAST = statement(select(counter.c.last).where(counter.c.id == 1), into=int)
LOCKED = statement(select(counter.c.last).where(counter.c.id == 1).with_for_update(), into=int)
HIGHEST = statement(select(func.coalesce(func.max(events.c.position), 0).label("highest")), into=int)
BEGIN = statement(insert(counter).values(id=1, last=bindparam("last")))
COUNT = statement(update(counter).where(counter.c.id == 1).values(last=bindparam("to", type_=BigInteger)))
WAITING = statement(select(events.c.number).where(events.c.position.is_(None)).limit(1), into=int)
UNNUMBERED = statement(
    select(events.c.number, events.c.about, events.c.reactions)
    .where(events.c.position.is_(None))
    .order_by(events.c.number)
    .limit(bindparam("count_max", type_=Integer)),
    into=Unnumbered,
)
NUMBER = statement(
    update(events)
    .where(events.c.number == bindparam("which", type_=BigInteger))
    .values(position=bindparam("at_position", type_=BigInteger))
)
DELIVER = statement(
    insert(deliveries).values(
        {
            name: bindparam(name, type_=deliveries.c[name].type)
            for name in ("position", "reaction", "stream", "attempts")
        }
    )
)


def own_work(
    database: Database, work: Callable[[Sql], Awaitable[T]], *, reads: bool = False, fleeting: bool = False
) -> Coroutine[Any, Any, T]:
    """A unit of work of the outbox itself.

    What is `fleeting` may be forgotten by a crash of the database, so PostgreSQL need not wait for its disk.

    On PostgreSQL it is `read committed`: it locks what it changes, and must not make a command start again. It draws
    nothing from the app's sources: a test's ids stay what they are.
    """
    ctx = root(SystemSources(), intents=("outbox",))
    if reads:
        return database.transact(ctx, "read", work)
    if database.is_sqlite:
        return database.transact(ctx, "write", work)

    async def committed(sql: Sql) -> T:
        await sql.run(READ_COMMITTED)
        if fleeting:
            await sql.first(NO_WAITING)
        return await work(sql)

    return database.transact(ctx, "write", committed)


def stream_of(reaction: str, about: str) -> str:
    """The deliveries of one reaction about one aggregate; names of reactions have no space."""
    return f"{reaction} {about}"


class Sequencer:
    """Gives positions, `batch_max` events in one round."""

    def __init__(self, database: Database, worker: int, batch_max: int) -> None:
        self._database = database
        self._worker = str(worker)
        self._batch_max = batch_max

    async def begin(self) -> int:
        """Make the counter if there is none; answers with the last position."""

        async def made(sql: Sql) -> int:
            last = await sql.first(LAST)
            if last is None:
                last = await sql.one(HIGHEST)
                await sql.run(BEGIN, last=last)
            return last

        try:
            return await own_work(self._database, made)
        except UniqueViolation:  # another process was faster
            return await own_work(self._database, made)

    async def waiting(self) -> bool:
        """Whether there are events without a position. Only reads."""
        return await own_work(self._database, lambda sql: sql.first(WAITING), reads=True) is not None

    async def number(self) -> Numbered:
        """One round."""
        return await own_work(self._database, self._number)

    async def _number(self, sql: Sql) -> Numbered:
        last = await sql.first(LOCKED)
        if last is None:  # somebody has emptied the table
            last = await sql.one(HIGHEST)
            await sql.run(BEGIN, last=last)
        found = await sql.all(UNNUMBERED, count_max=self._batch_max)
        if not found:
            return Numbered(last, frozenset(), more=False)
        rows = list(enumerate(found, last + 1))
        await sql.run_many(NUMBER, [{"which": event.number, "at_position": position} for position, event in rows])
        made = [
            {"position": position, "reaction": reaction, "stream": stream_of(reaction, event.about), "attempts": 0}
            for position, event in rows
            for reaction in event.reactions
        ]
        await sql.run_many(DELIVER, made)
        last += len(found)
        await sql.run(COUNT, to=last)
        if not self._database.is_sqlite:
            await sql.first(TELL, worker=self._worker)
        reactions = frozenset(reaction for event in found for reaction in event.reactions)
        return Numbered(last, reactions, more=len(found) == self._batch_max)
