"""The ASGI engine: carries requests from an ASGI server to the doors. Nothing beneath it knows ASGI."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, MutableMapping
from contextlib import AsyncExitStack, aclosing, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from krepis.context import Sources
from krepis.deadline import CallerGone, Gone, Within
from krepis.errors import DeadlinePassed, Malformed, Rejection
from krepis.http.asgi_socket import serve_socket
from krepis.http.facts import Facts, StreamedAnswer, too_large
from krepis.http.open_streams import StreamBroken

if TYPE_CHECKING:
    from krepis.app import App, Service

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

DISCARD_S = 2.0
DISCARDED_BYTES_MAX = 16_777_216
SPARED_BYTES_MAX = 65_536
SPARED_S = 0.1
SERVICE = "krepis.service"
"""The key in the state of ASGI's lifespan under which a server that is ours finds the started service: it writes its log
lines as the service does, and tells streams of a stop before ASGI would."""

_BODILESS = frozenset(("GET", "HEAD"))


class AsgiEngine:
    """One app as an ASGI application. The service starts with the server's lifespan, or with the first request."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._service: Service | None = None
        self._stack = AsyncExitStack()
        self._starting = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            service = self._service or await self._start()
            await self._http(service, scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
        else:
            await self._websocket(scope, receive, send)

    async def _start(self) -> Service:
        async with self._starting:
            if self._service is None:
                self._service = await self._stack.enter_async_context(self._app.start())
            return self._service

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                try:
                    service = await self._start()
                    if "state" in scope:
                        scope["state"][SERVICE] = service
                except Exception as error:  # noqa: BLE001 - whatever stops the start is told to the server
                    await send({"type": "lifespan.startup.failed", "message": str(error)})
                    return
                await send({"type": "lifespan.startup.complete"})
            else:
                self._service = None
                await self._stack.aclose()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _http(self, service: Service, scope: Scope, receive: Receive, send: Send) -> None:
        started = service.sources.monotonic()
        method: str = scope["method"]
        path = _path(scope)
        door, params = service.doors.match(method, path)
        if service.doors.mounts and await self._mounted(service, scope, receive, send, path):
            return
        headers = _headers(scope["headers"])

        async def gone() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass

        bodiless = method in _BODILESS and b"content-length" not in headers and b"transfer-encoding" not in headers
        stream = None if bodiless else AsgiStream(receive, headers)
        client: tuple[str, int] | None = scope.get("client")
        address = client[0] if client else ""
        scheme: str = scope.get("scheme", "http")
        facts = Facts(method, path, params, scope["query_string"], headers, b"", started, gone, stream, address, scheme)
        try:
            reply = await door.start(facts)
        except CallerGone:
            return
        unread = stream is not None and not stream.ended and not await stream.spare(service.sources)
        if unread:
            # The connection ends with this answer, since the rest of the request was not read.
            reply.headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
        if isinstance(reply, StreamedAnswer):
            await _send_chunks(reply, receive, send, method)
            return
        body = b"" if method == "HEAD" else reply.body
        if unread:
            await send({"type": "http.response.body", "body": body, "more_body": True})
            await _discard(receive, service.sources)
            body = b""
        await send({"type": "http.response.body", "body": body})

    async def _mounted(self, service: Service, scope: Scope, receive: Receive, send: Send, path: str) -> bool:
        for mount in service.doors.mounts:
            if path == mount.prefix or path.startswith(mount.prefix + "/"):
                root = scope.get("root_path", "") + mount.prefix
                await mount.application({**scope, "root_path": root, "app_root_path": root}, receive, send)
                return True
        return False

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        service = self._service or await self._start()
        path = _path(scope)
        if not await self._mounted(service, scope, receive, send, path):
            await serve_socket(service, scope, receive, send, path, _headers(scope.get("headers", [])))


class AsgiStream:
    """The body of one request, as an ASGI server hands it over. `ended` says whether all of it was read."""

    def __init__(self, receive: Receive, headers: Mapping[bytes, bytes]) -> None:
        self._receive = receive
        self._length = headers.get(b"content-length")
        self._begun = False
        self.ended = False

    async def whole(self, bytes_max: int) -> bytes:
        """All of it; see `Stream.whole`."""
        # Nearly every body comes in one piece, and most requests have one: this path is every POST's.
        self._need_room(bytes_max)
        self._begun = True
        message = await self._receive()
        if message["type"] == "http.request" and not message.get("more_body"):
            self.ended = True
            body: bytes = message.get("body", b"")
            if len(body) > bytes_max:
                raise too_large(bytes_max)
            return body
        parts = [self._piece(message)]
        size = len(parts[0])
        while not self.ended:
            if size > bytes_max:
                raise too_large(bytes_max)
            parts.append(self._piece(await self._receive()))
            size += len(parts[-1])
        if size > bytes_max:
            raise too_large(bytes_max)
        return b"".join(parts)

    async def chunks(self, bytes_max: int) -> AsyncGenerator[bytes]:
        """Piece by piece; see `Stream.chunks`."""
        self._need_room(bytes_max)
        self._begun = True
        size = 0
        while not self.ended:
            part = self._piece(await self._receive())
            size += len(part)
            if size > bytes_max:
                raise too_large(bytes_max)
            if part:
                yield part

    async def spare(self, sources: Sources) -> bool:
        """Whether the connection can go on although nobody has read the body: it is short, and soon here."""
        length = self._length
        if self._begun or (length is not None and (not length.isdigit() or int(length) > SPARED_BYTES_MAX)):
            return False
        with suppress(DeadlinePassed, Rejection, CallerGone):
            await Within(self.whole(SPARED_BYTES_MAX), sources, sources.monotonic() + SPARED_S)
        return self.ended

    def _need_room(self, bytes_max: int) -> None:
        length = self._length
        if length is not None:
            if not length.isdigit():
                raise Malformed("`Content-Length` is not a number")
            if int(length) > bytes_max:
                raise too_large(bytes_max)

    def _piece(self, message: MutableMapping[str, Any]) -> bytes:
        if message["type"] == "http.disconnect":
            raise CallerGone
        self.ended = not message.get("more_body")
        return message.get("body", b"")


async def _send_chunks(reply: StreamedAnswer, receive: Receive, send: Send, method: str) -> None:
    """Send an answer in pieces, at the speed of whoever reads it; a caller who goes away ends it."""
    task = asyncio.current_task()
    assert task is not None, "an ASGI application runs in a task"
    ended = False

    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        if not ended:
            task.cancel()

    watcher = asyncio.ensure_future(watch())
    try:
        async with aclosing(reply.chunks) as chunks:
            if method != "HEAD":
                async for chunk in chunks:
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
        ended = True
        await send({"type": "http.response.body", "body": b""})
    except StreamBroken:
        return  # without a last chunk: the server closes the connection, and the client knows that something is missing
    except asyncio.CancelledError:
        if watcher.done() and task.uncancel() == 0:
            return
        raise
    finally:
        ended = True
        watcher.cancel()


async def _discard(receive: Receive, sources: Sources) -> None:
    """Let a caller finish sending what nobody reads, for a while. Whoever still sends when a connection is closed gets
    a reset, and with it loses the answer (RFC 9112, section 9.6).
    """

    async def rest() -> None:
        size = 0
        while size < DISCARDED_BYTES_MAX:
            message = await receive()
            size += len(message.get("body", b""))
            if not message.get("more_body"):
                return

    with suppress(DeadlinePassed):
        await Within(rest(), sources, sources.monotonic() + DISCARD_S)


def _path(scope: Scope) -> str:
    raw: bytes | None = scope.get("raw_path")
    path = quote(scope["path"]) if raw is None else raw.decode("latin-1")
    root: str = scope.get("root_path", "")
    return path[len(root) :] or "/" if root and path.startswith(root) else path


def _headers(pairs: list[tuple[bytes, bytes]]) -> Mapping[bytes, bytes]:
    headers = dict(pairs)
    return headers if len(headers) == len(pairs) else _joined(pairs)


def _joined(pairs: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    headers: dict[bytes, bytes] = {}
    for name, value in pairs:
        if name in headers:
            headers[name] += (b"; " if name == b"cookie" else b", ") + value
        else:
            headers[name] = value
    return headers


__all__ = ("AsgiEngine", "Gone")
