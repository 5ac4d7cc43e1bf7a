"""A lane delivers to one reaction: it takes what is first in its stream, runs the reaction, and keeps what comes of it.

```
 numbered ──> page by page, behind a cursor ──> head of its stream, nobody's, due? ──> take ──> run, at most running_max
                      ^                                                                           │ done, or later
                      └── every sweep_s from the start                streams that are free again <┘
```

In memory are the deliveries that run, and one page of positions; the backlog stays in the database.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

from msgspec import Struct
from msgspec.structs import replace

from krepis.context import Context, Origin, Sources
from krepis.deadline import Within
from krepis.errors import Malformed, Rejection
from krepis.identity import SYSTEM
from krepis.message import Event
from krepis.outbox.kinds import Kinds, UnreadableEvent
from krepis.outbox.ledger import Candidate, Ledger, Stored, Taken, is_due
from krepis.outbox.limits import Limits
from krepis.plan import Plan
from krepis.sql import CommitUnknown, StoreAway, StoreBusy, StoreFailed, StoreFull
from krepis.wire import unpack

PAGE_ROWS = 200
"""How many deliveries one statement looks at."""

STREAMS_MAX = 1000
"""How many streams that became free a lane remembers; the sweep finds the others."""

_OURS = (StoreAway, StoreBusy, StoreFull, StoreFailed, CommitUnknown)
"""The database's failures are no fault of the event, so they don't count as its attempts."""


class TakenOver(Exception):
    """The delivery belongs to another worker by now; whatever this one did is rolled back."""


class Delivery(Struct):
    """One delivery that runs: what was taken, its event, and the key under which its reaction knows it."""

    taken: Taken
    stored: Stored
    event: Event
    key: str


class Lane:
    """The deliveries of one reaction in this process."""

    def __init__(self, plan: Plan, ledger: Ledger, kinds: Kinds, limits: Limits, sources: Sources) -> None:
        self.reaction = plan.handler.name
        self.wanted = asyncio.Event()
        self.running: dict[str, Delivery] = {}
        self._plan = plan
        self._ledger = ledger
        self._kinds = kinds
        self._limits = limits
        self._sources = sources
        self._tasks: set[asyncio.Task[None]] = set()
        self._free: dict[str, None] = {}
        self._timers: set[asyncio.TimerHandle] = set()
        self._cursor = 0
        self._swept: int | None = None
        self._taking = False
        self._asked = 0
        self._promised = 0
        self._behind = False
        self._doubtful = False

    def sweep(self) -> None:
        """Look at everything again, from the start; a sweep that is under way goes on."""
        self._swept = self._swept or 0
        self.wanted.set()

    async def work(self) -> None:
        """Deliver until cancelled. When it raises, call it again: what it had taken by then is given back first."""
        try:
            await self._work()
        except Exception:
            self._doubtful = True
            self.wanted.set()
            raise

    async def _work(self) -> None:
        while True:
            await self.wanted.wait()
            self.wanted.clear()
            if self._doubtful and self._promised:
                continue  # what was promised may be taken already, and is not known here; `keep` rings again
            if self._doubtful:
                self._doubtful = False  # what is doubted from here on is given back by the next turn
                await self._ledger.give_back(self.reaction, [one.taken.position for one in self.running.values()])
                self._swept = 0
            while self._places > 0:
                deliveries = await self.take(self._places)
                for delivery in deliveries:
                    self._begin(delivery)
                if not deliveries:
                    break

    @property
    def busy(self) -> bool:
        """Whether this process has deliveries of this lane, or is about to."""
        return self._taking or bool(self._promised) or bool(self.running)

    def promise(self) -> int:
        """How many new deliveries this lane has a place for; the places are kept until `keep`.

        None while older ones may be waiting, else those would be overtaken for as long as there are new ones.
        """
        assert not self._promised, "one sequencer in a process"
        if not (self._behind or self._doubtful):
            self._promised = max(self._places, 0)
        return self._promised

    async def keep(self, taken: Sequence[tuple[Taken, Stored]] | None) -> None:
        """What came of a promise: these were taken. `None` when that is unknown."""
        try:
            if taken is None:
                self._doubtful = True
                return
            for one, stored in taken:
                if (delivery := await self._opened(one, stored)) is not None:
                    self.running[delivery.key] = delivery
                    self._begin(delivery)
        except BaseException:
            self._doubtful = True
            raise
        finally:
            self._promised = 0
            if self._doubtful:
                self.wanted.set()

    @property
    def _places(self) -> int:
        return self._limits.running_max - len(self.running) - self._promised - self._asked

    async def take(self, count_max: int) -> list[Delivery]:
        """Take what may be delivered now, at most `count_max`; what can't be read is buried on the way."""
        self._taking = True
        try:
            return await self._take(count_max)
        finally:
            self._taking = False

    async def _take(self, count_max: int) -> list[Delivery]:
        found = await self._found(count_max)
        self._behind = len(found) >= count_max
        # Places may have been promised in the meantime.
        now, later = found[: max(self._places, 0)], found[max(self._places, 0) :]
        for candidate in later:
            self._freed(candidate.stream)
        if not now:
            return []
        self._asked = len(now)
        try:
            mine, stored = await self._ledger.take(self.reaction, [candidate.position for candidate in now])
            return await self._all_opened(mine, stored)
        finally:
            self._asked = 0

    async def _all_opened(self, mine: list[Taken], stored: dict[int, Stored]) -> list[Delivery]:
        deliveries: list[Delivery] = []
        for taken in mine:
            delivery = await self._opened(taken, stored.get(taken.position))
            if delivery is not None:
                self.running[delivery.key] = delivery
                deliveries.append(delivery)
        return deliveries

    async def deliver(self, delivery: Delivery) -> BaseException | None:
        """Run the reaction once. Answers with what it raised, which is then kept in the ledger."""
        ctx = self._context(delivery)
        try:
            await Within(self._plan.run(ctx, delivery.event, _as_is), self._sources, ctx.deadline)
        except TakenOver:
            ctx.log.info("reaction_taken_over", reaction=self.reaction, event_id=str(delivery.stored.id))
        except Exception as error:  # noqa: BLE001 - whatever a reaction raises is its failure, not the lane's
            await self._failed(ctx, delivery, error)
            return error
        finally:
            self.running.pop(delivery.key, None)
        self._freed(delivery.taken.stream)
        return None

    async def step(self) -> tuple[int, list[BaseException]]:
        """Deliver what may be delivered now, one after the other; for tests. Answers with how many, and what they raised."""
        self._cursor = 0
        deliveries = await self.take(self._limits.running_max)
        while self._free and not deliveries:  # everything that was taken was poison
            deliveries = await self.take(self._limits.running_max)
        raised = [await self.deliver(delivery) for delivery in deliveries]
        return len(deliveries), [error for error in raised if error is not None]

    async def stop(self) -> None:
        """Wait for what runs, at most `drain_s`, and cancel the rest."""
        for timer in self._timers:
            timer.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._limits.drain_s)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, delivery: Delivery) -> None:
        task = asyncio.get_running_loop().create_task(self._deliver(delivery), name=delivery.key)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, delivery: Delivery) -> None:
        kept = False
        try:
            await self.deliver(delivery)
            kept = True
        finally:
            self._doubtful = self._doubtful or not kept
            self.wanted.set()

    async def _found(self, count_max: int) -> list[Candidate]:
        now = self._sources.now()
        found: dict[int, Candidate] = {}

        def may_go(candidate: Candidate) -> bool:
            return candidate.owner is None and candidate.head and is_due(candidate.due, now, self._limits.pause_max_s)

        while self._free and len(found) < count_max:
            streams = list(self._free)[: count_max - len(found)]
            for stream in streams:
                del self._free[stream]
            found.update((one.position, one) for one in await self._ledger.heads(streams) if may_go(one))
        if len(found) < count_max:
            self._cursor = await self._read_on(self._cursor, None, count_max, found, may_go)
        if self._swept is not None and len(found) < count_max:
            swept = await self._read_on(self._swept, self._cursor, count_max, found, may_go)
            self._swept = None if swept >= self._cursor else swept
        return list(found.values())

    async def _read_on(
        self,
        after: int,
        until: int | None,
        count_max: int,
        found: dict[int, Candidate],
        may_go: Callable[[Candidate], bool],
    ) -> int:
        """Look at the deliveries after a position until enough are `found`; answers with how far that was."""
        while until is None or after < until:
            page = await self._ledger.page(self.reaction, after, PAGE_ROWS)
            for candidate in page:
                if may_go(candidate):
                    if len(found) >= count_max:
                        return after
                    found[candidate.position] = candidate
                after = candidate.position
            if len(page) < PAGE_ROWS:
                return max(after, until or 0)
            await asyncio.sleep(0)
        return after

    async def _opened(self, taken: Taken, stored: Stored | None) -> Delivery | None:
        if stored is None:
            return await self._bury(taken, "the event is no longer stored")
        if taken.attempts > self._limits.attempts_max:
            return await self._bury(taken, "the process died each time that it was delivered")
        try:
            if self._kinds.named(stored.name) is not self._plan.handler.message:
                return await self._bury(taken, f"the reaction takes no `{stored.name}` any more")
            event = self._kinds.read(stored.name, stored.body)
            unpack(stored.context, self._sources)
        except (UnreadableEvent, Malformed) as unreadable:
            return await self._bury(taken, str(unreadable))
        return Delivery(taken, stored, event, f"{stored.id}/{self.reaction}")

    def _context(self, delivery: Delivery) -> Context:
        """The emitter's trace, tenant and intents go on; the actor is the service itself."""
        emitter = unpack(delivery.stored.context, self._sources)
        return replace(
            emitter,
            origin=Origin(self._sources),
            deadline=self._sources.monotonic() + self._limits.attempt_max_s,
            actor=SYSTEM,
            intents=(*emitter.intents, self._plan.handler.function.__name__),
            idempotency_key=delivery.key,
        )

    async def _failed(self, ctx: Context, delivery: Delivery, error: Exception) -> None:
        limits, taken = self._limits, delivery.taken
        ours = isinstance(error, _OURS)
        attempts = taken.attempts - 1 if ours else taken.attempts
        sentence = f"{type(error).__name__}: {error.sentence if isinstance(error, Rejection) else error}"
        facts = {"reaction": self.reaction, "position": taken.position, "attempt": taken.attempts, "error": sentence}
        if attempts >= limits.attempts_max:
            ctx.log.error("reaction_gave_up", **facts)
            await self._kept(lambda: self._ledger.bury(self.reaction, taken, error=sentence, at=self._sources.now()))
            self._freed(taken.stream)
            return
        longest = min(limits.pause_max_s, limits.pause_min_s * 2 ** min(max(attempts - 1, 0), 30))
        pause = longest * (0.5 + ctx.random.random() / 2)
        ctx.log.warning("reaction_failed", **facts, again_in_s=round(pause, 3))
        due = self._sources.now() + timedelta(seconds=pause)
        await self._kept(lambda: self._ledger.later(self.reaction, taken, attempts=attempts, due=due, error=sentence))
        if len(self._timers) < STREAMS_MAX:
            self._free_in(pause, taken.stream)

    async def _kept(self, keep: Callable[[], Awaitable[None]]) -> None:
        """Write down what came of a delivery, as soon as the database is there to take it."""
        pause = 0.05
        while True:
            try:
                await keep()
            except _OURS:
                await asyncio.sleep(pause)
                pause = min(pause * 2, 2.0)
            else:
                return

    async def _bury(self, taken: Taken, error: str) -> None:
        self._sources.emit(
            "error", "event_poisoned", {"reaction": self.reaction, "position": taken.position, "error": error}
        )
        await self._ledger.bury(self.reaction, taken, error=error, at=self._sources.now())
        self._freed(taken.stream)
        self.wanted.set()

    def _freed(self, stream: str) -> None:
        if len(self._free) < STREAMS_MAX:
            self._free[stream] = None

    def _free_in(self, pause: float, stream: str) -> None:
        def free() -> None:
            self._timers.discard(timer)
            self._freed(stream)
            self.wanted.set()

        timer = asyncio.get_running_loop().call_later(pause, free)
        self._timers.add(timer)


def _as_is(answer: object) -> object:
    return answer
