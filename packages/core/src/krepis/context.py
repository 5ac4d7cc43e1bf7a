"""The explicit context: who asks, for whom, until when, and where time, identity and chance come from.

Rules that hold everywhere (and are property-tested):

- A context is immutable and is the first argument of every handler and port method.
- It is only ever narrowed: a child never has a later deadline, another tenant, or a role or permission more.
- It carries no live handle: no connection, no request, no loop.
- `now()` is one instant for the whole unit of work. A retried unit sees the same instant, the same new ids and the
  same random numbers, since its `Origin` replays them.
- Of a caller outside, only the trace and a shorter deadline are believed (`krepis.wire.believe`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from random import Random
from types import MappingProxyType
from typing import Protocol
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from krepis.errors import ContextWidenedError

UNDECIDED = 0x100
"""In `Trace.flags`, beside the eight bits that travel: nobody has said yet whether this trace is recorded."""

TRACESTATE_CHARACTERS_MAX = 512  # W3C Trace Context, section 3.3.1.5

_COUNTER_STEP_BYTES = 4
_UUID7_RANDOM_BITS = 74
_NO_BAGGAGE: Mapping[str, str] = MappingProxyType({})


class Trace(Struct, frozen=True):
    """A place in a W3C trace (Trace Context, level 2): ids as integers, `state` as the raw `tracestate`."""

    trace_id: int
    span_id: int
    parent_id: int | None = None
    flags: int = 0
    state: str = ""

    @property
    def id(self) -> str:
        """The trace id as 32 hexadecimal digits: what answers and log lines show."""
        return f"{self.trace_id:032x}"

    @property
    def traceparent(self) -> str:
        """The `traceparent` header for calls made from here."""
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-{self.flags & 0xFF:02x}"


class Actor(Struct, frozen=True):
    """Who calls, and what they may. `credential` names what has proved it, as far as anything has: a session, a key."""

    id: str
    roles: frozenset[str] = frozenset()
    permissions: frozenset[str] = frozenset()
    credential: str = ""


class Sources(Protocol):
    """Where a context's time, chance and log lines come from: the machine, a test's frozen clock, a simulator."""

    def now(self) -> datetime:
        """The current instant, in UTC with its zone set."""
        ...

    def monotonic(self) -> float:
        """Seconds of a clock that never goes back; what deadlines are measured in."""
        ...

    def entropy(self, count: int) -> bytes:
        """`count` unpredictable bytes (in tests: seeded ones)."""
        ...

    def number(self) -> int:
        """192 bits for trace and span ids: unique, not secret, cheap."""
        ...

    def emit(self, level: str, event: str, facts: Mapping[str, object]) -> None:
        """Take one structured log line."""
        ...


class Origin:
    """The time, ids and chance of one unit of work, drawn once and replayed when the unit is run again."""

    __slots__ = ("_counter", "_drawn", "_draws", "_now", "_random", "issued", "rewinds", "sources")

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self._now: datetime | None = None
        self._counter = 0
        self._draws: list[bytes] | None = None
        self._drawn = 0
        self._random: Random | None = None
        self.rewinds = 0
        """How often the unit of work was run again."""
        self.issued: tuple[str, ...] = ()
        """The secrets that were made in it, as their owners get them: an answer that holds one is not stored."""

    def now(self) -> datetime:
        if self._now is None:
            self._now = self.sources.now()
        return self._now

    def rewind(self) -> None:
        """Begin again: the next run sees what this one saw, in the same order."""
        self.rewinds += 1
        self._counter = 0
        self._drawn = 0
        self._random = None
        self.issued = ()

    def draw(self, count: int) -> bytes:
        """`count` unpredictable bytes, the same ones when the unit is run again and draws as before."""
        draws = self._draws
        if draws is None:
            draws = self._draws = []
        at = self._drawn
        if at < len(draws) and len(draws[at]) != count:
            del draws[at:]  # this run goes another way: a step of an id must not become half a secret
        if at == len(draws):
            draws.append(self.sources.entropy(count))
        self._drawn += 1
        return draws[at]

    def issue(self, secret: str) -> str:
        """Note that `secret`, a text that its owner gets once, was made in this unit of work; answers with it."""
        self.issued = (*self.issued, secret)
        return secret

    def new_id(self) -> UUID:
        # RFC 9562, section 6.2, method 2: ids of one unit rise by a random step, so they sort in the order of making.
        if self._counter:
            self._counter += 1 + int.from_bytes(self.draw(_COUNTER_STEP_BYTES))
        else:
            self._counter = int.from_bytes(self.draw(10)) >> 7  # 73 bits, so that the counter has room to rise
        moment = int(self.now().timestamp() * 1000)
        rest = self._counter
        return UUID(int=moment << 80 | 0x7 << 76 | (rest >> 62 & 0xFFF) << 64 | 0b10 << 62 | rest & 0x3FFFFFFFFFFFFFFF)

    def random(self) -> Random:
        if self._random is None:
            self._random = Random(self.draw(32))  # noqa: S311 - a replayable source is the point; tokens use `entropy`
        return self._random


class Context(Struct, frozen=True):
    """What a call carries down through handlers and ports. Make a root with `Service.context`, children with `narrow`.

    `deadline` is in seconds of `origin.sources.monotonic()`; `None` means that nobody waits. `intents` is the chain of
    purposes that led here, the first first.
    """

    trace: Trace
    origin: Origin
    deadline: float | None = None
    actor: Actor | None = None
    tenant: str | None = None
    intents: tuple[str, ...] = ()
    idempotency_key: str | None = None
    baggage: Mapping[str, str] = _NO_BAGGAGE

    def now(self) -> datetime:
        """The instant of this unit of work, in UTC: the same at each call, and when the unit is retried."""
        return self.origin.now()

    def new_id(self) -> UUID:
        """A new UUIDv7 (RFC 9562): unguessable, sorted by time and, within a unit of work, by order of making."""
        return self.origin.new_id()

    @property
    def random(self) -> Random:
        """Chance for this unit of work, seeded from the sources; a retried unit sees the same numbers."""
        return self.origin.random()

    @property
    def log(self) -> Log:
        """Structured log lines that carry this context's trace id: `ctx.log.info("book_lent", copy=copy.id)`."""
        return Log(self)

    def remaining(self) -> float | None:
        """Seconds until the deadline (negative when it has passed), or `None` when there is none."""
        return None if self.deadline is None else self.deadline - self.origin.sources.monotonic()

    def narrow(
        self,
        *,
        intent: str | None = None,
        timeout: float | None = None,
        deadline: float | None = None,
        tenant: str | None = None,
        roles: frozenset[str] | None = None,
        permissions: frozenset[str] | None = None,
        anonymous: bool = False,
        idempotency_key: str | UnsetType | None = UNSET,
        baggage: Mapping[str, str] | None = None,
    ) -> Context:
        """A child with at most what this context has.

        A later deadline keeps the parent's; roles and permissions are intersected with the parent's; `anonymous` drops
        the actor. `timeout` is in seconds from now. Raises `ContextWidenedError` for a tenant other than the parent's.
        """
        if tenant is not None and self.tenant not in (None, tenant):
            raise ContextWidenedError(
                f"a context of tenant `{self.tenant}` can't become one of `{tenant}`",
                hint="make a root context for the other tenant with `Service.context`",
            )
        limits = [self.deadline, deadline]
        if timeout is not None:
            limits.append(self.origin.sources.monotonic() + timeout)
        actor = None if anonymous else self.actor
        if actor is not None and (roles is not None or permissions is not None):
            actor = Actor(
                actor.id,
                actor.roles if roles is None else actor.roles & roles,
                actor.permissions if permissions is None else actor.permissions & permissions,
                actor.credential,
            )
        return Context(
            trace=self.trace,
            origin=self.origin,
            deadline=min((limit for limit in limits if limit is not None), default=None),
            actor=actor,
            tenant=tenant or self.tenant,
            intents=self.intents if intent is None else (*self.intents, intent),
            idempotency_key=self.idempotency_key if idempotency_key is UNSET else idempotency_key,
            baggage=self.baggage if baggage is None else MappingProxyType(dict(baggage)),
        )

    def identified(self, actor: Actor, tenant: str | None) -> Context:
        """This context with the caller whom an engine has identified. Only engines call it, on a root context."""
        assert self.actor is None, "a context whose actor is known can't become another's"
        return replace(self, actor=actor, tenant=tenant or self.tenant)

    def begin(self, intent: str | None = None) -> Context:
        """The context of a new unit of work under this one: its own instant, ids and chance, and a span of its own."""
        sources = self.origin.sources
        trace = self.trace
        span = sources.number() & 0xFFFFFFFFFFFFFFFF or 1
        return Context(
            trace=Trace(trace.trace_id, span, trace.span_id, trace.flags, trace.state),
            origin=Origin(sources),
            deadline=self.deadline,
            actor=self.actor,
            tenant=self.tenant,
            intents=self.intents if intent is None else (*self.intents, intent),
            idempotency_key=self.idempotency_key,
            baggage=self.baggage,
        )


def root(
    sources: Sources,
    *,
    actor: Actor | None = None,
    tenant: str | None = None,
    timeout: float | None = None,
    intents: tuple[str, ...] = (),
    idempotency_key: str | None = None,
) -> Context:
    """A context without a parent. Only engines, scripts and tests make one; everything else narrows."""
    return Context(
        trace=new_trace(sources),
        origin=Origin(sources),
        deadline=None if timeout is None else sources.monotonic() + timeout,
        actor=actor,
        tenant=tenant,
        intents=intents,
        idempotency_key=idempotency_key,
    )


def new_trace(sources: Sources) -> Trace:
    """A trace that begins here."""
    number = sources.number()
    return Trace((number >> 64) or 1, (number & 0xFFFFFFFFFFFFFFFF) or 1, flags=UNDECIDED)


def read_tracestate(text: str) -> str:
    """A caller's `tracestate` as it may be sent on: empty when it is longer than `TRACESTATE_CHARACTERS_MAX`, or has a
    character that no header may hold, such as a line break.
    """
    fits = len(text) <= TRACESTATE_CHARACTERS_MAX and text.isascii() and text.isprintable()
    return text if fits else ""


class Log:
    """Writes log lines for one context: an event name, then facts. Never format caller's text into the event name."""

    __slots__ = ("_context",)

    def __init__(self, context: Context) -> None:
        self._context = context

    def debug(self, event: str, **facts: object) -> None:
        self._emit("debug", event, facts)

    def info(self, event: str, **facts: object) -> None:
        self._emit("info", event, facts)

    def warning(self, event: str, **facts: object) -> None:
        self._emit("warning", event, facts)

    def error(self, event: str, **facts: object) -> None:
        self._emit("error", event, facts)

    def _emit(self, level: str, event: str, facts: dict[str, object]) -> None:
        context = self._context
        line: dict[str, object] = {"trace": context.trace.id}
        if context.intents:
            line["intent"] = context.intents[-1]
        if context.actor is not None:
            line["actor"] = context.actor.id
        if context.tenant is not None:
            line["tenant"] = context.tenant
        context.origin.sources.emit(level, event, line | facts)
