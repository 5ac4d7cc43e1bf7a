"""What one call of an outbound port costs through each interceptor of `krepis.resilience`, and through all of them.

The rounds of all cases are interleaved; the median is printed, in microseconds per dispatched query with one such call.
"""

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from bench import report

from krepis import App, Context, OutboundPort, Query, bind
from krepis.port import Interceptor, safe
from krepis.resilience import Bulkhead, Cache, CircuitBreaker, Retries, Timeout

EXAMPLES = """examples:
  bench/run resilience --count 20000 --repeat 3
  bench/run resilience --write
"""


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
    figures: dict[str, list[float]] = {name: [] for name in cases()}
    query = ShowRate(currency="EUR")
    for _ in range(repeat):
        for name, app in cases().items():
            async with app.start() as service:
                ctx = service.context(timeout=3600)
                await service.dispatch(ctx, query)
                began = time.perf_counter()
                for _ in range(count):
                    await service.dispatch(ctx, query)
                figures[name].append((time.perf_counter() - began) / count * 1e6)
    return {name: statistics.median(values) for name, values in figures.items()}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="bench/run resilience",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--count", type=int, default=100_000, help="calls a round (%(default)s)")
    parser.add_argument("--repeat", type=int, default=7, help="rounds (%(default)s)")
    parser.add_argument("--write", action="store_true", help="put the table into bench/RESULTS.md")
    options = parser.parse_args(arguments)
    figures = asyncio.run(measure(options.count, options.repeat))
    rows = [f"| {name} | {us:.2f} |" for name, us in figures.items()]
    text = "\n".join(["| one call of an outbound port through | us |", "| :-- | --: |", *rows])
    print(text)
    if options.write:
        report.write("resilience", text, command=["bench/run", "resilience", *arguments])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
