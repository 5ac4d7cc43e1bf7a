"""What is to be delivered, as the database keeps it: who has taken what, what failed, what was given up.

Rules that hold, whatever dies at whatever moment:

- A delivery is done when its row is gone, and its row goes in the transaction of the reaction (`done`). So what a
  reaction changes in the database happens once, however often the reaction was begun.
- Only the first delivery of a stream can be taken, and by one worker (`owner`). So a stream keeps its order.
- A worker whose deliveries were given to another finds that `done` touches no row, and rolls back.
- No clock decides any of this. `due` (of a retry) is read from one, and a `due` further away than the longest pause was
  written before the clock stepped back: it counts as due.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct
from sqlalchemy import BigInteger, Integer, Text, bindparam, case, delete, exists, insert, select, true, update

from krepis._system import SystemSources
from krepis.outbox.sequencer import Made, own_work
from krepis.outbox.tables import dead_letters, deliveries, events, workers
from krepis.sql import Database, Instant, Sql, UniqueViolation, statement

ERROR_CHARACTERS_MAX = 2000


class Candidate(Struct):
    """A delivery that may be taken. `head` is whether it is the first of its stream."""

    position: int
    stream: str
    owner: int | None
    due: datetime | None
    head: bool


class Taken(Struct):
    """A delivery that this worker has: `attempts` counts this one."""

    position: int
    stream: str
    attempts: int


class Stored(Struct):
    """The event of a delivery."""

    position: int
    id: UUID
    name: str
    body: str
    context: bytes


class Beat(Struct):
    """A worker and the sign of life that it gave last."""

    id: int
    beat: int
    busy: bool


_d = deliveries
_other = deliveries.alias("other")
_HEAD = ~exists().where(_other.c.stream == _d.c.stream, _other.c.position < _d.c.position)
_CANDIDATE = (_d.c.position, _d.c.stream, _d.c.owner, _d.c.due)
_MINE = (
    _d.c.position == bindparam("which", type_=BigInteger),
    _d.c.reaction == bindparam("whose", type_=Text),
    _d.c.owner == bindparam("me", type_=BigInteger),
)

PAGE = statement(
    select(*_CANDIDATE, _HEAD.label("head"))
    .where(_d.c.reaction == bindparam("reaction"), _d.c.position > bindparam("after", type_=BigInteger))
    .order_by(_d.c.position)
    .limit(bindparam("count_max", type_=Integer)),
    into=Candidate,
)
# The first of one stream. `between` and the order by both columns leave PostgreSQL no other index than that of streams:
# with `==` it may walk through all deliveries by position instead.
HEAD = statement(
    select(*_CANDIDATE, true().label("head"))
    .where(_d.c.stream.between(bindparam("stream"), bindparam("stream")))
    .order_by(_d.c.stream, _d.c.position)
    .limit(1),
    into=Candidate,
)
TAKE = statement(
    update(_d)
    .where(
        _d.c.reaction == bindparam("whose", type_=Text),
        _d.c.position.in_(bindparam("positions", expanding=True)),
        _d.c.owner.is_(None),
    )
    .values(owner=bindparam("me", type_=BigInteger), attempts=_d.c.attempts + 1)
    .returning(_d.c.position, _d.c.stream, _d.c.attempts),
    into=Taken,
)
STORED = statement(
    select(events.c.position, events.c.id, events.c.name, events.c.body, events.c.context).where(
        events.c.position.in_(bindparam("positions", expanding=True))
    ),
    into=Stored,
)
DONE = statement(delete(_d).where(*_MINE))
LATER = statement(
    update(_d)
    .where(*_MINE)
    .values(
        owner=None,
        attempts=bindparam("so_many", type_=Integer),
        due=bindparam("at", type_=Instant()),
        error=bindparam("why", type_=Text),
    )
)
BURY = statement(insert(dead_letters))
RELEASE = statement(
    update(_d)
    .where(_d.c.owner == bindparam("whose", type_=BigInteger))
    .values(owner=None, attempts=case((_d.c.attempts > 0, _d.c.attempts - bindparam("back", type_=Integer)), else_=0))
)
GIVE_BACK = statement(
    update(_d)
    .where(
        _d.c.reaction == bindparam("whose", type_=Text),
        _d.c.owner == bindparam("me", type_=BigInteger),
        _d.c.position.not_in(bindparam("positions", expanding=True)),
    )
    .values(owner=None, attempts=case((_d.c.attempts > 0, _d.c.attempts - 1), else_=0))
)
BEAT = statement(
    update(workers)
    .where(workers.c.id == bindparam("which", type_=BigInteger))
    .values(beat=workers.c.beat + 1, busy=bindparam("is_busy", type_=workers.c.busy.type))
)
JOIN = statement(insert(workers))
LEAVE = statement(delete(workers).where(workers.c.id == bindparam("which", type_=BigInteger)))
DEAD = statement(
    delete(workers).where(
        workers.c.id == bindparam("which", type_=BigInteger), workers.c.beat == bindparam("at_beat", type_=BigInteger)
    )
)
STRAYS = statement(
    update(_d)
    .where(_d.c.owner.is_not(None), _d.c.owner.not_in(select(workers.c.id).where(workers.c.busy)))
    .values(owner=None)
)
BEATS = statement(select(workers.c.id, workers.c.beat, workers.c.busy).order_by(workers.c.id), into=Beat)


class Ledger:
    """The deliveries, as one worker (`me`) sees them."""

    def __init__(self, database: Database, me: int, beat_s: float) -> None:
        self.me = me
        self._database = database
        self._beat_s = beat_s
        self._monotonic = SystemSources().monotonic
        self._busy_since: float | None = None
        """When the last sign of life was given; `None` when that was one of rest, or none at all."""
        self._taking = 0
        self._resting: asyncio.Task[None] | None = None

    async def page(self, reaction: str, after: int, count_max: int) -> list[Candidate]:
        """The next deliveries of a reaction, taken or not. Only reads."""
        return await own_work(
            self._database,
            lambda sql: sql.all(PAGE, reaction=reaction, after=after, count_max=count_max),
            reads=True,
        )

    async def heads(self, streams: Sequence[str]) -> list[Candidate]:
        """The first delivery of each of these streams that has any. Only reads."""

        async def first(sql: Sql) -> list[Candidate]:
            found = [await sql.first(HEAD, stream=stream) for stream in streams]
            return [candidate for candidate in found if candidate is not None]

        return await own_work(self._database, first, reads=True)

    @asynccontextmanager
    async def taking(self) -> AsyncGenerator[Callable[[Sql], Awaitable[None]]]:
        """Around a transaction that takes deliveries, in which what this gives is called.

        Whoever has something has given a sign of life, and no sign of rest is its last word.
        """
        while self._resting is not None:
            await asyncio.wait([self._resting])
        now = self._monotonic()
        due = self._busy_since is None or now > self._busy_since + self._beat_s
        given = False

        async def alive(sql: Sql) -> None:
            nonlocal given
            if due:
                await self._beat(sql, busy=True)
                given = True

        self._taking += 1
        try:
            yield alive
            if given:
                self._busy_since = now
        finally:
            self._taking -= 1

    async def take(self, reaction: str, positions: list[int]) -> tuple[list[Taken], dict[int, Stored]]:
        """Take those that nobody has, with their events."""
        async with self.taking() as alive:

            async def taken(sql: Sql) -> tuple[list[Taken], dict[int, Stored]]:
                await alive(sql)
                mine = await sql.all(TAKE, whose=reaction, positions=positions, me=self.me)
                if not mine:
                    return [], {}
                stored = await sql.all(STORED, positions=[one.position for one in mine])
                return sorted(mine, key=lambda one: one.position), {one.position: one for one in stored}

            return await own_work(self._database, taken, fleeting=True)

    async def give_back(self, reaction: str, running: list[int]) -> None:
        """Give back what this worker has of a reaction and does not run: what it took without hearing of it."""
        await own_work(self._database, lambda sql: sql.run(GIVE_BACK, whose=reaction, me=self.me, positions=running))

    async def done(self, sql: Sql, reaction: str, position: int) -> bool:
        """In the reaction's own transaction: its delivery is done. False when it belongs to another by now."""
        return await sql.run(DONE, which=position, whose=reaction, me=self.me) == 1

    async def later(self, reaction: str, taken: Taken, *, attempts: int, due: datetime, error: str) -> None:
        """It failed: try again when it is due."""
        await own_work(
            self._database,
            lambda sql: sql.run(
                LATER,
                which=taken.position,
                whose=reaction,
                me=self.me,
                so_many=attempts,
                at=due,
                why=shown(error),
            ),
        )

    async def bury(self, reaction: str, taken: Taken, *, error: str, at: datetime) -> None:
        """It is given up: a dead letter. What comes after it in its stream goes on."""

        async def buried(sql: Sql) -> None:
            if await self.done(sql, reaction, taken.position):
                await sql.run(
                    BURY,
                    position=taken.position,
                    reaction=reaction,
                    attempts=taken.attempts,
                    error=shown(error),
                    died_at=at,
                )

        await own_work(self._database, buried)

    async def beat(self, *, busy: bool) -> None:
        """A sign of life; one of rest when nothing runs, and then only once."""
        if busy:
            now = self._monotonic()
            await own_work(self._database, lambda sql: self._beat(sql, busy=True), fleeting=True)
            self._busy_since = now
        elif self._busy_since is not None and not self._taking:
            self._busy_since = None
            self._resting = asyncio.create_task(
                own_work(self._database, lambda sql: self._beat(sql, busy=False), fleeting=True), name="krepis rest"
            )
            try:
                await self._resting
            finally:
                self._resting = None

    async def beats(self) -> list[Beat]:
        """Every worker's last sign of life. Only reads."""
        return await own_work(self._database, lambda sql: sql.all(BEATS), reads=True)

    async def inherit(self, dead: Beat) -> int:
        """Give back what a dead worker had; answers with how many. None when it has given a sign of life since."""

        async def inherited(sql: Sql) -> int:
            if await sql.run(DEAD, which=dead.id, at_beat=dead.beat) == 0:
                return 0
            return await sql.run(RELEASE, whose=dead.id, back=0)

        return await own_work(self._database, inherited)

    async def strays(self) -> int:
        """Give back what belongs to workers that nobody knows; answers with how many."""
        return await own_work(self._database, lambda sql: sql.run(STRAYS))

    async def leave(self) -> None:
        """Give back what this worker has, as if it had never tried, and be gone."""

        async def left(sql: Sql) -> None:
            await sql.run(RELEASE, whose=self.me, back=1)
            await sql.run(LEAVE, which=self.me)

        await own_work(self._database, left)

    async def _beat(self, sql: Sql, *, busy: bool) -> None:
        if await sql.run(BEAT, which=self.me, is_busy=busy) == 0:
            try:
                async with sql.savepoint():
                    await sql.run(JOIN, id=self.me, beat=1, busy=busy)
            except UniqueViolation:  # another lane of this process was faster
                await sql.run(BEAT, which=self.me, is_busy=busy)


def taken_from(made: Made) -> tuple[Taken, Stored]:
    """A delivery that the sequencer has taken while it made it."""
    assert made.stream is not None
    assert made.id is not None
    assert made.name is not None
    assert made.body is not None
    assert made.context is not None
    stored = Stored(made.position, made.id, made.name, made.body, made.context)
    return Taken(made.position, made.stream, attempts=1), stored


def is_due(due: datetime | None, now: datetime, pause_max_s: float) -> bool:
    """Whether a retry may be made. One further away than the longest pause was written by a clock that was ahead."""
    return due is None or due <= now or due > now + timedelta(seconds=pause_max_s)


def shown(error: str) -> str:
    """An error's text as a column can hold it."""
    return error.replace("\0", "").encode("utf-8", "replace").decode()[:ERROR_CHARACTERS_MAX]
