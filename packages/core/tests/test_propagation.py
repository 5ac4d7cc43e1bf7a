"""Headers in and out: W3C trace and baggage, a shorter deadline, and nothing more."""

from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krepis import Actor, Context
from krepis.context import root
from krepis.propagation import BAGGAGE_BYTES_MAX, incoming, outgoing, read_baggage, read_traceparent
from krepis.testing import TestSources
from krepis.wire import pack

PARENT = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def received(**headers: bytes) -> Context:
    named = {name.replace("_", "-").encode(): value for name, value in headers.items()}
    return incoming(TestSources(), named, deadline=30.0, started=0.0, intents=("Lend",))


def test_a_trace_from_outside_is_continued_in_a_span_of_our_own() -> None:
    trace = received(traceparent=PARENT, tracestate=b"congo=t61").trace
    assert trace.id == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert trace.parent_id == 0x00F067AA0BA902B7
    assert trace.span_id != trace.parent_id
    assert (trace.flags, trace.state) == (1, "congo=t61")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-001",
    ],
)
def test_a_broken_traceparent_begins_a_trace_of_our_own(text: str) -> None:
    assert read_traceparent(text) is None
    assert received(traceparent=text.encode()).trace.parent_id is None


def test_a_traceparent_of_a_later_version_is_understood() -> None:
    assert read_traceparent("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more") is not None


@pytest.mark.parametrize(
    ("wanted", "left"), [(b"2.5", 2.5), (b"0", 0.0), (b"90", 30.0), (b"-1", 30.0), (b"nan", 30.0), (b"1e9", 30.0)]
)
def test_only_a_shorter_deadline_is_believed(wanted: bytes, left: float) -> None:
    assert received(request_timeout=wanted).remaining() == left


def test_a_packed_context_from_outside_brings_no_actor_and_no_tenant() -> None:
    claimed = root(TestSources(seed=4), actor=Actor("root"), tenant="all", timeout=3)
    ctx = received(krepis_context=urlsafe_b64encode(pack(claimed)))
    assert (ctx.actor, ctx.tenant, ctx.remaining()) == (None, None, 3)
    assert ctx.trace.trace_id == claimed.trace.trace_id


@given(st.binary(max_size=100))
def test_any_packed_context_leaves_the_deadline_and_the_actor_alone(raw: bytes) -> None:
    ctx = received(krepis_context=raw)
    assert ctx.actor is None
    assert 0 <= (ctx.remaining() or 0) <= 30


def test_baggage_is_read_without_its_properties() -> None:
    assert dict(read_baggage(b"user=ada%20l;secret=no , tier = gold,broken,=x")) == {"user": "ada l", "tier": "gold"}


def test_too_much_baggage_is_left_behind() -> None:
    assert dict(read_baggage(b"a=" + b"x" * BAGGAGE_BYTES_MAX)) == {}


def test_what_goes_out_can_be_read_by_the_next_service() -> None:
    ctx = received(traceparent=PARENT, baggage=b"user=ada%2Cb", request_timeout=b"4")
    sent = {name.encode(): value.encode() for name, value in outgoing(ctx).items()}
    there = incoming(TestSources(seed=3), sent, deadline=60.0, started=0.0, intents=())
    assert there.trace.parent_id == ctx.trace.span_id
    assert there.trace.id == ctx.trace.id
    assert (dict(there.baggage), there.remaining()) == ({"user": "ada,b"}, 4.0)
