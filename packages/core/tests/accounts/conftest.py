"""The club of `_accounts_club` on each database, with a clock that stands still."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from _accounts_club import an_app, metadata
from _postgres import PostgresServer, running_postgres

from krepis.sql import Database
from krepis.testing import TestService, TestSources, start

KINDS = ["memory", "file", "postgres"]


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with running_postgres() as server:
        yield server


@pytest.fixture
async def make_url(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], Any]:
    """The url of a database of a kind that has the club's tables."""

    async def make(kind: str) -> str:
        if kind == "memory":
            return "sqlite://"
        url = f"sqlite:///{tmp_path / 'club.db'}"
        if kind == "postgres":
            server: PostgresServer = request.getfixturevalue("postgres")
            url = server.empty_database("postgres")
        database = Database(url, metadata=metadata)
        await database.open()
        await database.create_tables()
        await database.close()
        return url

    return make


@pytest.fixture(params=KINDS)
async def club(request: pytest.FixtureRequest, make_url: Callable[[str], Any]) -> AsyncGenerator[TestService]:
    """A started club, on every kind of database."""
    async with start(an_app(await make_url(request.param)), TestSources(seed=1)) as service:
        yield service


@pytest.fixture
async def small() -> AsyncGenerator[TestService]:
    """A started club in memory, for what has nothing to do with the database."""
    async with start(an_app("sqlite://"), TestSources(seed=1)) as service:
        yield service
