"""A bulkhead: one slow neighbour takes some of the places, and not all of them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from krepis.context import Context
from krepis.errors import DeadlinePassed
from krepis.port import PortCall
from krepis.resilience.errors import BulkheadFull, demand


class Bulkhead:
    """At most `running_max` calls of a binding run at the same time; `waiting_max` more wait, first come first served,
    until their deadline. Everybody else is refused with `BulkheadFull`.
    """

    def __init__(self, running_max: int, waiting_max: int = 0) -> None:
        demand(running_max >= 1, f"`Bulkhead({running_max})` lets nobody through", "let one run at least")
        demand(waiting_max >= 0, f"{waiting_max} can't wait", "0 refuses at once")
        self._places = Places(running_max, waiting_max)

    @property
    def running(self) -> int:
        """How many calls run now."""
        return self._places.taken

    async def __call__(self, call: PortCall, proceed: Callable[[], Awaitable[Any]]) -> Any:
        try:
            await self._places.take(call.ctx)
        except BulkheadFull:
            call.ctx.log.warning("bulkhead_full", port=call.port, method=call.method, running=self.running)
            raise
        try:
            return await proceed()
        finally:
            self._places.give()


class Places:
    """A number of places, and a queue before them."""

    __slots__ = ("_most", "_waiting", "_waiting_max", "taken")

    def __init__(self, most: int, waiting_max: int) -> None:
        self._most = most
        self._waiting_max = waiting_max
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.taken = 0

    async def take(self, ctx: Context) -> None:
        """Take a place, or wait for one. Raises `BulkheadFull`, or `DeadlinePassed` instead of waiting after it."""
        if self.taken < self._most:
            self.taken += 1
            return
        if len(self._waiting) >= self._waiting_max:
            raise BulkheadFull
        remaining = ctx.remaining()
        if remaining is not None and remaining <= 0:
            raise DeadlinePassed
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place
        except BaseException:
            # Cancelled between the hand-over and waking up: the place is ours, so it must be passed on.
            if place.done() and not place.cancelled():
                self.give()
            elif place in self._waiting:
                self._waiting.remove(place)
            raise

    def give(self) -> None:
        """Give a place back: to whoever waits longest, if anybody does."""
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)  # handed over: as many are taken as before
                return
        self.taken -= 1
