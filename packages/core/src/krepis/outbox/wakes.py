"""How a process hears of what another one has stored: PostgreSQL says so; a SQLite file is looked at.

Both only bring the news early. What they miss the next sweep finds.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from krepis.outbox.sequencer import CHANNEL
from krepis.sql import Database

CONNECT_WAIT_MAX_S = 5.0

Ring = Callable[[bool], None]
"""There is news; the flag says whether events may have been stored that have no position yet."""


async def hear(database: Database, worker: int, ring: Ring, poll_s: float) -> None:
    """Ring whenever another process has stored something, until cancelled. Raises when the database goes away."""
    if not database.is_sqlite:
        await _listen(database, str(worker), ring)
    elif database.path is not None:
        await _watch(database.path, ring, poll_s)
    else:
        await asyncio.Event().wait()  # in memory there is nobody else


async def _listen(database: Database, worker: str, ring: Ring) -> None:
    import asyncpg

    connect: Callable[..., Awaitable[Any]] = getattr(asyncpg, "connect")  # noqa: B009 - it has no types to be read
    gone = asyncio.Event()
    url = database.url.set(drivername="postgresql").render_as_string(hide_password=False)
    connection = await connect(url, timeout=CONNECT_WAIT_MAX_S, server_settings={"application_name": "krepis events"})
    try:

        def lost(_connection: object) -> None:
            gone.set()

        connection.add_termination_listener(lost)

        def heard(_connection: object, _process: int, _channel: str, payload: str) -> None:
            if payload != worker:
                ring(False)

        await connection.add_listener(CHANNEL, heard)
        ring(True)  # while nobody listened, anything may have happened
        await gone.wait()
        raise ConnectionError("the connection that listens was lost")
    finally:
        connection.terminate()


async def _watch(path: Path, ring: Ring, poll_s: float) -> None:
    """`data_version` changes when another connection has committed; asking for it reads a few bytes of shared memory."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        cursor = connection.cursor()
        before = None
        while True:
            now = cursor.execute("PRAGMA data_version").fetchone()
            if now != before:
                ring(True)
            before = now
            await asyncio.sleep(poll_s)
