"""The tables of the outbox come through migrations as any others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData

from krepis.outbox import TABLES
from krepis.sql import Database, include_tables, migrate


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_a_migration_that_was_written_makes_the_tables_as_the_code_says(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
):
    metadata = MetaData()
    include_tables(metadata, *TABLES)
    server: Any = request.getfixturevalue("postgres") if kind == "postgres" else None
    url = f"sqlite:///{tmp_path / 'bank.db'}" if server is None else server.empty_database("postgres")
    database = Database(url, metadata=metadata, migrations=tmp_path / "migrations")
    (tmp_path / "migrations").mkdir()
    path = await migrate.new(database, "events")
    assert "krepis_events" in path.read_text(encoding="utf-8")
    await migrate.upgrade(database, "head")
    assert await migrate.check(database) == []
    await migrate.downgrade(database, "base")
