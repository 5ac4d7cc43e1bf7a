"""The library on each store that it runs on: in memory, SQLite, PostgreSQL."""

import asyncio
import importlib.util
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
from krepis import bind
from krepis.context import root
from krepis.port import Store
from krepis.sql import migrate, statement
from krepis.testing import MemoryStore, TestSources, start
from krepis.wiring import Binding
from sqlalchemy import text

from library.adapters.memory import (
    MemoryBooks,
    MemoryCopies,
    MemoryFines,
    MemoryLoans,
    MemoryMembers,
    MemoryReservations,
    MemoryStaff,
)
from library.adapters.sql.tables import metadata
from library.app import ON_SQL, build, database
from library.application.ports import (
    WritableBooks,
    WritableCopies,
    WritableFines,
    WritableLoans,
    WritableMembers,
    WritableReservations,
    WritableStaff,
)

IN_MEMORY = (
    bind(WritableBooks, MemoryBooks),
    bind(WritableCopies, MemoryCopies),
    bind(WritableFines, MemoryFines),
    bind(WritableLoans, MemoryLoans),
    bind(WritableMembers, MemoryMembers),
    bind(WritableReservations, MemoryReservations),
    bind(WritableStaff, MemoryStaff),
)

_EMPTY = statement(text(f"TRUNCATE {', '.join(metadata.tables)}"))


class Shelf:
    """A store and the adapters for it."""

    def __init__(self, store: Store, adapters: Sequence[Binding]) -> None:
        self.store = store
        self.adapters = adapters

    def app(self):
        """The whole library on this store."""
        return build(self.store, self.adapters)

    async def write(self, work):
        """Run `work(ports)` in a write transaction of its own."""
        return await self.store.transact(root(TestSources()), "write", lambda unit: work(self._ports(unit)))

    async def read(self, work):
        """Run `work(ports)` in a read-only transaction of its own."""
        return await self.store.transact(root(TestSources()), "read", lambda unit: work(self._ports(unit)))

    def _ports(self, unit):
        names = {binding.port: binding.port.__name__.removeprefix("Writable").lower() for binding in self.adapters}
        return SimpleNamespace(**{names[binding.port]: binding.factory(unit) for binding in self.adapters})


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
def new_in_memory():
    """Makes a library in memory, empty."""
    return lambda: Shelf(MemoryStore(), IN_MEMORY)


@pytest.fixture
def in_memory(new_in_memory):
    return new_in_memory()


@pytest.fixture
def on_sqlite(sqlite_template, tmp_path):
    path = shutil.copy(sqlite_template, tmp_path)
    return Shelf(database(f"sqlite:///{path}"), ON_SQL)


@pytest.fixture
async def on_postgres(postgres_url):
    store = database(postgres_url)
    await store.open()
    await store.transact(root(TestSources()), "write", lambda sql: sql.run(_EMPTY))
    await store.close()
    return Shelf(database(postgres_url), ON_SQL)


@pytest.fixture(params=["in_memory", "on_sqlite", "on_postgres"])
def anywhere(request):
    """Each store in turn."""
    return request.getfixturevalue(request.param)


@pytest.fixture(params=["on_sqlite", "on_postgres"])
def on_disk(request):
    """Each real database in turn."""
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
