"""A circuit breaker: whoever fails too often is left alone for a while.

```
            too many failures                     `open_s` are over: one probe
  closed ───────────────────────> open ─────────────────────────────────────────> half-open
    ^                               ^──────────── the probe fails ─────────────────  │
    └───────────────────────────────────────────── the probe succeeds ────────────────┘
```
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from krepis.errors import DeadlinePassed, Unavailable
from krepis.port import PortCall
from krepis.resilience.errors import CircuitOpen, NotCalled, demand

State = Literal["closed", "open", "half-open"]


class CircuitBreaker:
    """Opens for `open_s` seconds when in one window of `window_s` at least `failures` calls failed, and these are at
    least the `share` of all; then every call is refused with `CircuitOpen`. After that one call at a time is let
    through as a probe, and its end decides.

    Each method of a port has a circuit of its own. What counts as a failure is `on`, and a call that the deadline ends
    after at least `slow_s` seconds: one that was made too late says nothing about the other side. Neither does what a
    bulkhead inside refused.
    """

    def __init__(
        self,
        failures: int = 5,
        *,
        share: float = 0.5,
        window_s: float = 10.0,
        open_s: float = 5.0,
        slow_s: float = 1.0,
        on: tuple[type[Exception], ...] = (Unavailable, OSError),
    ) -> None:
        demand(failures >= 1, f"a breaker that opens after {failures} failures is never closed", "count from 1")
        demand(0 <= share <= 1, f"{share} is no share of calls", "0.5 is one half")
        demand(window_s > 0 and open_s > 0, "a breaker's times are above 0", "give seconds")
        self.failures = failures
        self.share = share
        self.window_s = window_s
        self.open_s = open_s
        self.slow_s = slow_s
        self.on = on
        self._circuits: dict[tuple[str, str], _Circuit] = {}  # as many as the port has methods

    def state(self, port: str, method: str) -> State:
        """How the circuit of a method stands."""
        circuit = self._circuits.get((port, method))
        return "closed" if circuit is None else circuit.state

    async def __call__(self, call: PortCall, proceed: Callable[[], Awaitable[Any]]) -> Any:
        name = (call.port, call.method)
        circuit = self._circuits.get(name)
        if circuit is None:
            circuit = self._circuits[name] = _Circuit(self)
        clock = call.ctx.origin.sources.monotonic
        began = clock()
        era = circuit.enter(began)
        try:
            answer = await proceed()
        except NotCalled:
            circuit.leave(era)
            raise
        except self.on:
            self._failed(circuit, era, call)
            raise
        except (asyncio.CancelledError, DeadlinePassed):
            remaining = call.ctx.remaining()
            if remaining is not None and remaining <= 0 and clock() - began >= self.slow_s:
                self._failed(circuit, era, call)
            else:
                circuit.leave(era)
            raise
        except BaseException:
            circuit.succeeded(era, clock())  # it said no, so it is there
            raise
        circuit.succeeded(era, clock())
        return answer

    def _failed(self, circuit: _Circuit, era: int, call: PortCall) -> None:
        if circuit.failed(era, call.ctx.origin.sources.monotonic()):
            call.ctx.log.warning("circuit_opened", port=call.port, method=call.method, seconds=self.open_s)


class _Circuit:
    """The circuit of one method. `era` rises with each change of state, so that late ends of calls are known."""

    __slots__ = ("_calls", "_failures", "_opened", "_options", "_probing", "_window", "era", "state")

    def __init__(self, options: CircuitBreaker) -> None:
        self._options = options
        self.state: State = "closed"
        self.era = 0
        self._opened = 0.0
        self._window = -math.inf
        self._calls = 0
        self._failures = 0
        self._probing = False

    def enter(self, now: float) -> int:
        """Let a call pass, and say in which era. Raises `CircuitOpen`."""
        if self.state == "open":
            left = self._opened + self._options.open_s - now
            if left > 0:
                raise CircuitOpen(retry_after=max(1, math.ceil(left)))
            self._become("half-open")
        if self.state == "half-open":
            if self._probing:
                raise CircuitOpen
            self._probing = True
        return self.era

    def leave(self, era: int) -> None:
        """A call ended without telling anything."""
        if era == self.era:
            self._probing = False

    def succeeded(self, era: int, now: float) -> None:
        """A call got an answer."""
        if era != self.era:
            return
        if self.state == "half-open":
            self._become("closed")
        self._count(now)

    def failed(self, era: int, now: float) -> bool:
        """A call failed; the answer is whether that opens the circuit."""
        if era != self.era:
            return False
        if self.state == "closed":
            self._count(now)
            self._failures += 1
            options = self._options
            if self._failures < options.failures or self._failures < options.share * self._calls:
                return False
        self._become("open")
        self._opened = now
        return True

    def _count(self, now: float) -> None:
        if now - self._window >= self._options.window_s:
            self._window, self._calls, self._failures = now, 0, 0
        self._calls += 1

    def _become(self, state: State) -> None:
        self.state = state
        self.era += 1
        self._probing = False
        self._window = -math.inf
