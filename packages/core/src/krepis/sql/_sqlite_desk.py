"""The connections to one SQLite database: one that writes, some that only read, each with its place.

A file is in WAL mode: readers see the last commit and never wait for the writer. Within a process writers queue for
the one writing connection; between processes they try BEGIN IMMEDIATE again and again, a few milliseconds apart, since
`busy_timeout` would put the whole loop to sleep. A database in memory has one connection for everybody, which
`query_only` makes read-only while a query has it: there, queries and commands follow one another.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any

from krepis.context import Context
from krepis.errors import DeadlinePassed, KrepisError
from krepis.sql._limits import Limits, Synchronous
from krepis.sql._sqlite_faults import fault, is_broken, is_busy
from krepis.sql._waiting import Patience, Places
from krepis.sql.errors import StoreDamagedError, StoreFailed

OPCODES_PER_CHECK = 10_000
"""SQLite asks every so many steps of its machine (about 0.1 ms) whether the deadline has passed; an answer costs 0.3 us."""

CHECKPOINT_PAGES = 500
"""A commit that makes the log this long moves it into the database's file, and the loop stands still meanwhile. Chosen
by p99 in `bench/run http --only krepis-uvicorn --scenarios S4`, three short runs each: 500 pages gave 10 to 12 ms, 250
gave 13 to 51, 2,000 gave 15 to 35. A thread of its own for it gave 33 to 35 in two runs; why was not looked into.
"""


class Desk:
    """One connection: its cursor while it is open, and the context that works on it."""

    __slots__ = ("connection", "ctx", "cursor", "writes")

    def __init__(self, *, writes: bool) -> None:
        self.writes = writes
        self.connection: sqlite3.Connection | None = None
        self.cursor: Any = None  # a `sqlite3.Cursor` while open
        self.ctx: Context | None = None

    def is_late(self) -> bool:
        ctx = self.ctx
        return ctx is not None and ctx.deadline is not None and ctx.origin.sources.monotonic() > ctx.deadline

    def close(self) -> None:
        connection, self.connection, self.cursor = self.connection, None, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()


class SqliteDesks:
    """`path` is `None` for a database in memory, which lives until `close`. `may_create` makes a missing file."""

    def __init__(self, path: Path | None, limits: Limits, synchronous: Synchronous, *, may_create: bool) -> None:
        self._path = path
        self._limits = limits
        self._synchronous = synchronous
        self._may_create = may_create
        self._desks: list[Desk] = []
        self._writers = self._readers = self._places([])

    async def open(self, ctx: Context) -> None:
        """Open the writing connection; readers follow when they are needed. Waits while another process holds the file."""
        writer = Desk(writes=True)
        readers = [] if self._path is None else [Desk(writes=False) for _ in range(self._limits.pool_max)]
        self._desks = [writer, *readers]
        patience = Patience(ctx, wait_max_s=self._limits.wait_max_s)
        while not self._try_open(writer):
            await patience.pause()
        self._writers = self._places([writer])
        self._readers = self._places(readers) if readers else self._writers

    def close(self) -> None:
        for desk in self._desks:
            desk.close()
        self._desks = []
        self._writers = self._readers = self._places([])

    async def begin_write(self, ctx: Context) -> Desk:
        """The writing connection with a transaction begun on it. Give it back with `leave`."""
        desk: Any = self._writers.take() or await self._writers.wait(ctx)
        try:
            if desk.connection is None:
                self._connect(desk)
            try:
                desk.cursor.execute("BEGIN IMMEDIATE")
            except sqlite3.Error as error:
                await self._begin_later(desk, ctx, error)
        except BaseException:
            self._writers.give(desk)
            raise
        desk.ctx = ctx
        return desk

    async def begin_read(self, ctx: Context) -> Desk:
        """A reading connection with a snapshot begun on it. Give it back with `leave`."""
        desk: Any = self._readers.take() or await self._readers.wait(ctx)
        try:
            if desk.connection is None:
                self._connect(desk)
            if desk.writes:
                desk.cursor.execute("PRAGMA query_only=ON")
            desk.cursor.execute("BEGIN")
        except BaseException as error:
            desk.close()
            self._readers.give(desk)
            raise (fault(error, "BEGIN", {}) if isinstance(error, sqlite3.Error) else error) from error
        desk.ctx = ctx
        return desk

    def commit(self, desk: Desk, ctx: Context) -> None:
        """COMMIT; raises what `fault` makes of a failure, with the transaction still to be rolled back by `leave`."""
        if desk.is_late():
            raise DeadlinePassed
        desk.ctx = None  # a commit is not interrupted halfway
        try:
            desk.cursor.execute("COMMIT")
        except sqlite3.Error as error:
            desk.ctx = ctx
            raise fault(error, "COMMIT", {}) from error

    def leave(self, desk: Desk, fault: BaseException | None = None) -> None:
        """Roll back what is still open, and give the connection back: whole, or closed to be opened anew."""
        desk.ctx = None
        if isinstance(fault, StoreFailed):
            desk.close()  # after an I/O error SQLite asks for a new connection
        connection = desk.connection
        try:
            if connection is not None and connection.in_transaction:
                desk.cursor.execute("ROLLBACK")
            if self._path is None and desk.cursor is not None:
                desk.cursor.execute("PRAGMA query_only=OFF")
        except sqlite3.Error:
            # A connection that can't even roll back is dropped; SQLite rolls back what its journal says.
            desk.close()
        (self._writers if desk.writes else self._readers).give(desk)

    async def _begin_later(self, desk: Desk, ctx: Context, error: sqlite3.Error) -> None:
        patience = Patience(ctx, wait_max_s=self._limits.wait_max_s)
        while True:
            if not is_busy(error):
                if is_broken(error):
                    desk.close()
                raise fault(error, "BEGIN IMMEDIATE", {}) from error
            await patience.pause()
            try:
                desk.cursor.execute("BEGIN IMMEDIATE")
            except sqlite3.Error as again:
                error = again
            else:
                return

    def _places(self, desks: list[Desk]) -> Places[Desk]:
        return Places(desks, waiting_max=self._limits.waiting_max, wait_max_s=self._limits.wait_max_s)

    def _try_open(self, writer: Desk) -> bool:
        if self._path is not None and not self._path.parent.is_dir():
            raise KrepisError(
                f"there is no folder `{self._path.parent}` for the database", hint="make it, or mend the url"
            )
        if self._path is not None and not self._path.exists() and not self._may_create:
            raise KrepisError(f"there is no database `{self._path}`", hint="run `krepis db upgrade`")
        try:
            self._connect(writer)
            if self._path is not None:
                writer.cursor.execute("BEGIN IMMEDIATE")
                writer.cursor.execute("ROLLBACK")
        except sqlite3.Error as error:
            writer.close()
            if is_busy(error):
                return False
            raised = fault(error, "PRAGMA journal_mode=WAL", {})
            if isinstance(raised, StoreDamagedError):
                raise raised from error
            raise KrepisError(
                f"the database `{self._path}` can't be opened for writing: {error}",
                hint="the file and its folder must be writable by this process",
            ) from error
        return True

    def _connect(self, desk: Desk) -> None:
        target = ":memory:" if self._path is None else str(self._path)
        connection = sqlite3.connect(
            target,
            timeout=0,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=self._limits.statements_max,
        )
        desk.connection, desk.cursor = connection, connection.cursor()
        try:
            for pragma in self._pragmas(desk):
                desk.cursor.execute(f"PRAGMA {pragma}")
        except sqlite3.Error:
            desk.close()
            raise
        connection.set_progress_handler(desk.is_late, OPCODES_PER_CHECK)

    def _pragmas(self, desk: Desk) -> list[str]:
        shared = ["busy_timeout=0", "foreign_keys=ON", f"synchronous={self._synchronous}"]
        if self._path is None:
            return shared
        # The mode stays in the file; only a writer may set it, and setting it again costs nothing.
        return (
            [*shared, "journal_mode=WAL", f"wal_autocheckpoint={CHECKPOINT_PAGES}"]
            if desk.writes
            else [*shared, "query_only=ON"]
        )
