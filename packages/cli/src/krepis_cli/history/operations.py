"""The rows of the log: operations, what they changed, and what steps they took beside the files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from krepis.errors import KrepisError
from krepis_cli.history.contents import Contents, Stored, missing
from krepis_cli.history.entry import ABSENT, Entry, Kind
from krepis_cli.store import Shelf, Store

State = Literal["pending", "backing", "done", "failed", "pruned"]
"""`pending`: recorded, not all in place yet; `backing`: could not be done and is taken back; `failed`: was taken back;
`pruned`: its changes were forgotten.
"""

StepState = Literal["open", "begun", "done"]

HISTORY = Shelf(
    "history",
    (
        """
        CREATE TABLE operation (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            parent INTEGER REFERENCES operation (id),
            kind TEXT NOT NULL,
            target INTEGER REFERENCES operation (id),
            arguments TEXT NOT NULL,
            at INTEGER NOT NULL,
            state TEXT NOT NULL,
            note TEXT NOT NULL DEFAULT ''
        );
        CREATE TABLE content (
            id INTEGER PRIMARY KEY,
            hash BLOB NOT NULL UNIQUE,
            size INTEGER NOT NULL,
            base INTEGER REFERENCES content (id),
            depth INTEGER NOT NULL,
            data BLOB
        );
        CREATE TABLE piece (
            content INTEGER NOT NULL REFERENCES content (id),
            number INTEGER NOT NULL,
            data BLOB NOT NULL,
            PRIMARY KEY (content, number)
        );
        CREATE TABLE change (
            operation INTEGER NOT NULL REFERENCES operation (id),
            path BLOB NOT NULL,
            before_kind TEXT NOT NULL,
            before_mode INTEGER NOT NULL,
            before_content INTEGER,
            after_kind TEXT NOT NULL,
            after_mode INTEGER NOT NULL,
            after_content INTEGER,
            PRIMARY KEY (operation, path)
        ) WITHOUT ROWID;
        CREATE TABLE step (
            operation INTEGER NOT NULL REFERENCES operation (id),
            number INTEGER NOT NULL,
            name TEXT NOT NULL,
            arguments TEXT NOT NULL,
            back INTEGER NOT NULL,
            state TEXT NOT NULL,
            PRIMARY KEY (operation, number)
        ) WITHOUT ROWID;
        """,
    ),
)


class UnknownOperation(KrepisError):
    """The log has no operation of this number."""


class Operation(NamedTuple):
    """One act of a verb on the project. `target` is the operation that an undo or redo concerns."""

    id: int
    parent: int | None
    kind: str
    target: int | None
    arguments: Mapping[str, Any]
    at: datetime
    state: State
    note: str


class Change(NamedTuple):
    """What an operation did to one path."""

    path: bytes
    before: Entry
    after: Entry


class StepRow(NamedTuple):
    """Something that an operation did beside the files; `back` when it was taken back by it."""

    number: int
    name: str
    arguments: Mapping[str, Any]
    back: bool
    state: StepState


_COLUMNS = "id, parent, kind, target, arguments, at, state, note"
_CHANGES = """
    SELECT path, before_kind, before_mode, before_content, old.hash, old.size,
        after_kind, after_mode, after_content, new.hash, new.size
    FROM change LEFT JOIN content old ON old.id = before_content LEFT JOIN content new ON new.id = after_content
    WHERE operation = ? ORDER BY path
"""


class Operations:
    """The log's tables. What writes belongs into a transaction of the store."""

    def __init__(self, store: Store) -> None:
        self._db = store.db
        self.contents = Contents(store)

    def add(self, kind: str, arguments: Mapping[str, Any], at: datetime, target: int | None) -> int:
        """A new operation, pending, with the last one as its parent; its number."""
        done = self._db.execute(
            "INSERT INTO operation (parent, kind, target, arguments, at, state)"
            " VALUES ((SELECT max(id) FROM operation), ?, ?, ?, ?, 'pending')",
            (kind, target, json.dumps(arguments), int(at.timestamp() * 1e6)),
        )
        assert done.lastrowid is not None
        return done.lastrowid

    def add_changes(self, operation: int, changes: Iterable[Change]) -> None:
        """What it is going to change, with all contents of both sides."""
        put = self.contents.put
        rows: list[tuple[Any, ...]] = []
        for path, before, after in changes:
            old = None if before.content is None else put(before.content)
            new = None if after.content is None else put(after.content, old, before.content)
            rows.append((operation, path, before.kind, before.mode, old, after.kind, after.mode, new))
        self._db.executemany("INSERT INTO change VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def add_steps(self, operation: int, steps: Iterable[tuple[str, Mapping[str, Any], bool]]) -> None:
        """What it is going to do beside the files, in this order."""
        rows = [
            (operation, number, name, json.dumps(arguments), back, "open")
            for number, (name, arguments, back) in enumerate(steps)
        ]
        self._db.executemany("INSERT INTO step VALUES (?, ?, ?, ?, ?, ?)", rows)

    def set_state(self, operation: int, state: State, note: str = "") -> None:
        self._db.execute("UPDATE operation SET state = ?, note = ? WHERE id = ?", (state, note, operation))

    def set_step(self, operation: int, number: int, state: StepState) -> None:
        self._db.execute("UPDATE step SET state = ? WHERE operation = ? AND number = ?", (state, operation, number))

    def one(self, number: int) -> Operation:
        """Raises `UnknownOperation`."""
        row = self._db.execute(f"SELECT {_COLUMNS} FROM operation WHERE id = ?", (number,)).fetchone()  # noqa: S608
        if row is None:
            raise UnknownOperation(f"there is no operation {number}", hint="`krepis history` lists them")
        return _operation(row)

    def all(self) -> list[Operation]:
        """The oldest first."""
        return [_operation(row) for row in self._db.execute(f"SELECT {_COLUMNS} FROM operation ORDER BY id")]  # noqa: S608

    def unsettled(self) -> Operation | None:
        """The operation that was interrupted, if one was."""
        question = f"SELECT {_COLUMNS} FROM operation WHERE state IN ('pending', 'backing') ORDER BY id LIMIT 1"  # noqa: S608
        row = self._db.execute(question).fetchone()
        return None if row is None else _operation(row)

    def changes(self, operation: int) -> Iterator[Change]:
        """What it changed, by path."""
        for path, *sides in self._db.execute(_CHANGES, (operation,)).fetchall():
            yield Change(bytes(path), self._entry(*sides[:5]), self._entry(*sides[5:]))

    def paths(self, path: bytes) -> list[bytes]:
        """What the log knows at a path and below it."""
        # "0" is the byte after "/": the range holds everything that begins with the folder's name and a slash.
        question = "SELECT DISTINCT path FROM change WHERE path = ? OR (path > ? AND path < ?)"
        return [bytes(found) for (found,) in self._db.execute(question, (path, path + b"/", path + b"0"))]

    def steps(self, operation: int) -> list[StepRow]:
        """What it does beside the files, in order."""
        question = "SELECT number, name, arguments, back, state FROM step WHERE operation = ? ORDER BY number"
        return [
            StepRow(number, name, json.loads(arguments), bool(back), state)
            for number, name, arguments, back, state in self._db.execute(question, (operation,))
        ]

    def at(self, path: bytes, operation: int) -> Entry | None:
        """What stood at `path` after an operation; `None` where the log does not know."""
        # A failed operation has left everything as it was.
        for side, compared, order in (("after", "<=", "DESC"), ("before", ">", "ASC")):
            question = (
                f"SELECT {side}_kind, {side}_mode, {side}_content, hash, size FROM change"  # noqa: S608
                f" JOIN operation ON operation.id = operation LEFT JOIN content ON content.id = {side}_content"
                f" WHERE path = ? AND state NOT IN ('failed', 'backing') AND operation {compared} ?"
                f" ORDER BY operation {order} LIMIT 1"
            )
            row = self._db.execute(question, (path, operation)).fetchone()
            if row is not None:
                return self._entry(*row)
        return None

    def _entry(self, kind: Kind, mode: int, content: int | None, hash: bytes | None, size: int | None) -> Entry:  # noqa: A002
        if content is None:
            return ABSENT if kind == "absent" else Entry(kind, mode)
        if hash is None or size is None:
            raise missing(content)
        return Entry(kind, mode, Stored(self._db, content, hash, size))


def _operation(row: tuple[Any, ...]) -> Operation:
    id, parent, kind, target, arguments, at, state, note = row
    return Operation(
        id, parent, kind, target, json.loads(arguments), datetime.fromtimestamp(at / 1e6, UTC), state, note
    )
