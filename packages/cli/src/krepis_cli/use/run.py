"""Runs: builds of a project from a spec, kept in `.krepis/runs` with their tasks and what the gate said.

A run is kept before anything is written, and the operation of the log names it. So the last operation of `krepis use`
leads to its run, and one that nothing was written for is led to by nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import msgspec
from msgspec import Struct

from krepis_cli.history import Operation, OperationLog
from krepis_cli.store import Shelf, Store
from krepis_cli.use.gate import Check
from krepis_cli.use.tasks import Task

RUNS = Shelf(
    "runs",
    (
        """
        CREATE TABLE run (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            at INTEGER NOT NULL,
            spec TEXT NOT NULL,
            digest TEXT NOT NULL
        );
        CREATE TABLE task (
            run INTEGER NOT NULL REFERENCES run (id),
            number INTEGER NOT NULL,
            parent INTEGER,
            intent TEXT NOT NULL,
            files TEXT NOT NULL,
            spec TEXT NOT NULL,
            gate TEXT NOT NULL,
            executor TEXT NOT NULL,
            outcome TEXT NOT NULL,
            context TEXT NOT NULL,
            result TEXT NOT NULL,
            PRIMARY KEY (run, number)
        ) WITHOUT ROWID;
        CREATE TABLE verdict (
            run INTEGER NOT NULL REFERENCES run (id),
            number INTEGER NOT NULL,
            name TEXT NOT NULL,
            command TEXT NOT NULL,
            outcome TEXT NOT NULL,
            seconds REAL NOT NULL,
            said TEXT NOT NULL,
            PRIMARY KEY (run, number)
        ) WITHOUT ROWID;
        """,
    ),
)

_COLUMNS = ", ".join(Task.__struct_fields__)


class Run(Struct, frozen=True):
    """A build: of which spec (its digest is that of its text), when, as which tasks, and how it was judged.

    `checks` is empty where nothing was checked: it was not wanted, or somebody stopped it.
    """

    id: int
    at: datetime
    spec: str
    digest: str
    tasks: tuple[Task, ...]
    checks: tuple[Check, ...]


class Runs:
    """The runs of one project."""

    def __init__(self, root: Path) -> None:
        """Raises `StoreError`."""
        self._store = Store(root, RUNS)

    def close(self) -> None:
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, spec: str, digest: str, tasks: Iterable[Task], at: datetime) -> int:
        """Keep a run that begins; its number."""
        with self._store.transaction() as db:
            insert = "INSERT INTO run (at, spec, digest) VALUES (?, ?, ?) RETURNING id"
            number = int(db.execute(insert, (int(at.timestamp()), spec, digest)).fetchone()[0])
            db.executemany(
                f"INSERT INTO task (run, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - our own words
                ((number, *_row(task)) for task in tasks),
            )
        return number

    def judged(self, number: int, checks: Sequence[Check]) -> None:
        """Keep what the gate has said of it."""
        with self._store.transaction() as db:
            db.execute("DELETE FROM verdict WHERE run = ?", (number,))
            db.executemany(
                "INSERT INTO verdict (run, number, name, command, outcome, seconds, said) VALUES (?, ?, ?, ?, ?, ?, ?)",
                ((number, at, *msgspec.structs.astuple(check)) for at, check in enumerate(checks)),
            )

    def one(self, number: int) -> Run | None:
        """The run of that number, if it is known."""
        db = self._store.db
        found = db.execute("SELECT at, spec, digest FROM run WHERE id = ?", (number,)).fetchone()
        if found is None:
            return None
        tasks = db.execute(f"SELECT {_COLUMNS} FROM task WHERE run = ? ORDER BY number", (number,))  # noqa: S608 - our own words
        verdicts = db.execute(
            "SELECT name, command, outcome, seconds, said FROM verdict WHERE run = ? ORDER BY number", (number,)
        )
        return Run(
            number,
            datetime.fromtimestamp(found[0], UTC),
            found[1],
            found[2],
            tuple(map(_task, tasks)),
            tuple(Check(*row) for row in verdicts),
        )


def last_build(log: OperationLog) -> Operation | None:
    """The last operation that built the project, whether it still stands or not."""
    return next((one for one in reversed(log.operations.all()) if one.kind == "use" and "run" in one.arguments), None)


_LISTS = ("intent", "files", "spec", "gate")


def _row(task: Task) -> list[Any]:
    plain = msgspec.structs.asdict(task)
    return [msgspec.json.encode(value).decode() if name in _LISTS else value for name, value in plain.items()]


def _task(row: tuple[Any, ...]) -> Task:
    named = zip(Task.__struct_fields__, row, strict=True)
    plain = {name: msgspec.json.decode(value) if name in _LISTS else value for name, value in named}
    return msgspec.convert(plain, Task)
