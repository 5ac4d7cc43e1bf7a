"""Spans: where a provider is given there is one for each request, handler and port call; without one there is nothing."""

import json

from krepis.telemetry import Spans
from krepis.testing import start
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

TRACE = "a" * 32


async def test_a_request_its_handler_and_its_port_calls_have_spans(anywhere):
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    async with start(anywhere.app(spans=Spans(provider))) as library:
        headers = {"traceparent": f"00-{TRACE}-{'b' * 16}-01"}
        reply = await library.get("/books/9780441013593", headers=headers)
    assert (reply.status, reply.json["trace"]) == (404, TRACE)
    spans = {span.name: json.loads(span.to_json()) for span in exporter.get_finished_spans()}
    port, handler, request = spans["WritableBooks.find"], spans["ShowBook"], spans["GET /books/{isbn}"]
    assert {span["context"]["trace_id"] for span in (port, handler, request)} == {f"0x{TRACE}"}
    assert port["parent_id"] == handler["context"]["span_id"]
    assert handler["parent_id"] == request["context"]["span_id"]
    assert [event["attributes"]["krepis.code"] for event in handler["events"]] == ["no_such_book"]


async def test_without_a_provider_nothing_stands_around_a_handler(in_memory):
    spans = Spans()
    async with start(in_memory.app(spans=spans)):
        assert spans.interceptors() == ()
