"""The ASGI engine: carries requests from an ASGI server to the doors. Nothing beneath it knows ASGI."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from krepis.context import Sources
from krepis.deadline import CallerGone, Gone, Within
from krepis.errors import DeadlinePassed, Malformed, Rejection
from krepis.http.facts import Answer, Facts, SlowBody, too_large

if TYPE_CHECKING:
    from krepis.app import App, Service

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

DISCARD_S = 2.0
DISCARDED_BYTES_MAX = 16_777_216
_WEBSOCKET_POLICY_VIOLATION = 1008


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
            await self._lifespan(receive, send)
        else:
            await self._websocket(scope, receive, send)

    async def _start(self) -> Service:
        async with self._starting:
            if self._service is None:
                self._service = await self._stack.enter_async_context(self._app.start())
            return self._service

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                try:
                    await self._start()
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
        pairs: list[tuple[bytes, bytes]] = scope["headers"]
        headers: Mapping[bytes, bytes] = dict(pairs)
        if len(headers) != len(pairs):
            headers = _joined(pairs)

        async def gone() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass

        facts = Facts(method, path, params, scope["query_string"], headers, b"", started, gone)
        try:
            early = await self._read_body(service, door, facts, receive) if door.reads_body else None
            reply = early or await door.start(facts)
        except CallerGone:
            return
        await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
        body = b"" if method == "HEAD" else reply.body
        if early is not None:
            await send({"type": "http.response.body", "body": body, "more_body": True})
            await _discard(receive, service.sources)
            body = b""
        await send({"type": "http.response.body", "body": body})

    async def _read_body(self, service: Service, door: Any, facts: Facts, receive: Receive) -> Answer | None:
        """Read the body into `facts`; answers with the refusal when it is not to be had. Raises `CallerGone`."""
        try:
            body = _body(receive, facts.headers, door.body_bytes_max)
            facts.body = await Within(body, service.sources, facts.started + door.timeout_s)
        except CallerGone:
            door.left(facts)
            raise
        except DeadlinePassed:
            return _last(door.refuse(facts, SlowBody()))
        except Rejection as refusal:
            return _last(door.refuse(facts, refusal))
        return None

    async def _mounted(self, service: Service, scope: Scope, receive: Receive, send: Send, path: str) -> bool:
        for mount in service.doors.mounts:
            if path == mount.prefix or path.startswith(mount.prefix + "/"):
                root = scope.get("root_path", "") + mount.prefix
                await mount.application({**scope, "root_path": root, "app_root_path": root}, receive, send)
                return True
        return False

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        service = self._service or await self._start()
        if not await self._mounted(service, scope, receive, send, _path(scope)):
            await receive()
            await send({"type": "websocket.close", "code": _WEBSOCKET_POLICY_VIOLATION})


async def _body(receive: Receive, headers: Mapping[bytes, bytes], bytes_max: int) -> bytes:
    length = headers.get(b"content-length")
    if length is not None:
        if not length.isdigit():
            raise Malformed("`Content-Length` is not a number")
        if int(length) > bytes_max:
            raise too_large(bytes_max)
    message = await receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        if message["type"] == "http.disconnect":
            raise CallerGone
        if len(body) > bytes_max:
            raise too_large(bytes_max)
        return body
    parts = [body]
    size = len(body)
    while message.get("more_body"):
        message = await receive()
        if message["type"] == "http.disconnect":
            raise CallerGone
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > bytes_max:
            raise too_large(bytes_max)
        parts.append(part)
    return b"".join(parts)


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


def _last(reply: Answer) -> Answer:
    """An answer after which the connection ends, since the rest of the request was not read."""
    reply.headers.append((b"connection", b"close"))
    return reply


def _path(scope: Scope) -> str:
    raw: bytes | None = scope.get("raw_path")
    path = quote(scope["path"]) if raw is None else raw.decode("latin-1")
    root: str = scope.get("root_path", "")
    return path[len(root) :] or "/" if root and path.startswith(root) else path


def _joined(pairs: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    headers: dict[bytes, bytes] = {}
    for name, value in pairs:
        if name in headers:
            headers[name] += (b"; " if name == b"cookie" else b", ") + value
        else:
            headers[name] = value
    return headers


__all__ = ("AsgiEngine", "Gone")
