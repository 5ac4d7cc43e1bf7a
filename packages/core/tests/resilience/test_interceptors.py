"""Timeout, retries, bulkhead and cache: each at its limit, and together behind a real binding."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from _other_side import Caller, Other, Rates, outcome
from hypothesis import given
from hypothesis import strategies as st

from krepis import App, Context, KrepisError, NotFound, Query, Unavailable, bind
from krepis.context import Actor, root
from krepis.errors import DeadlinePassed
from krepis.port import Interceptor, PortCall
from krepis.resilience import (
    Bulkhead,
    BulkheadFull,
    Cache,
    CallTimedOut,
    CircuitBreaker,
    CircuitOpen,
    Retries,
    Timeout,
)
from krepis.testing import TestSources, start

# timeout


async def test_a_call_that_takes_too_long_is_cancelled_and_says_so() -> None:
    other = Other(asyncio.Event())
    call = Caller(other, Timeout(0.01))
    with pytest.raises(CallTimedOut):
        await call()
    assert other.running == 0
    assert call.events() == ["port_call_timed_out"]


async def test_the_adapter_sees_the_nearer_deadline() -> None:
    other = Other()
    call = Caller(other, Timeout(2))
    await call(seconds=10)
    await call(seconds=1)
    await call()
    assert [ctx.remaining() for ctx in other.contexts] == [2, 1, 2]


async def test_when_the_deadline_of_the_work_ends_a_call_that_is_what_is_said() -> None:
    with pytest.raises(DeadlinePassed):
        await Caller(Other(asyncio.Event()), Timeout(5))(seconds=0.01)


async def test_each_attempt_has_its_own_time() -> None:
    left: list[float | None] = []

    async def other(ctx: Context) -> None:
        left.append(ctx.remaining())
        call.sources.advance(timedelta(seconds=1))
        raise Unavailable

    call = Caller(other, Retries(3, pause_s=0), Timeout(2))
    assert await outcome(call(nature="safe")) == "Unavailable"
    assert left == [2, 2, 2]


async def test_an_attempt_that_took_too_long_is_made_again() -> None:
    assert await Caller(Other(asyncio.Event(), None), Retries(pause_s=0), Timeout(0.01))(nature="safe") == 2


# retries


@pytest.mark.parametrize(
    ("nature", "key", "calls"), [("safe", None, 3), ("idempotent", None, 3), ("", "k1", 3), ("", None, 1)]
)
async def test_only_what_may_be_called_twice_is(nature: str, key: str | None, calls: int) -> None:
    other = Other(*[Unavailable()] * 5)
    with pytest.raises(Unavailable):
        await Caller(other, Retries(3, pause_s=0))(nature=nature, key=key)
    assert other.calls == calls


async def test_a_key_counts_for_nothing_where_the_adapter_does_not_pass_it_on() -> None:
    other = Other(Unavailable())
    with pytest.raises(Unavailable):
        await Caller(other, Retries(keyed=False))(key="k1")
    assert other.calls == 1


async def test_the_last_attempt_may_still_succeed() -> None:
    assert await Caller(Other(Unavailable(), Unavailable()), Retries(3, pause_s=0))(nature="safe") == 3


@pytest.mark.parametrize("failure", [NotFound(), ValueError("a bug"), DeadlinePassed()])
async def test_what_another_attempt_would_not_change_is_raised_at_once(failure: Exception) -> None:
    other = Other(failure)
    with pytest.raises(type(failure)):
        await Caller(other, Retries(pause_s=0))(nature="safe")
    assert other.calls == 1


async def test_nothing_is_tried_again_after_the_deadline() -> None:
    other = Other(Unavailable())
    with pytest.raises(Unavailable):
        await Caller(other, Retries(pause_s=60, pause_max_s=60))(nature="safe", seconds=0.0001)
    assert other.calls == 1


async def test_a_failure_that_asks_for_more_patience_than_there_is_is_raised_at_once() -> None:
    failure = Unavailable()
    failure.retry_after = 60
    other = Other(failure)
    with pytest.raises(Unavailable):
        await asyncio.wait_for(Caller(other, Retries(pause_s=0))(nature="safe"), 1)
    assert other.calls == 1


@pytest.mark.slow
async def test_a_failure_that_asks_for_a_pause_gets_it() -> None:
    failure = Unavailable()
    failure.retry_after = 1
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert await Caller(Other(failure), Retries(pause_s=0))(nature="safe") == 2
    assert loop.time() - began >= 1


async def test_pauses_leave_the_contexts_own_chance_alone() -> None:
    ctx = root(TestSources(seed=3), timeout=60)
    first = ctx.random.random()
    ctx.origin.rewind()
    call = Caller(Other(Unavailable(), Unavailable()), Retries(pause_s=0.0001))
    assert await call.under(ctx, "rate", nature="safe") == 3
    assert ctx.random.random() == first


@given(st.lists(st.booleans(), max_size=200), st.integers(1, 5), st.sampled_from([0.0, 0.1, 0.25, 1.0]))
def test_the_budget_of_retries_is_never_exceeded(fails: list[bool], burst: int, budget: float) -> None:
    async def all_of_them() -> tuple[int, int]:
        other = Other(*[Unavailable() if fail else None for fail in fails])
        call = Caller(other, Retries(4, budget=budget, burst=burst, pause_s=0))
        made = 0
        while other.answers:
            await outcome(call(nature="safe"))
            made += 1
        return made, other.calls - made

    made, retries = asyncio.run(all_of_them())
    assert retries <= burst + budget * made


async def test_a_neighbour_that_is_down_gets_a_tenth_more_calls_and_not_twice_as_many() -> None:
    other = Other(*[Unavailable()] * 2000)
    call = Caller(other, Retries(3, pause_s=0))
    for _ in range(1000):
        await outcome(call(nature="safe"))
    assert other.calls == 1000 + 10 + 100 - 1  # the first call finds the burst full and saves nothing
    assert "port_retries_spent" in call.events()


# bulkhead


async def test_one_more_than_may_run_and_wait_is_refused() -> None:
    gate = asyncio.Event()
    other = Other(*[gate] * 5)
    call = Caller(other, Bulkhead(2, 3))
    tasks = [asyncio.ensure_future(call()) for _ in range(5)]
    await asyncio.sleep(0)
    with pytest.raises(BulkheadFull):
        await call()
    gate.set()
    assert sorted(await asyncio.gather(*tasks)) == [1, 2, 3, 4, 5]
    assert other.running_most == 2


async def test_without_a_queue_the_first_that_finds_no_place_is_refused() -> None:
    gate = asyncio.Event()
    call = Caller(Other(gate), Bulkhead(1))
    task = asyncio.ensure_future(call())
    await asyncio.sleep(0)
    with pytest.raises(BulkheadFull):
        await call()
    gate.set()
    await task
    assert await call() == 2


@pytest.mark.parametrize("seed", range(6))
async def test_whoever_gives_up_gives_the_place_back(seed: int) -> None:
    print(f"seed {seed}")
    sources = TestSources(seed=seed)
    bulkhead = Bulkhead(3, 20)
    gates = [asyncio.Event() for _ in range(20)]
    other = Other(*gates)
    call = Caller(other, bulkhead)
    tasks = [asyncio.ensure_future(call()) for _ in range(20)]
    order = [sources.number() % 20 for _ in range(60)]
    for at in order:
        await asyncio.sleep(0)
        if sources.number() % 3:
            tasks[at].cancel()
        else:
            gates[at].set()
        assert other.running <= 3
    for gate in gates:
        gate.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert bulkhead.running == 0
    assert other.running_most <= 3
    assert await call() == other.calls


async def test_waiting_for_a_place_is_no_reason_to_open_the_circuit() -> None:
    gate = asyncio.Event()
    breaker = CircuitBreaker(1)
    call = Caller(Other(gate), breaker, Bulkhead(1))
    task = asyncio.ensure_future(call())
    await asyncio.sleep(0)
    assert await outcome(call()) == "BulkheadFull"
    assert breaker.state("Rates", "charge") == "closed"
    gate.set()
    await task


# cache


async def test_an_answer_is_kept_until_its_time_is_over() -> None:
    call = Caller(Other(), Cache(60))
    assert await call("rate", "EUR", nature="safe") == 1
    call.sources.advance(timedelta(seconds=59.9))
    assert await call("rate", "EUR", nature="safe") == 1
    call.sources.advance(timedelta(seconds=0.1))
    assert await call("rate", "EUR", nature="safe") == 2


async def test_only_methods_that_look_are_kept() -> None:
    call = Caller(Other(), Cache(60, methods=("named",)))
    assert [await call("charge", "EUR") for _ in range(2)] == [1, 2]
    assert [await call("publish", "EUR", nature="idempotent") for _ in range(2)] == [3, 4]
    assert [await call("named", "EUR") for _ in range(2)] == [5, 5]


async def test_a_failure_is_not_kept() -> None:
    call = Caller(Other(Unavailable(), NotFound()), Cache(60))
    for failure in (Unavailable, NotFound):
        with pytest.raises(failure):
            await call("rate", nature="safe")
    assert await call("rate", nature="safe") == 3


async def test_tenants_never_see_each_others_answers() -> None:
    call = Caller(Other(), Cache(60, key=lambda call: "always the same"))
    assert [await call("rate", nature="safe", tenant=tenant) for tenant in ("a", "b", None, "a")] == [1, 2, 3, 1]


async def test_actors_share_answers_unless_they_depend_on_who_asks() -> None:
    ann, ben = Actor("ann"), Actor("ben")
    shared, own = Caller(Other(), Cache(60)), Caller(Other(), Cache(60, per_actor=True))
    assert [await shared("rate", nature="safe", actor=actor) for actor in (ann, ben)] == [1, 1]
    assert [await own("rate", nature="safe", actor=actor) for actor in (ann, ben, ann)] == [1, 2, 1]


async def test_arguments_that_are_equal_and_of_another_type_are_another_question() -> None:
    call = Caller(Other(), Cache(60))
    assert [await call("rate", one, nature="safe") for one in (1, 1.0, True, "1", 1)] == [1, 2, 3, 4, 1]


async def test_arguments_that_can_not_name_an_entry_are_refused_with_a_word() -> None:
    with pytest.raises(KrepisError, match=r"give `Cache\(key="):
        await Caller(Other(), Cache(60))("rate", [], nature="safe")


async def test_beyond_its_size_the_entry_that_was_used_least_lately_goes() -> None:
    call = Caller(Other(), Cache(60, size_max=2))
    assert [await call("rate", one, nature="safe") for one in "abacab"] == [1, 2, 1, 3, 1, 4]


async def test_many_who_ask_for_the_same_make_one_call() -> None:
    gate = asyncio.Event()
    other = Other(gate)
    call = Caller(other, Cache(60))
    tasks = [asyncio.ensure_future(call("rate", "EUR", nature="safe")) for _ in range(100)]
    await asyncio.sleep(0)
    gate.set()
    assert await asyncio.gather(*tasks) == [1] * 100
    assert other.calls == 1


async def test_a_failure_is_told_to_all_who_wait_for_it() -> None:
    gate = asyncio.Event()
    called = []

    async def other(ctx: Context) -> None:
        called.append(ctx)
        await gate.wait()
        raise Unavailable

    call = Caller(other, Cache(60))
    tasks = [asyncio.ensure_future(outcome(call("rate", nature="safe"))) for _ in range(9)]
    await asyncio.sleep(0)
    gate.set()
    assert await asyncio.gather(*tasks) == ["Unavailable"] * 9
    assert len(called) == 1


async def test_when_the_one_who_calls_gives_up_the_next_who_waits_calls() -> None:
    gate = asyncio.Event()
    other = Other(gate, gate)
    call = Caller(other, Cache(60))
    first, *rest = [asyncio.ensure_future(call("rate", nature="safe")) for _ in range(5)]
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0.01)
    gate.set()
    assert await asyncio.gather(*rest) == [2] * 4
    assert first.cancelled()


async def test_who_waits_has_a_deadline_of_their_own() -> None:
    gate = asyncio.Event()
    cache = Cache(60)
    first = asyncio.ensure_future(Caller(Other(gate), cache)("rate", nature="safe"))
    await asyncio.sleep(0)
    with pytest.raises(CallTimedOut):
        await Caller(Other(), Timeout(0.01), cache)("rate", nature="safe")
    gate.set()
    assert await first == 1


# together


class ShowRate(Query[int]):
    currency: str


class Charge(Query[int]):
    currency: str


async def show_rate(ctx: Context, query: ShowRate, *, rates: Rates) -> int:
    return await rates.rate(ctx, query.currency)


async def charge(ctx: Context, query: Charge, *, rates: Rates) -> int:
    return await rates.charge(ctx, query.currency)


def bound(other: Other, *chain: Interceptor) -> App:
    class SomeRates(Rates):
        async def rate(self, ctx: Context, currency: str) -> int:
            return await other(ctx)

        async def publish(self, ctx: Context, currency: str) -> int:
            return await other(ctx)

        async def charge(self, ctx: Context, currency: str) -> int:
            return await other(ctx)

    return App("rates", handlers=(show_rate, charge), adapters=(bind(Rates, SomeRates, scope="app", through=chain),))


async def test_a_binding_knows_from_the_port_what_may_be_tried_again_and_kept() -> None:
    other = Other(Unavailable())
    chain = (Cache(60), Retries(pause_s=0), CircuitBreaker(), Bulkhead(2), Timeout(1))
    async with start(bound(other, *chain)) as service:
        assert [await service.dispatch(ShowRate(currency="EUR")) for _ in range(2)] == [2, 2]
        assert [await service.dispatch(Charge(currency="EUR")) for _ in range(2)] == [3, 4]


async def test_an_open_circuit_ends_the_attempts() -> None:
    other = Other(*[Unavailable()] * 9)
    async with start(bound(other, Retries(9, pause_s=0), CircuitBreaker(2))) as service:
        assert isinstance(await service.refused(ShowRate(currency="EUR")), CircuitOpen)
    assert other.calls == 2


@pytest.mark.parametrize(
    "make",
    [
        lambda: Timeout(0),
        lambda: Timeout(float("nan")),
        lambda: Retries(0),
        lambda: Retries(budget=1.1),
        lambda: Retries(burst=0),
        lambda: Retries(pause_s=9),
        lambda: CircuitBreaker(0),
        lambda: CircuitBreaker(share=2),
        lambda: CircuitBreaker(open_s=0),
        lambda: Bulkhead(0),
        lambda: Bulkhead(1, -1),
        lambda: Cache(0),
        lambda: Cache(1, size_max=0),
    ],
)
def test_options_that_can_not_be_meant_are_refused(make: object) -> None:
    assert callable(make)
    with pytest.raises(KrepisError, match="hint: "):
        make()


def test_a_port_call_says_nothing_about_a_method_that_is_not_marked() -> None:
    assert PortCall("Rates", "charge", root(TestSources()), (), {}).nature == ""
