"""A database that is migrated by an operation: forward with its files, back before they go, whole after a kill."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import time
from pathlib import Path

import pytest

from krepis.errors import KrepisError
from krepis_cli import migration
from krepis_cli.history import OperationLog
from terminal import in_pipes

pytestmark = pytest.mark.slow

VERSIONS = "src/shop/adapters/sql/migrations/versions"
REVISION = '''"""Notes have stars."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    {before}
    op.add_column("notes", sa.Column("stars", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("notes", "stars")
'''


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    assert in_pipes("new", "shop", cwd=tmp_path)[0] == 0
    assert in_pipes("db", "upgrade", cwd=tmp_path / "shop")[0] == 0
    return tmp_path / "shop"


def migrated(log: OperationLog, before: str = "pass"):
    proposal = log.propose("evolve", {"to": "0002"})
    proposal.write(f"{VERSIONS}/0002_notes_have_stars.py", REVISION.replace("{before}", before))
    proposal.step(migration.NAME, {"from": "0001", "to": "0002"})
    return log.apply(proposal)


def state(shop: Path) -> tuple[list[str], bool, bool]:
    """The revision, whether the column is there, whether its file is."""
    revision = json.loads(in_pipes("db", "status", "--json", cwd=shop)[1])["current"]
    db = sqlite3.connect(shop / "shop.db")
    columns = [row[1] for row in db.execute("PRAGMA table_info(notes)")]
    db.close()
    return revision, "stars" in columns, (shop / VERSIONS / "0002_notes_have_stars.py").exists()


AFTER, BEFORE = (["0002"], True, True), (["0001"], False, False)


def test_the_database_goes_with_the_files_and_comes_back_with_them(shop: Path):
    with OperationLog(shop) as log:
        migrated(log)
        assert state(shop) == AFTER
        log.undo()
        assert state(shop) == BEFORE
        log.redo()
        assert state(shop) == AFTER


def test_a_migration_that_fails_takes_the_operation_back(shop: Path):
    with OperationLog(shop) as log:
        with pytest.raises(KrepisError, match=r"taken back: the step .* could not be done"):
            migrated(log, 'raise RuntimeError("no such luck")')
        assert state(shop) == BEFORE


def test_a_kill_in_the_middle_of_a_migration_is_gone_on_with(shop: Path):
    begun = shop.parent / "begun"
    child = os.fork()
    if child == 0:
        try:
            os.setsid()
            with OperationLog(shop) as log:
                wait = f'import os, time; open("{begun}", "a").close(); time.sleep(0 if os.path.exists("{begun}2") else 60)'
                migrated(log, wait)
        finally:
            os._exit(1)
    end = time.monotonic() + 60
    while not begun.exists():
        assert time.monotonic() < end
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    Path(f"{begun}2").touch()
    told: list[str] = []
    with OperationLog(shop, told=told.append) as log:
        assert told[0].endswith("was interrupted; it is complete now")
        assert state(shop) == AFTER
        log.undo()
        assert state(shop) == BEFORE
