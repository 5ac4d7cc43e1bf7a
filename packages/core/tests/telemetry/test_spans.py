"""Spans of the real SDK have the ids of `ctx.trace`, under any provider, and say how it ended."""

from base64 import urlsafe_b64encode
from typing import Any

import pytest
from _watched import an_app
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, Sampler, TraceIdRatioBased
from opentelemetry.trace import NoOpTracerProvider, SpanKind, StatusCode, get_current_span

from krepis import Context
from krepis.context import Actor, Trace, root
from krepis.part import Part
from krepis.telemetry import Spans
from krepis.testing import TestSources, start
from krepis.wire import pack

CALLER = "0af7651916cd43dd8448eb211c80319c"
SAMPLED = f"00-{CALLER}-b7ad6b7169203331-01"
UNSAMPLED = f"00-{CALLER}-b7ad6b7169203331-00"


class Recorder:
    """A provider of the SDK, and what came out of it, by name."""

    def __init__(self, sampler: Sampler | None = None, **options: Any) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(sampler=sampler, shutdown_on_exit=False, **options)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    @property
    def spans(self) -> dict[str, Any]:
        return {span.name: span for span in self.exporter.get_finished_spans()}

    def part(self, **options: Any) -> Spans:
        return Spans(self.provider, **options)


async def test_a_request_its_handler_and_its_port_call_are_one_trace():
    recorder = Recorder()
    async with start(an_app(recorder.part())) as service:
        reply = await service.get("/books/7", headers={"traceparent": SAMPLED})
    assert reply.status == 200
    spans = recorder.spans
    server, handler, port = spans["GET /books/{id}"], spans["Show"], spans["Books.find"]
    assert {f"{span.context.trace_id:032x}" for span in spans.values()} == {CALLER}
    assert f"{server.parent.span_id:016x}" == "b7ad6b7169203331"
    assert server.parent.is_remote
    assert handler.parent.span_id == server.context.span_id
    assert port.parent.span_id == handler.context.span_id
    assert service.sources.lines[0]["trace"] == CALLER
    assert (server.kind, handler.kind, port.kind) == (SpanKind.SERVER, SpanKind.INTERNAL, SpanKind.INTERNAL)
    assert dict(server.attributes) == {
        "http.request.method": "GET",
        "http.route": "/books/{id}",
        "http.response.status_code": 200,
        "http.response.body.size": 3,
        "url.scheme": "http",
    }
    assert handler.attributes["krepis.message"] == "Show"
    assert handler.attributes["code.function.name"].endswith(".show")
    assert {span.status.status_code for span in spans.values()} == {StatusCode.UNSET}


class Seeing(Part):
    """Notes the contexts that handlers get."""

    def __init__(self) -> None:
        self.seen: list[Context] = []

    def around(self, handler: Any, proceed: Any) -> Any:
        async def seeing(ctx: Context, message: Any, render: Any) -> Any:
            self.seen.append(ctx)
            return await proceed(ctx, message, render)

        return seeing


async def test_a_handlers_span_has_the_id_of_its_context():
    recorder, seeing = Recorder(), Seeing()
    async with start(an_app(recorder.part(), seeing)) as service:
        await service.get("/books/7")
    (ctx,) = seeing.seen
    assert recorder.spans["Show"].context.span_id == ctx.trace.span_id
    assert recorder.spans["Show"].context.trace_id == ctx.trace.trace_id
    assert recorder.spans["GET /books/{id}"].context.span_id == ctx.trace.parent_id
    assert recorder.spans["GET /books/{id}"].parent is None


async def test_a_call_that_goes_out_has_the_span_of_the_port_call():
    recorder = Recorder()
    async with start(an_app(recorder.part())) as service:
        sent = (await service.post("/orders", json={"id": "1"})).json
    port = recorder.spans["Mail.send"]
    assert sent == f"00-{port.context.trace_id:032x}-{port.context.span_id:016x}-01"
    assert port.kind is SpanKind.CLIENT


async def test_what_is_dispatched_has_a_span_too():
    recorder = Recorder()
    async with start(an_app(recorder.part())) as service:
        ctx = service.context(actor=Actor("ann"), tenant="north")
        from _watched import Show

        await service.dispatch(Show(id="1"), ctx)
    span = recorder.spans["Show"]
    assert span.context.trace_id == ctx.trace.trace_id
    assert (span.attributes["user.id"], span.attributes["krepis.tenant"]) == ("ann", "north")


async def test_a_rejection_is_an_event_and_no_error():
    recorder = Recorder()
    async with start(an_app(recorder.part())) as service:
        assert (await service.get("/books/none")).status == 409
    handler = recorder.spans["Show"]
    assert [(event.name, dict(event.attributes)) for event in handler.events] == [
        ("rejected", {"krepis.code": "sold_out", "krepis.kind": "conflict"})
    ]
    assert handler.status.status_code is StatusCode.UNSET
    assert recorder.spans["GET /books/{id}"].attributes["http.response.status_code"] == 409


async def test_a_bug_is_an_error_and_its_words_are_redacted():
    recorder = Recorder()
    async with start(an_app(recorder.part())) as service:
        assert (await service.get("/books/bug")).status == 500
    (event,) = recorder.spans["Show"].events
    assert event.name == "exception"
    assert event.attributes["exception.type"] == "builtins.LookupError"
    assert "Traceback" in event.attributes["exception.stacktrace"]
    assert "hunter2" not in str(dict(event.attributes))
    assert {span.status.status_code for span in recorder.spans.values()} == {StatusCode.ERROR}


async def test_a_request_that_no_handler_sees_has_a_span():
    recorder = Recorder()
    async with start(an_app(recorder.part())) as service:
        reply = await service.request("BREW", "/nowhere/at/all", headers={"traceparent": SAMPLED})
    (span,) = recorder.spans.values()
    assert (span.name, span.attributes["http.response.status_code"]) == ("_OTHER", 404)
    assert reply.json["trace"] == f"{span.context.trace_id:032x}" == CALLER
    assert "nowhere" not in str(dict(span.attributes))


async def test_the_span_of_a_stream_ends_with_it():
    recorder = Recorder()
    async with start(an_app(recorder.part())) as service:
        assert (await service.get("/stream")).body == b"onethree"
    assert recorder.spans["GET"].attributes["http.response.body.size"] == 8


@pytest.mark.parametrize(
    ("sampler", "traceparent", "count", "flags"),
    [
        (ParentBased(ALWAYS_ON), SAMPLED, 3, "01"),
        (ParentBased(ALWAYS_ON), UNSAMPLED, 0, "00"),
        (ParentBased(ALWAYS_ON), None, 3, "01"),
        (ParentBased(ALWAYS_OFF), None, 0, "00"),
        (ParentBased(ALWAYS_OFF), SAMPLED, 3, "01"),
        (ALWAYS_OFF, SAMPLED, 0, "00"),
        (ALWAYS_ON, UNSAMPLED, 3, "01"),
        (ParentBased(TraceIdRatioBased(0)), None, 0, "00"),
    ],
)
async def test_the_sampler_decides_and_calls_that_go_out_say_what(sampler, traceparent, count, flags):
    recorder = Recorder(sampler)
    async with start(an_app(recorder.part())) as service:
        headers = {"traceparent": traceparent} if traceparent else {}
        sent = (await service.post("/orders", json={"id": "1"}, headers=headers)).json
    assert len(recorder.spans) == count
    assert sent.endswith(f"-{flags}")


async def test_a_dispatch_without_a_request_is_sampled_as_a_root():
    from _watched import Order

    for sampler, flags in ((ParentBased(ALWAYS_ON), "01"), (ParentBased(ALWAYS_OFF), "00")):
        async with start(an_app(Recorder(sampler).part())) as service:
            assert (await service.dispatch(Order(id="1"))).endswith(f"-{flags}")


@pytest.mark.parametrize("provider", [None, NoOpTracerProvider()])
async def test_without_a_provider_nothing_is_put_around_anything(provider):
    async with start(an_app()) as bare, start(an_app(Spans(provider))) as service:
        from _watched import Show

        plain, with_part = bare.service.plans[Show].run, service.service.plans[Show].run
        assert with_part.__func__ is plain.__func__  # type: ignore[attr-defined]
        found: Any = service.service.doors.match("GET", "/books/1")[0]
        assert found.start == found._serve


async def test_port_calls_have_no_spans_where_they_are_not_wanted():
    recorder = Recorder()
    async with start(an_app(recorder.part(ports=False))) as service:
        await service.get("/books/7")
    assert set(recorder.spans) == {"GET /books/{id}", "Show"}


async def test_no_context_variable_is_set():
    recorder = Recorder()
    seen: list[Any] = []

    class Looking(Part):
        def around(self, handler: Any, proceed: Any) -> Any:
            async def looking(ctx: Context, message: Any, render: Any) -> Any:
                seen.append(get_current_span().get_span_context().is_valid)
                return await proceed(ctx, message, render)

            return looking

    async with start(an_app(recorder.part(), Looking())) as service:
        await service.get("/books/7")
    assert seen == [False]


async def test_two_apps_of_one_provider_and_other_tracers_keep_their_ids():
    recorder = Recorder()
    async with start(an_app(recorder.part())) as one, start(an_app(recorder.part()), TestSources(seed=9)) as two:
        await one.get("/books/1")
        await two.get("/books/2")
        other = recorder.provider.get_tracer("somebody's").start_span("other")
        mine = recorder.provider.get_tracer("krepis").start_span("mine")
        assert other.get_span_context() != mine.get_span_context()
    shown: list[Any] = [span for span in recorder.exporter.get_finished_spans() if span.name == "Show"]
    assert len({span.context.trace_id for span in shown}) == 2


async def test_the_packed_context_of_a_caller_is_gone_on_from():
    recorder = Recorder(ALWAYS_ON)
    caller = root(TestSources(seed=5), timeout=2)
    headers = {"krepis-context": urlsafe_b64encode(pack(caller)).decode(), "traceparent": SAMPLED}
    seeing = Seeing()
    async with start(an_app(recorder.part(), seeing)) as service:
        await service.get("/books/7", headers=headers)
    assert recorder.spans["Show"].context.trace_id == caller.trace.trace_id
    (ctx,) = seeing.seen
    assert ctx.trace.trace_id == caller.trace.trace_id
    assert ctx.deadline == pytest.approx(2.0)


class Foreign(NoOpTracerProvider):
    """A provider that is not the SDK's: its tracers make ids of their own."""

    def __init__(self, inner: TracerProvider) -> None:
        self._inner = inner

    def get_tracer(self, *args: Any, **kwargs: Any) -> Any:
        inner = self._inner.get_tracer(*args, **kwargs)

        class Tracer:
            def start_span(self, *args: Any, **kwargs: Any) -> Any:
                return inner.start_span(*args, **kwargs)

        return Tracer()


async def test_a_provider_that_is_not_the_sdks_gets_our_ids_as_attributes():
    recorder, seeing = Recorder(), Seeing()

    class Provider:
        get_tracer = Foreign(recorder.provider).get_tracer

    part: Any = Spans(Provider())  # type: ignore[arg-type]
    async with start(an_app(part, seeing)) as service:
        await service.get("/books/7")
    attributes = recorder.spans["Show"].attributes
    (ctx,) = seeing.seen
    assert attributes["krepis.trace_id"] == ctx.trace.id
    assert attributes["krepis.span_id"] == f"{ctx.trace.span_id:016x}"


EVIL = "a=b\r\nx-evil: 1"


@pytest.mark.parametrize("state", [EVIL, "\n", "a=\x00", "é", "a" * 513, "a=\u2028"])
async def test_no_header_is_injected_by_a_tracestate(state):
    caller = root(TestSources(), timeout=2)
    bad = Context(trace=Trace(caller.trace.trace_id, caller.trace.span_id, state=state), origin=caller.origin)
    headers = {"krepis-context": urlsafe_b64encode(pack(bad)).decode()}
    for parts in ((), (Recorder().part(),)):
        seeing = Seeing()
        async with start(an_app(*parts, seeing)) as service:
            await service.get("/books/7", headers=headers)
        (ctx,) = seeing.seen
        assert ctx.trace.trace_id == caller.trace.trace_id
        assert ctx.trace.state == ""


@pytest.mark.parametrize("carried", ["a=1%0d%0ax-evil:1", "a%0d%0ab=1", 'a="1\\r\\n"', "=;=,;,", "a=%ff%fe%00"])
async def test_no_header_is_injected_by_baggage(carried):
    from krepis.propagation import outgoing

    seeing = Seeing()
    async with start(an_app(seeing)) as service:
        await service.get("/books/7", headers={"baggage": carried})
    sent = outgoing(seeing.seen[0])
    assert all(value.isascii() and value.isprintable() for value in sent.values())


@pytest.mark.parametrize(
    "given", ["", "x", SAMPLED + "\r\n", SAMPLED.upper(), "00-" + "0" * 32 + "-b7ad6b7169203331-01"]
)
async def test_a_broken_traceparent_begins_a_new_trace(given):
    recorder = Recorder()
    async with start(an_app(recorder.part())) as service:
        reply = await service.get("/books/none", headers={"traceparent": given})
    assert reply.json["trace"] == f"{recorder.spans['Show'].context.trace_id:032x}"
