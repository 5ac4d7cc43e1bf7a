"""A context only narrows, repeats for a retry, and carries no live handle."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krepis import Actor, Context
from krepis.context import root
from krepis.errors import ContextWidenedError
from krepis.testing import TestSources

names = st.frozensets(st.sampled_from(["read", "lend", "waive", "hire", "close"]))
seconds = st.floats(-100, 100, allow_nan=False)
narrowings = st.fixed_dictionaries(
    {},
    optional={
        "timeout": seconds,
        "deadline": seconds,
        "roles": names,
        "permissions": names,
        "anonymous": st.booleans(),
        "intent": st.text(max_size=5),
    },
)


def a_root(*, timeout: float | None = None, actor: Actor | None = None, tenant: str | None = None) -> Context:
    return root(TestSources(), timeout=timeout, actor=actor, tenant=tenant)


@given(roles=names, permissions=names, timeout=st.none() | seconds, steps=st.lists(narrowings, max_size=6))
def test_a_child_never_has_more_than_its_parent(
    roles: frozenset[str], permissions: frozenset[str], timeout: float | None, steps: list[dict[str, object]]
) -> None:
    ctx = a_root(timeout=timeout, actor=Actor("ada", roles, permissions))
    for step in steps:
        child = ctx.narrow(**step)  # type: ignore[arg-type]
        assert ctx.deadline is None or (child.deadline is not None and child.deadline <= ctx.deadline)
        assert child.intents[: len(ctx.intents)] == ctx.intents
        assert child.actor is None or ctx.actor is not None
        if child.actor and ctx.actor:
            assert child.actor.id == ctx.actor.id
            assert child.actor.permissions <= ctx.actor.permissions
            assert child.actor.roles <= ctx.actor.roles
        ctx = child


def test_a_context_of_one_tenant_never_becomes_one_of_another() -> None:
    ctx = a_root(tenant="north")
    with pytest.raises(ContextWidenedError, match="north"):
        ctx.narrow(tenant="south")


def test_a_context_of_all_tenants_may_be_narrowed_to_one() -> None:
    assert a_root().narrow(tenant="north").tenant == "north"


def test_a_context_can_not_be_changed() -> None:
    with pytest.raises(AttributeError):
        a_root().tenant = "south"  # type: ignore[misc]


def test_now_is_one_instant_for_the_whole_unit_of_work() -> None:
    ctx = root(TestSources(step=timedelta(seconds=1)))
    assert ctx.now() == ctx.narrow(intent="later").now()


def test_a_new_unit_of_work_has_an_instant_of_its_own() -> None:
    ctx = root(TestSources(step=timedelta(seconds=1)))
    assert ctx.now() < ctx.begin().now()


def test_new_ids_are_version_7_and_rise_within_a_unit() -> None:
    ctx = a_root()
    ids = [ctx.new_id() for _ in range(1000)]
    assert {(i.version, i.variant) for i in ids} == {(7, "specified in RFC 4122")}
    assert ids == sorted(set(ids))


def test_an_id_begins_with_its_milliseconds() -> None:
    ctx = a_root()
    assert ctx.new_id().int >> 80 == int(ctx.now().timestamp() * 1000)


def test_a_rewound_unit_sees_the_same_time_ids_and_chance() -> None:
    ctx = a_root()

    def seen() -> tuple[object, ...]:
        return ctx.now(), ctx.new_id(), ctx.random.random(), ctx.new_id(), ctx.random.randbytes(8)

    first = seen()
    ctx.origin.rewind()
    assert seen() == first


def test_the_same_seed_gives_the_same_ids() -> None:
    assert root(TestSources(seed=7)).new_id() == root(TestSources(seed=7)).new_id()
    assert root(TestSources(seed=7)).new_id() != root(TestSources(seed=8)).new_id()


def test_a_new_unit_keeps_the_trace_and_has_a_span_of_its_own() -> None:
    ctx = a_root()
    unit = ctx.begin("lend")
    assert unit.trace.trace_id == ctx.trace.trace_id
    assert unit.trace.parent_id == ctx.trace.span_id
    assert unit.intents == ("lend",)


def test_remaining_counts_down_to_the_deadline() -> None:
    sources = TestSources()
    ctx = root(sources, timeout=10)
    sources.advance(timedelta(seconds=4))
    assert ctx.remaining() == 6
    assert root(sources).remaining() is None


def test_log_lines_carry_the_trace_the_intent_and_the_actor() -> None:
    sources = TestSources()
    ctx = root(sources, actor=Actor("ada"), tenant="north").narrow(intent="lend")
    ctx.log.info("book_lent", copy=3)
    assert sources.lines == [
        {
            "level": "info",
            "event": "book_lent",
            "trace": ctx.trace.id,
            "intent": "lend",
            "actor": "ada",
            "tenant": "north",
            "copy": 3,
        }
    ]


def test_a_retry_that_draws_otherwise_gets_as_many_bytes_as_it_asks_for() -> None:
    origin = root(TestSources()).origin
    first = [origin.draw(count) for count in (4, 32, 32)]
    origin.rewind()
    assert [origin.draw(4), origin.draw(32)] == first[:2]
    origin.rewind()
    again = [origin.draw(count) for count in (32, 4)]
    assert [len(one) for one in again] == [32, 4]
    assert not {*again} & {*first}


def test_what_was_issued_is_forgotten_by_a_retry() -> None:
    origin = root(TestSources()).origin
    assert (origin.issue("a token"), origin.issued) == ("a token", ("a token",))
    origin.rewind()
    assert origin.issued == ()
