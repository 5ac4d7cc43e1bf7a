"""A statement on a table of many tenants meets the rows of one, whatever its author has written or forgotten."""

from __future__ import annotations

import importlib
import os
import random
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID

import pytest
from _tenants import ADD_BOOK, ADD_LOAN, Draw, books, loans, metadata, notes, words
from sqlalchemy import (
    Column,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    Uuid,
    bindparam,
    column,
    delete,
    func,
    insert,
    literal,
    literal_column,
    select,
    table,
    text,
    true,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from krepis._system import SystemSources
from krepis.context import Context, root
from krepis.errors import KrepisError
from krepis.sql import Database, Sql, Statement, StatementError, TenantMissingError, across_tenants, statement, tenanted

TENANTS = ("north", "south")
ADD = statement(ADD_BOOK)
LEND = statement(ADD_LOAN)
ALL_BOOKS = across_tenants(
    statement(select(books).order_by(books.c.tenant, books.c.isbn)), "the test looks at everything"
)
ALL_LOANS = across_tenants(statement(select(loans).order_by(loans.c.owner, loans.c.id)), "the test looks at everything")
STATEMENTS = int(os.environ.get("KREPIS_LONG", "0")) * 2000 or 150


@pytest.fixture(params=["file", "memory", "postgres"])
async def database(request: pytest.FixtureRequest, make_url: Callable[[str], str]) -> AsyncIterator[Database]:
    """A library of each tenant: the same books, and loans of their own."""
    database = Database(make_url(request.param), metadata=metadata)
    await database.open()
    if not database.in_memory:
        await database.create_tables()
    for at, tenant in enumerate(TENANTS):

        async def fill(sql: Sql, at: int = at, name: str = tenant) -> None:
            for number in range(1, 5):
                await sql.run(ADD, isbn=f"b{number}", title=f"{name} {number}", stock=number)
                await sql.run(LEND, id=number, isbn=f"b{number}", days=number + at)

        await database.transact(as_(tenant), "write", fill)
    yield database
    await database.close()


def as_(tenant: str | None) -> Context:
    return root(SystemSources(), tenant=tenant, timeout=20)


async def do(
    database: Database, core: Any, tenant: str | None = "north", mode: Any = "write", **params: Any
) -> list[Any]:
    made = statement(core)
    return await database.transact(as_(tenant), mode, lambda sql: sql.all(made, **params))


async def change(database: Database, core: Any, tenant: str = "north", **params: Any) -> int:
    made = statement(core)
    return await database.transact(as_(tenant), "write", lambda sql: sql.run(made, **params))


async def everything(database: Database, tenant: str) -> tuple[list[Any], list[Any]]:
    async def look(sql: Sql) -> tuple[list[Any], list[Any]]:
        found = await sql.all(ALL_BOOKS), await sql.all(ALL_LOANS)
        return [row for row in found[0] if row[0] == tenant], [row for row in found[1] if row[0] == tenant]

    return await database.transact(as_(None), "read", look)


async def test_random_statements_never_meet_the_other_tenants_rows(database: Database) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    draw = Draw(seed)
    seen = 0
    for _ in range(STATEMENTS):
        core = draw.reading()
        for tenant in TENANTS:
            rows = await do(database, core, tenant, mode="read")
            assert set(rows) <= {tenant, "nobody"}, core
            seen += bool(rows)
    assert seen > STATEMENTS / 2


async def test_random_changes_never_touch_the_other_tenants_rows(database: Database) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    draw = Draw(seed)
    touched = 0
    for number in range(STATEMENTS // 3):
        tenant, other = TENANTS if number % 2 else reversed(TENANTS)
        before = await everything(database, other)
        core = draw.writing()
        touched += bool(await change(database, core, tenant))
        assert await everything(database, other) == before, core
    assert touched > 3


async def test_a_row_is_written_for_the_tenant_of_the_context(database: Database) -> None:
    await change(database, insert(books).values(isbn="n1", title="x", stock=1), "south")
    await change(
        database,
        insert(books).values(
            [{"isbn": "n2", "title": "x", "stock": 1}, {books.c.isbn: "n3", "title": "x", "stock": 1}]
        ),
        "south",
    )
    await change(
        database,
        insert(books).from_select(
            ["isbn", "title", "stock"],
            select(books.c.isbn + "c", books.c.title, books.c.stock).where(books.c.isbn == "b1"),
        ),
        "south",
    )
    await change(database, insert(books), "south", isbn="n4", title="x", stock=1)
    found = await everything(database, "south")
    assert {row[1] for row in found[0]} == {"b1", "b2", "b3", "b4", "n1", "n2", "n3", "n4", "b1c"}
    assert ("south", "b1c", "south 1", 1) in found[0]
    assert len((await everything(database, "north"))[0]) == 4


async def test_many_rows_at_once_are_the_tenants_too(database: Database) -> None:
    rows = [{"isbn": f"m{number}", "title": "x", "stock": 1} for number in range(3)]
    await database.transact(as_("south"), "write", lambda sql: sql.run_many(ADD, rows))
    assert len((await everything(database, "south"))[0]) == 7


def upsert(database: Database, of: Table = books) -> Any:
    made: Any = (sqlite if database.is_sqlite else postgresql).insert(of)
    return made


async def test_an_upsert_that_hits_another_tenants_row_changes_nothing(database: Database) -> None:
    """A UUID is nobody's to guess; who has one all the same, from a log or a link, still can't write with it."""
    id_ = UUID(int=7)
    core = upsert(database, notes).values(id=id_, text=bindparam("text"))
    core = core.on_conflict_do_update(index_elements=["id"], set_={"text": core.excluded.text})
    for tenant, text_, count in (("north", "one", 1), ("north", "two", 1), ("south", "mine now", 0)):
        assert await change(database, core, tenant, text=text_) == count
    assert await do(database, select(notes.c.text)) == ["two"]
    assert await do(database, select(notes.c.text), "south") == []


async def test_an_upsert_changes_the_tenants_row_alone(database: Database) -> None:
    core = upsert(database).values(isbn="b1", title="new", stock=9)
    core = core.on_conflict_do_update(
        index_elements=["tenant", "isbn"], set_={"stock": core.excluded.stock}, where=books.c.stock < 5
    )
    before = await everything(database, "south")
    assert await change(database, core) == 1
    assert ("north", "b1", "north 1", 9) in (await everything(database, "north"))[0]
    assert await change(database, core) == 0  # its own condition holds as well
    assert await everything(database, "south") == before


async def test_returning_and_changes_inside_a_cte_are_narrowed(database: Database) -> None:
    assert len(await do(database, update(books).values(stock=7).returning(books.c.tenant))) == 4
    if not database.is_sqlite:  # SQLite has no data-changing CTE
        gone = delete(loans).returning(loans.c.owner).cte("gone")
        assert await do(database, select(gone.c.owner)) == ["north"] * 4
    assert len((await everything(database, "south"))[1]) == 4


async def test_a_row_lock_goes_with_a_narrowed_table(database: Database) -> None:
    assert await do(database, select(books.c.tenant).with_for_update()) == ["north"] * 4


async def test_who_has_no_tenant_gets_nothing_but_a_word(database: Database) -> None:
    for tenant in (None, ""):
        for core in (
            select(books.c.isbn),
            delete(books),
            update(books).values(stock=0),
            insert(books).values(isbn="x", title="x", stock=1),
        ):
            with pytest.raises(TenantMissingError, match="the context of this unit of work has none"):
                await do(database, core, tenant)
    assert len((await everything(database, "north"))[0]) == 4
    assert await do(database, select(words.c.word), None) == []


async def test_the_tenant_is_no_parameter_that_a_caller_could_give(database: Database) -> None:
    for name in ("krepis_tenant", "krepis_tenant_1", "whose"):
        with pytest.raises(TypeError):
            await do(database, select(books.c.isbn), **{name: "south"})
    assert await do(database, select(books.c.title).where(books.c.tenant == bindparam("whose")), whose="south") == []
    with pytest.raises(StatementError, match="Krepis's own"):
        await do(
            database, select(books.c.isbn).where(books.c.tenant == bindparam("krepis_tenant")), krepis_tenant="south"
        )


async def test_a_strange_tenant_is_a_value_like_any_other(database: Database) -> None:
    for tenant in ("' OR 1=1 --", "north\x00"[:5] + " ", "NORTH", "%", "north'"):
        assert await do(database, select(books.c.isbn), tenant, mode="read") == []


GIVEN = [
    insert(books).values(tenant="south", isbn="x", title="x", stock=1),
    insert(books).values({books.c.tenant: "south", "isbn": "x", "title": "x", "stock": 1}),
    insert(books).values([{"tenant": "south", "isbn": "x", "title": "x", "stock": 1}]),
    insert(books).values(("south", "x", "x", 1)),
    insert(books).values([("south", "x", "x", 1)]),
    insert(books).from_select(
        ["tenant", "isbn", "title", "stock"], select(literal("south"), books.c.isbn, books.c.title, books.c.stock)
    ),
    update(books).values(tenant="south"),
    update(books).values({books.c.tenant: "south"}),
    update(books).ordered_values((books.c.stock, 1), (books.c.tenant, "south")),
    update(loans).values(owner="south"),
    sqlite.insert(books)
    .values(isbn="b1", title="x", stock=1)
    .on_conflict_do_update(index_elements=["tenant", "isbn"], set_={"tenant": "south"}),
    select(update(books).values(tenant="south").returning(books.c.isbn).cte("c").c.isbn),
]
PASSED_OFF = [
    select(table("books", column("isbn")).c.isbn),
    select(Table("books", MetaData(), Column("isbn", String)).c.isbn),
    update(table("books", column("stock"))).values(stock=0),
    delete(table("loans", column("id"))),
    insert(table("books", column("tenant"))).values(tenant="south"),
    select(table("books", column("isbn")).alias("b").c.isbn),
]
TEXTS = [
    text("SELECT isbn FROM books"),
    text("select 1 union select isbn\nfrom books"),
    text("DELETE FROM books"),
    text("UPDATE books SET stock = 0"),
    text("INSERT INTO books VALUES ('south', 'x', 'x', 1)"),
    text("TABLE books"),
    text("COPY books TO STDOUT"),
    text("DO $$ BEGIN DELETE FROM books; END $$"),
    text("SELECT isbn FROM books").columns(isbn=String),
    text("SELECT isbn FROM books").columns(isbn=String).subquery().select(),
    select(text("isbn FROM books --")),
    select(literal(1)).select_from(text("books")),
    select(books.c.isbn).where(text("1 = 1) OR (1 = 1")),
    update(books).values(stock=0).where(text("1 = 1) OR (1 = 1")),
    select(books.c.isbn).order_by(text("(SELECT 1)")),
    select(literal_column("(SELECT max(isbn) FROM books)")),
    select(literal_column("1 FROM books --")),
    select(books.c.isbn).prefix_with("ALL (SELECT 1),"),
    update(books).values(stock=0).where(books.c.stock.op("= 1 OR 1 =")(1)),
    update(books).values(stock=0).where(books.c.stock.op("--")(1)),
    text("WITH b AS (SELECT 1) SELECT * FROM b"),
]


@pytest.mark.parametrize("core", GIVEN)
async def test_no_statement_names_a_tenant_to_write(core: Any, make_url: Callable[[str], str]) -> None:
    await refused(core, make_url("memory"), "is written by Krepis")


@pytest.mark.parametrize("core", PASSED_OFF)
async def test_no_other_table_passes_for_a_tenanted_one(core: Any, make_url: Callable[[str], str]) -> None:
    await refused(core, make_url("memory"), "another of the same name")


@pytest.mark.parametrize("core", TEXTS)
async def test_text_is_refused_before_it_runs(core: Any, make_url: Callable[[str], str]) -> None:
    await refused(core, make_url("memory"), "is text, in a database with tables of many tenants")


async def refused(core: Any, url: str, words: str) -> None:
    database = Database(url, metadata=metadata)
    await database.open()
    with pytest.raises(StatementError, match=words):
        await do(database, core)
    await database.close()


@pytest.mark.parametrize(
    "core",
    [
        text("SELECT 1"),
        text("SELECT 1 AS one").columns(one=Integer),
        select(literal_column("1")),
        select(func.count(literal_column("*"))).select_from(books),
        select(text("1")),
        select(books.c.isbn).order_by("isbn").limit(1),
        select(books.c.stock.op("%")(2)),
    ],
)
async def test_harmless_text_is_no_reason_to_refuse(core: Any, make_url: Callable[[str], str]) -> None:
    database = Database(make_url("memory"), metadata=metadata)
    await database.open()
    await do(database, core)
    await database.close()


async def test_across_tenants_is_the_way_around_and_says_why(database: Database) -> None:
    count = across_tenants(
        statement(text("SELECT count(*) FROM books").columns(count=Integer), into=int), "the operator's figures"
    )
    assert await database.transact(as_(None), "read", lambda sql: sql.one(count)) == 8
    core = across_tenants(statement(insert(books)), "imports")
    await database.transact(as_(None), "write", lambda sql: sql.run(core, tenant="east", isbn="x", title="x", stock=1))
    assert len((await everything(database, "east"))[0]) == 1
    with pytest.raises(KrepisError, match="needs a reason"):
        across_tenants(count, " ")


async def test_statements_in_modules_are_refused_at_the_start(make_url: Callable[[str], str]) -> None:
    class Holder:
        RAW = statement(text("SELECT isbn FROM books"))
        FINE = statement(select(books.c.isbn))

    with pytest.raises(StatementError, match="is text, in a database"):
        Database(make_url("memory"), metadata=metadata).prepare([Holder])


async def test_a_database_that_does_not_know_the_table_refuses_it(make_url: Callable[[str], str]) -> None:
    database = Database(make_url("memory"))
    await database.open()
    with pytest.raises(StatementError, match="the database doesn't know it"):
        await do(database, select(books.c.isbn))
    await database.close()


async def test_the_phased_unit_is_narrowed_too(database: Database) -> None:
    async def work(sql: Sql) -> tuple[list[str], int]:
        found = await sql.all(statement(select(books.c.tenant)))
        await sql.release()
        return found, await sql.run(statement(delete(loans)))

    assert await database.transact(as_("south"), "phased", work) == (["south"] * 4, 4)
    assert len((await everything(database, "north"))[1]) == 4


async def test_a_join_on_nothing_at_all_meets_no_other_tenant(database: Database) -> None:
    joined = select(books.c.tenant, loans.c.owner).select_from(books.join(loans, true()))
    assert set(await do(database, joined)) == {("north", "north")}
    full = select(books.c.tenant, loans.c.owner).select_from(
        books.outerjoin(loans, books.c.stock == loans.c.id + 2, full=True)
    )
    assert {one for row in await do(database, full) for one in row} == {"north", None}


async def test_an_index_that_begins_with_the_tenant_is_used(make_url: Callable[[str], str]) -> None:
    database = Database(make_url("file"), metadata=metadata)
    await database.open()
    await database.create_tables()
    core = select(books.c.title).where(books.c.isbn == "b1")
    plan = database._engine.plans[statement(core)]
    explain = across_tenants(
        statement(text("EXPLAIN QUERY PLAN " + plan.text.replace("?", "'x'"))), "the test looks at the plan"
    )
    rows = await database.transact(as_(None), "read", lambda sql: sql.all(explain))
    assert "SEARCH books USING INDEX" in rows[-1][-1]
    assert "tenant=? AND isbn=?" in rows[-1][-1]
    await database.close()


def marked(*columns: Any, of: str = "tenant") -> Table:
    return tenanted(Table("things", MetaData(), *columns), of)


@pytest.mark.parametrize(
    "columns",
    [
        (Column("id", Integer, primary_key=True),),
        (Column("tenant", String(9)),),
        (Column("tenant", Integer, nullable=False),),
        (Column("tenant", String(9), nullable=False, server_default="north"),),
        (Column("tenant", String(9), nullable=False, default="north"),),
    ],
)
def test_a_column_that_can_not_say_whose_a_row_is_is_refused(columns: Any) -> None:
    with pytest.raises(KrepisError, match="tenant"):
        marked(*columns)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (
            (Column("tenant", String(9), nullable=False), Column("id", Integer, primary_key=True)),
            "primary key of `things` over id",
        ),
        (
            (
                Column("tenant", String(9), nullable=False),
                Column("id", Uuid, primary_key=True),
                Column("name", String(9)),
                UniqueConstraint("name"),
            ),
            "unique key of `things` over name",
        ),
        (
            (
                Column("tenant", String(9), nullable=False),
                Column("id", Uuid, primary_key=True),
                Column("name", String(9), unique=True, index=True),
            ),
            "unique index of `things` over name",
        ),
    ],
)
def test_a_key_that_tenants_would_share_stops_the_start(columns: Any, words: str) -> None:
    with pytest.raises(StatementError, match=words):
        Database("sqlite://", metadata=marked(*columns).metadata).prepare([])


def test_keys_with_the_tenant_and_ids_that_nobody_guesses_are_fine() -> None:
    made = marked(
        Column("tenant", String(9), nullable=False),
        Column("id", Uuid, primary_key=True),
        Column("name", String(9)),
        UniqueConstraint("tenant", "name"),
    )
    Database("sqlite://", metadata=made.metadata).prepare([])
    Database("sqlite://", metadata=metadata).prepare([])


def test_without_a_tenanted_table_a_unit_gets_the_plans_themselves() -> None:
    from _shop import metadata as shop

    database = Database("sqlite://", metadata=shop)
    database.prepare([])
    plans = database._engine.plans
    assert plans.of(as_(None)) is plans


@pytest.mark.parametrize("name", ["krepis.outbox.sequencer", "krepis.outbox.letters", "krepis.audit.tables"])
@pytest.mark.parametrize("url", ["sqlite://", "postgresql://nobody@/x?host=/nowhere"])
def test_the_statements_of_krepis_s_own_parts_pass_beside_tenanted_tables(name: str, url: str) -> None:
    module = importlib.import_module(name)
    database = Database(url, metadata=metadata)
    database.prepare([])
    own = [value for value in vars(module).values() if isinstance(value, Statement)]
    assert own
    assert not any(database._engine.plans[one].scoped for one in own)
