"""An outbox in memory, for apps on a `MemoryStore`: events are stored with the change, and `settle` delivers them.

```python
app = App(..., reactions=(on_returned,), store=MemoryStore(), parts=(MemoryOutbox(),))
async with start(app) as service:
    await service.dispatch(ReturnCopy(loan=loan))
    await service.settle()
```

It keeps the order and the atomicity of the real one. It has no attempts: what a reaction raises comes out of `settle`,
and its delivery is due again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import MappingProxyType
from typing import Any
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from krepis.app import Service
from krepis.context import Context, Origin
from krepis.errors import KrepisError
from krepis.events import Events, Feed, Recorded
from krepis.handler import Handler
from krepis.identity import SYSTEM
from krepis.message import Event
from krepis.outbox.kinds import Kinds
from krepis.part import Invoke, Part, Render, Run
from krepis.plan import Plan
from krepis.port import Store
from krepis.testing.memory import MemoryStore, MemoryUnit
from krepis.wire import pack, unpack
from krepis.wiring import Binding, Graph, bind

ATTEMPT_MAX_S = 30.0
_EVENTS, _WAITING = "krepis_events", "krepis_deliveries"


class Kept(Struct, frozen=True):
    """An event, with what its reactions need."""

    recorded: Recorded
    id: UUID
    context: bytes


class Waiting(Struct, frozen=True):
    """A delivery that is still to be made."""

    position: int
    reaction: str
    about: str


class MemoryEvents(Events):
    """`Events` in the tables of a `MemoryStore`."""

    def __init__(self, unit: MemoryUnit, kinds: Kinds, reactions: Mapping[type[Event], tuple[str, ...]]) -> None:
        self._events = unit.table(_EVENTS, Kept)
        self._waiting = unit.table(_WAITING, Waiting)
        self._kinds = kinds
        self._reactions = reactions

    async def emit(self, ctx: Context, event: Event) -> None:
        position = len(self._events) + 1
        about = self._kinds.about(event)
        # Through its text and back, so that what can't be stored is found here, too.
        same = self._kinds.read(type(event).__name__, self._kinds.body(event))
        recorded = Recorded(position, same, about, ctx.now(), ctx.tenant)
        self._events.put(position, Kept(recorded, ctx.new_id(), pack(ctx)))
        for reaction in self._reactions.get(type(event), ()):
            self._waiting.put((position, reaction), Waiting(position, reaction, about))


class MemoryFeed(Feed):
    """The feed of a `MemoryOutbox`."""

    def __init__(self) -> None:
        self.store: MemoryStore | None = None
        self._news = asyncio.Event()

    async def last(self) -> int:
        return len(await self._kept())

    async def first(self) -> int:
        return 1

    async def read(self, after: int, names: frozenset[str], tenant: str | None, count_max: int) -> list[Recorded]:
        fitting = (
            kept.recorded
            for kept in await self._kept()
            if kept.recorded.position > after
            and kept.recorded.tenant == tenant
            and type(kept.recorded.event).__name__ in names
        )
        return [recorded for recorded, _ in zip(fitting, range(max(count_max, 0)), strict=False)]

    async def wait(self, after: int) -> None:
        while await self.last() <= after:
            await self._news.wait()

    def told(self) -> None:
        """Wake everybody who waits."""
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def _kept(self) -> list[Kept]:
        assert self.store is not None, "the feed is read before the service has started"
        async with self.store.unit(writable=False) as unit:
            return list(unit.table(_EVENTS, Kept))


class MemoryOutbox(Part):
    """Stands for `krepis.outbox.Outbox` in an app on a `MemoryStore`. Delivers when it is told to `settle`."""

    def __init__(self, *, events: Sequence[type[Event]] = ()) -> None:
        self._kinds = Kinds(events)
        self._reactions: Mapping[type[Event], tuple[str, ...]] = MappingProxyType({})
        self._feed = MemoryFeed()
        self._running: set[str] = set()

    def bindings(self) -> Sequence[Binding]:
        return (bind(Events, self._adapter),)

    def check(self, graph: Graph, store: Store | None) -> Iterable[KrepisError]:
        if not isinstance(store, MemoryStore):
            yield KrepisError(
                "an outbox in memory needs a store in memory",
                hint="App(store=MemoryStore()); with a `Database` it is `krepis.outbox.Outbox()`",
            )
        for cls in graph.reactions:
            try:
                self._kinds.add(cls)
            except KrepisError as problem:
                yield problem
        self._reactions = MappingProxyType(
            {event: tuple(handler.name for handler in some) for event, some in graph.reactions.items()}
        )

    def around(self, handler: Handler, proceed: Run) -> Run:
        if handler.kind == "query":
            return proceed

        async def telling(ctx: Context, message: Any, render: Render) -> Any:
            answer = await proceed(ctx, message, render)
            self._feed.told()
            return answer

        return telling

    def inside(self, handler: Handler, proceed: Invoke) -> Invoke:
        if handler.kind != "reaction":
            return proceed

        async def once(ctx: Context, event: Any, unit: MemoryUnit) -> Any:
            answer = await proceed(ctx, event, unit)
            key = ctx.idempotency_key
            if key in self._running:
                position = int(key.partition(" ")[0])
                unit.table(_WAITING, Waiting).discard((position, handler.name))
            return answer

        return once

    def feed(self) -> Feed:
        return self._feed

    def running(self, service: Service) -> AbstractAsyncContextManager[None]:
        return self._open(service)

    async def settle(self, service: Service) -> tuple[int, list[BaseException]]:
        plans = {plan.handler.name: plan for some in service.reactions.values() for plan in some}
        store = self._feed.store
        assert store is not None, "the service is not running"
        async with store.unit(writable=False) as unit:
            waiting = sorted(
                unit.table(_WAITING, Waiting), key=lambda one: (one.position, list(plans).index(one.reaction))
            )
            kept = {one.recorded.position: one for one in unit.table(_EVENTS, Kept)}
        count, raised, stuck = 0, list[BaseException](), set[tuple[str, str]]()
        for one in waiting:
            if (one.reaction, one.about) in stuck:
                continue
            try:
                await self._deliver(service, plans[one.reaction], one, kept[one.position])
            except Exception as error:  # noqa: BLE001 - whatever a reaction raises comes out of `settle`
                raised.append(error)
                stuck.add((one.reaction, one.about))
            else:
                count += 1
        return count, raised

    async def _deliver(self, service: Service, plan: Plan, one: Waiting, kept: Kept) -> None:
        key = f"{one.position} {kept.id}/{one.reaction}"
        emitter = unpack(kept.context, service.sources)
        ctx = replace(
            emitter,
            origin=Origin(service.sources),
            deadline=service.sources.monotonic() + ATTEMPT_MAX_S,
            actor=SYSTEM,
            intents=(*emitter.intents, plan.handler.function.__name__),
            idempotency_key=key,
        )
        self._running.add(key)
        try:
            await plan.run(ctx, kept.recorded.event, _as_is)
        finally:
            self._running.discard(key)

    @asynccontextmanager
    async def _open(self, service: Service) -> AsyncGenerator[None]:
        store = service.app.store
        assert isinstance(store, MemoryStore), "`check` has refused any other"
        self._feed.store = store
        yield

    def _adapter(self, unit: MemoryUnit) -> MemoryEvents:
        return MemoryEvents(unit, self._kinds, self._reactions)


def _as_is(answer: object) -> object:
    return answer
