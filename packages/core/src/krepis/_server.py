"""The Standard server: uvicorn, with the limits that an ASGI application can't enforce itself.

An app sees a request only when its headers are complete. So a caller that never completes them, or sends megabytes of
them, has to be stopped here.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADER_BYTES_MAX = 65_536
HEADER_SECONDS_MAX = 10.0

_REFUSAL = (
    b"HTTP/1.1 %s\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s"
)


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's protocol that refuses headers which are too large (431) or too slow (408)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._header_bytes = 0
        self._in_headers = True
        self._refused = False
        self._slow: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._slow = self.loop.call_later(HEADER_SECONDS_MAX, self._too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        self._calm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._in_headers:
            self._header_bytes += len(data)
        super().data_received(data)
        # Headers that come in one piece, as nearly all do, are complete by now and cost no timer.
        if self._in_headers and self._header_bytes:
            if self._header_bytes > HEADER_BYTES_MAX:
                self._too_large()
            elif self._slow is None:
                self._slow = self.loop.call_later(HEADER_SECONDS_MAX, self._too_slow)

    def on_headers_complete(self) -> None:
        self._in_headers = False
        self._calm()
        if self._header_bytes > HEADER_BYTES_MAX:
            size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if size > HEADER_BYTES_MAX:
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

    def _too_slow(self) -> None:
        self._slow = None
        if self._in_headers:
            self._refuse(b"408 Request Timeout", b"the headers did not arrive in time")

    def _too_large(self) -> None:
        self._refuse(b"431 Request Header Fields Too Large", b"the headers are larger than 64 KiB")

    def _refuse(self, status: bytes, sentence: bytes) -> None:
        self._calm()
        self._refused = True
        if not self.transport.is_closing():
            self.transport.write(_REFUSAL % (status, len(sentence), sentence))
            self.transport.close()
