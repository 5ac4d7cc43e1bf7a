"""WebSocket doors: frames in are commands, frames out are their answers and events. Knows no engine.

```
-> {"type": "hello", "credential": "...", "after": 41}     only where the handshake has no credential
<- {"start": {...}, "position": 41}                        what the query answers with
-> {"id": 1, "type": "lend", "data": {...}}                "key" may hold an idempotency key
<- {"id": 1, "answer": {...}}                              or {"id": 1, "problem": {...}}
<- {"event": "CopyReturned", "position": 42, "data": {...}}
<- {"position": 57}                                        a sign of life
<- {"lost": {"after": 3, "first": 9}}                      events are missing; a new `start` follows, or the end
```

Rules that hold:

- The handshake is the query at a door of its own: identified, judged by the policy, answered with a problem if refused.
- Each command goes through a door of its own, too, with the headers of the handshake: whoever calls is identified for
  each, the app's parts (limits, metrics) stand around each, and the refusals are those of HTTP.
- Nothing is queued: events are read when those before were taken, and a frame when one of `in_flight_max` is answered.
- A connection without a credential is anonymous after its `hello`, as a request without one would be.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol, cast

import msgspec
from msgspec import Meta, Raw, Struct

from krepis.context import Context
from krepis.deadline import CallerGone
from krepis.errors import Forbidden, Malformed, NotFound, Rejection, Unavailable
from krepis.http.facts import Answer, Facts
from krepis.http.following import Heard, SharedFeed, follow
from krepis.http.open_streams import Closing, OpenStreams, StreamBroken
from krepis.http.problem import Problems
from krepis.http.router import Router
from krepis.http.server_events import Started, Watching, begin_at, place_of, render_start
from krepis.http.streamed import StreamLimits
from krepis.http.table import DoorTable, SocketParts
from krepis.part import Start
from krepis.propagation import incoming
from krepis.schema.encode import encode

if TYPE_CHECKING:
    from krepis.app import Service

NORMAL, GOING_AWAY, NO_TEXT, BAD_DATA, POLICY, TOO_BIG, BUG, TRY_LATER = (
    1000,
    1001,
    1003,
    1007,
    1008,
    1009,
    1011,
    1013,
)
"""The closing codes that are sent (RFC 6455, section 7.4.1, and IANA's registry for 1013)."""

# What a handshake says about itself, and not about the messages that follow.
_OF_THE_HANDSHAKE = frozenset(
    (
        b"accept",
        b"connection",
        b"content-length",
        b"content-type",
        b"idempotency-key",
        b"if-match",
        b"if-none-match",
        b"last-event-id",
        b"request-timeout",
        b"transfer-encoding",
        b"upgrade",
    )
)
_JSON = (b"content-type", b"application/json")
_ID_MAX = 2**53 - 1
_FORM = 'a frame has the form `{"id": 1, "type": "...", "data": {...}}`'


class Channel(Protocol):
    """A WebSocket as an engine hands it over."""

    async def receive(self) -> str | bytes:
        """The next frame. Raises `CallerGone`."""
        ...

    async def send(self, text: str) -> None:
        """Returns when there is room for more. Raises `CallerGone`."""
        ...

    async def close(self, code: int, reason: str) -> None:
        """End it; says nothing when it has ended already."""
        ...


class Upgraded(Answer):
    """The answer that turns a request into a WebSocket. The engine awaits `session` with the channel."""

    session: Callable[[Channel], Coroutine[Any, Any, None]]


class ForeignOrigin(Forbidden):
    """A page of another site tried to open a WebSocket (HTTP 403)."""

    message = "pages of `{origin}` may not open WebSockets here"


class NoSuchCommand(NotFound):
    """The frame names a command that this WebSocket does not have."""

    message = "this WebSocket has no command `{name}`"


class Frame(Struct, forbid_unknown_fields=True):
    """A frame that asks for something."""

    id: Annotated[int, Meta(ge=-_ID_MAX, le=_ID_MAX)] | Annotated[str, Meta(max_length=64)]
    type: Annotated[str, Meta(max_length=64)]
    data: Raw = Raw(b"{}")
    key: Annotated[str, Meta(max_length=255, pattern=r"^[\x21-\x7e]*$")] | None = None


class Hello(Struct, forbid_unknown_fields=True):
    """The first frame of a connection whose handshake had no credential."""

    type: Literal["hello"]
    credential: Annotated[str, Meta(max_length=8192)] | None = None
    scheme: Annotated[str, Meta(max_length=64)] | None = None
    after: Annotated[int, Meta(ge=0, le=_ID_MAX)] | None = None


class _Close(Exception):
    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Begun(Started):
    """The query has been answered: for whom, and what it was."""

    ctx: Context
    message: Any


class OpenSocket:
    """One WebSocket door of a service. `start` answers the handshake."""

    def __init__(self, service: Service, problems: Problems, parts: SocketParts, shared: SharedFeed | None) -> None:
        from krepis.http.serving import OpenDoor, surrounded

        declared = parts.declared
        self.declared = declared
        self.problems = problems
        self.service = service
        self.streams: OpenStreams = service.streams
        self.limits: StreamLimits = service.streams.limits
        self.shared = shared if declared.watch.events else None
        self._credentials = service.app.doors.credentials
        self.query = OpenDoor(service, problems, *parts.query)
        self.watching: Watching | None = None
        if self.shared is not None:
            self.watching = Watching(service, self.query, declared.message, self.shared)
        self.query.streams(self)
        self._ask = service.plans[declared.message].run
        self.commands: Mapping[str, Start] = {
            name: surrounded(service, made[0], OpenDoor(service, problems, *made).start)
            for name, made in parts.commands
        }
        self.start: Start = surrounded(service, parts.compiled.query, self._handshake)

    async def run(self, ctx: Context, message: Any, render: Callable[[Any], Answer]) -> Started:
        """Ask the query, at a position of the feed if there are events to show."""
        if self.watching is not None:
            return await self.watching.run(ctx, message, render)
        reply = await self._ask(ctx, message, render)
        return Started(reply.status, reply.headers, reply.body, 0)

    async def opened(self, facts: Facts, ctx: Context, message: Any, reply: Answer) -> Answer:
        """What the session needs to know of the answer."""
        del facts
        assert isinstance(reply, Started)
        return Begun(reply.status, reply.headers, reply.body, reply.position, ctx, message)

    async def _handshake(self, facts: Facts) -> Answer:
        facts.headers = {name: value for name, value in facts.headers.items() if name != b"accept"}
        try:
            after = place_of(facts.headers.get(b"last-event-id") or _asked_after(facts.query))
            self._need_own_origin(facts.headers)
            self.streams.need_room()
        except Rejection as refusal:
            return self.refused(facts, refusal)
        begun: Answer | None = None
        if not self._asks_hello(facts.headers):
            begun = await self.query.start(facts)
            if not isinstance(begun, Begun):
                return begun

        async def session(channel: Channel) -> None:
            await self._session(channel, facts, begun, after)

        return Upgraded(101, [], b"", session)

    def refused(self, facts: Facts, refusal: Rejection) -> Answer:
        """The problem that answers a rejection where no door has been reached."""
        now = self.service.sources.monotonic()
        ctx = incoming(self.service.sources, facts.headers, deadline=now, started=now, intents=())
        return self.problems.refusal(refusal, ctx)

    def _need_own_origin(self, headers: Mapping[bytes, bytes]) -> None:
        """Browsers let any page open a WebSocket to anywhere, with cookies; so the page's origin has to be known
        (RFC 6455, section 10.2). Callers that are no browser send none.
        """
        raw = headers.get(b"origin")
        if raw is None:
            return
        origin = raw.decode("latin-1").lower()
        _, found, host = origin.partition("://")
        own = headers.get(b"host", b"").decode("latin-1").lower()
        allowed = self.limits.origins
        if not (found and host == own) and "*" not in allowed and origin not in [one.lower() for one in allowed]:
            raise ForeignOrigin(origin=origin[:200])

    def _asks_hello(self, headers: Mapping[bytes, bytes]) -> bool:
        return self.query.compiled.access != "open" and not any(
            credential.header.encode() in headers for credential in self._credentials
        )

    def introduced(self, facts: Facts, hello: Hello) -> Facts:
        """The facts of the handshake with the credential that came in a frame. Raises `Malformed`."""
        headers = dict(facts.headers)
        if hello.credential is not None:
            chosen = [one for one in self._credentials if hello.scheme in (None, one.scheme)]
            if not chosen or not hello.credential.isascii():
                raise Malformed("this is no credential of this service")
            credential = chosen[0]
            headers[credential.header.encode()] = f"{credential.prefix} {hello.credential}".strip().encode()
        started = self.service.sources.monotonic()
        return msgspec.structs.replace(facts, headers=headers, started=started, ctx=None)

    async def _session(self, channel: Channel, facts: Facts, begun: Answer | None, after: int | None) -> None:
        try:
            with self.streams.connection():
                session = Session(self, channel, facts, after)
                await session.run(begun if isinstance(begun, Begun) else None)
        except CallerGone:
            pass
        except _Close as closing:
            await channel.close(closing.code, closing.reason)
        except Closing:
            await channel.close(GOING_AWAY, "the service stops")
        except Unavailable as refusal:
            await channel.close(TRY_LATER, refusal.code)
        except Exception as error:  # noqa: BLE001 - a bug must not take the server's task with it
            self.problems.bug(error, self.service.context())
            await channel.close(BUG, "internal_error")


class Session:
    """One open WebSocket."""

    def __init__(self, door: OpenSocket, channel: Channel, facts: Facts, after: int | None) -> None:
        self._door = door
        self._channel = channel
        self._facts = facts
        self._after = after
        self._headers: dict[bytes, bytes] = {}
        self._room = asyncio.Semaphore(door.limits.in_flight_max)
        self._running: set[asyncio.Task[None]] = set()
        self._now = asyncio.get_running_loop().time
        self._ends = self._now() + door.limits.lifetime_s

    async def run(self, begun: Begun | None) -> None:
        """Serve it to its end. Raises `_Close` with the code, or `CallerGone`."""
        if begun is None:
            begun = await self._introduced()
        kept = {name: value for name, value in self._facts.headers.items() if name not in _OF_THE_HANDSHAKE}
        self._headers = dict([*kept.items(), _JSON])
        reader = asyncio.ensure_future(self._read())
        every = [reader]
        if self._door.shared is None:
            await self._say(b'{"start":%s}' % (begun.body or b"null"))
        else:
            every.append(asyncio.ensure_future(self._show(self._door.shared, begun)))
        try:
            await asyncio.gather(*every)  # which raises what the first of them raises
        finally:
            every += self._running
            for task in every:
                task.cancel()
            await asyncio.gather(*every, return_exceptions=True)

    async def _introduced(self) -> Begun:
        """The query's answer for whoever says who they are in the first frame."""
        streams, limits = self._door.streams, self._door.limits
        frame = await streams.wait(self._channel.receive(), limits.hello_s)
        if frame is None:
            raise _Close(GOING_AWAY, "the service stops") if streams.closing else _Close(POLICY, "no hello in time")
        text = _text(frame, limits.frame_bytes_max)
        try:
            hello = msgspec.json.decode(text, type=Hello)
            self._facts = self._door.introduced(self._facts, hello)
        except (msgspec.ValidationError, Malformed):
            raise _Close(POLICY, "the first frame is no hello") from None
        except (msgspec.DecodeError, RecursionError, UnicodeError):
            raise _Close(BAD_DATA, "the frame is not JSON") from None
        if hello.after is not None:
            self._after = hello.after
        begun = await self._door.query.start(self._facts)
        if not isinstance(begun, Begun):
            await self._say(b'{"problem":%s}' % begun.body)
            raise _Close(BUG if begun.status >= 500 else POLICY, "refused")
        return begun

    async def _read(self) -> None:
        """Take frames and start what they ask for, as many at a time as may run."""
        limits = self._door.limits
        while True:
            await self._room.acquire()
            wait_s = self._ends - self._now()
            if self._door.shared is None:
                wait_s = min(wait_s, limits.idle_s)
            frame = await self._door.streams.wait(self._channel.receive(), wait_s)
            if frame is None:
                await self._finish()
            else:
                await self._take(_text(frame, limits.frame_bytes_max))

    async def _take(self, text: bytes) -> None:
        try:
            frame = msgspec.json.decode(text, type=Frame)
        except (msgspec.DecodeError, RecursionError, UnicodeError):
            await self._refuse(_id_of(text), Malformed(_FORM))
            self._room.release()
            return
        task = asyncio.ensure_future(self._answer(frame))
        self._running.add(task)
        task.add_done_callback(self._answered)

    async def _finish(self) -> None:
        """Let what runs end and be answered, and close."""
        if self._running:
            await asyncio.wait(self._running)
        if self._door.streams.closing:
            raise _Close(GOING_AWAY, "the service stops")
        raise _Close(NORMAL, "come again" if self._now() >= self._ends else "idle")

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._room.release()

    async def _answer(self, frame: Frame) -> None:
        start = self._door.commands.get(frame.type)
        name = encode(frame.id)
        try:
            if start is None:
                await self._refuse(name, NoSuchCommand(name=frame.type))
                return
            reply = await start(self._facts_of(frame))
            member = b"answer" if reply.status < 400 else b"problem"
            await self._say(b'{"id":%s,"%s":%s}' % (name, member, reply.body or b"null"))
        except CallerGone:
            return  # the reader sees it, too, and ends the session

    def _facts_of(self, frame: Frame) -> Facts:
        headers = self._headers if frame.key is None else {**self._headers, b"idempotency-key": frame.key.encode()}
        return msgspec.structs.replace(
            self._facts,
            method="POST",
            query=b"",
            headers=headers,
            body=bytes(frame.data),
            started=self._door.service.sources.monotonic(),
            ctx=None,
        )

    async def _refuse(self, name: bytes, refusal: Rejection) -> None:
        reply = self._door.refused(self._facts, refusal)
        await self._say(b'{"id":%s,"problem":%s}' % (name, reply.body))

    async def _show(self, shared: SharedFeed, begun: Begun) -> None:
        """Show the events, from where the caller was or from the start. Ends when the service closes."""
        after, missed = await begin_at(shared, self._after, begun.position)
        if missed is not None:
            await self._say(_lost(missed))
        if after is None:
            after = begun.position
            await self._say(b'{"start":%s,"position":%d}' % (begun.body or b"null", after))
        else:
            await self._say(b'{"position":%d}' % after)
        watching = self._door.watching
        assert watching is not None

        async def recheck(known: Context) -> Context:
            return await watching.again(self._facts, known, begun.message, render_start)

        watch = self._door.declared.watch
        try:
            async with aclosing(follow(shared, self._door.streams, watch, begun.ctx, after, recheck)) as heard_all:
                async for heard in heard_all:
                    for text in _written(heard):
                        await self._say(text)
                    if heard.lost is not None:
                        raise _Close(TRY_LATER, "events were lost")
        except StreamBroken as broken:
            await self._say(b'{"problem":%s}' % broken.reply.body)
            raise _Close(BUG if broken.reply.status >= 500 else POLICY, "refused") from None

    async def _say(self, text: bytes) -> None:
        await self._channel.send(text.decode())


def open_sockets(
    table: DoorTable, service: Service, problems: Problems, shared: SharedFeed | None
) -> Router[OpenSocket]:
    """The WebSocket doors of a service, by path."""
    router: Router[OpenSocket] = Router()
    for parts in table.sockets:
        router.add("GET", parts.declared.pattern, OpenSocket(service, problems, parts, shared))
    return router


def _text(frame: str | bytes, bytes_max: int) -> bytes:
    """The bytes of a text frame. Raises `_Close` for one of the wrong kind or size."""
    if isinstance(frame, bytes):
        raise _Close(NO_TEXT, "frames are text")
    if len(frame) > bytes_max:
        raise _Close(TOO_BIG, f"a frame has at most {bytes_max} bytes")
    text = frame.encode("utf-8", "surrogatepass")
    if len(text) > bytes_max:
        raise _Close(TOO_BIG, f"a frame has at most {bytes_max} bytes")
    return text


def _id_of(text: bytes) -> bytes:
    """The id of a frame that is JSON but of another form, as far as it has one. Raises `_Close` for what is no JSON."""
    try:
        given: Any = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        raise _Close(BAD_DATA, "the frame is not JSON") from None
    name = cast("dict[str, Any]", given).get("id") if isinstance(given, dict) else None
    known = isinstance(name, int | str) and not isinstance(name, bool) and len(str(name)) <= 64
    return encode(name if known else None)


def _written(heard: Heard) -> list[bytes]:
    if heard.lost is not None:
        return [_lost(heard)]
    if not heard.events:
        return [b'{"position":%d}' % heard.position]
    return [
        b'{"event":%s,"position":%d,"data":%s}' % (encode(one.name), one.position, one.data) for one in heard.events
    ]


def _lost(heard: Heard) -> bytes:
    return b'{"lost":{"after":%d,"first":%d}}' % (heard.position, heard.lost or 0)


def _asked_after(query: bytes) -> bytes | None:
    """The `after` of a query string: browsers can set no header on a WebSocket."""
    for pair in query.split(b"&"):
        name, _, value = pair.partition(b"=")
        if name == b"after":
            return value
    return None
