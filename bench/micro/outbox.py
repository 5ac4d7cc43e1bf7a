"""How long after its commit an event reaches its reaction, in one process, and how many a second go through.

Latency: one command at a time emits one event, as a service that is not busy does; from the moment that its dispatch has
returned to the first line of the reaction, in milliseconds. Throughput: many commands at a time emit one event each, about
many aggregates; from the first command to the last reaction's commit. The reaction writes nothing of its own.
"""

import asyncio
import importlib.util
import statistics
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench import report
from bench.micro import measuring
from sqlalchemy import MetaData

from krepis import App, Command, Context, Event
from krepis.events import Events
from krepis.outbox import TABLES, Outbox
from krepis.sql import Database, include_tables

CALLERS = 16
COLUMNS = ("p50 ms", "p99 ms", "emitted/s", "delivered/s")

metadata = MetaData()
include_tables(metadata, *TABLES)


class Paid(Event):
    account: str
    number: int


class Pay(Command[None]):
    account: str
    number: int


async def pay(ctx: Context, command: Pay, *, events: Events) -> None:
    await events.emit(ctx, Paid(account=command.account, number=command.number))


class Arrivals:
    """When the reaction began, by number."""

    def __init__(self) -> None:
        self.at: dict[int, float] = {}
        self.news = asyncio.Event()

    async def on_paid(self, ctx: Context, event: Paid) -> None:
        self.at[event.number] = time.perf_counter()
        self.news.set()

    async def wait(self, count: int) -> None:
        while len(self.at) < count:
            self.news.clear()
            await asyncio.wait_for(self.news.wait(), 30)


async def measure(url: str, count: int, *, synchronous: str) -> dict[str, float]:
    database = Database(url, metadata=metadata, synchronous=synchronous)  # type: ignore[arg-type]
    await database.open()
    await database.create_tables()
    await database.close()
    arrivals = Arrivals()

    async def on_paid(ctx: Context, event: Paid) -> None:
        await arrivals.on_paid(ctx, event)

    app = App("outbox", handlers=(pay,), reactions=(on_paid,), store=database, parts=(Outbox(),))
    async with app.start() as service:
        await asyncio.sleep(0.2)
        latencies: list[float] = []
        for number in range(count):
            await service.dispatch(service.context(timeout=30), Pay(account=f"a{number % 50}", number=number))
            done = time.perf_counter()
            await arrivals.wait(number + 1)
            latencies.append((arrivals.at[number] - done) * 1e3)
        arrivals.at.clear()
        numbers = iter(range(count * 5))

        async def caller() -> None:
            for number in numbers:
                await service.dispatch(service.context(timeout=30), Pay(account=f"a{number % 500}", number=number))

        begun = time.perf_counter()
        await asyncio.gather(*(caller() for _ in range(CALLERS)))
        emitted = time.perf_counter() - begun
        await arrivals.wait(count * 5)
        delivered = time.perf_counter() - begun
    latencies.sort()
    return {
        "p50 ms": statistics.median(latencies),
        "p99 ms": latencies[int(len(latencies) * 0.99)],
        "emitted/s": count * 5 / emitted,
        "delivered/s": count * 5 / delivered,
    }


def a_postgres() -> Any:
    """The server that the tests use too."""
    path = Path(__file__).parents[2] / "packages/core/tests/_postgres.py"
    spec = importlib.util.spec_from_file_location("_bench_postgres", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.running_postgres({"fsync": "on"})


def main() -> int:
    shell = measuring.parser("outbox", __doc__, "", "--only sqlite --count 500")
    shell.add_argument("--count", type=int, default=1000, help="events one after the other (%(default)s)")
    shell.add_argument("--only", choices=["sqlite", "postgres"], help="one of the databases")
    options = shell.parse_args()
    urls: dict[str, str] = {}
    with ExitStack() as stack:
        if options.only != "postgres":
            folder = stack.enter_context(report.scratch())
            urls["SQLite (WAL, synchronous=normal)"] = f"sqlite:///{folder / 'outbox.db'}"
        if options.only != "sqlite":
            urls["PostgreSQL (fsync on)"] = stack.enter_context(a_postgres()).make_database("outbox")
        rows = [row(name, asyncio.run(measure(url, options.count, synchronous="normal"))) for name, url in urls.items()]
    return measuring.show("outbox", measuring.table(("database", *COLUMNS), rows), options)


def row(name: str, figures: dict[str, float]) -> list[str]:
    return [name, *(f"{figures[column]:.2f}" if "ms" in column else f"{figures[column]:.0f}" for column in COLUMNS)]


if __name__ == "__main__":
    sys.exit(main())
