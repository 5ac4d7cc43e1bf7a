"""A shelf on every kind of store and blobs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from _postgres import PostgresServer, running_postgres
from _shelf import metadata

from krepis._system import SystemSources
from krepis.context import Context, root
from krepis.files import Blobs, FolderBlobs
from krepis.files.database import DatabaseBlobs
from krepis.sql import Database
from krepis.testing import MemoryBlobs


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with running_postgres() as server:
        yield server


@pytest.fixture
def ctx() -> Context:
    return root(SystemSources(), timeout=20)


@pytest.fixture(params=["sqlite", "postgres"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """A database with the shelf's tables, closed."""
    if request.param == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres")
        url = server.empty_database("postgres")
    else:
        url = f"sqlite:///{tmp_path / 'shelf.db'}"
    made = Database(url, metadata=metadata)
    await made.open()
    await made.create_tables()
    await made.close()
    return made


@pytest.fixture(params=["memory", "folder", "sqlite", "postgres"])
async def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Blobs]:
    """Every adapter, ready."""
    made: Any
    if request.param == "memory":
        yield MemoryBlobs()
    elif request.param == "folder":
        async with FolderBlobs(tmp_path / "blobs") as made:
            yield made
    else:
        url = f"sqlite:///{tmp_path / 'blobs.db'}"
        if request.param == "postgres":
            url = request.getfixturevalue("postgres").empty_database("postgres")
        made = Database(url, metadata=metadata)
        await made.open()
        await made.create_tables()
        yield DatabaseBlobs(made)
        await made.close()
