"""Server-sent events: a query is asked, and what happens afterwards is shown as it happens (WHATWG HTML, section 9.2).

```
retry: 2481                         how long to wait before coming again, spread so that not all come at once
id: 41
event: start                        what the query answers with, as of position 41; left out by a `Query[None]`
data: {...}

id: 42
event: CopyReturned
data: {"loan": "..."}

id: 57                              a sign of life; it also moves the place to come again from

event: lost                         events are missing: the place to go on from is older than what is kept
data: {"after": 3, "first": 9}
```

A client that comes again says its place with `Last-Event-ID`, as browsers do by themselves. It gets what it has missed,
and no `start`; when that is not kept any more, `lost` and a new `start`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from krepis.context import Context
from krepis.errors import Malformed
from krepis.http.doors import Door
from krepis.http.facts import Answer, Facts, Headers, StreamedAnswer
from krepis.http.following import Heard, SharedFeed, follow
from krepis.http.open_streams import StreamBroken
from krepis.http.streamed import EVENT_STREAM, Watch
from krepis.schema.encode import encode

if TYPE_CHECKING:
    from krepis.app import Service
    from krepis.http.serving import OpenDoor

LAST_EVENT_ID_DIGITS_MAX = 18
_COMMENT = b":\n"


class Started(Answer):
    """What the query answered with (as JSON, nothing for `None`), and a position before that."""

    position: int


class Watching:
    """Asks the query of a door, at a known position of the feed."""

    def __init__(self, service: Service, live: OpenDoor, message: type[Any], shared: SharedFeed) -> None:
        self._ask = service.plans[message].run
        self._live = live
        self.shared = shared

    async def run(self, ctx: Context, message: Any, render: Callable[[Any], Answer]) -> Started:
        """Ask. The position is taken first: what happens meanwhile is told twice rather than never."""
        position = await self.shared.feed.last()
        reply = await self._ask(ctx, message, render)
        return Started(reply.status, reply.headers, reply.body, position)

    async def again(self, facts: Facts, ctx: Context, message: Any, render: Callable[[Any], Answer]) -> Context:
        """Identify the caller again and ask again. Raises `StreamBroken` when they are refused."""
        ctx, _ = await self._live.ask_again(facts, ctx, self._ask, message, render, identify=True)
        return ctx


class EventStream:
    """Answers at one door with events as they happen."""

    def __init__(self, service: Service, live: OpenDoor, door: Door, shared: SharedFeed) -> None:
        assert isinstance(door.stream, Watch)
        self._watch = door.stream
        self._watching = Watching(service, live, door.message, shared)
        self._streams = service.streams
        self._sources = service.sources
        self._render = render_start
        self.run = self._watching.run

    async def opened(self, facts: Facts, ctx: Context, message: Any, reply: Answer) -> Answer:
        """The answer that goes on. Raises `TooManyStreams`, or `Malformed` for a `Last-Event-ID` of nobody's."""
        assert isinstance(reply, Started)
        after = place_of(facts.headers.get(b"last-event-id"))
        headers: Headers = [
            (b"content-type", EVENT_STREAM.encode()),
            (b"cache-control", b"no-store"),
            (b"x-accel-buffering", b"no"),  # nginx would hold events back
        ]
        if facts.method == "HEAD":
            return Answer(reply.status, headers, b"")
        chunks = self._chunks(facts, ctx, message, reply, after)
        await anext(chunks)
        return StreamedAnswer(reply.status, headers, b"", chunks)

    async def _chunks(
        self, facts: Facts, ctx: Context, message: Any, start: Started, after: int | None
    ) -> AsyncGenerator[bytes]:
        with self._streams.connection():
            yield b""  # taken by `opened`: from here on the place is given back, whatever becomes of the answer
            opening = self._retry()
            after, missed = await begin_at(self._watching.shared, after, start.position)
            if missed is not None:
                opening += _lost(missed) + b"\n"
            if after is None:
                after = start.position
                opening += b"id: %d\n" % after + (b"event: start\ndata: %s\n" % start.body if start.body else b"")
            yield opening + b"\n"

            async def recheck(known: Context) -> Context:
                return await self._watching.again(facts, known, message, self._render)

            following = follow(self._watching.shared, self._streams, self._watch, ctx, after, recheck)
            async with aclosing(following) as heard_all:
                try:
                    async for heard in heard_all:
                        yield _written(heard)
                except StreamBroken:
                    return  # the client comes again, and is told why

    def _retry(self) -> bytes:
        least = int(self._streams.limits.retry_s * 1000)
        return b"retry: %d\n" % (least + self._sources.number() % max(1, least))


async def begin_at(shared: SharedFeed, after: int | None, position: int) -> tuple[int | None, Heard | None]:
    """Where to go on from (`None`: from the start), and what was lost when that is not where the caller was."""
    if after is None:
        return None, None
    if after > position:
        # A place that does not exist yet: the caller was at another service, or at this one before it was restored.
        return None, Heard(after, lost=await shared.feed.first())
    missed = await shared.missed(after) if after < position else None
    return (after, None) if missed is None else (None, Heard(after, lost=missed))


def place_of(raw: bytes | None) -> int | None:
    """The position in a `Last-Event-ID`. Raises `Malformed`."""
    if not raw:
        return None
    if not raw.isdigit() or len(raw) > LAST_EVENT_ID_DIGITS_MAX:
        raise Malformed("`Last-Event-ID` is not the id of an event")
    return int(raw)


def render_start(answer: Any) -> Answer:
    """What the query of a stream answers with; nothing for `None`."""
    return Answer(200, [], b"" if answer is None else encode(answer))


def _written(heard: Heard) -> bytes:
    if heard.lost is not None:
        return _lost(heard) + b"\n"
    if not heard.events:
        return _COMMENT + b"id: %d\n\n" % heard.position
    return b"".join(
        [b"id: %d\nevent: %s\ndata: %s\n\n" % (one.position, one.name.encode(), one.data) for one in heard.events]
    )


def _lost(heard: Heard) -> bytes:
    return b'event: lost\ndata: {"after":%d,"first":%d}\n' % (heard.position, heard.lost or 0)
