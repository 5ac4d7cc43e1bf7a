"""What an operation does beside the files: done with them, taken back with them, gone on with after a kill."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from _trees import fingerprint

from krepis.errors import KrepisError
from krepis_cli.history import Open, OperationLog


class Columns:
    """Adds a column to a table of a SQLite database, and takes it away: a migration in its smallest form."""

    def forward(self, root: Path, arguments: Mapping[str, Any]) -> None:
        if arguments.get("die") and not (root.parent / "died").exists():
            (root.parent / "died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        assert (root / "migration.sql").exists(), "its files are there before it runs"
        if arguments["column"] not in columns(root):
            change(root, f"ALTER TABLE t ADD COLUMN {arguments['column']}")
        if arguments.get("fail"):
            raise RuntimeError("no such luck")

    def backward(self, root: Path, arguments: Mapping[str, Any]) -> None:
        assert (root / "migration.sql").exists(), "its files are there still"
        if arguments.get("stuck") and (root.parent / "stuck").exists():
            raise RuntimeError("stuck")
        if arguments["column"] in columns(root):
            change(root, f"ALTER TABLE t DROP COLUMN {arguments['column']}")


COLUMNS = Columns()
NAME = f"{__name__}:COLUMNS"


def columns(root: Path) -> list[str]:
    db = sqlite3.connect(root.parent / "data.db")
    try:
        return [row[1] for row in db.execute("PRAGMA table_info(t)")]
    finally:
        db.close()


def change(root: Path, statement: str) -> None:
    db = sqlite3.connect(root.parent / "data.db")
    db.execute(statement)
    db.commit()
    db.close()


@pytest.fixture
def base(root: Path) -> Path:
    change(root, "CREATE TABLE t (id)")
    return root


def migrated(log: OperationLog, column: str, **more: object):
    proposal = log.propose("migrate", {"column": column})
    proposal.write("migration.sql", column)
    proposal.step(NAME, {"column": column, **more})
    return log.apply(proposal)


def test_a_step_is_done_undone_and_redone_with_its_files(base: Path):
    with OperationLog(base) as log:
        migrated(log, "a")
        assert columns(base) == ["id", "a"]
        log.undo()
        assert columns(base) == ["id"]
        assert fingerprint(base) == {}
        log.redo()
        assert columns(base) == ["id", "a"]
        assert (base / "migration.sql").exists()


def test_a_step_that_fails_takes_everything_back(base: Path):
    with OperationLog(base) as log:
        with pytest.raises(
            KrepisError, match=r"failed and was taken back: the step .* could not be done: no such luck"
        ):
            migrated(log, "a", fail=True)
        assert columns(base) == ["id"]
        assert fingerprint(base) == {}
        assert [one.state for one in log.operations.all()] == ["failed"]
        assert log.standing() == []


def test_a_step_that_was_killed_is_gone_on_with(base: Path):
    child = os.fork()
    if child == 0:
        try:
            with OperationLog(base) as log:
                migrated(log, "a", die=True)
        finally:
            os._exit(1)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    told: list[str] = []
    with OperationLog(base, told=told.append) as log:
        assert told == ["operation 1 (`krepis migrate`) was interrupted; it is complete now"]
        assert columns(base) == ["id", "a"]
        log.undo()
        assert columns(base) == ["id"]


def test_what_can_neither_go_on_nor_back_stays_open_until_it_can(base: Path):
    (base.parent / "stuck").touch()
    with OperationLog(base) as log:
        with pytest.raises(Open, match="operation 1 is open"):
            migrated(log, "a", fail=True, stuck=True)
        proposal = log.propose("other", {})
        proposal.write("x", "y")
        with pytest.raises(Open):
            log.apply(proposal)
    (base.parent / "stuck").unlink()
    told: list[str] = []
    with OperationLog(base, told=told.append) as log:
        assert told == ["operation 1 (`krepis migrate`) was interrupted; it is taken back now"]
        assert columns(base) == ["id"]
        assert fingerprint(base) == {}


def test_a_step_that_is_not_there_is_named(base: Path):
    with OperationLog(base) as log:
        proposal = log.propose("test", {})
        proposal.write("x", "y")
        proposal.step("no.such.module:STEP", {})
        with pytest.raises(KrepisError, match=r"`no.such.module:STEP` can't be loaded"):
            log.apply(proposal)
        assert fingerprint(base) == {}
