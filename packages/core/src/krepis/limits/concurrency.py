"""How many requests a process works on at once. Who finds every place taken waits a little, then hears 503.

A service that takes more than it can do finishes nothing in time; one that refuses early serves the rest well.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

from krepis.errors import KrepisError, Rejection, Unavailable
from krepis.limits._order import Ranked

if TYPE_CHECKING:
    from krepis.app import Service
    from krepis.http.facts import Answer, Facts
    from krepis.http.table import CompiledDoor
    from krepis.part import Start

RUNNING_MAX = 256
WAITING_MAX = 256
WAIT_S = 1.0
RETRY_AFTER_S = 1


class Overloaded(Unavailable):
    """The service has as much to do as it can; nothing was read of the request (HTTP 503)."""

    message = "the service has as much to do as it can; try again in a moment"


class Concurrency(Ranked):
    """At most `running_max` requests at once in this process; `waiting_max` more wait in line, `wait_s` seconds long.

    It stands before the body is read. What is no door of the app (health pages, `/docs`, 404) needs no place. A streamed
    answer gives its place back when it begins: streams have limits of their own. `retry_after_s` is what a refusal
    tells the caller.
    """

    rank = 5

    def __init__(
        self,
        *,
        running_max: int = RUNNING_MAX,
        waiting_max: int = WAITING_MAX,
        wait_s: float = WAIT_S,
        retry_after_s: int = RETRY_AFTER_S,
    ) -> None:
        if running_max < 1 or waiting_max < 0 or not wait_s >= 0:
            raise KrepisError(
                f"`Concurrency(running_max={running_max}, waiting_max={waiting_max}, wait_s={wait_s})` serves nobody",
                hint="at least one runs, and nobody waits for less than no time",
            )
        self._running_max = running_max
        self._waiting_max = waiting_max
        self._wait_s = wait_s
        self._retry_after_s = retry_after_s
        self._service: Service | None = None
        self._line: deque[asyncio.Future[None]] = deque()
        self.taken = 0
        self.waiting = 0

    def refusals(self, door: CompiledDoor) -> Iterator[type[Rejection]]:
        yield Overloaded

    def running(self, service: Service) -> AbstractAsyncContextManager[Any] | None:
        self.check_order(service)
        self._service = service
        return None

    def door(self, door: CompiledDoor | None, proceed: Start) -> Start:
        if door is None:
            return proceed

        async def in_turn(facts: Facts) -> Answer:
            if self.taken < self._running_max:
                self.taken += 1
            elif not await self._waited():
                refusal = Overloaded()
                refusal.retry_after = self._retry_after_s
                assert self._service is not None, "a door answers when its service has started"
                return self._service.doors.refused(facts, refusal)
            try:
                return await proceed(facts)
            finally:
                self._give()

        return in_turn

    async def _waited(self) -> bool:
        """Whether a place was handed over in time."""
        if not self._wait_s or self.waiting >= self._waiting_max:
            return False
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.append(turn)
        self.waiting += 1
        try:
            await asyncio.wait((turn,), timeout=self._wait_s)
        except asyncio.CancelledError:
            if turn.done():
                self._give()  # the place came in the same moment
            raise
        finally:
            self.waiting -= 1
            handed = turn.done()
            turn.cancel()
            if not handed:
                self._line.remove(turn)
        return handed

    def _give(self) -> None:
        """Hand the place to whoever waits the longest."""
        if self._line:
            self._line.popleft().set_result(None)
        else:
            self.taken -= 1
