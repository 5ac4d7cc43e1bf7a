"""The tables, the first migration and the statements of every example."""

from pathlib import Path

import pytest
from shelf_kit import Shelf, running_postgres

import krepis_spec
from krepis.sql import Database, migrate
from krepis_generator import names, sql
from krepis_generator.repositories import Repositories

EXAMPLES = sorted((Path(__file__).parents[3] / "examples").glob("*.md"))


@pytest.fixture(scope="module")
def server():
    with running_postgres() as one:
        yield one


@pytest.fixture(scope="module", params=EXAMPLES, ids=lambda path: path.stem)
def example(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param.stem)
    return Shelf(folder, krepis_spec.read(request.param), asks_all=False)


def database_of(example, url):
    return Database(url, metadata=example.metadata, migrations=example.migrations)


@pytest.mark.slow
async def test_the_first_migration_makes_exactly_the_tables_on_sqlite(example, tmp_path):
    database = database_of(example, f"sqlite:///{tmp_path}/example.db")
    await migrate.upgrade(database)
    assert await migrate.check(database) == []


@pytest.mark.slow
async def test_the_first_migration_makes_exactly_the_tables_on_postgres(example, server):
    database = database_of(example, server.url())
    await migrate.upgrade(database)
    differences = await migrate.check(database)
    await migrate.downgrade(database, "base")
    assert differences == []


@pytest.mark.slow
async def test_every_statement_compiles_for_sqlite_and_postgres(example, tmp_path, server):
    for url in (f"sqlite:///{tmp_path}/example.db", server.url()):
        database = database_of(example, url)
        made = example.repositories.entities()
        adapters = [
            getattr(example.module(f"adapters.sql.{names.rows(entity)}"), f"Sql{names.port(entity)}") for entity in made
        ]
        assert database.prepare(adapters) is None


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_same_spec_gives_the_same_tables(path):
    once, again = (krepis_spec.read(path) for _ in range(2))
    assert sql.tables(once, Repositories(once)) == sql.tables(again, Repositories(again))
