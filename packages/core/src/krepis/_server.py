"""The Standard server: uvicorn, with the limits that an ASGI application can't enforce itself.

An app sees a request only when its headers are complete. So a caller that never completes them, sends megabytes of
them, or speaks something else than HTTP has to be stopped here. It gets a problem with a trace id, as from a door, and
the log has a line with it.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import uvicorn
from msgspec import json
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from krepis._system import SystemSources
from krepis.context import new_trace
from krepis.http.asgi import CLOSE_STREAMS

HEADER_BYTES_MAX = 65_536
HEADER_SECONDS_MAX = 10.0

DISCARD_S = 2.0
"""How long the rest of a refused request is read and dropped: whoever still sends when a connection is closed loses the
answer (RFC 9112, section 9.6)."""

STALL_SECONDS_MAX = 60.0
"""A caller who takes nothing of what is sent for so long is cut: else it would keep what waits for it for ever."""

_HEAD = b"HTTP/1.1 %d %s\r\ncontent-type: application/problem+json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"


def tell_streams(state: dict[str, Any]) -> None:
    """Let the app end its streams: the server stops. `state` is that of ASGI's lifespan."""
    close = state.get(CLOSE_STREAMS)
    if close is not None:
        close()


class Stall:
    """Cuts a connection whose other side takes nothing for `STALL_SECONDS_MAX`. Slow ones, who take little, are kept."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None

    def begins(self, transport: Any) -> None:
        """What is written waits for the other side from now on."""
        self.over()
        self._timer = self._loop.call_later(STALL_SECONDS_MAX, self._look, transport, _waiting(transport))

    def _look(self, transport: Any, before: int) -> None:
        if _waiting(transport) < before:
            self.begins(transport)
        else:
            transport.abort()

    def over(self) -> None:
        """The other side has taken what waited, or is gone."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class GuardedConfig(uvicorn.Config):
    """uvicorn's settings, and how large (`header_bytes_max`) and how slow (`header_s_max`) headers may be."""

    def __init__(
        self,
        app: str,
        *,
        header_bytes_max: int = HEADER_BYTES_MAX,
        header_s_max: float = HEADER_SECONDS_MAX,
        **options: Any,
    ) -> None:
        super().__init__(app, http=GuardedProtocol, **options)
        self.header_bytes_max = header_bytes_max
        self.header_s_max = header_s_max


def _waiting(transport: Any) -> int:
    """Bytes that the other side has not taken yet. Megabytes can wait in the system, where only Linux tells of them."""
    waiting: int = transport.get_write_buffer_size()
    connection = transport.get_extra_info("socket")
    if sys.platform != "linux" or connection is None:
        return waiting
    from fcntl import ioctl
    from termios import TIOCOUTQ

    with suppress(OSError):
        waiting += int.from_bytes(ioctl(connection.fileno(), TIOCOUTQ, bytes(4)), sys.byteorder)
    return waiting


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's protocol that refuses headers which are too large (431), too slow (408), or none (400)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._bytes_max: int = getattr(self.config, "header_bytes_max", HEADER_BYTES_MAX)
        self._s_max: float = getattr(self.config, "header_s_max", HEADER_SECONDS_MAX)
        self._header_bytes = 0
        self._in_headers = True
        self._refused = False
        self._slow: asyncio.TimerHandle | None = None
        self._stall = Stall(self.loop)

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._slow = self.loop.call_later(self._s_max, self._too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        self._calm()
        self._stall.over()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stall.begins(self.transport)

    def resume_writing(self) -> None:
        self._stall.over()
        super().resume_writing()

    def shutdown(self) -> None:
        tell_streams(self.app_state)
        super().shutdown()

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        if self._in_headers:
            self._header_bytes += len(data)
        super().data_received(data)
        # Headers that come in one piece, as nearly all do, are complete by now and cost no timer.
        if self._in_headers and self._header_bytes:
            if self._header_bytes > self._bytes_max:
                self._too_large()
            elif self._slow is None:
                self._slow = self.loop.call_later(self._s_max, self._too_slow)

    def on_headers_complete(self) -> None:
        self._in_headers = False
        self._calm()
        if self._header_bytes > self._bytes_max:
            size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if size > self._bytes_max:
                self._too_large()
                return
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_headers = True
        self._header_bytes = 0
        if not self._refused:
            super().on_message_complete()

    def _calm(self) -> None:
        if self._slow is not None:
            self._slow.cancel()
            self._slow = None

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, "malformed", "this is not HTTP/1.1")

    def _too_slow(self) -> None:
        self._slow = None
        if self._in_headers:
            self._refuse(408, "slow_headers", f"the headers did not arrive within {self._s_max:g} s")

    def _too_large(self) -> None:
        self._refuse(431, "headers_too_large", f"the headers are larger than {self._bytes_max} bytes")

    def _refuse(self, status: int, code: str, sentence: str) -> None:
        self._calm()
        self._refused = True
        if self.transport.is_closing():
            return
        sources = SystemSources()
        trace = new_trace(sources).id
        sources.emit("info", "refused", {"trace": trace, "code": code, "status": status})
        title = HTTPStatus(status).phrase
        problem = {"type": "about:blank", "title": title, "status": status, "detail": sentence, "code": code}
        body = json.encode({**problem, "trace": trace})
        self.transport.write(_HEAD % (status, title.encode(), len(body)) + body)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(DISCARD_S, self.transport.close)
