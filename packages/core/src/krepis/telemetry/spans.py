"""`Spans`: OpenTelemetry spans for each request, handler, reaction and port call, all from `ctx`.

A request has a span of kind server, around everything that its door does; the handler's span is its child, a port
call's span is the handler's. The ids of a handler's span are those of its `ctx.trace`, so they are the ones in log
lines, in answers and in the `traceparent` of calls that go out. No context variable is read or set.

How a span gets an id that was there before it: the tracer of our own instrumentation scope, and no other, is given an
id generator that hands out the ids of the span that is just being started (`_GivenIds`). Samplers, processors,
exporters, limits and resources stay those of the provider, however it is configured. A provider that is not the SDK's
makes ids of its own; ours then stand in the attributes `krepis.trace_id` and `krepis.span_id`.

Whether a trace is recorded: the flag of the caller's `traceparent` goes to the provider's sampler as the parent's; where
nobody has said anything, the sampler decides as for a root. What it decides is what calls that go out carry on.
"""

from __future__ import annotations

import traceback
from asyncio import CancelledError
from collections.abc import Awaitable, Callable, Mapping
from math import inf
from threading import get_ident
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from krepis.context import UNDECIDED, Context, Sources, Trace
from krepis.deadline import CallerGone
from krepis.errors import KrepisError, Rejection
from krepis.handler import Handler
from krepis.http.facts import Answer, Facts
from krepis.part import Part, Render, Run, Start
from krepis.port import Interceptor, OutboundPort, PortCall, extends
from krepis.propagation import incoming
from krepis.redaction import Redaction, shown
from krepis.telemetry._ends import METHODS, at_the_end

if TYPE_CHECKING:
    from opentelemetry.trace import Span, SpanKind, Tracer, TracerProvider

    from krepis.http.table import CompiledDoor
    from krepis.port import Store
    from krepis.wiring import Graph

SCOPE = "krepis"
"""The name of the instrumentation scope of all these spans."""

_SAMPLED = 0x01
_64_BITS = 0xFFFFFFFFFFFFFFFF


class Spans(Part):
    """Spans go to `tracer_provider`, or to the one that OpenTelemetry was given for the process
    (`opentelemetry.trace.set_tracer_provider`) before the app starts. Where there is none, nothing is put around anything.

    `ports` says whether port calls have spans, too. A rejection is an event of its span and no error; a bug is an error.
    Attributes follow OpenTelemetry's semantic conventions. Paths, queries, messages and answers are left out, and what
    an exception says is redacted.
    """

    def __init__(self, tracer_provider: TracerProvider | None = None, *, ports: bool = True) -> None:
        _needs_opentelemetry()
        self._provider = tracer_provider
        self._ports = ports
        self._outbound: frozenset[str] = frozenset()
        self._spans: _Maker | None = None

    def check(self, graph: Graph, store: Store | None) -> tuple[KrepisError, ...]:
        self._outbound = frozenset(one.port.__name__ for one in graph.needs if extends(one.port, OutboundPort))
        return ()

    def sources(self, sources: Sources) -> Sources:
        tracer = _tracer(self._provider)
        self._spans = None if tracer is None else _Maker(tracer, sources)
        return sources

    def interceptors(self) -> tuple[Interceptor, ...]:
        return () if self._spans is None or not self._ports else (_PortSpans(self._spans, self._outbound),)

    def around(self, handler: Handler, proceed: Run) -> Run:
        return proceed if self._spans is None else _around(self._spans, handler, proceed)

    def door(self, door: CompiledDoor | None, proceed: Start) -> Start:
        return proceed if self._spans is None else _door(self._spans, door, proceed)


def _around(spans: _Maker, handler: Handler, proceed: Run) -> Run:
    from opentelemetry.trace import SpanKind

    reaction = handler.kind == "reaction"
    kind = SpanKind.CONSUMER if reaction else SpanKind.INTERNAL
    message = handler.message.__name__
    name = f"{message} {handler.function.__name__}" if reaction else message
    attributes = {"krepis.message": message, "krepis.kind": handler.kind, "code.function.name": handler.name}

    async def traced(ctx: Context, message: Any, render: Render) -> Any:
        span, trace = spans.start(name, ctx.trace, kind, attributes)
        if trace is not ctx.trace:
            ctx = replace(ctx, trace=trace)
        if not span.is_recording():
            return await proceed(ctx, message, render)
        if ctx.actor is not None:
            span.set_attribute("user.id", ctx.actor.id)
        if ctx.tenant is not None:
            span.set_attribute("krepis.tenant", ctx.tenant)
        try:
            return await proceed(ctx, message, render)
        except BaseException as error:
            spans.note(span, error)
            raise
        finally:
            if ctx.origin.rewinds:
                span.set_attribute("krepis.retries", ctx.origin.rewinds)
            span.end()

    return traced


def _door(spans: _Maker, door: CompiledDoor | None, proceed: Start) -> Start:
    from opentelemetry.trace import SpanKind, StatusCode

    kind = SpanKind.SERVER
    route: dict[str, Any] = {} if door is None else {"http.route": door.pattern}

    async def traced(facts: Facts) -> Answer:
        method = facts.method if facts.method in METHODS else "_OTHER"
        name = method if door is None else f"{method} {door.pattern}"
        ctx = incoming(spans.sources, facts.headers, deadline=inf, started=facts.started, intents=())
        span, trace = spans.start(
            name, ctx.trace, kind, {"http.request.method": method, "url.scheme": facts.scheme, **route}, remote=True
        )
        facts.headers = _under(trace, ctx, facts)

        def ended(status: int, sent: int) -> None:
            span.set_attribute("http.response.status_code", status)
            span.set_attribute("http.response.body.size", sent)
            if status >= 500:
                span.set_attribute("error.type", str(status))
                span.set_status(StatusCode.ERROR)
            span.end()

        try:
            reply = await proceed(facts)
        except BaseException as error:
            spans.note(span, error)
            span.end()
            raise
        return at_the_end(facts, reply, ended)

    return traced


def _under(trace: Trace, ctx: Context, facts: Facts) -> Mapping[bytes, bytes]:
    """The request's headers, such that the door's own context goes on under `trace`."""
    headers = {**facts.headers, b"traceparent": trace.traceparent.encode()}
    # A packed context would win over `traceparent`. What else is believed of it, its deadline, is kept.
    if headers.pop(b"krepis-context", None) is not None:
        headers[b"tracestate"] = trace.state.encode()
        if ctx.deadline is not None and ctx.deadline < inf:
            headers[b"request-timeout"] = f"{max(0.0, ctx.deadline - facts.started):.6f}".encode()[:12]
    return headers


class _PortSpans:
    """A span for each port call, as whose child the adapter goes on."""

    def __init__(self, spans: _Maker, outbound: frozenset[str]) -> None:
        self._spans = spans
        self._outbound = outbound

    async def __call__(self, call: PortCall, proceed: Callable[[], Awaitable[Any]]) -> Any:
        from opentelemetry.trace import SpanKind

        trace = call.ctx.trace
        if not trace.flags & (_SAMPLED | UNDECIDED):
            return await proceed()
        spans = self._spans
        own = spans.sources.number() & _64_BITS or 1
        kind = SpanKind.CLIENT if call.port in self._outbound else SpanKind.INTERNAL
        span, under = spans.start(
            f"{call.port}.{call.method}",
            Trace(trace.trace_id, own, trace.span_id, trace.flags, trace.state),
            kind,
            {"krepis.port": call.port, "krepis.method": call.method},
        )
        call.ctx = replace(call.ctx, trace=under)
        try:
            return await proceed()
        except BaseException as error:
            spans.note(span, error)
            raise
        finally:
            span.end()


class _Maker:
    """Starts spans under the ids of a `Trace`, and writes into them what went wrong."""

    def __init__(self, tracer: Tracer, sources: Sources) -> None:
        self.sources = sources
        self._tracer = tracer
        self._ids = _given_ids(tracer)
        self._redaction = Redaction()

    def start(
        self, name: str, trace: Trace, kind: SpanKind, attributes: Mapping[str, Any], *, remote: bool = False
    ) -> tuple[Span, Trace]:
        """A span that has begun, and `trace` with the flag that says whether it is recorded."""
        context = _parent(trace, remote=remote)
        ids = self._ids
        if ids is None:
            own = {"krepis.trace_id": trace.id, "krepis.span_id": f"{trace.span_id:016x}"}
            span = self._tracer.start_span(name, context, kind, {**attributes, **own})
        else:
            ids.give(trace.trace_id, trace.span_id)
            span = self._tracer.start_span(name, context, kind, attributes)
            ids.forget()
        flags = span.get_span_context().trace_flags & 0xFF
        if flags == trace.flags:
            return span, trace
        return span, Trace(trace.trace_id, trace.span_id, trace.parent_id, flags, trace.state)

    def note(self, span: Span, error: BaseException) -> None:
        """Write down why it ended without an answer."""
        from opentelemetry.trace import StatusCode

        if isinstance(error, Rejection):
            span.add_event("rejected", {"krepis.code": error.code, "krepis.kind": error.kind})
        elif isinstance(error, CancelledError | CallerGone | GeneratorExit):
            span.add_event("cancelled")
        else:
            kind = f"{type(error).__module__}.{type(error).__qualname__}"
            stack = "".join(traceback.format_exception(error))
            says = {
                "exception.type": kind,
                "exception.message": self._redaction.text(shown(error)),
                "exception.stacktrace": self._redaction.text(stack),
            }
            span.add_event("exception", says)
            span.set_attribute("error.type", kind)
            span.set_status(StatusCode.ERROR)


class _GivenIds:
    """Hands out the ids that were given in this thread, each once, and else what was there before it."""

    def __init__(self, before: Any) -> None:
        self._before = before
        self._given: dict[int, tuple[int, int]] = {}

    def give(self, trace_id: int, span_id: int) -> None:
        self._given[get_ident()] = (trace_id, span_id)

    def forget(self) -> None:
        self._given.pop(get_ident(), None)

    def generate_trace_id(self) -> int:
        given = self._given.get(get_ident())
        return self._before.generate_trace_id() if given is None else given[0]

    def generate_span_id(self) -> int:
        given = self._given.get(get_ident())
        return self._before.generate_span_id() if given is None else given[1]

    def is_trace_id_random(self) -> bool:
        return False


def _given_ids(tracer: Any) -> _GivenIds | None:
    """The id generator of our tracer; `None` for one that doesn't have one."""
    before = getattr(tracer, "id_generator", None)
    if before is None or isinstance(before, _GivenIds):
        return before
    tracer.id_generator = _GivenIds(before)
    return tracer.id_generator


def _parent(trace: Trace, *, remote: bool) -> Any:
    """An OpenTelemetry context that holds the parent's place, and nothing else."""
    from opentelemetry.context import Context as Surroundings
    from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState, set_span_in_context

    if trace.parent_id is None or trace.flags & UNDECIDED:
        return Surroundings()
    state = TraceState.from_header([trace.state]) if trace.state else TraceState()
    place = SpanContext(trace.trace_id, trace.parent_id, remote, TraceFlags(trace.flags & 0xFF), state)
    return set_span_in_context(NonRecordingSpan(place), Surroundings())


def _tracer(given: TracerProvider | None) -> Tracer | None:
    """The tracer of our scope, or `None` where spans would go nowhere."""
    from opentelemetry.trace import NoOpTracer, NoOpTracerProvider, ProxyTracerProvider, get_tracer_provider

    from krepis import __version__

    provider = given or get_tracer_provider()
    if isinstance(provider, NoOpTracerProvider | ProxyTracerProvider):
        return None
    tracer = provider.get_tracer(SCOPE, __version__)
    return None if isinstance(tracer, NoOpTracer) else tracer


def _needs_opentelemetry() -> None:
    try:
        import opentelemetry.trace  # noqa: F401  # pyright: ignore[reportUnusedImport]
    except ImportError:
        raise KrepisError(
            "`Spans` needs OpenTelemetry, which is not installed", hint="pip install krepis[telemetry]"
        ) from None
