"""The service on each store that it has adapters for, open; the clock stands still and ids come from a seed."""

import pytest
from krepis.context import root
from krepis.sql import migrate
from krepis.testing import TestSources, start

from newborn.app import build, database, in_memory


@pytest.fixture
def ctx():
    return root(TestSources())


@pytest.fixture
async def on_sqlite(tmp_path):
    """A database in a file, with all migrations run."""
    store = database(f"sqlite:///{tmp_path}/test.db")
    await migrate.upgrade(store)
    return store


@pytest.fixture(params=["memory", "sqlite"])
def app(request):
    """The service on each store in turn."""
    return in_memory() if request.param == "memory" else build(request.getfixturevalue("on_sqlite"))


@pytest.fixture
async def service(app):
    """The same, started: callers come through its doors."""
    async with start(app) as started:
        yield started
