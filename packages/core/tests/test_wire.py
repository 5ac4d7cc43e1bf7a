"""The wire form keeps everything between processes that trust each other, and almost nothing of a stranger."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krepis import Actor, Context
from krepis.context import root
from krepis.errors import Malformed
from krepis.testing import TestSources
from krepis.wire import CONTEXT_BYTES_MAX, believe, pack, unpack

names = st.frozensets(st.text(min_size=1, max_size=8), max_size=4)


def full(sources: TestSources, **changes: object) -> Context:
    ctx = root(
        sources,
        actor=Actor("ada", frozenset({"staff"}), frozenset({"lend"}), "session:1"),
        tenant="north",
        timeout=5,
        intents=("serve", "lend"),
        idempotency_key="once",
    )
    return ctx.narrow(baggage={"colour": "blue, light"}, **changes)  # type: ignore[arg-type]


def test_a_context_survives_the_way_to_another_process() -> None:
    sources = TestSources()
    ctx = full(sources)
    sources.advance(timedelta(seconds=2))
    there = unpack(pack(ctx), TestSources(seed=9))
    assert there.remaining() == pytest.approx(3)
    assert there.trace.trace_id == ctx.trace.trace_id
    assert there.trace.parent_id == ctx.trace.span_id
    assert (there.actor, there.tenant, there.intents) == (ctx.actor, ctx.tenant, ctx.intents)
    assert (there.idempotency_key, dict(there.baggage)) == ("once", {"colour": "blue, light"})


@given(roles=names, permissions=names, actor=st.text(), credential=st.text(), tenant=st.none() | st.text())
def test_every_context_survives_the_way(
    roles: frozenset[str], permissions: frozenset[str], actor: str, credential: str, tenant: str | None
) -> None:
    ctx = root(TestSources(), actor=Actor(actor, roles, permissions, credential), tenant=tenant)
    there = unpack(pack(ctx), TestSources())
    assert (there.actor, there.tenant, there.deadline) == (ctx.actor, ctx.tenant, None)


def test_the_same_context_has_the_same_bytes() -> None:
    assert pack(full(TestSources())) == pack(full(TestSources()))


def test_a_stranger_is_believed_the_trace_and_a_shorter_deadline_only() -> None:
    own = root(TestSources(seed=1), timeout=60, tenant="south")
    claimed = full(TestSources(seed=2))
    believed = believe(pack(claimed), own)
    assert believed.trace.trace_id == claimed.trace.trace_id
    assert believed.remaining() == pytest.approx(5)
    assert (believed.actor, believed.tenant, believed.intents, believed.idempotency_key) == (None, "south", (), None)


def test_a_stranger_can_not_prolong_the_deadline() -> None:
    own = root(TestSources(), timeout=1)
    assert believe(pack(full(TestSources())), own).remaining() == 1


@given(st.binary(max_size=200))
def test_bytes_that_are_no_context_are_refused_or_harmless(raw: bytes) -> None:
    own = root(TestSources(), timeout=1, tenant="south")
    try:
        believed = believe(raw, own)
    except Malformed:
        return
    assert believed.tenant == "south"
    assert believed.actor is None
    assert believed.remaining() is not None


def test_a_context_over_the_limit_is_refused() -> None:
    with pytest.raises(Malformed, match="larger"):
        unpack(b"\0" * (CONTEXT_BYTES_MAX + 1), TestSources())
