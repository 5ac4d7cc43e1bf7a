"""What one call of an outbound port costs through each interceptor of `krepis.resilience`, and through all of them.

The rounds of all cases are interleaved; the median is printed, in microseconds per dispatched query with one such call.
"""

import sys
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from bench.micro import measuring

from krepis import App, Context, OutboundPort, Query, bind
from krepis.port import Interceptor, safe
from krepis.resilience import Bulkhead, Cache, CircuitBreaker, Retries, Timeout


class Rates(OutboundPort, Protocol):
    @safe
    async def rate(self, ctx: Context, currency: str) -> int: ...


class FixedRates(Rates):
    async def rate(self, ctx: Context, currency: str) -> int:
        return 3


class ShowRate(Query[int]):
    currency: str


async def show_rate(ctx: Context, query: ShowRate, *, rates: Rates) -> int:
    return await rates.rate(ctx, query.currency)


async def passing(call: Any, proceed: Callable[[], Awaitable[Any]]) -> Any:
    return await proceed()


def an_app(*through: Interceptor) -> App:
    return App("rates", handlers=(show_rate,), adapters=(bind(Rates, FixedRates, scope="app", through=through),))


def cases() -> dict[str, App]:
    return {
        "no interceptor": an_app(),
        "an interceptor that does nothing": an_app(passing),
        "Timeout": an_app(Timeout(2)),
        "Retries": an_app(Retries()),
        "CircuitBreaker": an_app(CircuitBreaker()),
        "Bulkhead": an_app(Bulkhead(20)),
        "Cache, kept": an_app(Cache(3600)),
        "Retries, CircuitBreaker, Bulkhead, Timeout": an_app(Retries(), CircuitBreaker(), Bulkhead(20), Timeout(2)),
    }


async def measure(count: int, repeat: int) -> dict[str, float]:
    return await measuring.in_turns(repeat, {name: lambda app=app: one(app, count) for name, app in cases().items()})


async def one(app: App, count: int) -> float:
    query = ShowRate(currency="EUR")
    async with app.start() as service:
        ctx = service.context(timeout=3600)
        await service.dispatch(ctx, query)
        return await measuring.timed(count, lambda: service.dispatch(ctx, query))


if __name__ == "__main__":
    sys.exit(
        measuring.calls("resilience", __doc__, measure, count=100_000, head="one call of an outbound port through")
    )
