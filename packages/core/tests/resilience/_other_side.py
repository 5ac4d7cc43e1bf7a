"""A port whose other side does what a test says, and calls of it through interceptors."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from krepis import Context, OutboundPort, Unavailable
from krepis.context import Actor, root
from krepis.port import Interceptor, PortCall, idempotent, safe
from krepis.testing import TestSources


class Rates(OutboundPort, Protocol):
    @safe
    async def rate(self, ctx: Context, currency: str) -> int: ...

    @idempotent
    async def publish(self, ctx: Context, currency: str) -> int: ...

    async def charge(self, ctx: Context, currency: str) -> int: ...


class Other:
    """The other side: counts its calls; `answers` are used up one by one, then it answers with the number of calls."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.calls = 0
        self.contexts: list[Context] = []
        self.running = 0
        self.running_most = 0

    async def __call__(self, ctx: Context) -> Any:
        self.calls += 1
        number = self.calls
        self.contexts.append(ctx)
        answer = self.answers.pop(0) if self.answers else None
        self.running += 1
        self.running_most = max(self.running, self.running_most)
        try:
            if isinstance(answer, asyncio.Event):
                await answer.wait()
            if isinstance(answer, Exception):
                raise answer
        finally:
            self.running -= 1
        return number if answer is None or isinstance(answer, asyncio.Event) else answer


class Caller:
    """Calls `other` through a chain, as the compiled plan of a handler does."""

    def __init__(self, other: Callable[[Context], Awaitable[Any]], *chain: Interceptor) -> None:
        self.sources = TestSources(seed=7)
        self._other = other
        self._chain = chain

    async def __call__(
        self,
        method: str = "charge",
        *args: Any,
        nature: str = "",
        seconds: float | None = None,
        key: str | None = None,
        tenant: str | None = None,
        actor: Actor | None = None,
    ) -> Any:
        ctx = root(self.sources, timeout=seconds, idempotency_key=key, tenant=tenant, actor=actor)
        return await self.under(ctx, method, *args, nature=nature)

    async def under(self, ctx: Context, method: str, *args: Any, nature: str = "") -> Any:
        call = PortCall("Rates", method, ctx, args, {}, nature)

        def proceed(index: int) -> Callable[[], Awaitable[Any]]:
            if index == len(self._chain):
                return lambda: self._other(call.ctx)
            return lambda: self._chain[index](call, proceed(index + 1))

        return await proceed(0)()

    def events(self) -> list[str]:
        return [line["event"] for line in self.sources.lines]


async def outcome(call: Awaitable[Any]) -> str:
    """The name of what a call ended with."""
    try:
        await call
    except Unavailable as failure:
        return type(failure).__name__
    return "answer"
