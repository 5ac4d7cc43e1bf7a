"""The part itself: which commands are jobs, and their runs, page after page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from krepis.context import Context
from krepis.deadline import Within
from krepis.errors import KrepisError, Rejection
from krepis.identity import SYSTEM
from krepis.jobs._step import Step
from krepis.jobs._tables import BEGIN, END, FIND, FORGET, NAME_CHARACTERS_MAX, TABLES, TURN, Progress
from krepis.part import Invoke, Part
from krepis.schema.decode import Decoder
from krepis.schema.encode import encode
from krepis.sql import Database, Sql, missing_tables

if TYPE_CHECKING:
    from krepis.app import Service
    from krepis.handler import Handler
    from krepis.port import Store
    from krepis.wiring import Graph

Tell = Callable[[Progress], None]
"""Hears of each page that is done and not the last."""


class JobInProgress(Rejection):
    """The job was begun and is not done (HTTP 409)."""

    message = "`{job}` was begun and is not done: {pages} pages, {done} things"


class JobTaken(Rejection):
    """Somebody else goes on with the same run (HTTP 409)."""

    message = "somebody else runs `{job}` now; this page was undone"


class Jobs(Part):
    """Commands by the name under which `krepis job run` starts them."""

    def __init__(self, **jobs: type[Any]) -> None:
        self.jobs: Mapping[str, type[Any]] = MappingProxyType(jobs)
        # The pages that run in this process, by the identity of their unit's origin, for `inside`.
        self._pages: dict[int, _Page] = {}
        self._paged: frozenset[str] = frozenset()

    def statements(self) -> Sequence[Callable[..., Any]]:
        return (Progress,) if self._paged else ()

    def check(self, graph: Graph, store: Store | None) -> Iterable[KrepisError]:
        known = {name: graph.handlers.get(kind) for name, kind in self.jobs.items()}
        self._paged = frozenset(name for name, handler in known.items() if handler is not None and _is_paged(handler))
        for name, handler in known.items():
            if handler is None or handler.kind != "command":
                yield KrepisError(
                    f"the job `{name}` is `{self.jobs[name].__name__}`, which is no command of the app",
                    hint="add its handler to `App(handlers=...)`",
                )
            elif name in self._paged and "cursor" not in handler.message.__struct_fields__:
                yield KrepisError(
                    f"the job `{name}` answers with a `Step`, and `{handler.message.__name__}` has no `cursor`",
                    hint="give it the field `cursor: str | None = None`",
                )
            if len(name) > NAME_CHARACTERS_MAX:
                yield KrepisError(f"the job `{name}` has a name of {len(name)} characters", hint="100 are enough")
        if self._paged:
            yield from missing_tables(store, TABLES, "a long job")

    def inside(self, handler: Handler, proceed: Invoke) -> Invoke:
        if handler.message not in self.jobs.values() or not _is_paged(handler):
            return proceed
        pages = self._pages

        async def inside(ctx: Context, message: Any, unit: Any) -> Any:
            step = await proceed(ctx, message, unit)
            page = pages.get(id(ctx.origin))
            if page is not None:
                await page.turn(ctx, unit, step)
            return step

        return inside

    def is_paged(self, name: str) -> bool:
        """Whether the job works page after page."""
        return name in self._paged

    async def progress(self, service: Service, name: str) -> Progress | None:
        """The run of a long job that is not done, if there is one."""
        return await _store(service).transact(_ctx(service, name), "read", lambda sql: sql.first(FIND, job=name))

    async def forget(self, service: Service, name: str) -> None:
        """Forget a run that is not done; what its pages did stays."""
        await _store(service).transact(_ctx(service, name), "write", lambda sql: sql.run(FORGET, job=name))

    async def run(
        self,
        service: Service,
        name: str,
        message: Any,
        *,
        tenant: str | None = None,
        timeout_s: float | None = None,
        key: str | None = None,
    ) -> Any:
        """Run a job that is one command. Raises what its handler raises."""
        ctx = _ctx(service, name, tenant=tenant, timeout=timeout_s, key=key)
        return await service.dispatch(ctx, message)

    async def run_pages(
        self,
        service: Service,
        name: str,
        message: Any,
        *,
        tenant: str | None = None,
        timeout_s: float | None = None,
        tell: Tell = lambda progress: None,
    ) -> Step:
        """Begin a long job; `timeout_s` is for each page. Raises `JobInProgress` when a run of it is not done."""
        going = await self.progress(service, name)
        if going is not None:
            raise JobInProgress(job=name, pages=going.pages, done=going.done)
        text = encode(message).decode()
        run = UUID(bytes=service.sources.entropy(16), version=4)
        return await self._turn(service, name, message, Progress(run, text, tenant, "", 0, 0), timeout_s, tell)

    async def resume(
        self, service: Service, name: str, *, timeout_s: float | None = None, tell: Tell = lambda progress: None
    ) -> Step | None:
        """Go on with a long job where it stopped; `None` when there is nothing to go on with."""
        going = await self.progress(service, name)
        if going is None:
            return None
        message = Decoder[Any](self.jobs[name]).decode(going.message.encode())
        return await self._turn(service, name, replace(message, cursor=going.cursor), going, timeout_s, tell)

    async def _turn(
        self, service: Service, name: str, message: Any, going: Progress, timeout_s: float | None, tell: Tell
    ) -> Step:
        plan = service.plans[type(message)]
        while True:
            key = f"job {name} {going.run} {going.pages}"
            own = _ctx(service, name, tenant=going.tenant, timeout=timeout_s, key=key).begin(type(message).__name__)
            self._pages[id(own.origin)] = _Page(name, going)
            try:
                step: Step = await Within(plan.run(own, message, lambda answer: answer), service.sources, own.deadline)
            finally:
                del self._pages[id(own.origin)]
            done = going.done + step.done
            if step.cursor is None:
                return Step(cursor=None, done=done)
            going = replace(going, cursor=step.cursor, pages=going.pages + 1, done=done)
            message = replace(message, cursor=step.cursor)
            tell(going)


class _Page(Struct, frozen=True):
    """One page of a run: `before` is where the run stood before it."""

    job: str
    before: Progress

    async def turn(self, ctx: Context, sql: Sql, step: Step) -> None:
        """Store, with what the page did, where the next one begins. Raises `JobTaken`."""
        before = self.before
        page = {"job": self.job, "its_run": before.run, "page": before.pages}
        if before.pages:
            if step.cursor is None:
                touched = await sql.run(END, **page)
            else:
                touched = await sql.run(TURN, next_cursor=step.cursor, more=step.done, now=ctx.now(), **page)
        elif step.cursor is None:
            touched = 1
        else:
            facts = {"run": before.run, "message": before.message, "tenant": before.tenant}
            touched = await sql.run(
                BEGIN, name=self.job, cursor=step.cursor, pages=1, done=step.done, at=ctx.now(), **facts
            )
        if not touched:
            raise JobTaken(job=self.job)


def _is_paged(handler: Handler) -> bool:
    return isinstance(handler.answer, type) and issubclass(handler.answer, Step)


def _store(service: Service) -> Database:
    return cast(Database, service.app.store)


def _ctx(
    service: Service,
    name: str,
    *,
    tenant: str | None = None,
    timeout: float | None = None,
    key: str | None = None,
) -> Context:
    return service.context(actor=SYSTEM, tenant=tenant, timeout=timeout, intent=f"job {name}", idempotency_key=key)


def jobs_of(parts: Sequence[Part]) -> Iterator[Jobs]:
    """The `Jobs` among the parts of an app."""
    return (part for part in parts if isinstance(part, Jobs))
