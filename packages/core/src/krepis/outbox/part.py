"""`Outbox`: the part that stores the events of an app and delivers them to its reactions."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from krepis.app import Service
from krepis.context import Context
from krepis.errors import KrepisError
from krepis.events import Events, Feed
from krepis.handler import Handler
from krepis.message import Event
from krepis.outbox import housekeeping
from krepis.outbox.courier import Courier
from krepis.outbox.emitting import Emitted, SqlEvents
from krepis.outbox.feed import SqlFeed
from krepis.outbox.kinds import Kinds
from krepis.outbox.lane import TakenOver
from krepis.outbox.ledger import Ledger
from krepis.outbox.limits import Limits
from krepis.outbox.sequencer import Sequencer
from krepis.outbox.tables import TABLES
from krepis.part import Invoke, Part, Render, Run
from krepis.port import Store
from krepis.sql import Database, Sql, missing_tables
from krepis.wiring import Binding, Graph, bind

REACTION_CHARACTERS_MAX = 255


class Outbox(Part):
    """Stores events in the transaction of the command that emits them, and delivers them to `App(reactions=...)`.

    - `events`: classes of events that are followed by doors or elsewhere and have no reaction; only needed where the
      program has several of one name.
    - `attempts_max`: how often a delivery is tried before it becomes a dead letter.
    - `attempt_max_s`: the deadline of one attempt.
    - `pause_min_s`, `pause_max_s`: the pause after the first failed attempt, and the longest; it doubles in between.
    - `running_max`: deliveries that run at a time, for each reaction in each process.
    - `batch_max`: events that get their positions, or are forgotten, in one transaction.
    - `body_max`: bytes of one event as JSON.
    - `keep`: how long delivered events stay, for `Feed`; `clean_s` is the pause between two rounds of forgetting.
    - `sweep_s`: how often everything is looked at again, to find what no news came of.
    - `lease_s`: how long a process that delivers may give no sign of life before another takes its work over.
    - `poll_s`: on SQLite, how often a process looks whether another has written.
    - `orphans_kept_s`: how old an event must be before its delivery to a reaction that the code doesn't have becomes a
      dead letter; long enough for old and new processes to run side by side.
    - `drain_s`: how long a stop waits for reactions that run.
    """

    def __init__(
        self,
        *,
        events: Sequence[type[Event]] = (),
        attempts_max: int = 20,
        attempt_max_s: float = 30.0,
        pause_min_s: float = 0.5,
        pause_max_s: float = 600.0,
        running_max: int = 8,
        batch_max: int = 100,
        body_max: int = 262_144,
        keep: timedelta = timedelta(days=7),
        clean_s: float = 60.0,
        sweep_s: float = 5.0,
        lease_s: float = 5.0,
        poll_s: float = 0.2,
        orphans_kept_s: float = 3600.0,
        drain_s: float = 10.0,
    ) -> None:
        assert attempts_max > 0, "a delivery is tried at least once"
        assert running_max > 0, "a reaction that never runs is none"
        assert batch_max > 0, "a batch of nothing never ends"
        self.limits = Limits(
            attempts_max=attempts_max,
            attempt_max_s=attempt_max_s,
            pause_min_s=pause_min_s,
            pause_max_s=pause_max_s,
            running_max=running_max,
            batch_max=batch_max,
            body_max=body_max,
            keep_s=keep.total_seconds(),
            clean_s=clean_s,
            sweep_s=sweep_s,
            lease_s=lease_s,
            poll_s=poll_s,
            orphans_kept_s=orphans_kept_s,
            drain_s=drain_s,
        )
        self._events = tuple(events)
        self._emitted = Emitted(Kinds(()), body_max=body_max)
        self._emitters: frozenset[str] = frozenset()
        self._feed = SqlFeed(self._emitted.kinds)
        self._courier: Courier | None = None
        self._by_hand = False

    def bindings(self) -> Sequence[Binding]:
        return (bind(Events, self._adapter),)

    def statements(self) -> Sequence[Callable[..., Any]]:
        return (SqlEvents, SqlFeed, Sequencer, Ledger, housekeeping.forget)

    def check(self, graph: Graph, store: Store | None) -> Iterable[KrepisError]:
        if self._courier is not None:
            yield KrepisError("the app runs already, and its outbox serves one at a time", hint="make another `App`")
        yield from missing_tables(store, TABLES, "the outbox")
        for cls in (*self._events, *graph.reactions):
            try:
                self._emitted.kinds.add(cls)
            except KrepisError as problem:
                yield problem
        reactions: Mapping[type[Event], list[Handler]] = graph.reactions
        for handler in (one for some in reactions.values() for one in some):
            if len(handler.name) > REACTION_CHARACTERS_MAX:
                yield KrepisError(
                    f"the name of the reaction `{handler.name}` has more than {REACTION_CHARACTERS_MAX} characters",
                    hint="give it a shorter one: deliveries are stored under it",
                )
        names = {event: tuple(handler.name for handler in some) for event, some in reactions.items()}
        self._emitted = Emitted(self._emitted.kinds, MappingProxyType(names), self.limits.body_max)
        handlers = (*graph.handlers.values(), *(one for some in reactions.values() for one in some))
        self._emitters = frozenset(handler.name for handler in handlers if _may_emit(graph, handler))

    def around(self, handler: Handler, proceed: Run) -> Run:
        if handler.name not in self._emitters:
            return proceed

        async def emitting(ctx: Context, message: Any, render: Render) -> Any:
            answer = await proceed(ctx, message, render)
            courier = self._courier
            if courier is not None:
                if self._by_hand:
                    await courier.number()
                else:
                    courier.ring()
            return answer

        return emitting

    def inside(self, handler: Handler, proceed: Invoke) -> Invoke:
        if handler.kind != "reaction":
            return proceed
        reaction = handler.name

        async def once(ctx: Context, event: Any, unit: Sql) -> Any:
            courier = self._courier
            key = ctx.idempotency_key
            delivery = None if courier is None or key is None else courier.delivery(reaction, key)
            if courier is None or delivery is None:  # somebody calls the reaction by hand
                return await proceed(ctx, event, unit)
            position = delivery.taken.position
            if not unit.writing:
                # It calls out first, and no transaction may be open then: done is written last.
                answer = await proceed(ctx, event, unit)
                if not await courier.ledger.done(unit, reaction, position):
                    raise TakenOver
                return answer
            if not await courier.ledger.done(unit, reaction, position):
                raise TakenOver
            return await proceed(ctx, event, unit)

        return once

    def feed(self) -> Feed:
        return self._feed

    def running(self, service: Service) -> AbstractAsyncContextManager[None]:
        return self._running(service)

    async def settle(self, service: Service) -> tuple[int, list[BaseException]]:
        """Deliver what is due now; see `krepis.testing`."""
        del service
        assert self._courier is not None, "the service is not running"
        return await self._courier.step()

    @asynccontextmanager
    async def _running(self, service: Service) -> AsyncGenerator[None]:
        store = service.app.store
        assert isinstance(store, Database), "`check` has refused any other"
        assert self._courier is None, "`check` has refused a second start"
        courier = Courier(service, store, self._emitted.kinds, self._feed, self.limits)
        await courier.begin()
        self._courier, self._by_hand = courier, service.by_hand
        if not service.by_hand:
            courier.start()
            courier.ring()
        try:
            yield
        finally:
            await courier.stop()
            self._courier = None

    def _adapter(self, sql: Sql) -> SqlEvents:
        return SqlEvents(sql, self._emitted)


def _may_emit(graph: Graph, handler: Handler) -> bool:
    """Whether a handler reaches `Events`, itself or through an adapter. Ports that write are followed, the rest can't."""
    ports = [port for _, port in handler.ports]
    if Events in ports:
        return True
    seen: list[Binding] = []

    def reaches(binding: Binding) -> bool:
        if binding.port is Events:
            return True
        if binding in seen:
            return False
        seen.append(binding)
        return any(isinstance(need.of, Binding) and reaches(need.of) for need in graph.needs.get(binding, ()))

    return any(reaches(binding) for binding in graph.needs if any(_serves(binding.port, p) for p in ports))


def _serves(port: type[Any], wanted: type[Any]) -> bool:
    return port is wanted or wanted in port.__mro__
