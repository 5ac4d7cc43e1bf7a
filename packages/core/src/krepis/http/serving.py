"""The doors of a started service, as an engine uses them.

An engine asks `OpenDoors.match` for the door of a request and awaits `door.start(facts)`. A door always answers; only
`CallerGone` leaves it.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

from msgspec import structs

from krepis.context import Context
from krepis.deadline import CallerGone, Within
from krepis.errors import DeadlinePassed, Invalid, KrepisError, Malformed, Rejection
from krepis.files.desk import FileDesk
from krepis.http.doors import Door
from krepis.http.downloads import Download
from krepis.http.facts import Answer, Facts, PathTooLong, SlowBody, answer, empty, too_large
from krepis.http.following import SharedFeed
from krepis.http.negotiation import conditional, need_accepted, need_json, tag_of
from krepis.http.open_streams import StreamBroken
from krepis.http.problem import Problems
from krepis.http.reading import Reading
from krepis.http.rendering import Render
from krepis.http.router import Router
from krepis.http.rows import RowStream
from krepis.http.server_events import EventStream
from krepis.http.sockets import OpenSocket, open_sockets
from krepis.http.streamed import Rows, Watch
from krepis.http.table import CompiledDoor, DoorTable
from krepis.http.uploads import Uploads
from krepis.identity import SYSTEM, Caller, Identify, InvalidCredential
from krepis.part import Run, Start
from krepis.propagation import incoming
from krepis.types import Secret

if TYPE_CHECKING:
    from krepis.app import Service

Why = Literal["path", "method", "slash", "malformed", "long"]


A = TypeVar("A")


class Streaming(Protocol):
    """What makes the answer of a door go on."""

    def run(self, ctx: Context, message: Any, render: Render) -> Coroutine[Any, Any, Any]:
        """Handle the message, in place of its plan."""
        ...

    async def opened(self, facts: Facts, ctx: Context, message: Any, reply: Answer) -> Answer:
        """The answer that begins with `reply`."""
        ...


class OpenDoors:
    """The doors of a service, found by method and path."""

    def __init__(self, table: DoorTable, service: Service) -> None:
        self.table = table
        self.mounts = table.mounts
        self._service = service
        feed = service.feed
        self._shared = None if feed is None else SharedFeed(feed)
        credentials = table.declared.credentials
        self._problems = Problems(table.declared.errors, (credentials[0].prefix if credentials else "") or "Bearer")
        self._path_bytes_max = table.declared.limits.path_bytes_max
        self._router: Router[Target] = Router()
        for (door, reading, render), compiled in zip(table.parts, table.doors, strict=True):
            live = self._opened(compiled, door, reading, render)
            live.start = surrounded(service, compiled, live.start)
            self._router.add(door.method, door.pattern, live)
            if door.method == "GET":
                self._router.add("HEAD", door.pattern, live)
        self._sockets = open_sockets(table, service, self._problems, self._shared)
        self._surround: Callable[[Start], Start] = lambda start: surrounded(service, None, start)
        # One for each reason and, of 405, for each set of methods that some path has.
        self._closed_ones: dict[tuple[Why, str], Target] = {}
        own = [(pattern, Page(service, self._problems, page).start) for pattern, page in _pages(table)]
        more = [page for part in service.app.parts for page in part.pages(service)]
        for pattern, start in (*own, *more):
            live_page = Target(self._surround(start))
            self._router.add("GET", pattern, live_page)
            self._router.add("HEAD", pattern, live_page)

    def match(self, method: str, path: str) -> tuple[Target, tuple[str, ...]]:
        """The door of a request and the values of its path; a closed one says why there is none."""
        if len(path) > self._path_bytes_max:
            return self._closed("long"), ()
        try:
            found = self._router.match(path)
        except UnicodeDecodeError:
            return self._closed("malformed"), ()
        if not path.isascii():  # what is not ASCII has to be percent-encoded (RFC 3986, section 2)
            return self._closed("malformed"), ()
        if found is not None:
            methods, values = found
            door = methods.get(method)
            if door is not None:
                return door, values
            return self._closed("method", methods), ()
        if path.endswith("/") and len(path) > 1 and self._router.match(path.rstrip("/")) is not None:
            return self._closed("slash"), ()
        return self._closed("path"), ()

    def socket(self, path: str) -> tuple[Target | OpenSocket, tuple[str, ...]]:
        """The WebSocket door of a path and the values of its path; a closed one says that there is none."""
        try:
            found = self._sockets.match(path) if path.isascii() and len(path) <= self._path_bytes_max else None
        except UnicodeDecodeError:
            found = None
        return (self._closed("path"), ()) if found is None else (found[0]["GET"], found[1])

    def _opened(self, compiled: CompiledDoor, door: Door, reading: Reading, render: Render) -> OpenDoor:
        live = OpenDoor(self._service, self._problems, compiled, door, reading, render)
        if isinstance(door.stream, Rows):
            live.streams(RowStream(self._service, live, door))
        elif isinstance(door.stream, Watch):
            assert self._shared is not None, "an app without a feed has no door that shows events"
            live.streams(EventStream(self._service, live, door, self._shared))
        desk = self._service.files
        if compiled.file is not None:
            assert desk is not None, "an app without a place for files has no door that sends one"
            live.streams(Download(compiled, self._service.plans[door.message].run, desk, self._problems))
        if compiled.files:
            assert desk is not None, "an app without a place for files has no door that takes one"
            live.takes(desk)
        return live

    def refused(self, facts: Facts, refusal: Rejection) -> Answer:
        """The answer of a part that refuses in front of a door, where nothing has been read yet."""
        return _Bodiless(self._service, self._problems).refuse(facts, refusal)

    def _closed(self, why: Why, methods: Mapping[str, object] = MappingProxyType({})) -> Target:
        allowed = ", ".join(sorted({*methods, "OPTIONS"})) if methods else ""
        target = self._closed_ones.get((why, allowed))
        if target is None:
            closed = Closed(self._service, self._problems, why, allowed)
            target = self._closed_ones[why, allowed] = Target(self._surround(closed.start))
        return target


class Target:
    """What answers a request, with what the app's parts put around it."""

    __slots__ = ("start",)

    def __init__(self, start: Start) -> None:
        self.start = start


def surrounded(service: Service, door: CompiledDoor | None, start: Start) -> Start:
    """`start` with what the app's parts put around it."""
    for part in reversed(service.app.parts):
        start = part.door(door, start)
    return start


class OpenDoor(Target):
    """One door of a service. `start` answers a request: `_serve`, with what the app's parts put around it."""

    __slots__ = (
        "_admit",
        "_bytes_max",
        "_credentials",
        "_etag",
        "_gives",
        "_identify",
        "_intents",
        "_json",
        "_look",
        "_open",
        "_outline",
        "_plan",
        "_problems",
        "_read",
        "_render",
        "_service",
        "_sources",
        "_take",
        "_timeout_s",
        "compiled",
    )

    def __init__(
        self,
        service: Service,
        problems: Problems,
        compiled: CompiledDoor,
        door: Door,
        reading: Reading,
        render: Render,
    ) -> None:
        self.compiled = compiled
        super().__init__(self._serve)
        self._bytes_max = door.limits.body_bytes_max
        self._timeout_s = door.limits.timeout_s
        self._service = service
        self._sources = service.sources
        self._problems = problems
        plan = service.plans[door.message]
        self._plan = plan.run
        self._look = plan.look
        self._admit = plan.gate.admit if plan.gate is not None and compiled.guarded else None
        self._identify = service.plans[Identify].run if Identify in service.plans else None
        self._credentials = tuple(
            (one.scheme, one.header.encode(), one.prefix.lower().encode()) for one in service.app.doors.credentials
        )
        self._read = reading.read
        self._outline = reading.outline
        self._render = render
        self._etag = compiled.etag
        self._gives = compiled.media_type if compiled.answer_kind not in ("none", "file") else None
        self._json = compiled.body_kind != "none"
        self._take: Callable[[Facts], Coroutine[Any, Any, None]] | None = None
        self._intents = (door.message.__name__,)
        self._open: Callable[[Facts, Context, Any, Answer], Coroutine[Any, Any, Answer]] | None = None

    def streams(self, stream: Streaming) -> None:
        """Let `stream` run the message, and make an answer that goes on of what it answers with."""
        self._plan = stream.run
        self._open = stream.opened

    def takes(self, desk: FileDesk) -> None:
        """Let the files of a request land at `desk`, in place of a JSON body."""
        uploads = Uploads(self.compiled, None if self._look is None else self._looked, self._sources, desk)
        self._take = uploads.take
        self.start = uploads.around(self.start)

    async def _looked(self, ctx: Context, facts: Facts) -> None:
        assert self._look is not None, "asked for only where there is one"
        await self._look(ctx, self._outline(facts))

    async def _serve(self, facts: Facts) -> Answer:  # noqa: C901 - in one frame: a coroutine more costs every request
        """Identify, admit, read, run, answer. Raises `CallerGone` when nobody is left to answer to."""
        service = self._service
        sources = self._sources
        ctx = incoming(
            sources,
            facts.headers,
            deadline=facts.started + self._timeout_s,
            started=facts.started,
            intents=self._intents,
        )
        facts.ctx = ctx
        service.running += 1
        try:
            if self._identify is not None:
                facts.ctx = ctx = await self._identified(self._identify, facts, ctx)
            if self._admit is not None:
                self._admit(ctx.actor)
            if self._gives is not None:
                need_accepted(facts.headers, self._gives)
            if self._take is not None:
                await self._take(facts)
            elif self._json:
                stream = facts.stream
                if stream is not None:
                    try:
                        until = facts.started + self._timeout_s
                        facts.body = await Within(stream.whole(self._bytes_max), sources, until)
                    except DeadlinePassed:
                        raise SlowBody from None
                elif len(facts.body) > self._bytes_max:
                    raise too_large(self._bytes_max)
                if facts.body or b"content-type" in facts.headers:
                    need_json(facts.headers)
            try:
                message = self._read(facts)
            except Invalid:
                # Whoever may not touch a thing, or asks for none, is told that first.
                if self._look is not None:
                    await Within(self._look(ctx, self._outline(facts)), sources, ctx.deadline, facts.gone)
                raise
            work: Any = self._plan(ctx, message, self._render)
            reply: Answer = await Within(work, sources, ctx.deadline, facts.gone)
            if self._etag != "none":
                return self._tagged(facts, reply)
            if self._open is not None:
                return await self._open(facts, ctx, message, reply)
            return reply
        except Rejection as refusal:
            return self._problems.refusal(refusal, ctx)
        except CallerGone:
            ctx.log.info("caller_gone")
            raise
        except Exception as error:  # noqa: BLE001 - a bug in a handler must not take the connection with it
            return self._problems.bug(error, ctx)
        finally:
            service.running -= 1

    async def ask_again(
        self,
        facts: Facts,
        ctx: Context,
        ask: Run,
        message: Any,
        render: Callable[[Any], A],
        *,
        identify: bool,
    ) -> tuple[Context, A]:
        """More of an answer that goes on: a unit of work and a deadline of its own; the caller is identified again if
        asked for. Raises `StreamBroken` with the refusal, which is in the log.
        """
        ctx = structs.replace(ctx.begin(), deadline=self._sources.monotonic() + self._timeout_s)
        self._service.running += 1
        try:
            if identify and self._identify is not None:
                tenant = ctx.tenant
                ctx = await self._identified(self._identify, facts, structs.replace(ctx, actor=None, tenant=None))
                if ctx.tenant != tenant:
                    raise InvalidCredential
            if self._admit is not None:
                self._admit(ctx.actor)
            work: Any = ask(ctx, message, render)
            return ctx, await Within(work, self._sources, ctx.deadline)
        except Rejection as refusal:
            raise StreamBroken(self._problems.refusal(refusal, ctx)) from None
        except Exception as error:
            raise StreamBroken(self._problems.bug(error, ctx)) from error
        finally:
            self._service.running -= 1

    def broken(self, ctx: Context, why: str) -> StreamBroken:
        """What ends an answer that can't go on; `why` is for the log."""
        return StreamBroken(self._problems.bug(KrepisError(why), ctx))

    async def _identified(self, identify: Run, facts: Facts, ctx: Context) -> Context:
        """The context with the caller whose credential the request carries; unchanged when it carries none."""
        given = [(scheme, text) for scheme, text in self._found(facts.headers) if text is not None]
        if not given:
            if any(header in facts.headers for _, header, _ in self._credentials):
                raise InvalidCredential
            return ctx
        if len(given) > 1:
            raise Malformed("the request carries two credentials; send one of them")
        scheme, text = given[0]
        query = Identify(scheme=scheme, credential=Secret(text))
        work: Any = identify(ctx.begin("Identify"), query, _as_is)
        caller: Caller = await Within(work, self._sources, ctx.deadline, None)
        if caller.actor.id == SYSTEM.id:
            raise InvalidCredential
        return ctx.identified(caller.actor, caller.tenant)

    def _found(self, headers: Mapping[bytes, bytes]) -> Iterator[tuple[str, str | None]]:
        for scheme, header, prefix in self._credentials:
            raw = headers.get(header)
            if raw is None:
                continue
            if not prefix:
                yield scheme, raw.decode("latin-1").strip()
                continue
            word, _, rest = raw.strip().partition(b" ")
            if word.lower() == prefix:
                yield scheme, rest.decode("latin-1").strip()

    def _tagged(self, facts: Facts, reply: Answer) -> Answer:
        """The answer with its ETag, or what the conditions of a GET ask for. A command's is checked by its handler,
        before anything has changed: `if_match`.
        """
        # A version stands last: the rendering has put it there.
        tag = tag_of(reply.body) if self._etag == "hash" else reply.headers.pop()[1]
        if self.compiled.method == "GET":
            return conditional(facts, reply, tag)
        reply.headers.append((b"etag", tag))
        return reply


def _as_is(answer: Any) -> Any:
    return answer


class NoSuchPath(Rejection):
    """No door stands at this path (HTTP 404)."""

    kind = "not_found"
    message = "nothing is at this path"


class MethodNotAllowed(Rejection):
    """The path has doors, but none for this method (HTTP 405)."""

    kind = "method_not_allowed"
    message = "this path has doors for: {allowed}"


class _Bodiless:
    """What answers without a body being read, and without a handler."""

    def __init__(self, service: Service, problems: Problems) -> None:
        self._service = service
        self._problems = problems

    def refuse(self, facts: Facts, refusal: Rejection) -> Answer:
        ctx = incoming(self._service.sources, facts.headers, deadline=facts.started, started=facts.started, intents=())
        facts.ctx = ctx
        return self._problems.refusal(refusal, ctx)


class Closed(_Bodiless):
    """What stands where there is no door: 404, 405, the answer to OPTIONS, or the way to the path without its slash."""

    def __init__(
        self,
        service: Service,
        problems: Problems,
        why: Why,
        allowed: str,
    ) -> None:
        super().__init__(service, problems)
        self._why = why
        self._allowed = allowed

    async def start(self, facts: Facts) -> Answer:
        if self._why == "slash":
            # A reference without a host, so that no path can send a caller elsewhere.
            target = facts.path.rstrip("/").encode("latin-1") + (b"?" + facts.query if facts.query else b"")
            return empty(308, (b"location", target))
        if self._why == "method":
            allow = (b"allow", self._allowed.encode())
            if facts.method == "OPTIONS":
                return empty(204, allow)
            reply = self.refuse(facts, MethodNotAllowed(allowed=self._allowed))
            reply.headers.append(allow)
            return reply
        if self._why == "malformed":
            return self.refuse(facts, Malformed("the path is not UTF-8"))
        if self._why == "long":
            return self.refuse(facts, PathTooLong(bytes_max=self._service.app.doors.limits.path_bytes_max))
        return self.refuse(facts, NoSuchPath())


class Page(_Bodiless):
    """A page that the framework itself serves, made when it is first asked for."""

    def __init__(self, service: Service, problems: Problems, make: Callable[[], tuple[bytes, bytes]]) -> None:
        super().__init__(service, problems)
        self._make = make
        self._made: tuple[bytes, bytes] | None = None

    async def start(self, facts: Facts) -> Answer:
        media_type, content = self._made = self._made or self._make()
        try:
            return conditional(facts, answer(200, media_type, content), tag_of(content))
        except Rejection as refusal:
            return self.refuse(facts, refusal)


def _pages(table: DoorTable) -> list[tuple[str, Callable[[], tuple[bytes, bytes]]]]:
    declared = table.declared
    pages: list[tuple[str, Callable[[], tuple[bytes, bytes]]]] = []

    def document() -> tuple[bytes, bytes]:
        from krepis.http.openapi import openapi_bytes

        return b"application/json", openapi_bytes(table)

    def page() -> tuple[bytes, bytes]:
        from krepis.http.docs import docs_page

        return b"text/html; charset=utf-8", docs_page(table)

    if declared.openapi:
        pages.append((declared.base_path + declared.openapi, document))
        if declared.docs:
            pages.append((declared.base_path + declared.docs, page))
    return pages
