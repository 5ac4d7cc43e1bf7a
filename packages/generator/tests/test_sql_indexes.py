"""The statements of the bookshop find what they look for by an index, and rows in order without sorting them."""

import re
import sqlite3
from pathlib import Path

import pytest
from shelf_kit import Shelf
from sqlalchemy import create_engine
from sqlalchemy.dialects import sqlite

import krepis_spec

BOOKSHOP = Path(__file__).parents[3] / "examples" / "bookshop.md"


@pytest.fixture(scope="module")
def bookshop(tmp_path_factory):
    return Shelf(tmp_path_factory.mktemp("bookshop"), krepis_spec.read(BOOKSHOP), asks_all=False)


@pytest.fixture(scope="module")
def plan_of(bookshop, tmp_path_factory):
    """What SQLite would do, with the tables of the bookshop."""
    path = tmp_path_factory.mktemp("plans") / "bookshop.db"
    engine = create_engine(f"sqlite:///{path}")
    bookshop.metadata.create_all(engine)
    engine.dispose()

    def plan(statement):
        compiled = statement.core.compile(dialect=sqlite.dialect(paramstyle="qmark"))
        text = re.sub(r"\(__\[POSTCOMPILE_\w+\]\)", "(SELECT value FROM json_each(?))", compiled.string)
        connection = sqlite3.connect(path)
        try:
            rows = connection.execute(f"EXPLAIN QUERY PLAN {text}", [None] * len(compiled.positiontup)).fetchall()
        finally:
            connection.close()
        return "; ".join(row[3] for row in rows)

    return plan


def test_a_page_in_order_is_read_from_an_index(bookshop, plan_of):
    items, _ = bookshop.module("adapters.sql.books")._SEARCH_BOOKS[False, False]
    assert plan_of(items) == "SCAN books USING INDEX books_title"


def test_books_are_found_by_their_addresses(bookshop, plan_of):
    statement = bookshop.module("adapters.sql.books")._FIND_MANY_BY_ISBN
    assert "SEARCH books USING INDEX sqlite_autoindex_books_2 (isbn=?)" in plan_of(statement)


def test_the_lines_of_orders_are_found_in_their_order(bookshop, plan_of):
    statement = bookshop.module("adapters.sql.orders")._ORDER_LINES
    assert "SEARCH order_lines USING INDEX sqlite_autoindex_order_lines_1 (order=?)" in plan_of(statement)
