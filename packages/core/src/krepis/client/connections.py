"""The connections of a client: each is lent to one call, and kept for the next one only after a good end.

httpx has a pool of its own, and calls that are cancelled at the wrong moment leave places in it taken for ever (seen with
httpcore 1.0.9, and shown by `test_callers_that_leave_at_any_moment_leave_no_connection_taken`). So here a pool of one
connection each is lent to one call, and thrown away with everything in it when that call does not end well.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from krepis.context import Context
from krepis.resilience.bulkhead import Places

if TYPE_CHECKING:
    import httpx

WAITING_MAX = 1024
IDLE_S = 15.0


class Connections:
    """At most `most` at a time; `WAITING_MAX` calls more wait for one, each until its deadline."""

    def __init__(self, make: Callable[[], httpx.AsyncHTTPTransport], most: int) -> None:
        self._make = make
        self._places = Places(most, WAITING_MAX)
        self._idle: list[tuple[float, httpx.AsyncHTTPTransport]] = []
        self._closed = False

    @asynccontextmanager
    async def one(self, ctx: Context) -> AsyncGenerator[httpx.AsyncHTTPTransport]:
        """A connection for one call. Raises `BulkheadFull` or `DeadlinePassed`."""
        await self._places.take(ctx)
        try:
            connection = self._idle.pop()[1] if self._idle else self._make()
            try:
                yield connection
            except BaseException:
                await connection.aclose()
                raise
            await self._keep(connection)
        finally:
            self._places.give()

    async def close(self) -> None:
        """Close what is idle now, and what is lent when it comes back."""
        self._closed = True
        while self._idle:
            await self._idle.pop()[1].aclose()

    async def _keep(self, connection: httpx.AsyncHTTPTransport) -> None:
        now = asyncio.get_running_loop().time()
        self._idle.append((now, connection))
        while self._idle and (self._closed or now - self._idle[0][0] > IDLE_S):
            await self._idle.pop(0)[1].aclose()
