"""A neighbour that is killed under load, and comes back: nobody waits for it longer than told, and it isn't stormed."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Protocol

import pytest

from krepis import App, Context, OutboundPort, Query, Rejection, bind
from krepis.client import HttpClient
from krepis.port import safe
from krepis.resilience import Bulkhead, CircuitBreaker, Retries, Timeout

# A whole service in one word of the command line: it answers after a moment, and says on which try it was started.
NEIGHBOUR = """
import asyncio, sys
async def serve(reader, writer):
    try:
        while True:
            await reader.readuntil(b"\\r\\n\\r\\n")
            await asyncio.sleep(0.01)
            writer.write(b"HTTP/1.1 200 OK\\r\\ncontent-type: application/json\\r\\ncontent-length: 1\\r\\n\\r\\n7")
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]))
    print("up", flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


class Rates(OutboundPort, Protocol):
    @safe
    async def rate(self, ctx: Context) -> int: ...


class HttpRates(HttpClient, Rates):
    async def rate(self, ctx: Context) -> int:
        return (await self.get(ctx, "/")).expect(200).read(int)


class ShowRate(Query[int]):
    pass


async def show_rate(ctx: Context, query: ShowRate, *, rates: Rates) -> int:
    return await rates.rate(ctx)


class Neighbour:
    """The other process, at one port through all its lives."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        command = [sys.executable, "-c", NEIGHBOUR, str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "up\n"

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        os.kill(self.process.pid, number)

    def end(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            assert self.process.stdout is not None
            self.process.stdout.close()
            self.process = None


@pytest.fixture
def neighbour() -> Iterator[Neighbour]:
    other = Neighbour()
    other.start()
    yield other
    other.end()


def an_app(port: int) -> App:
    breaker = CircuitBreaker(5, window_s=1, open_s=0.2)
    through = (Retries(3, pause_s=0.01), breaker, Bulkhead(10, 200), Timeout(0.3))
    rates = bind(Rates, lambda: HttpRates(f"http://127.0.0.1:{port}"), scope="app", through=through)
    return App("rates", handlers=(show_rate,), adapters=(rates,))


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110 - what it waits for is counted, not told
            await asyncio.sleep(0.01)


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_neighbour_that_is_killed_or_stalls_costs_a_refusal_in_time_and_is_used_again_when_it_is_back(
    neighbour: Neighbour, how: signal.Signals
) -> None:
    async with an_app(neighbour.port).start() as service:
        loop = asyncio.get_running_loop()
        slowest = 0.0
        ends: Counter[str] = Counter()
        stop = asyncio.Event()

        async def caller() -> None:
            nonlocal slowest
            while not stop.is_set():
                began = loop.time()
                try:
                    await service.dispatch(service.context(timeout=20), ShowRate())
                    ends["answer"] += 1
                except Rejection as refusal:
                    ends[type(refusal).__name__] += 1
                    await asyncio.sleep(0.01)
                slowest = max(slowest, loop.time() - began)

        callers = [asyncio.ensure_future(caller()) for _ in range(30)]
        await until(lambda: ends["answer"] > 0)
        neighbour.send(how)
        await until(lambda: ends["CircuitOpen"] > 0)
        if how == signal.SIGKILL:
            neighbour.end()
            await asyncio.to_thread(neighbour.start)
        else:
            neighbour.send(signal.SIGCONT)
        before = ends["answer"]
        await until(lambda: ends["answer"] > before + 100)
        stop.set()
        await asyncio.wait_for(asyncio.gather(*callers), 5)
        assert set(ends) <= {"answer", "CircuitOpen", "CallTimedOut", "Unavailable"}, ends
        assert slowest < 10, "nobody waited until the deadline"
