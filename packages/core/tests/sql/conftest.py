"""A real database of each kind. PostgreSQL is one server for the whole run, emptied for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from _postgres import PostgresServer, running_postgres
from _shop import metadata

from krepis._system import SystemSources
from krepis.context import Context, root
from krepis.sql import Database


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with running_postgres() as server:
        yield server


@pytest.fixture
def make_url(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], str]:
    """The url of an empty database of a kind: `file`, `memory` or `postgres`."""

    def make(kind: str) -> str:
        if kind == "postgres":
            server: PostgresServer = request.getfixturevalue("postgres")
            return server.empty_database("postgres")
        return f"sqlite:///{tmp_path / 'shop.db'}" if kind == "file" else "sqlite://"

    return make


@pytest.fixture(params=["file", "memory", "postgres"])
async def database(request: pytest.FixtureRequest, make_url: Callable[[str], str]) -> AsyncIterator[Database]:
    """An open database with the tables of `_shop`, of every kind."""
    async for opened in _opened(make_url(request.param)):
        yield opened


@pytest.fixture(params=["file", "postgres"])
async def shared(request: pytest.FixtureRequest, make_url: Callable[[str], str]) -> AsyncIterator[Database]:
    """Like `database`, of the kinds that several processes can share."""
    async for opened in _opened(make_url(request.param)):
        yield opened


@pytest.fixture
async def file(make_url: Callable[[str], str]) -> AsyncIterator[Database]:
    async for opened in _opened(make_url("file")):
        yield opened


@pytest.fixture
async def remote(make_url: Callable[[str], str]) -> AsyncIterator[Database]:
    """PostgreSQL."""
    async for opened in _opened(make_url("postgres")):
        yield opened


@pytest.fixture
def ctx() -> Context:
    return root(SystemSources(), timeout=20)


async def _opened(url: str, **options: Any) -> AsyncIterator[Database]:
    opened = Database(url, metadata=metadata, **options)
    await opened.open()
    if not opened.in_memory:
        await opened.create_tables()
    yield opened
    await opened.close()
