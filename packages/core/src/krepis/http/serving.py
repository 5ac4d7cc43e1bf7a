"""The doors of a started service, as an engine uses them.

An engine asks `OpenDoors.match` for the door of a request and awaits `door.start(facts)`. A door always answers; only
`CallerGone` leaves it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from krepis.context import Context
from krepis.deadline import CallerGone, Within
from krepis.errors import Malformed, Rejection
from krepis.http.doors import Door
from krepis.http.facts import Answer, Facts, PathTooLong, answer, empty
from krepis.http.negotiation import conditional, need_accepted, need_json, tag_of
from krepis.http.problem import Problems
from krepis.http.reading import Reading
from krepis.http.rendering import Render
from krepis.http.router import Router
from krepis.http.table import CompiledDoor, DoorTable
from krepis.propagation import incoming

if TYPE_CHECKING:
    from krepis.app import Service


class OpenDoors:
    """The doors of a service, found by method and path."""

    def __init__(self, table: DoorTable, service: Service) -> None:
        self.table = table
        self.mounts = table.mounts
        self._service = service
        self._problems = Problems(table.declared.errors)
        self._path_bytes_max = table.declared.limits.path_bytes_max
        self._router: Router[OpenDoor | Page] = Router()
        for (door, reading, render), compiled in zip(table.parts, table.doors, strict=True):
            live = OpenDoor(service, self._problems, compiled, door, reading, render)
            self._router.add(door.method, door.pattern, live)
            if door.method == "GET":
                self._router.add("HEAD", door.pattern, live)
        for pattern, page in _pages(table):
            live_page = Page(service, self._problems, page)
            self._router.add("GET", pattern, live_page)
            self._router.add("HEAD", pattern, live_page)

    def match(self, method: str, path: str) -> tuple[OpenDoor | Page | Closed, tuple[str, ...]]:
        """The door of a request and the values of its path; a closed one says why there is none."""
        if len(path) > self._path_bytes_max:
            return Closed(self._service, self._problems, "long", {}), ()
        try:
            found = self._router.match(path)
        except UnicodeDecodeError:
            return Closed(self._service, self._problems, "malformed", {}), ()
        if not path.isascii():  # what is not ASCII has to be percent-encoded (RFC 3986, section 2)
            return Closed(self._service, self._problems, "malformed", {}), ()
        if found is not None:
            methods, values = found
            door = methods.get(method)
            if door is not None:
                return door, values
            return Closed(self._service, self._problems, "method", methods), ()
        if path.endswith("/") and len(path) > 1 and self._router.match(path.rstrip("/")) is not None:
            return Closed(self._service, self._problems, "slash", {}), ()
        return Closed(self._service, self._problems, "path", {}), ()


class OpenDoor:
    """One door of a service."""

    __slots__ = (
        "_etag",
        "_gives",
        "_intents",
        "_json",
        "_plan",
        "_problems",
        "_read",
        "_render",
        "_service",
        "_sources",
        "body_bytes_max",
        "compiled",
        "reads_body",
        "timeout_s",
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
        self.reads_body = compiled.body_kind != "none"
        self.body_bytes_max = door.limits.body_bytes_max
        self.timeout_s = door.limits.timeout_s
        self._service = service
        self._sources = service.sources
        self._problems = problems
        self._plan = service.plans[door.message].run
        self._read = reading.read
        self._render = render
        self._etag = compiled.etag
        self._gives = compiled.media_type if compiled.answer_kind != "none" else None
        self._json = self.reads_body
        self._intents = (door.message.__name__,)

    async def start(self, facts: Facts) -> Answer:
        """Read, run, answer. Raises `CallerGone` when nobody is left to answer to."""
        service = self._service
        sources = self._sources
        ctx = incoming(
            sources,
            facts.headers,
            deadline=facts.started + self.timeout_s,
            started=facts.started,
            intents=self._intents,
        )
        service.running += 1
        try:
            if self._gives is not None:
                need_accepted(facts.headers, self._gives)
            if self._json and (facts.body or b"content-type" in facts.headers):
                need_json(facts.headers)
            message = self._read(facts)
            work: Any = self._plan(ctx, message, self._render)
            reply: Answer = await Within(work, sources, ctx.deadline, facts.gone)
            if self._etag != "none":
                return self._tagged(facts, reply)
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

    def refuse(self, facts: Facts, refusal: Rejection) -> Answer:
        """The answer when the engine itself refuses the request, for example because the body is too large."""
        return self._problems.refusal(refusal, self._before_work(facts))

    def left(self, facts: Facts) -> None:
        """Note in the log that the caller went away before the engine had the whole request."""
        self._before_work(facts).log.info("caller_gone")

    def _before_work(self, facts: Facts) -> Context:
        return incoming(
            self._sources, facts.headers, deadline=facts.started, started=facts.started, intents=self._intents
        )


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

    reads_body = False
    body_bytes_max = 0
    timeout_s = 0.0

    def __init__(self, service: Service, problems: Problems) -> None:
        self._service = service
        self._problems = problems

    def refuse(self, facts: Facts, refusal: Rejection) -> Answer:
        ctx = incoming(self._service.sources, facts.headers, deadline=facts.started, started=facts.started, intents=())
        return self._problems.refusal(refusal, ctx)


class Closed(_Bodiless):
    """What stands where there is no door: 404, 405, the answer to OPTIONS, or the way to the path without its slash."""

    def __init__(
        self,
        service: Service,
        problems: Problems,
        why: Literal["path", "method", "slash", "malformed", "long"],
        methods: Mapping[str, object],
    ) -> None:
        super().__init__(service, problems)
        self._why = why
        self._allowed = ", ".join(sorted({*methods, "OPTIONS"}))

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
