"""The questions of a spec have the same answers on SQLite, on PostgreSQL and in memory."""

import asyncio
import copy
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shelf_kit import SPEC, Rows, Shelf, Stored, ask, change, everything, read_shelf, running_postgres

import krepis_spec
from krepis.sql import Database, migrate
from krepis.testing import MemoryStore
from krepis_generator import application, sql
from krepis_generator.repositories import Repositories


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    return Shelf(tmp_path_factory.mktemp("shelf"), read_shelf())


@pytest.fixture(scope="module")
def runner():
    with asyncio.Runner() as one:
        yield one


@pytest.fixture(scope="module")
def stores(shelf, runner, tmp_path_factory):
    """Three stores with the tables of the shelf."""
    with running_postgres() as server:
        urls = (f"sqlite:///{tmp_path_factory.mktemp('stores')}/shelf.db", server.url())
        databases = [Database(url, metadata=shelf.metadata, migrations=shelf.migrations) for url in urls]
        for database in databases:
            runner.run(migrate.upgrade(database))
            runner.run(database.open())
        on_sql, in_memory = shelf.ports_of("Sql"), shelf.ports_of("Memory")
        yield [*(Stored(database, on_sql) for database in databases), Stored(MemoryStore(), in_memory)]
        for database in databases:
            runner.run(database.close())


async def refill(stores, rows):
    for stored in stores:
        await stored.clear()
        await stored.write(rows.put)


async def answers(stored, method, arguments):
    return await stored.read(lambda repositories: ask(repositories, method, arguments, stored.ctx))


def argument_of(rows, method, one):
    if method.form == "views" and one.name == "ids":
        return [*rows.ids[method.entity][::-1], rows.argument(one.type.of)]
    if method.form == "view" and one.name != "viewer":
        return (rows.ids[method.entity] or [rows.argument(one.type)])[-1]
    return rows.argument(one.type)


@pytest.mark.slow
@settings(max_examples=25)
@given(chance=st.randoms(use_true_random=False))
def test_every_question_has_the_same_answer_on_every_store(shelf, stores, runner, chance):
    rows = Rows(shelf, chance)
    runner.run(refill(stores, rows))
    for method in shelf.questions():
        arguments = {one.name: argument_of(rows, method, one) for one in method.parameters}
        lite, postgres, memory = (runner.run(answers(stored, method, arguments)) for stored in stores)
        assert lite == memory, (method.name, arguments)
        assert postgres == memory, (method.name, arguments)


async def changed(stored, rows, chance):
    """What was refused, or everything that is there afterwards. A refusal takes all back."""
    own_rows, own_chance = copy.copy(rows), copy.deepcopy(chance)
    own_rows.draw_from(own_chance)

    async def work(repositories):
        refused = await change(repositories, own_rows, own_chance, stored.ctx)
        if refused:
            raise _RefusedError(refused)

    try:
        await stored.write(work)
    except _RefusedError as error:
        refused = error.args[0]
    else:
        refused = []
    return refused, await stored.read(lambda repositories: everything(repositories, rows, stored.ctx))


class _RefusedError(Exception):
    pass


@pytest.mark.slow
@settings(max_examples=25)
@given(number=st.integers(0, 2**32))
def test_changes_leave_the_same_rows_on_every_store(shelf, stores, runner, number):
    chance = random.Random(number)
    rows = Rows(shelf, chance)
    runner.run(refill(stores, rows))
    lite, postgres, memory = (runner.run(changed(stored, rows, chance)) for stored in stores)
    assert lite == memory
    assert postgres == memory


class Counted:
    """A unit of work that counts its statements."""

    def __init__(self, unit):
        self._unit = unit
        self.count = 0

    def __getattr__(self, name):
        self.count += 1
        return getattr(self._unit, name)


async def statements_for(stored, shelf, method, arguments):
    made, counts = shelf.ports_of("Sql"), []

    async def work(unit):
        counted = Counted(unit)
        await ask(made(counted), method, arguments, stored.ctx)
        counts.append(counted.count)

    await stored.store.transact(stored.ctx, "read", work)
    return counts[0]


@pytest.mark.slow
def test_more_rows_need_no_more_statements(shelf, stores, runner):
    methods = [method for method in shelf.questions() if method.name in {"by_editor", "book_views", "sold"}]
    counts = []
    for number in (1, 4):
        rows = Rows(shelf, random.Random(3), rows_max=number)
        runner.run(refill(stores, rows))
        given = [{one.name: argument_of(rows, method, one) for one in method.parameters} for method in methods]
        asked = zip(methods, given, strict=True)
        counts.append([runner.run(statements_for(stores[0], shelf, method, one)) for method, one in asked])
    assert counts[0] == counts[1]


def test_what_no_statement_can_answer_is_told_with_its_place():
    text = SPEC.read_text().replace("len(b.title) == 3", 'b.title.lower() == "abc"')
    blueprint = krepis_spec.read_text("shelf.md", text)
    repositories = Repositories(blueprint)
    application.write(blueprint, repositories)
    [(span, message, hint)] = sql.unsupported(blueprint, repositories)
    line = text.splitlines()[span.line - 1]
    assert line[span.column - 1 :].startswith("b.title.lower()")
    assert (message, hint) == (
        "databases do not answer `lower` as this language does",
        "use it on what was read, or on an input",
    )
