"""What tools keep beside a project: SQLite files in `.krepis/`, each with a version and migrations of its own.

A shelf is one such file. Its migrations are SQL scripts, applied in order, each in one transaction with the number that
says so (`user_version`). A shelf that a newer Krepis has written is refused, never guessed at.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from krepis.errors import KrepisError

FOLDER = ".krepis"
APPLICATION_ID = 0x6B726570  # "krep": tells our files from other SQLite files
BUSY_S = 10.0
"""How long a reader or writer waits for another process's transaction."""
PAGE_BYTES = 8192


class Shelf(NamedTuple):
    """What one file holds: its name in `.krepis/` and how it came to its present form, script by script."""

    name: str
    migrations: Sequence[str]


class StoreError(KrepisError):
    """A file in `.krepis/` can't be used as it is."""


class Store:
    """An open shelf. `db` is a plain sqlite3 connection in autocommit mode; `transaction` brackets what belongs together."""

    def __init__(self, root: Path, shelf: Shelf, *, durable: bool = True) -> None:
        """Open it, making the folder and the file where they are missing. A `durable` shelf survives the loss of power
        with every transaction that was committed; another may lose the last ones. Raises `StoreError`.
        """
        self.path = prepared(root) / shelf.name
        self._shelf = shelf
        try:
            self.db = sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None)
            try:
                self._prepare(durable=durable)
            except BaseException:
                self.db.close()
                raise
        except sqlite3.DatabaseError as error:
            raise StoreError(
                f"`{self.path}` can't be opened: {error}",
                hint="is the disk full or read-only? Move the file away to begin anew; what it held stays in it",
            ) from error

    @contextmanager
    def transaction(self) -> Generator[sqlite3.Connection]:
        """All or nothing, on disk when it ends. Raises `StoreError` for a full disk and what else SQLite says."""
        try:
            self.db.execute("BEGIN IMMEDIATE")
            try:
                yield self.db
            except BaseException:
                if self.db.in_transaction:
                    self.db.execute("ROLLBACK")
                raise
            self.commit()
        except sqlite3.Error as error:
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")
            raise StoreError(f"`{self.path}` could not be written: {error}", hint="is the disk full?") from error

    def commit(self) -> None:
        """The one place where a transaction becomes true."""
        self.db.execute("COMMIT")

    def close(self) -> None:
        """Close the file; what is in its write-ahead log goes into it."""
        self.db.close()

    def _prepare(self, *, durable: bool) -> None:
        db = self.db
        version = self._version()
        newest = len(self._shelf.migrations)
        if version > newest:
            raise StoreError(
                f"`{self.path}` has version {version}; this Krepis knows versions up to {newest}",
                hint="a newer Krepis has written it: upgrade `krepis-cli`",
            )
        if version == 0:
            db.execute(f"PRAGMA page_size={PAGE_BYTES}")
            db.execute("PRAGMA auto_vacuum=INCREMENTAL")
        db.execute("PRAGMA journal_mode=WAL")
        db.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
        db.execute("PRAGMA foreign_keys=ON")
        if version < newest:
            self._migrate()

    def _version(self) -> int:
        questions = ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_schema")
        inside = self.db.in_transaction
        if not inside:
            self.db.execute("BEGIN")  # all of one moment: another process may be making the file
        application, version, objects = (self.db.execute(question).fetchone()[0] for question in questions)
        if not inside:
            self.db.execute("COMMIT")
        if application != APPLICATION_ID and (version or objects):
            raise StoreError(
                f"`{self.path}` is a database that Krepis has not made", hint="move it away; Krepis makes its own"
            )
        return int(version)

    def _migrate(self) -> None:
        with self.transaction() as db:
            # Asked again inside: another process may have done it while this one waited.
            for number, script in enumerate(self._shelf.migrations[self._version() :], self._version() + 1):
                for statement in script.split(";\n"):
                    if statement.strip():
                        db.execute(statement)
                db.execute(f"PRAGMA user_version={number}")
            db.execute(f"PRAGMA application_id={APPLICATION_ID}")


def prepared(root: Path) -> Path:
    """`.krepis` of a project, made where it is missing; git is told to leave it alone. Raises `StoreError`."""
    folder = root / FOLDER
    try:
        folder.mkdir(exist_ok=True)
        if folder.is_symlink() or not folder.is_dir():
            raise StoreError(f"`{folder}` is not a folder", hint="move it away; Krepis keeps its own things there")
        ignore = folder / ".gitignore"
        if not ignore.exists():
            half = folder / f".gitignore.{os.getpid()}"
            half.write_text("*\n", encoding="utf-8")
            half.replace(ignore)
    except OSError as error:
        raise StoreError(
            f"`{folder}` can't be made: {error.strerror}",
            hint="Krepis keeps its operation log there; may you write here?",
        ) from error
    return folder
