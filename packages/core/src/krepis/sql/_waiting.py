"""Waiting, always with an end: for a place in a pool (fairly), and between attempts (with jitter).

Chance for the jitter comes from `sources.number()`, never from the context's own draws: those belong to the unit of
work and are replayed when it is run again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Generic, TypeVar

from krepis.context import Context
from krepis.errors import DeadlinePassed
from krepis.sql.errors import StoreBusy

P = TypeVar("P")

PAUSE_MIN_S = 0.001
PAUSE_MAX_S = 0.020
_CHANCE_BITS = 16


class Places(Generic[P]):
    """A fixed number of places (connections), handed out first come, first served.

    `take` never waits. Who finds no place free calls `wait`, which ends with a place, with `DeadlinePassed` at the
    context's deadline, or with `StoreBusy`: at once when `waiting_max` others wait, after `wait_max_s` without a deadline.
    """

    __slots__ = ("_free", "_waiting", "wait_max_s", "waiting_max")

    def __init__(self, places: Iterable[P], *, waiting_max: int, wait_max_s: float) -> None:
        self._free = list(places)
        self._waiting: deque[asyncio.Future[P]] = deque()
        self.waiting_max = waiting_max
        self.wait_max_s = wait_max_s

    def take(self) -> P | None:
        """A free place, or `None`. Nobody is overtaken: while someone waits, no place is ever free."""
        return self._free.pop() if self._free else None

    async def wait(self, ctx: Context) -> P:
        if len(self._waiting) >= self.waiting_max:
            raise StoreBusy(f"the store is busy: {self.waiting_max} units of work wait already")
        left = ctx.remaining()
        if left is not None and left <= 0:
            raise DeadlinePassed
        loop = asyncio.get_running_loop()
        future: asyncio.Future[P] = loop.create_future()
        timer = loop.call_later(self.wait_max_s if left is None else left, _expire, future, left is not None)
        self._waiting.append(future)
        try:
            return await future
        except BaseException:
            # Cancelled between the hand-over and waking up: the place is ours, so it must be passed on.
            if future.done() and not future.cancelled() and future.exception() is None:
                self.give(future.result())
            elif future in self._waiting:
                self._waiting.remove(future)
            raise
        finally:
            timer.cancel()

    def give(self, place: P) -> None:
        """Return a place: to the one who waits longest, or to the free ones."""
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(place)
                return
        self._free.append(place)


def _expire(future: asyncio.Future[P], had_deadline: bool) -> None:  # noqa: FBT001 - a timer takes no keywords
    if not future.done():
        future.set_exception(DeadlinePassed() if had_deadline else StoreBusy())


class Patience:
    """The pauses between attempts of one thing: growing, jittered, and bounded by the deadline.

    `pause` raises `DeadlinePassed` when the deadline leaves no room, and `StoreBusy` after `attempts_max` pauses or,
    without a deadline, after `wait_max_s` seconds.
    """

    __slots__ = ("_attempts", "_attempts_max", "_ctx", "_end_s", "_has_deadline")

    def __init__(self, ctx: Context, *, wait_max_s: float, attempts_max: int | None = None) -> None:
        self._ctx = ctx
        self._attempts = 0
        self._attempts_max = attempts_max
        self._has_deadline = ctx.deadline is not None
        self._end_s = ctx.origin.sources.monotonic() + wait_max_s if ctx.deadline is None else ctx.deadline

    async def pause(self) -> None:
        self._attempts += 1
        if self._attempts == self._attempts_max:
            raise StoreBusy(f"the store is busy: {self._attempts} attempts met a conflict")
        sources = self._ctx.origin.sources
        left = self._end_s - sources.monotonic()
        if left <= 0:
            raise DeadlinePassed if self._has_deadline else StoreBusy
        chance = (sources.number() & ((1 << _CHANCE_BITS) - 1)) / (1 << _CHANCE_BITS)
        longest = min(PAUSE_MAX_S, PAUSE_MIN_S * 2 ** min(self._attempts, 10))
        await asyncio.sleep(min(left, PAUSE_MIN_S + (longest - PAUSE_MIN_S) * chance))


class Again(Exception):
    """The database asks for another attempt of the whole unit of work; what happened in it is undone."""
