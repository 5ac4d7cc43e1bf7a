"""The one sequencer: moves entries from `krepis_audit_pending` into the chain, in transactions of its own.

- A batch is one transaction: killed at any moment, an entry is in one table or in the other, never in both or none.
- One at a time over all processes: an advisory lock of the transaction on PostgreSQL; on SQLite there is one writer
  anyway. Whoever dies lets go by it, and any other process goes on.
- It wakes when a command of its process has committed, and looks by itself every `POLL_S` for what a process left that
  died in between.
- It goes on from `krepis_audit_head`. When that and the chain disagree, it stops and says so in the log, again and
  again; entries wait meanwhile, and commands are not held up.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any

from msgspec import json

from krepis.audit import tables
from krepis.audit.chain import GENESIS, Hashing
from krepis.context import Sources, root
from krepis.errors import KrepisError
from krepis.identity import SYSTEM
from krepis.sql import Database, Sql

POLL_S = 1.0
PAUSE_S = 0.005
"""Between two batches, so that under load there are few transactions with many entries."""

STUCK_S = 5.0
"""How long it waits after a failure."""

STOP_S = 5.0
"""How long a stop waits for the batch that is being moved before it is cancelled."""

BATCH_TIMEOUT_S = 30.0


class Sequencer:
    """Runs beside a service, on its database."""

    def __init__(self, database: Database, sources: Sources, hashing: Hashing) -> None:
        self._database = database
        self._sources = sources
        self._hashing = hashing
        self._woken = asyncio.Event()
        self._stopping = asyncio.Event()
        self.stuck: str | None = None
        """Why it can't go on, for readiness."""

    def wake(self) -> None:
        """There may be something to move."""
        self._woken.set()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Until the block ends; then what has been committed is moved once more."""
        task = asyncio.ensure_future(self._run())
        try:
            yield
        finally:
            # Not cancelled at once: a COMMIT that is under way goes on to its end, and forgets that it was cancelled.
            self._stopping.set()
            self._woken.set()
            while not (await asyncio.wait({task}, timeout=STOP_S))[0]:
                task.cancel()
            with suppress(Exception):  # what is left is moved by whoever runs next
                await self.move()

    @asynccontextmanager
    async def running_by_hand(self) -> AsyncGenerator[None]:
        """Nothing until the block ends; then, if there was a command, what waits is moved: where there are jobs alone,
        nobody else does it.
        """
        try:
            yield
        finally:
            if self._woken.is_set():
                with suppress(Exception):  # what is left is moved by whoever runs next
                    await self.move_all()

    async def move_all(self) -> int:
        """Move what waits, batch by batch, unless another process is at it; answers with how many entries."""
        count = 0
        while moved := await self.move():
            count += moved
        return count

    async def move(self) -> int | None:
        """Move one batch; answers with how many entries, or `None` while another process is at it."""
        ctx = root(self._sources, actor=SYSTEM, timeout=BATCH_TIMEOUT_S, intents=("audit",))
        return await self._database.transact(ctx, "write", self._moved)

    async def _run(self) -> None:
        while not self._stopping.is_set():
            self._woken.clear()
            try:
                moved = await self.move()
            except Exception as error:  # noqa: BLE001 - the service goes on, and so does the log of what is wrong
                self.stuck = "the audit log can't go on; the log says why"
                self._sources.emit("error", "audit_stuck", {"error": error})
                await _within(self._stopping, STUCK_S)  # commands that wake it must not fill the log
                continue
            self.stuck = None
            # Whoever holds the lock may have looked before our entries were there: so try again soon.
            await _within(self._woken, PAUSE_S if moved is None or moved == tables.BATCH_MAX else POLL_S)
            await _within(self._stopping, PAUSE_S)

    async def _moved(self, sql: Sql) -> int | None:
        if not self._database.is_sqlite:
            await sql.run(tables.READ_COMMITTED)
            if not await sql.one(tables.TRY_LOCK):
                return None
        entries = await sql.all(tables.PENDING)
        if not entries:
            return 0
        number, previous = await self._end(sql)
        rows: list[dict[str, Any]] = []
        for number, entry in enumerate(entries, number + 1):  # noqa: B020 - it goes on from the last number
            link = self._hashing.link(number, previous, entry.entry)
            said = json.decode(entry.entry)
            searched = {name: said[name] for name in ("command", "actor", "tenant")}
            row = {"number": number, "at": entry.at, **searched, "entry": entry.entry}
            rows.append({**row, "previous": previous, "hash": link})
            previous = link
        await sql.run_many(tables.ADD_ROW, rows)
        await sql.run(tables.DROP_PENDING, ids=[entry.id for entry in entries])
        if not await sql.run(tables.MOVE_HEAD, to_number=number, to_hash=previous):
            await sql.run(tables.ADD_HEAD, number=number, hash=previous)
        return len(entries)

    async def _end(self, sql: Sql) -> tuple[int, str]:
        """The last number and hash. Raises `KrepisError` when what the chain says is something else."""
        known = await sql.first(tables.HEAD)
        last = await sql.first(tables.LAST)
        if known is None and last is None:
            return 0, GENESIS
        if known is None or last != known.number:
            raise KrepisError(
                f"the audit log ends with {last}, and its head says {None if known is None else known.number}",
                hint="somebody has changed it: `krepis audit verify` says what; mend it from a backup",
            )
        return known.number, known.hash


async def _within(event: asyncio.Event, seconds: float) -> None:
    """Wait for it, and so long at most."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
