"""Follows the events of a service for one caller: from a position on, what they may see, at the speed they take it.

Nothing is queued for a caller. Events stand in the feed, and are read from it when the caller has taken the ones before.
Many callers at the same place share one reading.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable

from msgspec import Struct

from krepis.context import Actor, Context
from krepis.events import Feed, Recorded
from krepis.http.open_streams import OpenStreams
from krepis.http.streamed import Watch
from krepis.schema.encode import encode

BATCH_BYTES_MAX = 65_536
"""Bytes of events that are held for one caller, or one event if it is larger."""

_COUNT_FIRST = 8


class Told(Struct, frozen=True):
    """One event as it is shown: `data` is JSON."""

    position: int
    name: str
    data: bytes


class Heard(Struct, frozen=True):
    """What a caller is to be told: `events`, and that they have seen everything until `position`. Without events it is
    a sign of life. `lost` is the oldest position that is still kept, when the caller missed events before it.
    """

    position: int
    events: tuple[Told, ...] = ()
    lost: int | None = None


class Batch(Struct, frozen=True):
    """One reading of the feed: everything until `upto` was looked at; `first` is the oldest position that is kept.
    `full` when there may be more.
    """

    events: list[Recorded]
    upto: int
    first: int
    full: bool


_Place = tuple[int, frozenset[str], str | None, int]


class SharedFeed:
    """The feed of a service. Callers who ask for the same at the same time get the same answer."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self._readings: dict[_Place, asyncio.Task[Batch]] = {}

    async def read(self, after: int, names: frozenset[str], tenant: str | None, count_max: int) -> Batch:
        """What comes after a position."""
        key = (after, names, tenant, count_max)
        reading = self._readings.get(key)
        if reading is None:
            reading = self._readings[key] = asyncio.ensure_future(self._read(after, names, tenant, count_max))
            reading.add_done_callback(lambda done: self._done(key, done))
        # One who leaves must not take the answer from the others.
        return await asyncio.shield(reading)

    async def missed(self, after: int) -> int | None:
        """The oldest position that is kept, when events after `after` are gone; `None` when none are."""
        first = await self.feed.first()
        return first if first > after + 1 else None

    async def _read(self, after: int, names: frozenset[str], tenant: str | None, count_max: int) -> Batch:
        upto = await self.feed.last()
        events = await self.feed.read(after, names, tenant, count_max)
        full = len(events) >= count_max
        if full:
            upto = events[-1].position
        elif events:
            upto = max(upto, events[-1].position)
        # Asked last: what was deleted while this read is missed for certain.
        return Batch(events, max(upto, after), await self.feed.first(), full)

    def _done(self, key: _Place, done: asyncio.Task[Batch]) -> None:
        self._readings.pop(key, None)
        if not done.cancelled():
            done.exception()  # whoever asked gets it; nobody may be left


Recheck = Callable[[Context], Awaitable[Context]]
"""Identifies the caller again and asks whether they still may. Raises `StreamBroken` when not."""


async def follow(
    shared: SharedFeed, streams: OpenStreams, watch: Watch, ctx: Context, after: int, recheck: Recheck
) -> AsyncGenerator[Heard]:
    """What the caller of `ctx` may see after a position. Ends when the service closes or the stream is old; after a
    `lost` nothing follows. Raises `StreamBroken` when the caller may not see it any more.
    """
    limits = streams.limits
    names = frozenset(event.__name__ for event in watch.events)
    now = asyncio.get_running_loop().time
    told = checked = now()
    ends = told + limits.lifetime_s
    count = min(_COUNT_FIRST, limits.batch_max)
    while not streams.closing and now() < ends:
        if now() - checked >= limits.recheck_s:
            ctx = await recheck(ctx)
            checked = now()
        batch = await shared.read(after, names, ctx.tenant, count)
        if batch.first > after + 1 and (batch.upto > after or batch.events):
            yield Heard(after, lost=batch.first)
            return
        seen, cut = _taken(batch.events, watch, ctx)
        more = batch.full or cut is not None
        count = max(1, count // 4) if cut is not None else min(count * 2, limits.batch_max)
        after = batch.upto if cut is None else cut
        del batch  # a slow caller keeps what is on its way to them, and nothing else
        if seen:
            yield Heard(after, seen)
            told = now()
            del seen
        while not more and not streams.closing and now() < ends:
            until = min(told + limits.heartbeat_s, checked + limits.recheck_s, ends)
            more = await streams.wait(_news(shared.feed, after), until - now()) is True
            if now() - told >= limits.heartbeat_s:
                yield Heard(after)
                told = now()
            if now() - checked >= limits.recheck_s:
                break


def _taken(events: list[Recorded], watch: Watch, ctx: Context) -> tuple[tuple[Told, ...], int | None]:
    """What of these events the caller sees, as far as it may be held; the position of the last if that is not all."""
    seen: list[Told] = []
    size = 0
    for at, one in enumerate(events, 1):
        if _shows(watch, ctx.actor, ctx.tenant, one):
            seen.append(Told(one.position, type(one.event).__name__, encode(one.event)))
            size += len(seen[-1].data)
            if size >= BATCH_BYTES_MAX and at < len(events):
                return tuple(seen), one.position
    return tuple(seen), None


def _shows(watch: Watch, actor: Actor | None, tenant: str | None, one: Recorded) -> bool:
    """Whether an event is for this caller. What a tenant did is seen by callers of that tenant and by nobody else."""
    return one.tenant == tenant and (watch.visible is None or watch.visible(actor, one.event))


async def _news(feed: Feed, after: int) -> bool:
    await feed.wait(after)
    return True
