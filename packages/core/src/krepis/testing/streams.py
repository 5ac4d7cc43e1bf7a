"""Event streams and WebSockets in a test, in process: `service.events(path)`, `service.websocket(path)`.

```python
async with service.events("/loans/events") as stream, service.websocket("/live") as socket:
    assert (await socket.ask("return", {"loan": loan}))["answer"] == ...
    assert (await stream.next()).data == {"loan": loan}
```
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import msgspec

from krepis.deadline import CallerGone

WAIT_S = 5.0
FRAMES_MAX = 8
"""Frames that a test has not received yet; beyond, the door waits as it would for a slow reader."""


class Shown(msgspec.Struct, frozen=True):
    """One server-sent event: its name, its position and its data, decoded."""

    event: str
    position: int | None
    data: Any


class EventsClient:
    """Reads server-sent events as a browser does."""

    def __init__(self, chunks: AsyncGenerator[bytes]) -> None:
        self._chunks = chunks
        self._unread = b""
        self.position: int | None = None
        """What a browser would send as `Last-Event-ID`."""

    async def next(self, wait_s: float = WAIT_S) -> Shown:
        """The next event. Raises `TimeoutError`, or `EOFError` when the stream has ended."""
        async with asyncio.timeout(wait_s):
            while True:
                block = await self._block()
                shown = self._read(block)
                if shown is not None:
                    return shown

    async def _block(self) -> bytes:
        while b"\n\n" not in self._unread:
            try:
                self._unread += await anext(self._chunks)
            except StopAsyncIteration:
                raise EOFError("the stream has ended") from None
        block, _, self._unread = self._unread.partition(b"\n\n")
        return block

    def _read(self, block: bytes) -> Shown | None:
        fields = dict(line.split(b": ", 1) for line in block.split(b"\n") if b": " in line)
        if b"id" in fields:
            self.position = int(fields[b"id"])
        if b"data" not in fields:
            return None
        return Shown(fields.get(b"event", b"message").decode(), self.position, msgspec.json.decode(fields[b"data"]))


class SocketClient:
    """The other end of a WebSocket."""

    def __init__(self) -> None:
        self._sent: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        self._received: asyncio.Queue[str | None] = asyncio.Queue(FRAMES_MAX)
        self._kept: list[Any] = []
        self._numbers = 0
        self.closed: tuple[int, str] | None = None
        """The closing code and the reason, once the door has closed."""

    async def send(self, frame: Any) -> None:
        """Send a frame: text and bytes as they are, anything else as JSON."""
        await self._sent.put(frame if isinstance(frame, str | bytes) else msgspec.json.encode(frame).decode())

    async def next(self, wait_s: float = WAIT_S) -> Any:
        """The next frame, decoded. Raises `TimeoutError`, or `EOFError` when the door has closed."""
        if self._kept:
            return self._kept.pop(0)
        return await self._next(wait_s)

    async def ask(self, name: str, data: Any, *, key: str | None = None, wait_s: float = WAIT_S) -> Any:
        """Send a command and wait for the frame that answers it; others stay for `next`."""
        self._numbers += 1
        number = self._numbers
        await self.send({"id": number, "type": name, "data": data} | ({"key": key} if key else {}))
        while True:
            frame = await self._next(wait_s)
            if frame.get("id") == number:
                return frame
            self._kept.append(frame)

    async def ended(self, wait_s: float = WAIT_S) -> int:
        """The closing code, after reading to the end. Raises `TimeoutError`."""
        while True:
            try:
                await self._next(wait_s)
            except EOFError:
                assert self.closed is not None, "the session ends by closing"
                return self.closed[0]

    async def _next(self, wait_s: float) -> Any:
        async with asyncio.timeout(wait_s):
            text = await self._received.get()
        if text is None:
            self._received.put_nowait(None)
            raise EOFError(f"the WebSocket is closed: {self.closed}")
        return msgspec.json.decode(text)

    def leave(self) -> None:
        """Go away, as a client whose connection is cut."""
        self._sent.put_nowait(None)

    @property
    def channel(self) -> TestChannel:
        """What the door talks to."""
        return TestChannel(self, self._sent, self._received)


class TestChannel:
    """See `krepis.http.sockets.Channel`."""

    __test__ = False  # pytest would take the name for a test's

    def __init__(
        self, client: SocketClient, sent: asyncio.Queue[str | bytes | None], received: asyncio.Queue[str | None]
    ) -> None:
        self._client = client
        self._sent = sent
        self._received = received

    async def receive(self) -> str | bytes:
        frame = await self._sent.get()
        if frame is None:
            raise CallerGone
        return frame

    async def send(self, text: str) -> None:
        await self._received.put(text)

    async def close(self, code: int, reason: str) -> None:
        self._client.closed = (code, reason)
        await self._received.put(None)
