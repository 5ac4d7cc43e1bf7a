"""Calling again, as long as it helps: bounded by attempts, by a budget, by the deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from krepis.context import Context
from krepis.errors import Unavailable
from krepis.port import PortCall
from krepis.resilience.errors import NotCalled, demand

_CHANCE_BITS = 32
_WHOLE = 1_000_000  # tokens are counted in millionths, since ten times 0.1 has to be one


class Retries:
    """A call that failed with one of `on` is made again, at most `attempts_max` times in all.

    Only what may be called twice is: methods marked `@safe` or `@idempotent` in the port, and calls whose context has
    an idempotency key, for adapters that pass it on (`keyed=False` where the adapter does not).

    `budget` is the share of retries among calls: each call saves that much, each retry spends one, and no more than
    `burst` are saved. So however many calls fail, there are never more than `burst + budget * calls` retries: a broken
    neighbour isn't pushed further down.

    The pause before attempt n is drawn from 0 to `pause_s * 2**(n-2)` seconds, at most `pause_max_s`, and not shorter
    than the `retry_after` of the failure. Where that is longer than `pause_max_s`, or the deadline comes before, the
    failure is raised at once.
    """

    def __init__(
        self,
        attempts_max: int = 3,
        *,
        budget: float = 0.1,
        burst: int = 10,
        pause_s: float = 0.1,
        pause_max_s: float = 5.0,
        on: tuple[type[Exception], ...] = (Unavailable,),
        keyed: bool = True,
    ) -> None:
        demand(attempts_max >= 1, f"`Retries({attempts_max})` never calls", "count the first attempt: `Retries(3)`")
        demand(0 <= budget <= 1, f"a retry budget of {budget} is no share", "give a share of calls: 0.1 is 10 %")
        demand(burst >= 1, f"`burst={burst}` allows no retry at all", "leave `Retries` out, or save one at least")
        demand(0 <= pause_s <= pause_max_s, "`pause_s` is longer than `pause_max_s`", "the longest pause is the larger")
        self.attempts_max = attempts_max
        self.pause_s = pause_s
        self.pause_max_s = pause_max_s
        self.on = on
        self.keyed = keyed
        self._share = round(budget * _WHOLE)
        self._full = burst * _WHOLE
        self._saved = self._full

    async def __call__(self, call: PortCall, proceed: Callable[[], Awaitable[Any]]) -> Any:
        self._saved = min(self._full, self._saved + self._share)
        repeatable = bool(call.nature) or (self.keyed and call.ctx.idempotency_key is not None)
        attempt = 1
        while True:
            try:
                return await proceed()
            except self.on as failure:
                if attempt >= self.attempts_max or not repeatable or isinstance(failure, NotCalled):
                    raise
                pause = self._pause(call.ctx, attempt, failure)
                if pause is None or not self._spend(call):
                    raise
                attempt += 1
                call.ctx.log.info(
                    "port_call_retried",
                    port=call.port,
                    method=call.method,
                    attempt=attempt,
                    because=type(failure).__name__,
                )
            await asyncio.sleep(pause)

    def _spend(self, call: PortCall) -> bool:
        if self._saved < _WHOLE:
            call.ctx.log.warning("port_retries_spent", port=call.port, method=call.method)
            return False
        self._saved -= _WHOLE
        return True

    def _pause(self, ctx: Context, attempt: int, failure: Exception) -> float | None:
        """Seconds until the next attempt; `None` when it would come too late."""
        # Not from `ctx.random`: a unit of work that is run again must draw the same numbers with or without failures.
        chance = (ctx.origin.sources.number() & ((1 << _CHANCE_BITS) - 1)) / (1 << _CHANCE_BITS)
        pause = chance * min(self.pause_max_s, self.pause_s * 2.0 ** min(attempt - 1, 60))
        # Only what this failure says itself; the one second that every `Unavailable` tells its callers is no promise.
        asked = vars(failure).get("retry_after")
        if isinstance(asked, int | float):
            if asked > self.pause_max_s:
                return None
            pause = max(pause, asked)
        remaining = ctx.remaining()
        return None if remaining is not None and remaining <= pause else pause
