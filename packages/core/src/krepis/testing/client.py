"""A started app in a test: its handlers by `dispatch`, its doors by `get`, `post` and so on, without a server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from krepis.app import App, Service
from krepis.context import Actor, Context
from krepis.errors import Rejection
from krepis.http.facts import Answer, Facts, StreamedAnswer, too_large
from krepis.http.sockets import Upgraded
from krepis.message import Command, Query
from krepis.schema.encode import encode
from krepis.testing.files import Upload, form_body
from krepis.testing.sources import TestSources
from krepis.testing.streams import EventsClient, SocketClient

R = TypeVar("R")

_CHUNK_BYTES = 65_536
_SETTLE_ROUNDS_MAX = 1000


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

    def __init__(
        self, service: Service, sources: TestSources, actor: Actor | None = None, tenant: str | None = None
    ) -> None:
        self.service = service
        self.sources = sources
        self._actor = actor
        self._tenant = tenant

    def acting(self, actor: Actor | None, tenant: str | None = None) -> TestService:
        """The same service, whose contexts are those of `actor`; `request` still sends what its headers say."""
        return TestService(self.service, self.sources, actor, tenant)

    def context(
        self, *, actor: Actor | None = None, tenant: str | None = None, timeout: float | None = None
    ) -> Context:
        """A root context."""
        return self.service.context(actor=actor or self._actor, tenant=tenant or self._tenant, timeout=timeout)

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

    async def settle(self, *, failures: bool = False) -> int:
        """Deliver the events that are due, and those that their reactions emit; answers with how many deliveries ran.

        What a reaction raises is raised here, after everything else was delivered, unless `failures` are expected. A
        failed delivery is due again when `sources.advance` has let its pause pass.
        """
        total, raised = 0, list[BaseException]()
        for _ in range(_SETTLE_ROUNDS_MAX):
            done = [await part.settle(self.service) for part in self.service.app.parts]
            count = sum(number for number, _ in done)
            total += count
            raised += [error for _, errors in done for error in errors]
            if not count:
                break
        else:
            raise AssertionError(f"after {_SETTLE_ROUNDS_MAX} rounds there are still events to deliver")
        if raised and not failures:
            raise raised[0]
        return total

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        body: bytes | None = None,
        form: Mapping[str, Any] | None = None,
        files: Mapping[str, Upload | Sequence[Upload]] | None = None,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        client: str = "127.0.0.1",
    ) -> Reply:
        """Send one request through the doors. `path` is as a client writes it, with or without a query string.

        `json` is any value that messages may hold; `body` sends bytes as they are, `form` and `files` a
        `multipart/form-data`; `client` is the caller's address. An
        answer that is streamed is read to its end.
        """
        sent = {name.lower().encode(): value.encode("latin-1") for name, value in (headers or {}).items()}
        if json is not None:
            body = encode(json)
            sent.setdefault(b"content-type", b"application/json")
        if form is not None or files is not None:
            content_type, body = form_body(form or {}, files or {})
            sent.setdefault(b"content-type", content_type.encode())
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

    @asynccontextmanager
    async def events(
        self, path: str, *, headers: Mapping[str, str] | None = None, after: int | None = None
    ) -> AsyncGenerator[EventsClient]:
        """The server-sent events of a door, from position `after` on. Raises `StreamRefused`."""
        place, asked, sent = _asked(path, headers)
        if after is not None:
            sent[b"last-event-id"] = b"%d" % after
        door, params = self.service.doors.match("GET", place)
        reply = await door.start(self._facts(place, params, asked, sent))
        if not isinstance(reply, StreamedAnswer):
            raise StreamRefused(_shown(reply))
        async with aclosing(reply.chunks) as chunks:
            yield EventsClient(chunks)

    @asynccontextmanager
    async def websocket(self, path: str, *, headers: Mapping[str, str] | None = None) -> AsyncGenerator[SocketClient]:
        """A WebSocket to a door; leaving the block goes away from it. Raises `StreamRefused`."""
        place, asked, sent = _asked(path, headers)
        door, params = self.service.doors.socket(place)
        reply = await door.start(self._facts(place, params, asked, sent))
        if not isinstance(reply, Upgraded):
            raise StreamRefused(_shown(reply))
        client = SocketClient()
        session = asyncio.ensure_future(reply.session(client.channel))
        try:
            yield client
        finally:
            client.leave()
            session.cancel()
            await asyncio.gather(session, return_exceptions=True)

    def _facts(self, place: str, params: tuple[str, ...], asked: bytes, sent: Mapping[bytes, bytes]) -> Facts:
        started = self.service.sources.monotonic()
        return Facts("GET", place, params, asked, sent, b"", started, client="127.0.0.1")

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


class StreamRefused(AssertionError):
    """A door refused to begin a stream; `reply` is its answer."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"the stream was refused with {reply.status}: {reply.body!r}")
        self.reply = reply


def _asked(path: str, headers: Mapping[str, str] | None) -> tuple[str, bytes, dict[bytes, bytes]]:
    place, _, asked = path.partition("?")
    sent = {name.lower().encode(): value.encode("latin-1") for name, value in (headers or {}).items()}
    return quote(place, safe="/%:@!$&'()*+,;=~-._"), asked.encode(), sent


def _shown(reply: Answer) -> Reply:
    return Reply(reply.status, {name.decode(): value.decode("latin-1") for name, value in reply.headers}, reply.body)


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
    async with app.start(own, by_hand=True) as service:
        yield TestService(service, own)
