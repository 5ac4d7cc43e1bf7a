"""Dead letters: deliveries that were given up, with their events; to be looked at, delivered again, or thrown away.

A replayed delivery is late by nature: what came after it in its stream is done already, or may run beside it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import BigInteger, Integer, Text, bindparam, delete, func, select

from krepis.outbox.sequencer import DELIVER, TELL, own_work, stream_of
from krepis.outbox.tables import dead_letters, deliveries, events
from krepis.sql import Database, Sql, statement

NOBODY = "nobody"
"""Who tells of a replay: not one of the workers, so that all of them hear it."""


class Letter(Struct):
    """A delivery that was given up."""

    position: int
    reaction: str
    attempts: int
    error: str
    died_at: datetime
    id: UUID
    name: str
    about: str
    tenant: str | None
    at: datetime


class Opened(Struct):
    """A dead letter's event, as it is stored."""

    body: str
    context: bytes


_JOINED = dead_letters.join(events, events.c.position == dead_letters.c.position)
_LETTER = tuple(
    [dead_letters.c[name] for name in ("position", "reaction", "attempts", "error", "died_at")]
    + [events.c[name] for name in ("id", "name", "about", "tenant", "at")]
)
_WHICH = dead_letters.c.position == bindparam("which", type_=BigInteger)

LETTERS = statement(
    select(*_LETTER)
    .select_from(_JOINED)
    .where(dead_letters.c.position > bindparam("after", type_=BigInteger))
    .order_by(dead_letters.c.position, dead_letters.c.reaction)
    .limit(bindparam("count_max", type_=Integer)),
    into=Letter,
)
OF = statement(select(*_LETTER).select_from(_JOINED).where(_WHICH).order_by(dead_letters.c.reaction), into=Letter)
BODY = statement(
    select(events.c.body, events.c.context).where(events.c.position == bindparam("which", type_=BigInteger)),
    into=Opened,
)
GONE = statement(delete(dead_letters).where(_WHICH, dead_letters.c.reaction == bindparam("whose", type_=Text)))
COUNTS = statement(
    select(
        select(func.count()).select_from(deliveries).scalar_subquery().label("waiting"),
        select(func.count()).select_from(dead_letters).scalar_subquery().label("dead"),
    )
)


async def count(database: Database) -> tuple[int, int]:
    """How many deliveries wait or run, and how many are dead."""
    waiting, dead = await own_work(database, lambda sql: sql.one(COUNTS), reads=True)
    return waiting, dead


async def listed(database: Database, *, after: int = 0, count_max: int = 100) -> list[Letter]:
    """Dead letters after that position, the oldest first."""
    return await own_work(database, lambda sql: sql.all(LETTERS, after=after, count_max=count_max), reads=True)


async def of_event(database: Database, position: int) -> list[Letter]:
    """The dead letters of one event: one for each reaction that it was given up for."""
    return await own_work(database, lambda sql: sql.all(OF, which=position), reads=True)


async def opened(database: Database, position: int) -> Opened | None:
    """The event of a dead letter, unread."""
    return await own_work(database, lambda sql: sql.first(BODY, which=position), reads=True)


async def replay(database: Database, chosen: list[Letter]) -> list[Letter]:
    """Deliver these again, with all their attempts; answers with those that were still dead."""

    async def replayed(sql: Sql) -> list[Letter]:
        alive = [letter for letter in chosen if await _taken_out(sql, letter)]
        rows: list[dict[str, Any]] = [
            {
                "position": letter.position,
                "reaction": letter.reaction,
                "stream": stream_of(letter.reaction, letter.about),
                "owner": None,
                "attempts": 0,
            }
            for letter in alive
        ]
        await sql.run_many(DELIVER, rows)
        if alive and not database.is_sqlite:
            await sql.first(TELL, worker=NOBODY)
        return alive

    return await own_work(database, replayed)


async def discard(database: Database, chosen: list[Letter]) -> list[Letter]:
    """Throw these away; answers with those that were still there."""

    async def discarded(sql: Sql) -> list[Letter]:
        return [letter for letter in chosen if await _taken_out(sql, letter)]

    return await own_work(database, discarded)


async def _taken_out(sql: Sql, letter: Letter) -> bool:
    return await sql.run(GONE, which=letter.position, whose=letter.reaction) == 1
