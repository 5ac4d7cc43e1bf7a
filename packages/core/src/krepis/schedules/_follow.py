"""Follows the schedules of a service while it runs: waits for each slot, runs the command, notes what became of it."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Coroutine
from datetime import datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from krepis.beside import end
from krepis.context import Context
from krepis.deadline import Within
from krepis.errors import DeadlinePassed, Rejection, Unavailable
from krepis.identity import SYSTEM
from krepis.schedules._every import Every
from krepis.schedules._tables import BEGIN, FAIL, LEASE, PASS, READ, UNLEASE, Standing
from krepis.sql import Database, Statement

if TYPE_CHECKING:
    from krepis.app import Service
    from krepis.schedules._part import Schedules

BOOKKEEPING_S = 30.0
AHEAD_S = 60.0
_RETRY_DOUBLINGS_MAX = 10


class Taken(Exception):
    """Another process runs this slot, or has done so."""


class Run:
    """One attempt at one slot. `owner` names it in a lease."""

    __slots__ = ("owner", "schedule", "slot")

    def __init__(self, schedule: Every, slot: datetime, owner: UUID) -> None:
        self.schedule = schedule
        self.slot = slot
        self.owner = owner


class Followers:
    """One task for each schedule. A stop waits `drain_s` for the commands that run, and cancels what is left."""

    def __init__(self, part: Schedules, service: Service) -> None:
        self._places = asyncio.Semaphore(part.concurrent_max)
        self._followers = [Follower(part, service, schedule, self._places) for schedule in part.schedules]
        self._tasks: list[asyncio.Task[None]] = []
        self._drain_s = service.app.drain_s
        self._by_hand = service.by_hand

    async def __aenter__(self) -> None:
        if self._by_hand:
            return
        self._tasks = [asyncio.create_task(follower.follow()) for follower in self._followers]

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for follower, task in zip(self._followers, self._tasks, strict=not self._by_hand):
            follower.stopping = True
            if not follower.busy:
                task.cancel()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=self._drain_s)
            await end(*late)


class Follower:
    """Follows one schedule. `busy` while its command runs."""

    def __init__(self, part: Schedules, service: Service, schedule: Every, places: asyncio.Semaphore) -> None:
        self._part = part
        self._service = service
        self._sources = service.sources
        self._schedule = schedule
        self._slots = schedule.slots()
        self._lease_time = timedelta(seconds=schedule.timeout_s + part.lease_margin_s)
        self._places = places
        self._phased = service.plans[schedule.kind].mode == "phased"
        self._store = cast(Database, service.app.store)
        self._warned = False
        self.stopping = False
        self.busy = False

    async def follow(self) -> None:
        """Run whatever is due, until cancelled or `stopping`."""
        while not self.stopping:
            try:
                await self._step()
            except Exception as error:  # noqa: BLE001 - the store may be away; a schedule must outlive that
                self._context().log.error("schedule_broken", error=repr(error), traceback=_trace(error))
                await asyncio.sleep(self._part.look_s)

    async def settle(self) -> int:
        """Run what is due now; answers with how many slots were tried."""
        tried = 0
        while True:
            now = self._sources.now()
            standing = await self._standing(now)
            due = self._due(standing, now)
            if due is None or any(one is not None and one > now for one in (standing.wait_until, standing.lease_until)):
                return tried
            if not due[1]:
                await self._run(PASS, until=due[0])
            elif await self._attempt(due[0], standing):
                tried += 1
            else:
                return tried

    async def _step(self) -> None:
        """Look where the schedule stands; then wait for its next slot, or do what is due."""
        now = self._sources.now()
        standing = await self._standing(now)
        self._warn_of_future(standing, now)
        due = self._due(standing, now)
        if due is None:
            return await self._wait_until(next(self._slots.after(max(standing.slot, now))))
        held = [one for one in (standing.wait_until, standing.lease_until) if one is not None and one > now]
        if held:
            # The lease may be given back long before its end.
            return await asyncio.sleep(min((max(held) - now).total_seconds(), self._part.look_s))
        slot, wanted = due
        if not wanted:
            await self._run(PASS, until=slot)
            return self._context().log.warning("schedule_skipped", slot=slot.isoformat())
        async with self._places:
            if self.stopping:
                return None
            self.busy = True
            try:
                done = await self._attempt(slot, standing)
            finally:
                self.busy = False
        if not done and not self.stopping:
            await asyncio.sleep(self._part.look_s)  # another process is at it; should it die, the slot is ours
        return None

    async def _attempt(self, slot: datetime, standing: Standing) -> bool:
        """Run the command for a slot; answers whether the slot is settled, for now at least."""
        schedule = self._schedule
        ctx = self._service.context(
            actor=SYSTEM,
            tenant=schedule.tenant,
            timeout=schedule.timeout_s,
            intent=f"schedule {schedule.name}",
            idempotency_key=f"schedule {schedule.name} {slot.isoformat()}",
        )
        own = ctx.begin(schedule.kind.__name__)
        # Not `new_id`: what the command draws must not depend on us.
        run = Run(schedule, slot, UUID(bytes=self._sources.entropy(16), version=4))
        if self._phased and not await self._lease(run):
            return False
        try:
            await self._handle(own, run)
        except Taken:
            return False
        except Exception as error:  # noqa: BLE001 - whatever it is, it is logged, and tried again or given up
            await self._failed(own, run, standing, error)
        except BaseException:
            if self._phased:
                await self._run(UNLEASE, owner=run.owner)
            raise
        else:
            own.log.info("schedule_done", slot=slot.isoformat())
        return True

    async def _handle(self, own: Context, run: Run) -> None:
        plan, runs = self._service.plans[self._schedule.kind], self._part.runs
        runs[id(own.origin)] = run
        try:
            work: Coroutine[Any, Any, Any] = plan.run(own, self._schedule.made(run.slot), _as_is)
            await Within(work, self._sources, own.deadline)
        finally:
            del runs[id(own.origin)]

    async def _failed(self, own: Context, run: Run, standing: Standing, error: Exception) -> None:
        schedule, attempt = self._schedule, standing.attempts + 1
        # A refusal is an answer; that something was away, or too slow, may be otherwise the next time.
        final = isinstance(error, Rejection) and not isinstance(error, (Unavailable, DeadlinePassed))
        facts = {"slot": run.slot.isoformat(), "attempt": attempt, "error": repr(error)}
        if final or attempt >= schedule.attempts_max:
            log = own.log.warning if final else own.log.error
            log("schedule_refused" if final else "schedule_given_up", **facts, traceback=_trace(error))
            return await self._run(PASS, until=run.slot)
        own.log.error("schedule_failed", **facts, traceback=_trace(error))
        pause = self._part.retry_s * 2 ** min(standing.attempts, _RETRY_DOUBLINGS_MAX)
        return await self._run(FAIL, until=run.slot, again=self._sources.now() + timedelta(seconds=pause))

    def _due(self, standing: Standing, now: datetime) -> tuple[datetime, bool] | None:
        # A lease that nobody gave back is that of a process which was killed in the middle.
        begun = None if standing.lease_until is None else standing.lease_until - self._lease_time
        return self._schedule.due(self._slots, standing, now, begun)

    async def _standing(self, now: datetime) -> Standing:
        """Where the schedule stands. One that is new stands at this moment: what was before is not missed."""
        name = self._schedule.name
        found = await self._store.transact(self._context(), "read", lambda sql: sql.first(READ, name=name))
        if found is None:
            await self._store.transact(self._context(), "write", lambda sql: sql.run(BEGIN, name=name, slot=now))
            return await self._store.transact(self._context(), "read", lambda sql: sql.one(READ, name=name))
        return found

    async def _lease(self, run: Run) -> bool:
        now = self._sources.now()
        return bool(await self._run(LEASE, until=run.slot, now=now, owner=run.owner, end=now + self._lease_time))

    async def _run(self, wanted: Statement[Any], **params: Any) -> Any:
        params["schedule"] = self._schedule.name
        return await self._store.transact(self._context(), "write", lambda sql: sql.run(wanted, **params))

    async def _wait_until(self, moment: datetime) -> None:
        """Sleep in steps, since the clock may be set meanwhile."""
        while not self.stopping and (left := (moment - self._sources.now()).total_seconds()) > 0:  # noqa: ASYNC110 - a clock has no event
            await asyncio.sleep(min(left, self._part.look_s))

    def _warn_of_future(self, standing: Standing, now: datetime) -> None:
        ahead = standing.slot - now > timedelta(seconds=AHEAD_S)
        if ahead and not self._warned:
            self._context().log.warning(
                "schedule_ahead",
                slot=standing.slot.isoformat(),
                hint="the clock was set back; nothing runs until it is past that slot again",
            )
        self._warned = ahead

    def _context(self) -> Context:
        return self._service.context(actor=SYSTEM, timeout=BOOKKEEPING_S, intent=f"schedule {self._schedule.name}")


def _as_is(answer: Any) -> Any:
    return answer


def _trace(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))
