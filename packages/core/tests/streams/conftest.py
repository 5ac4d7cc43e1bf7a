"""A notice board on each kind of database, in process."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from _board import StartBoard, a_board, add_tokens, metadata, prepare
from _postgres import PostgresServer, running_postgres

from krepis.sql import Database
from krepis.testing import TestService, start


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with running_postgres() as server:
        yield server


@pytest.fixture(params=["memory", "postgres"])
async def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def start_board(request: pytest.FixtureRequest, tmp_path: Path) -> StartBoard:
    """A board with settings of `StreamLimits`: `start_board("memory", recheck_s=0.1)`."""

    @asynccontextmanager
    async def starting(kind: str = "memory", *, parts: Any = (), **limits: Any) -> AsyncGenerator[TestService]:
        url = "sqlite://"
        if kind == "postgres":
            url = request.getfixturevalue("postgres").empty_database("postgres")
            await prepare(url)
        database = Database(url, metadata=metadata)
        async with start(a_board(database, parts=parts, **limits)) as service:
            if kind == "memory":
                await add_tokens(database)
            yield service

    return starting
