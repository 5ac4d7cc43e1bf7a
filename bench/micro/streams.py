"""Idle clients of one process, as event streams and as WebSockets: what each costs in memory, and how soon an event
reaches all of them.

Clients and server share the machine, so "all have it after" is the time of both.
"""

import asyncio
import base64
import resource
import sys
import time
from pathlib import Path
from statistics import median

from bench import report
from bench.http.processes import Wrong, ask, free_port, memory_mb, serving
from bench.micro import measuring

KINDS = ("events", "websocket")
COLUMNS = ("idle clients", "before MB", "with them MB", "KB each", "after events MB", "all have an event after, ms")
APP = """
from sqlalchemy import MetaData

from krepis import App, Command, Context, Event, Query
from krepis.events import Events
from krepis.http import Doors
from krepis.outbox import TABLES, Outbox
from krepis.sql import Database, include_tables

metadata = MetaData()
include_tables(metadata, *TABLES)


class Rung(Event):
    text: str


class Ring(Command[None]):
    text: str


class Listen(Query[None]):
    pass


async def ring(ctx: Context, command: Ring, *, events: Events) -> None:
    await events.emit(ctx, Rung(text=command.text))


def listen(ctx: Context, query: Listen) -> None:
    return None


doors = Doors()
doors.post("/ring", Ring)
doors.events("/events", Listen, of=(Rung,))
doors.websocket("/live", Listen, events=(Rung,))
app = App("bell", handlers=(ring, listen), doors=doors, store=Database("sqlite://", metadata=metadata), parts=(Outbox(),))
"""
HEAD = "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{more}\r\n"
UPGRADE = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
SETTLE_S = 2.0
OPEN_AT_ONCE = 50


def main() -> int:
    shell = measuring.parser("streams", __doc__, "--clients 200", "--kind websocket")
    shell.add_argument("--clients", type=int, default=2000, help="of each kind (%(default)s)")
    shell.add_argument("--rings", type=int, default=5, help="events that are sent to all, in turn (%(default)s)")
    shell.add_argument("--kind", choices=KINDS, action="append", help="one of both kinds")
    options = shell.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, options.clients * 2 + 1000), hard))
    rows = [asyncio.run(measured(kind, options.clients, options.rings)) for kind in options.kind or KINDS]
    title = f"{options.clients} of each kind, one process."
    return measuring.show("streams", f"{title}\n\n{measuring.table(COLUMNS, rows)}", options)


async def measured(kind: str, clients: int, rings: int) -> list[str]:
    with report.scratch() as folder:
        (folder / "src").mkdir()
        (folder / "src" / "bell.py").write_text(APP, encoding="utf-8")
        (folder / "krepis.toml").write_text('app = "bell:app"\n', encoding="utf-8")
        port = free_port()
        command = [str(Path(sys.executable).parent / "krepis"), "run", "bell:app", "--port", str(port)]
        env = {"PYTHONPATH": str(folder / "src")}
        with serving(command, port=port, env=env, log=folder / "log") as pid:
            before = memory_mb(pid, peak=False)
            there = await opened(kind, clients, port)
            await asyncio.sleep(SETTLE_S)
            idle = memory_mb(pid, peak=False)
            times = [await rung(there, port, f"ring {number}") for number in range(rings)]
            after = memory_mb(pid, peak=False)
            for _, writer in there:
                writer.close()
    each = (idle - before) * 1024 / clients
    figures = (f"{before:.0f}", f"{idle:.0f}", f"{each:.1f}", f"{after:.0f}", f"{median(times) * 1000:.0f}")
    return [kind, *figures]


Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def opened(kind: str, clients: int, port: int) -> list[Client]:
    """Connections that have read the beginning of what they follow."""
    room = asyncio.Semaphore(OPEN_AT_ONCE)
    key = base64.b64encode(bytes(16)).decode()
    path, more = ("/events", "") if kind == "events" else ("/live", UPGRADE.format(key=key))
    begin = b"id: 0" if kind == "events" else b'"position":0'

    async def one() -> Client:
        async with room:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(HEAD.format(path=path, port=port, more=more).encode())
            await until(reader, begin)
            return reader, writer

    return list(await asyncio.gather(*(one() for _ in range(clients))))


async def rung(there: list[Client], port: int, text: str) -> float:
    """Seconds until all have the event."""
    waiting = asyncio.gather(*(until(reader, text.encode()) for reader, _ in there))
    await asyncio.sleep(0)
    started = time.perf_counter()
    status, _, body = await asyncio.to_thread(ask, port, "POST", "/ring", f'{{"text": "{text}"}}')
    if status >= 300:
        raise Wrong(f"POST /ring: {status} {body[:200]!r}")
    await waiting
    return time.perf_counter() - started


async def until(reader: asyncio.StreamReader, mark: bytes) -> None:
    seen = b""
    while mark not in seen:
        piece = await asyncio.wait_for(reader.read(65_536), 60)
        if not piece:
            raise Wrong(f"the stream ended before {mark!r}: {seen[-200:]!r}")
        seen = seen[-200:] + piece


if __name__ == "__main__":
    sys.exit(main())
