"""Statements are checked when they are compiled, and say what does not fit."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

import pytest
from _shop import ADD, ADD_BOOK, FIND, FIND_MANY, FIND_OTHERS, STOCK, Book, add, books, orders
from sqlalchemy import Column, Enum, MetaData, Numeric, String, Table, bindparam, func, insert, select, text, update

from krepis.context import Context
from krepis.message import Value
from krepis.sql import BadValueError, Database, Json, Sql, StatementError, statement
from krepis.sql._compile import compile_statement
from krepis.sql._dialects import postgres_dialect, sqlite_dialect

DIALECTS = [sqlite_dialect(), postgres_dialect()]


class Title(Value):
    title: str
    author: str


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda d: d.name)
def test_fields_and_columns_that_differ_are_both_named(dialect):
    wrong = statement(select(books.c.title, books.c.isbn), into=Title)
    with pytest.raises(StatementError, match=r"no column for its field `author` and no field for the column `isbn`"):
        compile_statement(wrong, dialect)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda d: d.name)
def test_a_default_in_python_is_refused(dialect):
    table = Table("t", MetaData(), Column("id", String, primary_key=True, default="x"), Column("name", String))
    with pytest.raises(StatementError, match="has a default in Python"):
        compile_statement(statement(insert(table).values(name=bindparam("name"))), dialect)


def test_a_binary_fraction_for_money_is_refused_on_sqlite():
    table = Table("t", MetaData(), Column("price", Numeric(10, 2)))
    with pytest.raises(StatementError, match="Exact"):
        compile_statement(statement(select(table)), sqlite_dialect())


def test_a_struct_needs_known_columns():
    with pytest.raises(StatementError, match="no known columns"):
        compile_statement(statement(text("SELECT 1"), into=Book), sqlite_dialect())


def test_a_statement_is_immutable():
    with pytest.raises(AttributeError):
        FIND.into = Title


def test_all_statements_of_an_adapters_module_are_compiled_before_the_start():
    class SqlBooks:
        WRONG = statement(select(books.c.isbn), into=Title)
        ALSO = statement(select(books.c.title), into=Book)

    with pytest.raises(StatementError, match="2 statements can't be compiled"):
        Database("sqlite://").prepare([SqlBooks])


def test_variants_of_a_statement_in_a_mapping_or_a_tuple_are_compiled_before_the_start():
    class SqlBooks:
        VARIANTS: ClassVar[dict[bool, Any]] = {True: statement(select(books.c.isbn), into=Title), False: FIND}
        PAIR = (statement(select(books.c.title), into=Book), FIND)

    with pytest.raises(StatementError, match="2 statements can't be compiled"):
        Database("sqlite://").prepare([SqlBooks])


async def test_a_missing_parameter_is_named(database: Database, ctx: Context):
    with pytest.raises(TypeError, match="'isbn'"):
        await database.transact(ctx, "read", lambda sql: sql.first(FIND))


async def test_a_parameter_too_many_is_named(database: Database, ctx: Context):
    with pytest.raises(TypeError, match="'title'"):
        await database.transact(ctx, "read", lambda sql: sql.first(FIND, isbn="1", title="x"))


@pytest.mark.parametrize("isbns", [[], ["1"], ["1", "3", "none"], [str(n) for n in range(500)]])
async def test_a_list_of_any_length_is_one_parameter(database: Database, ctx: Context, isbns):
    async def work(sql: Sql):
        for n in range(4):
            await add(sql, str(n))
        found = [book.isbn for book in await sql.all(FIND_MANY, isbns=isbns)]
        return found, await sql.all(FIND_OTHERS, isbns=isbns)

    found, others = await database.transact(ctx, "write", work)
    assert found == sorted({"0", "1", "2", "3"} & set(isbns))
    assert others == sorted({"0", "1", "2", "3"} - set(isbns))


async def test_a_list_of_ids_finds_rows(database: Database, ctx: Context):
    find = statement(select(orders.c.id).where(orders.c.id.in_(bindparam("ids", expanding=True))), into=UUID)

    async def work(sql: Sql):
        await add(sql, "1")
        ids = [ctx.new_id() for _ in range(3)]
        await sql.run_many(statement(insert(orders)), [{"id": id, "isbn": "1", "count": 1} for id in ids])
        return ids, await sql.all(find, ids=ids[:2])

    ids, found = await database.transact(ctx, "write", work)
    assert sorted(found) == ids[:2]


async def test_without_a_type_rows_are_values_or_tuples(database: Database, ctx: Context):
    async def work(sql: Sql):
        await add(sql, "1", stock=7)
        pair = await sql.one(statement(select(books.c.isbn, books.c.stock)))
        return pair, await sql.one(statement(select(books.c.stock)))

    assert await database.transact(ctx, "write", work) == (("1", 7), 7)


@pytest.mark.parametrize(
    "value", ["nul\0here", "x" * 201, 5, "lone \udc80 surrogate"], ids=["nul", "long", "number", "surrogate"]
)
async def test_text_that_does_not_fit_is_refused_alike(database: Database, ctx: Context, value):
    with pytest.raises(BadValueError):
        await database.transact(ctx, "write", lambda sql: sql.run(ADD, isbn="1", title=value, stock=1))


@pytest.mark.parametrize("value", [2**31, -(2**31) - 1, 2**63, 2**70])
async def test_an_integer_that_does_not_fit_is_refused_alike(database: Database, ctx: Context, value):
    with pytest.raises(BadValueError):
        await database.transact(ctx, "write", lambda sql: sql.run(ADD, isbn="1", title="x", stock=value))


async def test_a_refused_value_does_not_spend_the_unit(database: Database, ctx: Context):
    async def work(sql: Sql):
        with pytest.raises(BadValueError):
            await sql.run(ADD, isbn="1\0", title="x", stock=1)
        await add(sql, "1")
        return await sql.one(STOCK, isbn="1")

    assert await database.transact(ctx, "write", work) == 1


@pytest.mark.parametrize("isbn", ["';DROP TABLE books--", '"', "\\", "%", "$1", "?", ":isbn", "é\u2028\U0001f4d6"])
async def test_text_stays_text(database: Database, ctx: Context, isbn):
    async def work(sql: Sql):
        await add(sql, isbn)
        return await sql.one(FIND, isbn=isbn)

    assert (await database.transact(ctx, "write", work)).isbn == isbn


async def test_text_too_long_to_be_stored_is_not_found(database: Database, ctx: Context):
    assert await database.transact(ctx, "read", lambda sql: sql.first(FIND, isbn="9" * 500)) is None


async def test_text_too_long_is_refused_in_an_update_too(database: Database, ctx: Context):
    rename = statement(update(books).where(books.c.isbn == bindparam("book")).values(title=bindparam("title")))
    with pytest.raises(BadValueError):
        await database.transact(ctx, "write", lambda sql: sql.run(rename, book="1", title="x" * 201))


async def test_sums_and_averages_are_numbers(database: Database, ctx: Context):
    from decimal import Decimal

    total = statement(select(func.sum(books.c.price), func.sum(books.c.stock), func.max(books.c.price)))

    async def work(sql: Sql):
        for n in range(3):
            row = {"isbn": str(n), "title": str(n), "stock": 2, "price": Decimal("0.10"), "added": None, "lent": True}
            await sql.run(ADD_BOOK, **row)
        return await sql.one(total)

    assert await database.transact(ctx, "write", work) == (Decimal("0.30"), 6, Decimal("0.10"))


class Address(Value):
    street: str
    lines: tuple[str, ...] = ()


async def test_structs_and_enumerations_come_back_as_they_went_in(database: Database, ctx: Context):
    import enum

    Colour = enum.Enum("Colour", ["RED", "BLUE"])
    table = Table(
        "mixed",
        MetaData(),
        Column("id", String(5), primary_key=True),
        Column("address", Json(Address)),
        Column("colour", Enum(Colour, native_enum=False, length=8)),
    )
    await database._engine.script(ctx, database._definitions(table.metadata))
    row = {"id": "1", "address": Address(street="Bäckerweg", lines=("a", "b")), "colour": Colour.BLUE}

    async def work(sql: Sql):
        await sql.run(statement(insert(table)), **row)
        await sql.run(statement(insert(table)), id="2", address=None, colour=None)
        return await sql.all(statement(select(table).order_by(table.c.id)))

    assert await database.transact(ctx, "write", work) == [tuple(row.values()), ("2", None, None)]
