"""An end for each call, earlier than the deadline of the work that it is a part of."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from krepis.deadline import Within
from krepis.errors import DeadlinePassed
from krepis.port import PortCall
from krepis.resilience.errors import CallTimedOut, demand


class Timeout:
    """A call ends after `seconds`, and never later than the deadline of its context.

    The adapter gets a context with the nearer of both as its deadline. When the call's own time is over it is cancelled
    and `CallTimedOut` is raised; when the deadline is what ends it, `DeadlinePassed`.
    """

    def __init__(self, seconds: float) -> None:
        demand(0 < seconds < float("inf"), f"`Timeout({seconds})` leaves no time", "give it seconds: `Timeout(2)`")
        self.seconds = seconds

    async def __call__(self, call: PortCall, proceed: Callable[[], Awaitable[Any]]) -> Any:
        outer = call.ctx
        call.ctx = inner = outer.narrow(timeout=self.seconds)

        async def run() -> Any:
            return await proceed()

        try:
            return await Within(run(), inner.origin.sources, inner.deadline)
        except DeadlinePassed:
            remaining = outer.remaining()
            if remaining is not None and (remaining <= 0 or outer.deadline == inner.deadline):
                raise
            outer.log.warning("port_call_timed_out", port=call.port, method=call.method, seconds=self.seconds)
            raise CallTimedOut from None
        finally:
            call.ctx = outer  # a second attempt has its own time
