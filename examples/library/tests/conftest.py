"""The library on each database that it runs on: SQLite in memory and in a file, PostgreSQL."""

import asyncio
import importlib.util
import os
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from krepis.context import root
from krepis.sql import migrate, statement
from krepis.testing import TestSources, start
from krepis.types import Secret
from sqlalchemy import text

TOKEN_KEY = "for tests, and long enough for a key"
os.environ.setdefault("LIBRARY_TOKEN_KEY", TOKEN_KEY)  # `library.app` reads its settings when it is imported

from library.adapters.sql.tables import metadata  # noqa: E402
from library.app import ON_SQL, build, database  # noqa: E402
from library.settings import LibrarySettings  # noqa: E402

_EMPTY = statement(text(f"TRUNCATE {', '.join(metadata.tables)}"))


class Shelf:
    """A database and a folder: all that a library needs."""

    def __init__(self, url: str, folder: Path) -> None:
        self.settings = LibrarySettings(
            database=url,
            token_key=Secret(TOKEN_KEY),
            files_folder=str(folder / "files"),
            mail_folder=str(folder / "mail"),
            requests_per_minute=1_000_000,
            password_memory_kib=64,
        )
        self.store = database(url)

    def app(self):
        """The whole library on it."""
        return build(self.settings)

    async def write(self, work):
        """Run `work(ports)` in a write transaction of its own."""
        return await self.store.transact(root(TestSources()), "write", lambda unit: work(_ports(unit)))

    async def read(self, work):
        """Run `work(ports)` in a read-only transaction of its own."""
        return await self.store.transact(root(TestSources()), "read", lambda unit: work(_ports(unit)))


def _ports(unit):
    names = {binding.port: binding.port.__name__.removeprefix("Writable").lower() for binding in ON_SQL}
    return SimpleNamespace(**{names[binding.port]: binding.factory(unit) for binding in ON_SQL})


@pytest.fixture(scope="session")
def new_shelf(tmp_path_factory):
    """Makes a library at a url, with a folder of its own."""
    return lambda url: Shelf(url, tmp_path_factory.mktemp("library"))


@pytest.fixture(scope="session")
def postgres_url():
    """A database on a server of its own, migrated once; each test empties its tables."""
    path = Path(__file__).parents[3] / "packages/core/tests/_postgres.py"
    spec = importlib.util.spec_from_file_location("_krepis_postgres", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with module.running_postgres() as server:
        url = server.make_database("library")
        asyncio.run(migrate.upgrade(database(url)))
        yield url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory):
    """A file that is migrated once; each test gets a copy of it."""
    path = tmp_path_factory.mktemp("sqlite") / "library.db"
    asyncio.run(migrate.upgrade(database(f"sqlite:///{path}")))
    return path


@pytest.fixture
def in_memory(tmp_path):
    return Shelf("sqlite://", tmp_path)


@pytest.fixture
def on_sqlite(sqlite_template, tmp_path):
    return Shelf(f"sqlite:///{shutil.copy(sqlite_template, tmp_path)}", tmp_path)


@pytest.fixture
async def on_postgres(postgres_url, tmp_path):
    shelf = Shelf(postgres_url, tmp_path)
    await shelf.store.open()
    await shelf.store.transact(root(TestSources()), "write", lambda sql: sql.run(_EMPTY))
    await shelf.store.close()
    return shelf


@pytest.fixture(params=["in_memory", "on_sqlite", "on_postgres"])
def anywhere(request):
    """Each store in turn."""
    return request.getfixturevalue(request.param)


@pytest.fixture(params=["on_sqlite", "on_postgres"])
def on_disk(request):
    """Each database in a file or on a server in turn."""
    return request.getfixturevalue(request.param)


@pytest.fixture
async def shelf(anywhere):
    """Each store in turn, open, for the contract tests of the adapters."""
    await anywhere.store.open()
    yield anywhere
    await anywhere.store.close()


@pytest.fixture
async def library(anywhere):
    """The library, open, on each store in turn; the clock stands still."""
    async with start(anywhere.app()) as service:
        yield service
