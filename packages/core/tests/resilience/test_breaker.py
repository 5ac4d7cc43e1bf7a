"""The circuit breaker against a model of it, and what counts as a failure."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from _other_side import Caller, Other, outcome
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from krepis import Context, NotFound, Unavailable
from krepis.errors import DeadlinePassed
from krepis.resilience import CircuitBreaker, CircuitOpen

FAILURES, SHARE, WINDOW_S, OPEN_S = 3, 0.5, 10, 5


class Circuit(RuleBasedStateMachine):
    """The model keeps the times of all calls; the breaker keeps three numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.breaker = CircuitBreaker(FAILURES, share=SHARE, window_s=WINDOW_S, open_s=OPEN_S)
        self.other = Other()
        self.call = Caller(self.other, self.breaker)
        self.now = 0
        self.state = "closed"
        self.opened = 0
        self.ends: list[tuple[int, bool]] = []  # of the window that runs: when each call ended, and whether it failed

    @rule(seconds=st.integers(1, 6))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds
        self.call.sources.advance(timedelta(seconds=seconds))

    @rule(fails=st.booleans())
    def call_ends(self, fails: bool) -> None:
        self.other.answers = [Unavailable() if fails else None]
        before = self.other.calls
        end = self.runner.run(outcome(self.call()))
        if self.state == "open" and self.now - self.opened < OPEN_S:
            assert (end, self.other.calls) == ("CircuitOpen", before)
            return
        assert (end, self.other.calls) == ("Unavailable" if fails else "answer", before + 1)
        if self.state == "open":
            self.state, self.ends = ("open", []) if fails else ("closed", [])
            self.opened = self.now if fails else self.opened
            if fails:
                return
        if not self.ends or self.now - self.ends[0][0] >= WINDOW_S:
            self.ends = []
        self.ends.append((self.now, fails))
        failed = sum(failed for _, failed in self.ends)
        if fails and failed >= FAILURES and failed >= SHARE * len(self.ends):
            self.state, self.opened, self.ends = "open", self.now, []

    def teardown(self) -> None:
        self.runner.close()

    @invariant()
    def both_agree(self) -> None:
        assert self.breaker.state("Rates", "charge") == self.state


TestCircuit = Circuit.TestCase


async def opened(seconds: float = 5) -> tuple[Caller, Other, CircuitBreaker]:
    breaker = CircuitBreaker(2, open_s=seconds)
    other = Other(Unavailable(), Unavailable())
    call = Caller(other, breaker)
    for _ in range(2):
        await outcome(call())
    return call, other, breaker


async def test_an_open_circuit_says_when_to_come_back() -> None:
    call, _, _ = await opened(5)
    call.sources.advance(timedelta(seconds=1.5))
    with pytest.raises(CircuitOpen) as raised:
        await call()
    assert raised.value.retry_after == 4
    assert call.events() == ["circuit_opened"]


async def test_one_call_at_a_time_is_let_through_as_a_probe() -> None:
    call, other, breaker = await opened()
    gate = asyncio.Event()
    other.answers = [gate]
    call.sources.advance(timedelta(seconds=5))
    probe = asyncio.ensure_future(call())
    await asyncio.sleep(0)
    assert breaker.state("Rates", "charge") == "half-open"
    assert [await outcome(call()) for _ in range(3)] == ["CircuitOpen"] * 3
    gate.set()
    assert await probe == 3
    assert await outcome(call()) == "answer"


async def test_a_probe_that_is_cancelled_leaves_its_place_to_the_next() -> None:
    call, other, breaker = await opened()
    other.answers = [asyncio.Event()]
    call.sources.advance(timedelta(seconds=5))
    probe = asyncio.ensure_future(call())
    await asyncio.sleep(0)
    probe.cancel()
    await asyncio.sleep(0)
    assert await outcome(call()) == "answer"
    assert breaker.state("Rates", "charge") == "closed"


async def test_a_call_from_before_the_opening_does_not_close_the_circuit() -> None:
    gate = asyncio.Event()
    breaker = CircuitBreaker(2)
    call = Caller(Other(gate, Unavailable(), Unavailable()), breaker)
    early = asyncio.ensure_future(call())
    await asyncio.sleep(0)
    for _ in range(2):
        await outcome(call())
    gate.set()
    await early
    assert breaker.state("Rates", "charge") == "open"


async def test_a_call_from_before_the_opening_does_not_end_the_probe() -> None:
    breaker = CircuitBreaker(2, open_s=5)
    gates = {1: asyncio.Event(), 4: asyncio.Event()}
    calls = 0

    async def other(ctx: Context) -> None:
        nonlocal calls
        calls += 1
        number = calls
        if number in gates:
            await gates[number].wait()
        if number < 4:
            raise Unavailable

    call = Caller(other, breaker)
    early = asyncio.ensure_future(outcome(call()))
    await asyncio.sleep(0)
    for _ in range(2):
        await outcome(call())
    call.sources.advance(timedelta(seconds=5))
    probe = asyncio.ensure_future(call())
    await asyncio.sleep(0)
    gates[1].set()
    assert await early == "Unavailable"
    assert breaker.state("Rates", "charge") == "half-open"
    gates[4].set()
    await probe
    assert breaker.state("Rates", "charge") == "closed"


async def test_each_method_has_a_circuit_of_its_own() -> None:
    call, _, _ = await opened()
    assert await outcome(call("charge")) == "CircuitOpen"
    assert await outcome(call("rate")) == "answer"


async def test_a_no_is_an_answer() -> None:
    breaker = CircuitBreaker(1)
    call = Caller(Other(NotFound(), ValueError()), breaker)
    for failure in (NotFound, ValueError):
        with pytest.raises(failure):
            await call()
    assert breaker.state("Rates", "charge") == "closed"


@pytest.mark.parametrize(("waited", "state"), [(0.5, "closed"), (1.0, "open")])
async def test_the_deadline_counts_when_the_call_had_time_before_it(waited: float, state: str) -> None:
    breaker = CircuitBreaker(1, slow_s=1)

    async def slow(ctx: object) -> None:
        call.sources.advance(timedelta(seconds=waited))
        raise DeadlinePassed

    call = Caller(slow, breaker)
    with pytest.raises(DeadlinePassed):
        await call(seconds=waited)
    assert breaker.state("Rates", "charge") == state
