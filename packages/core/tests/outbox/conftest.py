"""A url for each kind of database; the tables are there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from _bank import metadata
from _postgres import PostgresServer, running_postgres

from krepis.sql import Database


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with running_postgres() as server:
        yield server


@pytest.fixture(params=["file", "memory", "postgres"])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return await a_url(request, tmp_path)


@pytest.fixture(params=["file", "postgres"])
async def shared_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of the kinds that several processes can share."""
    return await a_url(request, tmp_path)


async def a_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "memory":
        return "sqlite://"
    if request.param == "postgres":
        url = request.getfixturevalue("postgres").empty_database("postgres")
    else:
        url = f"sqlite:///{tmp_path / 'bank.db'}"
    database = Database(url, metadata=metadata)
    await database.open()
    await database.create_tables()
    await database.close()
    return url
