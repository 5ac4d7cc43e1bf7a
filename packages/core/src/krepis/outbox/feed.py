"""The feed of an outbox: stored events by position, for whoever shows them as they happen."""

from __future__ import annotations

import asyncio
from datetime import datetime

from msgspec import Struct
from sqlalchemy import BigInteger, Integer, Text, bindparam, func, or_, select

from krepis.context import Sources
from krepis.events import Feed, Recorded
from krepis.outbox.kinds import Kinds, UnreadableEvent
from krepis.outbox.sequencer import LAST, own_work
from krepis.outbox.tables import events
from krepis.sql import Database, Sql, statement

WINDOW_POSITIONS = 2000
"""How many positions one statement looks through, so that no reader of rare events holds up the loop."""


class Row(Struct):
    """An event as it is stored."""

    position: int
    name: str
    about: str
    tenant: str | None
    body: str
    at: datetime


OLDEST = statement(select(func.min(events.c.position).label("oldest")), into=int)
READ = statement(
    select(*(events.c[name] for name in Row.__struct_fields__))
    .where(
        events.c.position > bindparam("after", type_=BigInteger),
        events.c.position <= bindparam("until", type_=BigInteger),
        events.c.name.in_(bindparam("names", expanding=True)),
        or_(
            events.c.tenant == bindparam("tenant", type_=Text),
            events.c.tenant.is_(None) & bindparam("tenant", type_=Text).is_(None),
        ),
    )
    .order_by(events.c.position)
    .limit(bindparam("count_max", type_=Integer)),
    into=Row,
)


class SqlFeed(Feed):
    """Reads the table; `told` wakes whoever waits. Of all waiters together there is one event of the loop."""

    def __init__(self, kinds: Kinds) -> None:
        self._kinds = kinds
        self._database: Database | None = None
        self._sources: Sources | None = None
        self._last = 0
        self._news = asyncio.Event()

    def attach(self, database: Database, sources: Sources, last: int) -> None:
        """Begin to read from an open database."""
        self._database = database
        self._sources = sources
        self._last = last
        self._news = asyncio.Event()

    def told(self, last: int) -> None:
        """There are events up to `last`: wake everybody who waits for one."""
        if last > self._last:
            self._last = last
            news, self._news = self._news, asyncio.Event()
            news.set()

    async def look(self) -> None:
        """Find out about events that another process has numbered."""
        self.told(await self.last())

    async def last(self) -> int:
        return await own_work(self._open(), _last, reads=True)

    async def first(self) -> int:
        async def oldest(sql: Sql) -> int:
            return await sql.first(OLDEST) or await _last(sql) + 1

        return await own_work(self._open(), oldest, reads=True)

    async def read(self, after: int, names: frozenset[str], tenant: str | None, count_max: int) -> list[Recorded]:
        found: list[Recorded] = []
        wanted = sorted(names)
        while wanted and len(found) < count_max:
            rows, after, last = await self._window(after, wanted, tenant, count_max - len(found))
            found += [recorded for row in rows if (recorded := self._recorded(row)) is not None]
            if after >= last:
                break
            await asyncio.sleep(0)
        return found

    async def wait(self, after: int) -> None:
        while self._last <= after:
            await self._news.wait()

    async def _window(
        self, after: int, names: list[str], tenant: str | None, count_max: int
    ) -> tuple[list[Row], int, int]:
        """Fitting events of the next positions; how far that was, and the last position that there is."""

        async def window(sql: Sql) -> tuple[list[Row], int, int]:
            last, start = await _last(sql), after
            if last - start > WINDOW_POSITIONS:  # what is no longer kept needs no looking through
                start = max(start, (await sql.first(OLDEST) or last + 1) - 1)
            until = min(start + WINDOW_POSITIONS, last)
            rows = await sql.all(READ, after=start, until=until, names=names, tenant=tenant, count_max=count_max)
            return rows, rows[-1].position if len(rows) == count_max else until, last

        return await own_work(self._open(), window, reads=True)

    def _recorded(self, row: Row) -> Recorded | None:
        try:
            event = self._kinds.read(row.name, row.body)
        except UnreadableEvent as unreadable:
            if self._sources is not None:
                self._sources.emit("warning", "event_unreadable", {"position": row.position, "error": str(unreadable)})
            return None
        return Recorded(row.position, event, row.about, row.at, row.tenant)

    def _open(self) -> Database:
        assert self._database is not None, "the feed is read before the service has started"
        return self._database


async def _last(sql: Sql) -> int:
    return await sql.first(LAST) or 0
