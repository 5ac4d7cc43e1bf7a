"""The composition root: an `App` names handlers, adapters, doors and a store; a `Service` is an app that has started.

```python
app = App(
    "library",
    handlers=(lend_copy, return_copy),
    adapters=(bind(Loans, SqlLoans), bind(Books, SqlBooks)),
    doors=doors,
    store=Database("sqlite:///library.db"),
)
```

An app works the same everywhere: served (`krepis run`, or any ASGI server: an app is an ASGI application), in a test
(`krepis.testing`), in a script:

```python
async with app.start() as service:
    await service.dispatch(service.context(), LendCopy(member=member, copy=copy))
```
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from types import MappingProxyType
from typing import Any, TypeVar, cast

from krepis._system import SystemSources
from krepis.access import Policy
from krepis.context import Actor, Context, Sources, root
from krepis.deadline import Within
from krepis.errors import KrepisError, WiringError
from krepis.events import Feed
from krepis.files.desk import FileDesk
from krepis.files.store import FileStore
from krepis.handler import Handler
from krepis.http.doors import Doors
from krepis.http.open_streams import OpenStreams
from krepis.http.serving import OpenDoors
from krepis.http.table import DoorTable, compile_doors
from krepis.message import Command, Event, Query
from krepis.part import Part
from krepis.plan import Plan, Step, Surroundings
from krepis.port import Interceptor, Store
from krepis.threads import OffloadThreads
from krepis.wiring import Binding, Graph, bind

__all__ = ("App", "Service", "bind")

R = TypeVar("R")
T = TypeVar("T")

DRAIN_S = 10.0


class App:
    """What a service is made of. Making one does no I/O and checks nothing; `start` does both.

    `reactions` handle events after the commit of the command that emitted them; `finders` find what messages are
    about, and `policy` says who may do what (`krepis.access`); `parts` are what the app has beside its handlers
    (`krepis.part`). `interceptors` see every port call. Of parts and interceptors the first is outermost. `drain_s` is
    how long a stop waits for work that runs.
    """

    def __init__(
        self,
        name: str,
        *,
        handlers: Sequence[Callable[..., Any]],
        adapters: Sequence[Binding] = (),
        doors: Doors | None = None,
        store: Store | None = None,
        reactions: Sequence[Callable[..., Any]] = (),
        finders: Sequence[Callable[..., Any]] = (),
        policy: Policy | None = None,
        parts: Sequence[Part] = (),
        interceptors: Sequence[Interceptor] = (),
        drain_s: float = DRAIN_S,
    ) -> None:
        self.name = name
        self.handlers = _listed("handlers", handlers)
        self.adapters = _listed("adapters", adapters)
        self.doors = doors or Doors()
        self.store = store
        self.reactions = _listed("reactions", reactions)
        self.finders = _listed("finders", finders)
        self.policy = policy
        self.parts = _listed("parts", parts)
        self.interceptors = tuple(interceptors)
        self.drain_s = drain_s
        self._asgi: Callable[..., Any] | None = None

    def check(self) -> tuple[Graph, DoorTable]:
        """Resolve everything, without I/O. Raises `WiringError` with all problems at once."""
        graph = Graph(
            (*self.handlers, *(one for part in self.parts for one in part.handlers())),
            self._bindings(),
            self.store,
            reactions=self.reactions,
            finders=self.finders,
        )
        # Before the doors: what a part refuses at a door may follow from what it has seen here.
        in_parts = [problem for part in self.parts for problem in part.check(graph, self.store)]
        table = compile_doors(self.name, self.doors, graph.handlers, self.policy, self.parts)
        problems = [*graph.problems, *table.problems, *self._access_problems(graph)]
        problems += [*self._file_problems(table), *in_parts]
        if problems:
            raise WiringError(self.name, tuple(problems))
        return graph, table

    def _bindings(self) -> tuple[Binding, ...]:
        return (*self.adapters, *(binding for part in self.parts for binding in part.bindings()))

    def _access_problems(self, graph: Graph) -> list[KrepisError]:
        problems: list[KrepisError] = []
        if self.policy is not None:
            problems += self.policy.unknown(tuple(graph.handlers))
            for message in graph.handlers:
                if self.policy.gate(message).needs_thing and message not in graph.finders:
                    problems.append(
                        KrepisError(
                            f"a rule of the policy looks at the thing that `{message.__name__}` is about, and no finder "
                            "finds it",
                            hint="add one to `App(finders=...)`",
                        )
                    )
        if graph.reactions and all(part.feed() is None for part in self.parts):
            problems.append(
                KrepisError(
                    "the app has reactions, and no part delivers events to them",
                    hint="add `krepis.outbox.Outbox()` to `App(parts=...)`",
                )
            )
        return problems

    def _file_problems(self, table: DoorTable) -> Iterator[KrepisError]:
        if any(isinstance(part, FileStore) for part in self.parts):
            return
        for door in table.doors:
            if door.files or door.file is not None:
                yield KrepisError(
                    f"the door `{door.method} {door.pattern}` takes or sends a file, and the app has no place for files",
                    hint="add `krepis.files.FileStore(FolderBlobs(path))` to `App(parts=...)`",
                )

    @asynccontextmanager
    async def start(self, sources: Sources | None = None, *, by_hand: bool = False) -> AsyncGenerator[Service]:
        """Check, open the store and the adapters of scope `app`, serve, and close them again in reverse order.

        `by_hand` keeps what parts do beside the service (delivering events) until somebody asks for it: for tests.
        Raises `WiringError`, or the `KrepisError` of a store that disagrees with the code.
        """
        graph, table = self.check()
        sources = sources or SystemSources()
        for part in reversed(self.parts):
            sources = part.sources(sources)
        async with AsyncExitStack() as stack:
            if self.store is not None:
                stack.push_async_callback(self.store.close)
                statements = [one for part in self.parts for one in part.statements()]
                self.store.prepare([*(binding.factory for binding in self._bindings()), *statements])
                await self.store.open()
            adapters = await _open_adapters(graph, sources, stack)
            executor = OffloadThreads()
            stack.callback(executor.shutdown)
            interceptors = (*self.interceptors, *(one for part in self.parts for one in part.interceptors()))
            compiler = _Compiler(
                graph, adapters, self.policy, Surroundings(self.store, interceptors, self.parts, executor)
            )
            service = Service(self, sources, compiler, table, by_hand=by_hand)
            try:
                async with AsyncExitStack() as beside:
                    for part in self.parts:
                        running = part.running(service)
                        if running is not None:
                            await beside.enter_async_context(running)
                    beside.callback(service.streams.close)  # first of all, since streams need the parts
                    yield service
            finally:
                await service.drain(self.drain_s)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """ASGI 3: `uvicorn library.app:app`."""
        if self._asgi is None:
            from krepis.http.asgi import AsgiEngine  # here, since nothing beneath the engine knows ASGI

            self._asgi = AsgiEngine(self)
        await self._asgi(scope, receive, send)


class Service:
    """An app that has started: `plans` by message, `reactions` by event, the `feed` of events if a part has one, the
    `adapters` of scope `app`.
    """

    def __init__(
        self, app: App, sources: Sources, compiler: _Compiler, table: DoorTable, *, by_hand: bool = False
    ) -> None:
        self.app = app
        self.sources = sources
        self.by_hand = by_hand
        self.adapters = compiler.adapters
        self.plans: Mapping[type[Any], Plan] = compiler.plans()
        self.reactions: Mapping[type[Event], tuple[Plan, ...]] = compiler.reactions()
        self.feed: Feed | None = next((feed for part in app.parts if (feed := part.feed()) is not None), None)
        self.files: FileDesk | None = next((desk for part in app.parts if (desk := part.files(self)) is not None), None)
        self.running = 0
        self.streams = OpenStreams(app.doors.streams)
        self.doors = OpenDoors(table, self)

    def context(
        self,
        *,
        actor: Actor | None = None,
        tenant: str | None = None,
        timeout: float | None = None,
        intent: str | None = None,
        idempotency_key: str | None = None,
    ) -> Context:
        """A root context, for scripts, jobs and tests. `timeout` is in seconds from now."""
        return root(
            self.sources,
            actor=actor,
            tenant=tenant,
            timeout=timeout,
            intents=() if intent is None else (intent,),
            idempotency_key=idempotency_key,
        )

    async def dispatch(self, ctx: Context, message: Command[R] | Query[R]) -> R:
        """Handle a message in a unit of work of its own, under `ctx`, and answer with what its handler answers.

        Raises what the handler raises (a `Rejection` is a refusal that changed nothing) and `DeadlinePassed`.
        """
        plan = self.plans.get(type(message))
        if plan is None:
            raise KrepisError(
                f"the app `{self.app.name}` has no handler for `{type(message).__name__}`",
                hint="add its handler to `App(handlers=...)`",
            )
        own = ctx.begin(type(message).__name__)
        self.running += 1
        try:
            return cast(R, await Within(cast(Any, plan.run(own, message, _as_is)), self.sources, own.deadline))
        finally:
            self.running -= 1

    async def drain(self, seconds: float) -> None:
        """Wait until nothing runs any more, at most for `seconds`."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while self.running and loop.time() < end:  # noqa: ASYNC110 - an event would cost every request
            await asyncio.sleep(0.01)


class _Compiler:
    """Makes the plans of a service."""

    def __init__(self, graph: Graph, adapters: dict[Binding, Any], policy: Policy | None, around: Surroundings) -> None:
        self._graph = graph
        self.adapters: Mapping[Binding, Any] = MappingProxyType(adapters)
        self._adapters = adapters
        self._policy = policy
        self._around = around

    def plans(self) -> Mapping[type[Any], Plan]:
        return MappingProxyType({message: self._plan(handler) for message, handler in self._graph.handlers.items()})

    def reactions(self) -> Mapping[type[Event], tuple[Plan, ...]]:
        reactions = self._graph.reactions.items()
        return MappingProxyType({event: tuple(self._plan(handler) for handler in some) for event, some in reactions})

    def _plan(self, handler: Handler) -> Plan:
        steps: list[Step] = []
        arguments = self._graph.steps(handler, self._adapters, steps)
        gate = None if self._policy is None or handler.kind == "reaction" else self._policy.gate(handler.message)
        finder = self._graph.finders.get(handler.message)
        found = None
        if finder is not None and (handler.thing is not None or (gate is not None and gate.needs_thing)):
            found = (finder, self._graph.steps(finder, self._adapters, steps))
        return Plan(handler, steps, arguments, self._around, found=found, gate=gate)


def _listed(name: str, given: Sequence[T]) -> tuple[T, ...]:
    if not isinstance(given, list | tuple):
        raise KrepisError(f"`App({name}=...)` takes a tuple", hint=f"write `{name}=(one,)`, with the comma")
    return tuple(given)


def _as_is(answer: Any) -> Any:
    return answer


async def _open_adapters(graph: Graph, sources: Sources, stack: AsyncExitStack) -> dict[Binding, Any]:
    adapters: dict[Binding, Any] = {}
    for binding in graph.app_order():
        parts = {
            need.name: adapters[need.of] if isinstance(need.of, Binding) else sources
            for need in graph.needs[binding]
            if need.of != "unit"
        }
        adapter = binding.factory(**parts)
        if hasattr(adapter, "__aenter__"):
            adapter = await stack.enter_async_context(adapter)
        adapters[binding] = adapter
    return adapters
