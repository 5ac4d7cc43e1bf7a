"""The Standard server: uvicorn, with the limits that an ASGI application can't enforce itself.

An app sees a request only when its headers are complete. So a caller that never completes them, sends megabytes of
them, or speaks something else than HTTP has to be stopped here. It gets a problem with a trace id, as from a door.

Rules that a reviewer must check:

- A refusal is the answer to its own request: it comes after the answers to all requests before it, and nothing after it.
- Every log line, uvicorn's too, is written by the sources of the service, once it has started.
- A connection that ends with bytes which nobody takes is cut after `RunSettings.stall_seconds`, whatever made it end.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import traceback
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import httptools
import uvicorn
from msgspec import json
from uvicorn.lifespan.on import LifespanOn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from krepis._cli.run_settings import RunSettings
from krepis._system import SystemSources
from krepis.context import Sources, new_trace
from krepis.http.asgi import SERVICE

DISCARD_S = 2.0
"""How long the rest of a refused request is read and dropped: whoever still sends when a connection is closed loses the
answer (RFC 9112, section 9.6)."""

_HEAD = b"HTTP/1.1 %d %s\r\ncontent-type: application/problem+json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"


class GuardedConfig(uvicorn.Config):
    """uvicorn as `run` says. `sources` are the service's as soon as it has started, and the machine's before."""

    def __init__(self, app: Any, run: RunSettings | None = None, **options: Any) -> None:
        self.run = run = run or RunSettings()
        self.sources: Sources = SystemSources()
        super().__init__(
            app,
            http=GuardedProtocol,
            host=run.host,
            port=run.port,
            workers=run.workers,
            lifespan="on",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            # Who is behind a proxy is for `krepis.limits.TrustedProxies` to say, which nobody trusts by default.
            proxy_headers=False,
            timeout_keep_alive=run.keep_alive,
            timeout_graceful_shutdown=run.graceful,
            ws_per_message_deflate=False,
            **options,
        )

    def configure_logging(self) -> None:
        super().configure_logging()
        logger = logging.getLogger("uvicorn")
        logger.handlers = [_Log(self)]
        logger.propagate = False

    def load(self) -> None:
        super().load()
        self.lifespan_class = _Lifespan


class _Lifespan(LifespanOn):
    """Hands the sources of the started service to the server."""

    async def startup(self) -> None:
        await super().startup()
        service = self.state.get(SERVICE)
        if service is not None and isinstance(self.config, GuardedConfig):
            self.config.sources = service.sources


class _Log(logging.Handler):
    """What uvicorn has to say, as log lines of the service."""

    def __init__(self, config: GuardedConfig) -> None:
        super().__init__()
        self._config = config

    def emit(self, record: logging.LogRecord) -> None:
        facts = {"sentence": record.getMessage().strip()}
        if record.exc_info is not None:
            facts["traceback"] = "".join(traceback.format_exception(*record.exc_info))
        self._config.sources.emit("error" if record.levelno >= logging.ERROR else "warning", "server", facts)


def tell_streams(state: dict[str, Any]) -> None:
    """Let the app end its streams: the server stops. `state` is that of ASGI's lifespan."""
    service = state.get(SERVICE)
    if service is not None:
        service.streams.close()


class Stall:
    """Cuts a connection whose other side takes nothing for `RunSettings.stall_seconds`: else it would keep what waits for
    it for ever. Slow ones, who take little, are kept.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, config: GuardedConfig) -> None:
        self._loop = loop
        self._config = config
        self._timer: asyncio.TimerHandle | None = None

    def begins(self, transport: Any) -> None:
        """What is written waits for the other side from now on."""
        self.over()
        self._timer = self._loop.call_later(self._config.run.stall_seconds, self._look, transport, _waiting(transport))

    def _look(self, transport: Any, before: int) -> None:
        waiting = _waiting(transport)
        if waiting < before:
            self.begins(transport)
        else:
            self._config.sources.emit("info", "stalled", {"bytes": waiting})
            transport.abort()

    def over(self) -> None:
        """The other side has taken what waited, or is gone."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _waiting(transport: Any) -> int:
    """Bytes that the other side has not taken yet. Megabytes can wait in the system, where only Linux tells of them."""
    waiting: int = transport.get_write_buffer_size()
    connection = transport.get_extra_info("socket")
    if sys.platform != "linux" or connection is None:
        return waiting
    from fcntl import ioctl
    from termios import TIOCOUTQ

    with suppress(OSError, ValueError):
        waiting += int.from_bytes(ioctl(connection.fileno(), TIOCOUTQ, bytes(4)), sys.byteorder)
    return waiting


def _leave(cycle: Any) -> None:
    """Tell whoever answers a request that its caller is gone. Nothing of an answer is written any more."""
    if not cycle.response_complete:
        cycle.disconnected = True
        cycle.message_event.set()


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's protocol that refuses headers which are too large (431), too slow (408), or none (400), and a caller who
    asks again and again without waiting for answers (429).
    """

    config: GuardedConfig

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._limits = self.config.run
        self._header_bytes = 0
        self._piece_bytes = 0
        self._uncounted_max = 0  # of headers that began behind another request, in the same piece
        self._in_headers = True
        self._refused = False
        self._refusal: bytes | None = None  # what is still to be written, after the answers before it
        self._running: Any = None  # the cycle that is answered; uvicorn remembers only the one that was read last
        self._slow: asyncio.TimerHandle | None = None
        self._stall = Stall(self.loop, self.config)

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._slow = self.loop.call_later(self._limits.header_seconds, self._too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        self._calm()
        self._stall.over()
        if self._running is not None:
            _leave(self._running)
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stall.begins(self.transport)

    def resume_writing(self) -> None:
        if not self.transport.is_closing():
            self._stall.over()
        super().resume_writing()

    def shutdown(self) -> None:
        tell_streams(self.app_state)
        super().shutdown()

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        self._piece_bytes = len(data)
        if self._in_headers:
            self._header_bytes += len(data)
        self._unset_keepalive_if_required()
        parser: Any = self.parser  # `None` once the connection is lost, and then nothing comes
        try:
            parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._should_upgrade():
                self.handle_websocket_upgrade()
            elif rest := data[upgrade.args[0] :]:
                # Whom nobody understands goes on in HTTP/1.1 (RFC 9110, section 7.8).
                self.data_received(rest)
            return
        except httptools.HttpParserError:
            self._refuse(400, "malformed", "this is not HTTP/1.1")
        # Headers that come in one piece, as nearly all do, are complete by now and cost no timer.
        if self._in_headers and self._header_bytes and not self._refused:
            if self._header_bytes > self._limits.header_bytes:
                self._too_large()
            elif self._slow is None:
                self._slow = self.loop.call_later(self._limits.header_seconds, self._too_slow)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._uncounted_max = 0 if self._header_bytes else self._piece_bytes
        self._header_bytes = self._header_bytes or 1

    def on_headers_complete(self) -> None:
        if self._refused:
            return
        self._in_headers = False
        self._calm()
        if self._header_bytes + self._uncounted_max > self._limits.header_bytes:
            size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if size > self._limits.header_bytes:
                self._too_large()
                return
        if len(self.pipeline) >= self._limits.pipelined:
            self._refuse(429, "pipeline_full", f"more than {self._limits.pipelined} requests wait for their answers")
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

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        was_last = not self.pipeline
        super().on_response_complete()
        if self.transport.is_closing():
            self._stall.begins(self.transport)
        elif was_last and self._refusal is not None:
            self._say(self._refusal)

    def timeout_keep_alive_handler(self) -> None:
        self._close()

    def _close(self) -> None:
        """End the connection when all is sent, or nothing of it is taken."""
        if not self.transport.is_closing():
            self._stall.begins(self.transport)
            self.transport.close()

    def _calm(self) -> None:
        if self._slow is not None:
            self._slow.cancel()
            self._slow = None

    def _too_slow(self) -> None:
        self._slow = None
        self._refuse(408, "slow_headers", f"the headers did not arrive within {self._limits.header_seconds} s")

    def _too_large(self) -> None:
        self._refuse(431, "headers_too_large", f"the headers are larger than {self._limits.header_bytes} bytes")

    def _refuse(self, status: int, code: str, sentence: str) -> None:
        self._calm()
        self._refused = True
        if self.transport.is_closing():
            return
        trace = new_trace(self.config.sources).id
        self.config.sources.emit("info", "refused", {"trace": trace, "code": code, "status": status})
        title = HTTPStatus(status).phrase
        problem = {"type": "about:blank", "title": title, "status": status, "detail": sentence, "code": code}
        body = json.encode({**problem, "trace": trace})
        self._refusal = _HEAD % (status, title.encode(), len(body)) + body
        read: Any = self.cycle
        running: Any = self._running
        if read is not None and read.more_body and not read.response_complete:
            # It is the body of this one that is malformed: its handler hears that the caller is gone.
            _leave(read)
            if read is not running:
                self.pipeline.popleft()
        if running is None or running.response_complete:
            self._say(self._refusal)
        elif read is running and running.more_body:
            self._close() if running.response_started else self._say(self._refusal)

    def _say(self, refusal: bytes) -> None:
        self._unset_keepalive_if_required()
        self._refusal = None
        self.transport.write(refusal)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(DISCARD_S, self._close)
