"""The streams that are open in this process: how many there are, and that the service closes.

No task and no timer stands here for a stream: each waits in its own task, and `OpenStreams.close` wakes them all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from contextlib import contextmanager
from typing import Any, TypeVar

from krepis.errors import Unavailable
from krepis.http.facts import Answer
from krepis.http.streamed import StreamLimits

T = TypeVar("T")


class StreamBroken(Exception):
    """A streamed answer can't go on; why is in the log, and in `reply` as a caller may see it. The engine ends the
    connection so that the caller notices.
    """

    def __init__(self, reply: Answer) -> None:
        super().__init__(f"the stream broke with {reply.status}")
        self.reply = reply


class TooManyStreams(Unavailable):
    """The service holds as many streams as it may (HTTP 503)."""

    message = "there are as many open streams as this service takes; try again"
    retry_after = 5


class Closing(Unavailable):
    """The service is about to stop (HTTP 503)."""

    message = "this service is about to stop; try again"


class OpenStreams:
    """The places for streams of one service, and the news that it closes."""

    def __init__(self, limits: StreamLimits) -> None:
        self.limits = limits
        self.connections = 0
        self.downloads = 0
        self.closing = False
        self._waiting: set[asyncio.Timeout] = set()

    def close(self) -> None:
        """Tell every stream to end: those that wait wake up. New ones are refused."""
        if self.closing:
            return
        self.closing = True
        now = asyncio.get_running_loop().time()
        for patience in tuple(self._waiting):
            patience.reschedule(now)

    def need_room(self) -> None:
        """Raises `TooManyStreams` or `Closing` when there is no place for a connection."""
        if self.closing:
            raise Closing
        if self.connections >= self.limits.connections_max:
            raise TooManyStreams

    @contextmanager
    def connection(self) -> Generator[None]:
        """A place for an event stream or a WebSocket. Raises `TooManyStreams` or `Closing`."""
        self.need_room()
        self.connections += 1
        try:
            yield
        finally:
            self.connections -= 1

    @contextmanager
    def download(self) -> Generator[None]:
        """A place for an answer of rows. Raises `TooManyStreams` or `Closing`."""
        if self.closing:
            raise Closing
        if self.downloads >= self.limits.downloads_max:
            raise TooManyStreams
        self.downloads += 1
        try:
            yield
        finally:
            self.downloads -= 1

    async def wait(self, event: Coroutine[Any, Any, T], seconds: float) -> T | None:
        """What `event` answers with; `None` when `seconds` have passed or the service closes."""
        if self.closing:
            event.close()
            return None
        patience = asyncio.timeout(max(0.0, seconds))
        try:
            async with patience:
                self._waiting.add(patience)
                return await event
        except TimeoutError:
            if not patience.expired():
                raise
            return None
        finally:
            self._waiting.discard(patience)
