"""A started app in a test: its handlers by `dispatch`, its doors by `get`, `post` and so on, without a server."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from krepis.app import App, Service
from krepis.context import Actor, Context
from krepis.errors import Rejection
from krepis.http.facts import Facts, StreamedAnswer, too_large
from krepis.message import Command, Query
from krepis.schema.encode import encode
from krepis.testing.sources import TestSources

R = TypeVar("R")

_CHUNK_BYTES = 65_536


class Reply(msgspec.Struct):
    """What a door answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return msgspec.json.decode(self.body)

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()


class TestService:
    """An app that runs in this process, on sources that a test controls."""

    __test__ = False  # pytest would take the name for a test's

    def __init__(self, service: Service, sources: TestSources) -> None:
        self.service = service
        self.sources = sources

    def context(
        self, *, actor: Actor | None = None, tenant: str | None = None, timeout: float | None = None
    ) -> Context:
        """A root context."""
        return self.service.context(actor=actor, tenant=tenant, timeout=timeout)

    async def dispatch(self, message: Command[R] | Query[R], ctx: Context | None = None) -> R:
        """Handle a message, under `ctx` or a new root context; raises what the handler raises."""
        return await self.service.dispatch(ctx or self.context(), message)

    async def refused(self, message: Command[Any] | Query[Any], ctx: Context | None = None) -> Rejection:
        """The rejection of a message that must be refused."""
        try:
            answer = await self.dispatch(message, ctx)
        except Rejection as refusal:
            return refusal
        raise AssertionError(f"{type(message).__name__} was not refused but answered with {answer!r}")

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        body: bytes | None = None,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        client: str = "127.0.0.1",
    ) -> Reply:
        """Send one request through the doors. `path` is as a client writes it, with or without a query string.

        `json` is any value that messages may hold; `body` sends bytes as they are; `client` is the caller's address. An
        answer that is streamed is read to its end.
        """
        sent = {name.lower().encode(): value.encode("latin-1") for name, value in (headers or {}).items()}
        if json is not None:
            body = encode(json)
            sent.setdefault(b"content-type", b"application/json")
        place, _, asked = path.partition("?")
        if query:
            asked = urlencode(dict(query), doseq=True)
        place = quote(place, safe="/%:@!$&'()*+,;=~-._")
        door, params = self.service.doors.match(method, place)
        stream = None if body is None else _Sent(body)
        started = self.service.sources.monotonic()
        facts = Facts(method, place, params, asked.encode(), sent, b"", started, None, stream, client)
        reply = await door.start(facts)
        shown = {name.decode(): value.decode("latin-1") for name, value in reply.headers}
        if isinstance(reply, StreamedAnswer):
            async with aclosing(reply.chunks) as chunks:
                reply.body = b"".join([chunk async for chunk in chunks])
        return Reply(reply.status, shown, b"" if method == "HEAD" else reply.body)

    async def get(self, path: str, **options: Any) -> Reply:
        """GET `path`; options as for `request`."""
        return await self.request("GET", path, **options)

    async def post(self, path: str, **options: Any) -> Reply:
        """POST to `path`; options as for `request`."""
        return await self.request("POST", path, **options)

    async def put(self, path: str, **options: Any) -> Reply:
        """PUT to `path`; options as for `request`."""
        return await self.request("PUT", path, **options)

    async def patch(self, path: str, **options: Any) -> Reply:
        """PATCH `path`; options as for `request`."""
        return await self.request("PATCH", path, **options)

    async def delete(self, path: str, **options: Any) -> Reply:
        """DELETE `path`; options as for `request`."""
        return await self.request("DELETE", path, **options)


class _Sent:
    """A body that is all there."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def whole(self, bytes_max: int) -> bytes:
        if len(self._body) > bytes_max:
            raise too_large(bytes_max)
        return self._body

    async def chunks(self, bytes_max: int) -> AsyncGenerator[bytes]:
        body = await self.whole(bytes_max)
        for at in range(0, len(body), _CHUNK_BYTES):
            yield body[at : at + _CHUNK_BYTES]


@asynccontextmanager
async def start(app: App, sources: TestSources | None = None) -> AsyncGenerator[TestService]:
    """Start `app` in this process; frozen clock and seed 0 unless `sources` say otherwise."""
    own = sources or TestSources()
    async with app.start(own) as service:
        yield TestService(service, own)
