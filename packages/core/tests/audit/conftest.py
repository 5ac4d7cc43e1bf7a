"""A small bank on a real database of each kind, with an audit log."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from _postgres import PostgresServer, running_postgres  # noqa: E402


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with running_postgres() as server:
        yield server


@pytest.fixture(params=["file", "memory", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "postgres":
        return request.getfixturevalue("postgres").empty_database("postgres")
    return f"sqlite:///{tmp_path / 'bank.db'}" if request.param == "file" else "sqlite://"


@pytest.fixture(params=["file", "postgres"])
def shared_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Like `url`, of the kinds that several processes can share."""
    if request.param == "postgres":
        return request.getfixturevalue("postgres").empty_database("postgres")
    return f"sqlite:///{tmp_path / 'bank.db'}"
