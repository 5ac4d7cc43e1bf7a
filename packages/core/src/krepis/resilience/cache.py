"""Answers kept for a while, and one call where many ask for the same."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, cast

from krepis.errors import DeadlinePassed, KrepisError
from krepis.port import PortCall
from krepis.resilience.errors import demand

Key = Callable[[PortCall], Hashable]


class Cache:
    """Keeps the answers of methods that are marked `@safe` in the port, or named in `methods`, for `ttl_s` seconds.

    Who asks for what is on its way already waits for that answer: a lapsed entry costs one call, not a stampede. A
    failure is told to all who wait for it, and never kept. When whoever called gives up, the next who waits calls.

    Tenants never see each other's answers. Where the answer depends on who asks, say `per_actor=True`. Of one method the
    arguments tell entries apart; `key` names them otherwise, for arguments that can't be hashed. Beyond `size_max`
    the entry that was used least lately is dropped. Callers share what is kept, so answers should be immutable.
    """

    def __init__(
        self,
        ttl_s: float,
        *,
        size_max: int = 1024,
        key: Key | None = None,
        methods: tuple[str, ...] = (),
        per_actor: bool = False,
    ) -> None:
        demand(ttl_s > 0, f"`Cache({ttl_s})` keeps nothing", "give it seconds: `Cache(60)`")
        demand(size_max >= 1, f"a cache of {size_max} entries keeps nothing", "leave it out")
        self.ttl_s = ttl_s
        self.size_max = size_max
        self.methods = frozenset(methods)
        self.per_actor = per_actor
        self._key = key or _arguments
        self._kept: dict[Hashable, tuple[float, Any]] = {}
        self._flights: dict[Hashable, _Flight] = {}

    async def __call__(self, call: PortCall, proceed: Callable[[], Awaitable[Any]]) -> Any:
        if call.nature != "safe" and call.method not in self.methods:
            return await proceed()
        key = self._entry(call)
        while True:
            kept = self._kept.get(key)
            if kept is not None and kept[0] > call.ctx.origin.sources.monotonic():
                self._kept[key] = self._kept.pop(key)  # the last one is the one used last
                return kept[1]
            flight = self._flights.get(key)
            if flight is None:
                return await self._fly(key, call, proceed)
            await flight.landed.wait()
            if flight.failure is not None:
                raise flight.failure
            if flight.arrived:
                return flight.answer

    def clear(self) -> None:
        """Forget everything that is kept."""
        self._kept.clear()

    async def _fly(self, key: Hashable, call: PortCall, proceed: Callable[[], Awaitable[Any]]) -> Any:
        flight = self._flights[key] = _Flight()
        try:
            flight.answer = await proceed()
            flight.arrived = True
        except DeadlinePassed:  # the caller's own; those who wait have theirs
            raise
        except Exception as failure:
            flight.failure = failure
            raise
        finally:
            del self._flights[key]
            flight.landed.set()
        self._kept.pop(key, None)
        self._kept[key] = (call.ctx.origin.sources.monotonic() + self.ttl_s, flight.answer)
        while len(self._kept) > self.size_max:
            del self._kept[next(iter(self._kept))]
        return flight.answer

    def _entry(self, call: PortCall) -> Hashable:
        entry = (
            call.ctx.tenant,
            call.ctx.actor if self.per_actor else None,
            call.port,
            call.method,
            self._key(call),
        )
        try:
            hash(entry)
        except TypeError:
            raise KrepisError(
                f"the arguments of `{call.port}.{call.method}` can't name an entry of a cache",
                hint="take immutable arguments (tuples, Values), or give `Cache(key=lambda call: ...)`",
            ) from None
        return entry


class _Flight:
    """One call that others wait for."""

    __slots__ = ("answer", "arrived", "failure", "landed")

    def __init__(self) -> None:
        self.landed = asyncio.Event()
        self.arrived = False
        self.answer: Any = None
        self.failure: Exception | None = None


def _arguments(call: PortCall) -> Hashable:
    """The arguments with their types: 1, 1.0 and True are equal to each other and not the same question."""
    values = (*call.args, *(call.kwargs[name] for name in sorted(call.kwargs)))
    return values, tuple(sorted(call.kwargs)), tuple(type(cast(object, value)) for value in values)
