"""Gives stored events their positions, after the commits that stored them.

A sequence or an identity is drawn before the commit, so whoever reads by it can pass a number whose transaction is
still open, and never see it. Positions are therefore given by whoever holds the row of the counter, to events that are
committed, and are themselves committed before the next holder gives one. So whoever has seen a position has seen all
before it. Commands never wait for the counter: they don't touch it.

The deliveries are made in the same transaction, one for each reaction that the emitting code has written down. Those
that can begin at once, and for which this process has a place, it takes in the same breath.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from types import MappingProxyType
from typing import Any, TypeVar
from uuid import UUID

from msgspec import Struct, json
from sqlalchemy import (
    BigInteger,
    Boolean,
    Integer,
    LargeBinary,
    Text,
    Uuid,
    bindparam,
    func,
    insert,
    select,
    text,
    update,
)

from krepis._system import SystemSources
from krepis.context import root
from krepis.outbox.tables import counter, deliveries, events
from krepis.sql import Database, Sql, UniqueViolation, across_tenants, statement

T = TypeVar("T")

CHANNEL = "krepis_events"
"""The channel of PostgreSQL's NOTIFY; its payload is the worker that gave the positions."""


NO_PLACES: Mapping[str, int] = MappingProxyType({})


class Unnumbered(Struct):
    """An event without a position."""

    number: int
    id: UUID
    name: str
    about: str
    body: str
    context: bytes
    reactions: list[str]


class Made(Struct):
    """An event with its new position and one of its deliveries; `mine` is whether this worker has taken that one.

    The event's own fields are there for what was taken, and only for that.
    """

    position: int
    reaction: str | None
    stream: str | None
    mine: bool
    id: UUID | None = None
    name: str | None = None
    body: str | None = None
    context: bytes | None = None


class Numbered(Struct):
    """What one round has done: the last position, what came of each event, whether there may be more."""

    last: int
    made: list[Made]
    more: bool


READ_COMMITTED = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED"
NO_WAITING = "SET LOCAL synchronous_commit TO off"
LOCK = f"SELECT last FROM {counter.name} WHERE id = 1 FOR UPDATE"  # noqa: S608 - the name is ours
OWN_TABLES = "text, but on the outbox's own tables alone"
TELL = across_tenants(
    statement(
        text(f"SELECT pg_notify('{CHANNEL}', :worker)").bindparams(bindparam("worker", type_=Text)).columns(told=Text)
    ),
    OWN_TABLES,
)
LAST = statement(select(counter.c.last).where(counter.c.id == 1), into=int)
HIGHEST = statement(select(func.coalesce(func.max(events.c.position), 0).label("highest")), into=int)
BEGIN = statement(insert(counter).values(id=1, last=bindparam("last")))
COUNT = statement(update(counter).where(counter.c.id == 1).values(last=bindparam("to", type_=BigInteger)))
WAITING = statement(select(events.c.number).where(events.c.position.is_(None)).limit(1), into=int)
UNNUMBERED = statement(
    select(*(events.c[name] for name in Unnumbered.__struct_fields__))
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
            for name in ("position", "reaction", "stream", "owner", "attempts")
        }
    )
)
STANDING = statement(
    select(deliveries.c.stream).where(deliveries.c.stream.in_(bindparam("streams", expanding=True))).distinct(),
    into=str,
)
# All of a round in one statement, since each costs PostgreSQL a round trip. It is sent when `LOCK` is held: begun before,
# it would look at what there was before the wait. In step with `Sequencer._number`, which says the same in words.
ROUND = across_tenants(
    statement(
        text(
            f"""
        WITH found AS MATERIALIZED (
            SELECT number, row_number() OVER (ORDER BY number) AS nth
            FROM (SELECT number FROM {events.name} WHERE position IS NULL ORDER BY number LIMIT :count_max) AS waiting
        ), counted AS (
            UPDATE {counter.name} SET last = last + (SELECT count(*) FROM found)
            WHERE id = 1 AND EXISTS (SELECT 1 FROM found)
            RETURNING last - (SELECT count(*) FROM found) AS before
        ), numbered AS (
            UPDATE {events.name} AS e SET position = counted.before + found.nth
            FROM found, counted WHERE e.number = found.number
            RETURNING e.position, e.id, e.name, e.about, e.body, e.context, e.reactions
        ), due AS (
            SELECT n.position, r.reaction, r.reaction || ' ' || n.about AS stream,
                row_number() OVER (PARTITION BY r.reaction, n.about ORDER BY n.position) = 1 AND NOT EXISTS (
                    SELECT 1 FROM {deliveries.name} AS d WHERE d.stream = r.reaction || ' ' || n.about
                ) AS head
            FROM numbered AS n CROSS JOIN LATERAL jsonb_array_elements_text(n.reactions) AS r(reaction)
        ), chosen AS (
            SELECT position, reaction, stream, head AND row_number() OVER (
                PARTITION BY reaction, head ORDER BY position
            ) <= coalesce(CAST(CAST(:places AS jsonb) ->> reaction AS integer), 0) AS mine
            FROM due
        ), made AS (
            INSERT INTO {deliveries.name} (position, reaction, stream, owner, attempts)
            SELECT position, reaction, stream, CASE WHEN mine THEN CAST(:me AS bigint) END,
                CASE WHEN mine THEN 1 ELSE 0 END
            FROM chosen
        ), told AS (
            SELECT pg_notify('{CHANNEL}', CAST(CAST(:me AS bigint) AS text)) AS told FROM counted
        )
        SELECT n.position, c.reaction, c.stream, coalesce(c.mine, false) AS mine,
            CASE WHEN c.mine THEN n.id END AS id, CASE WHEN c.mine THEN n.name END AS name,
            CASE WHEN c.mine THEN n.body END AS body, CASE WHEN c.mine THEN n.context END AS context
        FROM numbered AS n CROSS JOIN told LEFT JOIN chosen AS c ON c.position = n.position
        ORDER BY n.position, c.reaction
        """  # noqa: S608 - the names are ours
        )
        .bindparams(
            bindparam("count_max", type_=Integer), bindparam("places", type_=Text), bindparam("me", type_=BigInteger)
        )
        .columns(
            position=BigInteger,
            reaction=Text,
            stream=Text,
            mine=Boolean,
            id=Uuid(),
            name=Text,
            body=Text,
            context=LargeBinary,
        ),
        into=Made,
    ),
    OWN_TABLES,
)


def own_work(
    database: Database,
    work: Callable[[Sql], Awaitable[T]],
    *,
    reads: bool = False,
    fleeting: bool = False,
    lock: str = "",
) -> Coroutine[Any, Any, T]:
    """A unit of work of the outbox itself.

    What is `fleeting` may be forgotten by a crash of the database, so PostgreSQL need not wait for its disk. `lock` is
    what PostgreSQL asks for first; on SQLite whoever writes is alone.

    On PostgreSQL it is `read committed`: it locks what it changes, and must not make a command start again. It draws
    nothing from the app's sources: a test's ids stay what they are.
    """
    ctx = root(SystemSources(), intents=("outbox",))
    if reads:
        return database.transact(ctx, "read", work)
    opening = "; ".join(filter(None, (READ_COMMITTED, NO_WAITING if fleeting else "", lock)))
    return database.transact(ctx, "write", work, opening=opening)


def stream_of(reaction: str, about: str) -> str:
    """The deliveries of one reaction about one aggregate; names of reactions have no space."""
    return f"{reaction} {about}"


class Sequencer:
    """Gives positions, `batch_max` events in one round."""

    def __init__(self, database: Database, worker: int, batch_max: int) -> None:
        self._database = database
        self._worker = worker
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

    async def number(
        self, places: Mapping[str, int] = NO_PLACES, alive: Callable[[Sql], Awaitable[None]] | None = None
    ) -> Numbered:
        """One round, which takes at most so many of the new deliveries for each reaction.

        `alive` is called in its transaction when it has taken any: see `Ledger.taking`.
        """

        async def numbered(sql: Sql) -> Numbered:
            if self._database.is_sqlite:
                done = await self._number(sql, places)
            else:
                done = await self._round(sql, places)
            if alive is not None and any(one.mine for one in done.made):
                await alive(sql)
            return done

        return await own_work(self._database, numbered, lock=LOCK)

    async def _round(self, sql: Sql, places: Mapping[str, int]) -> Numbered:
        known = json.encode(dict(places)).decode()
        made = await sql.all(ROUND, count_max=self._batch_max, places=known, me=self._worker)
        if made:
            return Numbered(made[-1].position, made, more=len({one.position for one in made}) == self._batch_max)
        last = await sql.first(LAST)
        if last is not None:
            return Numbered(last, [], more=False)
        last = await sql.one(HIGHEST)  # somebody has emptied the table
        await sql.run(BEGIN, last=last)
        return Numbered(last, [], more=True)

    async def _number(self, sql: Sql, places: Mapping[str, int]) -> Numbered:
        last = await sql.first(LAST)
        if last is None:  # somebody has emptied the table
            last = await sql.one(HIGHEST)
            await sql.run(BEGIN, last=last)
        found = await sql.all(UNNUMBERED, count_max=self._batch_max)
        if not found:
            return Numbered(last, [], more=False)
        rows = list(enumerate(found, last + 1))
        await sql.run_many(NUMBER, [{"which": event.number, "at_position": position} for position, event in rows])
        streams = {stream_of(reaction, event.about) for event in found for reaction in event.reactions}
        standing = set(await sql.all(STANDING, streams=sorted(streams)))
        made, left = list[Made](), dict(places)
        for position, event in rows:
            if not event.reactions:
                made.append(Made(position, None, None, mine=False))
            for reaction in event.reactions:
                stream = stream_of(reaction, event.about)
                mine = stream not in standing and left.get(reaction, 0) > 0
                standing.add(stream)
                left[reaction] = left.get(reaction, 0) - mine
                one = Made(position, reaction, stream, mine)
                if mine:
                    one = Made(position, reaction, stream, mine, event.id, event.name, event.body, event.context)
                made.append(one)
        await sql.run_many(DELIVER, [self._row(one) for one in made if one.reaction is not None])
        last += len(found)
        await sql.run(COUNT, to=last)
        return Numbered(last, made, more=len(found) == self._batch_max)

    def _row(self, one: Made) -> dict[str, Any]:
        owner = self._worker if one.mine else None
        return {
            "position": one.position,
            "reaction": one.reaction,
            "stream": one.stream,
            "owner": owner,
            "attempts": int(one.mine),
        }
