"""What runs beside a service to deliver its events: the sequencer, a lane for each reaction, and whoever wakes them.

Nothing here may end while the service runs: what raises is logged and begun again, after a pause that grows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

from krepis._system import SystemSources
from krepis.app import Service
from krepis.beside import end
from krepis.outbox.feed import SqlFeed
from krepis.outbox.housekeeping import bury_orphans, forget
from krepis.outbox.kinds import Kinds
from krepis.outbox.lane import Delivery, Lane
from krepis.outbox.ledger import Beat, Ledger, taken_from
from krepis.outbox.limits import Limits
from krepis.outbox.sequencer import Numbered, Sequencer
from krepis.outbox.wakes import hear
from krepis.sql import Database

STUMBLE_PAUSE_MAX_S = 2.0
_WORKER_BITS = 62
_BEATS_PER_LEASE = 4


class Courier:
    """The delivery of one service in one process."""

    def __init__(self, service: Service, database: Database, kinds: Kinds, feed: SqlFeed, limits: Limits) -> None:
        self._sources = service.sources
        self._database = database
        self._feed = feed
        self._limits = limits
        self.me = SystemSources().number() & ((1 << _WORKER_BITS) - 1)
        self.ledger = Ledger(database, self.me, limits.lease_s / _BEATS_PER_LEASE)
        plans = [plan for some in service.reactions.values() for plan in some]
        self.lanes = tuple(Lane(plan, self.ledger, kinds, limits, service.sources) for plan in plans)
        self._by_reaction = {lane.reaction: lane for lane in self.lanes}
        self._sequencer = Sequencer(database, self.me, limits.batch_max)
        self._stored = asyncio.Event()
        self._looked = asyncio.Event()
        self._others: dict[int, tuple[Beat, float]] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def begin(self) -> None:
        """Read where the events stand."""
        last = await self._sequencer.begin()
        await self.ledger.strays()
        self._feed.attach(self._database, self._sources, last)

    def start(self) -> None:
        """Begin to deliver."""
        beat_s = self._limits.lease_s / _BEATS_PER_LEASE
        works: Sequence[tuple[str, Callable[[], Awaitable[None]]]] = (
            ("number", self._number),
            ("hear", self._hear),
            ("sweep", lambda: self._every(self._limits.sweep_s, self._sweep)),
            ("beat", lambda: self._every(beat_s, self._beat)),
            ("watch", lambda: self._every(beat_s, self._watch)),
            ("clean", lambda: self._every(self._limits.clean_s, self._clean)),
            *((f"deliver to {lane.reaction}", lane.work) for lane in self.lanes),
        )
        self._tasks = [asyncio.create_task(self._forever(name, work), name=f"krepis {name}") for name, work in works]

    async def stop(self) -> None:
        """Take nothing more, let what runs end, and give the rest back."""
        await end(*self._tasks)
        await asyncio.gather(*(lane.stop() for lane in self.lanes))
        try:
            await asyncio.wait_for(self.ledger.leave(), self._limits.drain_s)
        except Exception as error:  # noqa: BLE001 - whoever watches this worker's beats finds what it had
            self._stumbled("leave", error)

    def ring(self) -> None:
        """Events may have been stored."""
        self._stored.set()

    async def number(self, *, begin: bool = False) -> None:
        """Give positions to everything that is stored now; `begin` to deliver it where there is a place."""
        more = True
        while more:
            numbered = await (self._number_and_begin() if begin else self._sequencer.number())
            self._feed.told(numbered.last)
            for one in numbered.made:
                if one.reaction is not None and not one.mine and (lane := self._by_reaction.get(one.reaction)):
                    lane.wanted.set()
            more = numbered.more
            await asyncio.sleep(0)

    async def _number_and_begin(self) -> Numbered:
        """A delivery that is made and taken in one transaction needs no looking for."""
        async with self.ledger.taking() as alive:
            places = {lane.reaction: count for lane in self.lanes if (count := lane.promise())}
            try:
                numbered = await self._sequencer.number(places, alive)
                for reaction in tuple(places):
                    mine = [taken_from(one) for one in numbered.made if one.mine and one.reaction == reaction]
                    await self._by_reaction[reaction].keep(mine)
                    del places[reaction]
            except BaseException:
                for reaction in places:
                    await self._by_reaction[reaction].keep(None)
                raise
        return numbered

    async def step(self) -> tuple[int, list[BaseException]]:
        """Deliver what is due now, lane after lane; for tests. Answers with how many, and what they raised."""
        await self.number()
        count, raised = 0, list[BaseException]()
        for lane in self.lanes:
            delivered, errors = await lane.step()
            count += delivered
            raised += errors
        return count, raised

    def delivery(self, reaction: str, key: str) -> Delivery | None:
        """The delivery that runs under this key."""
        lane = self._by_reaction.get(reaction)
        return None if lane is None else lane.running.get(key)

    async def _number(self) -> None:
        while True:
            await self._stored.wait()
            self._stored.clear()
            try:
                await self.number(begin=True)
            except Exception:
                self._stored.set()
                for lane in self.lanes:  # it may have been committed
                    lane.wanted.set()
                raise

    async def _hear(self) -> None:
        def heard(stored: bool) -> None:  # noqa: FBT001 - the one fact of a bell
            if stored:
                self._stored.set()
            self._looked.set()
            for lane in self.lanes:
                lane.wanted.set()

        looking = asyncio.create_task(self._look())
        try:
            await hear(self._database, self.me, heard, self._limits.poll_s)
        finally:
            looking.cancel()

    async def _look(self) -> None:
        """The feed learns of others' events; one question at a time, however often the bell rings."""
        while True:
            await self._looked.wait()
            self._looked.clear()
            try:
                await self._feed.look()
            except Exception as error:  # noqa: BLE001 - the next news or sweep tries again
                self._stumbled("look", error)

    async def _sweep(self) -> None:
        if await self._sequencer.waiting():
            self._stored.set()
        await self._feed.look()
        for lane in self.lanes:
            lane.sweep()

    async def _beat(self) -> None:
        await self.ledger.beat(busy=any(lane.busy for lane in self.lanes))

    async def _watch(self) -> None:
        """Whoever is busy and has given no sign of life for `lease_s`, by this process's own clock, is dead."""
        now = SystemSources().monotonic()
        seen = self._others
        self._others = {
            beat.id: seen[beat.id] if beat.id in seen and seen[beat.id][0] == beat else (beat, now)
            for beat in await self.ledger.beats()
            if beat.id != self.me and beat.busy
        }
        for beat, since in list(self._others.values()):
            if now - since >= self._limits.lease_s:
                count = await self.ledger.inherit(beat)
                self._sources.emit("warning", "outbox_worker_died", {"worker": beat.id, "deliveries": count})
                for lane in self.lanes:
                    lane.sweep()

    async def _clean(self) -> None:
        limits, now = self._limits, self._sources.now()
        await self.ledger.strays()
        known = tuple(self._by_reaction)
        before = now - timedelta(seconds=limits.orphans_kept_s)
        await bury_orphans(self._database, known, before=before, at=now, count_max=limits.batch_max)
        await forget(self._database, now - timedelta(seconds=limits.keep_s), limits.batch_max)

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            await work()
            await asyncio.sleep(seconds)

    async def _forever(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        pause = 0.05
        while True:
            started = SystemSources().monotonic()
            try:
                await work()
            except Exception as error:  # noqa: BLE001 - see the module
                self._stumbled(name, error)
            pause = 0.05 if SystemSources().monotonic() - started > STUMBLE_PAUSE_MAX_S else pause
            await asyncio.sleep(pause)
            pause = min(pause * 2, STUMBLE_PAUSE_MAX_S)

    def _stumbled(self, name: str, error: Exception) -> None:
        self._sources.emit(
            "warning", "outbox_stumbled", {"work": name, "error": f"{type(error).__name__}: {error}"[:500]}
        )
