"""WebSockets over ASGI: carries a handshake to its door, and then frames to its session (ASGI's WebSocket spec 2.4)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

from krepis.deadline import CallerGone
from krepis.http.facts import Facts
from krepis.http.sockets import POLICY, Upgraded

if TYPE_CHECKING:
    from krepis.app import Service

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

REASON_BYTES_MAX = 123
"""What fits into a closing frame (RFC 6455, section 5.5)."""


async def serve_socket(
    service: Service, scope: Scope, receive: Receive, send: Send, path: str, headers: Mapping[bytes, bytes]
) -> None:
    """Answer a handshake and serve what comes of it."""
    if (await receive())["type"] != "websocket.connect":
        return
    door, params = service.doors.socket(path)
    client: tuple[str, int] | None = scope.get("client")
    facts = Facts(
        "GET",
        path,
        params,
        scope.get("query_string", b""),
        headers,
        b"",
        service.sources.monotonic(),
        client=client[0] if client else "",
        scheme="https" if scope.get("scheme") == "wss" else "http",
    )
    reply = await door.start(facts)
    if isinstance(reply, Upgraded):
        channel = AsgiChannel(receive, send)
        await send({"type": "websocket.accept", "headers": reply.headers})
        await reply.session(channel)
    elif "websocket.http.response" in scope.get("extensions", {}):
        await send({"type": "websocket.http.response.start", "status": reply.status, "headers": reply.headers})
        await send({"type": "websocket.http.response.body", "body": reply.body})
    else:
        await send({"type": "websocket.close", "code": POLICY})


class AsgiChannel:
    """A WebSocket as an ASGI server hands it over; see `krepis.http.sockets.Channel`."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._ended = False

    async def receive(self) -> str | bytes:
        message = await self._receive()
        if message["type"] != "websocket.receive":
            self._ended = True
            raise CallerGone
        text: str | None = message.get("text")
        return message["bytes"] if text is None else text

    async def send(self, text: str) -> None:
        if self._ended:
            raise CallerGone
        try:
            await self._send({"type": "websocket.send", "text": text})
        except OSError:
            # ASGI: a server raises a kind of OSError when the other side has gone.
            self._ended = True
            raise CallerGone from None

    async def close(self, code: int, reason: str) -> None:
        if self._ended:
            return
        self._ended = True
        short = reason.encode()[:REASON_BYTES_MAX].decode(errors="ignore")
        try:
            await self._send({"type": "websocket.close", "code": code, "reason": short})
        except (OSError, RuntimeError):
            return  # it ended in the same moment
