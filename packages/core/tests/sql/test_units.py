"""One unit of work: committed or gone, read-only or writing, with savepoints inside."""

from __future__ import annotations

import asyncio

import pytest
from _shop import ADD, COUNT, DROP, FIND, ONE, RAW_INSERT, SET_STOCK, SLOW, STOCK, TAKE, add, stored

from krepis.context import Context
from krepis.errors import DeadlinePassed, Rejection
from krepis.port import Store
from krepis.sql import (
    CheckViolation,
    Database,
    ForeignKeyViolation,
    ReadOnlyError,
    Sql,
    StoreBusy,
    TransactionSpentError,
    UniqueViolation,
)


def test_a_database_is_a_store():
    store: Store = Database("sqlite://")
    assert store.unit_type is Sql


class Refused(Rejection):
    pass


async def test_what_a_command_wrote_is_seen_by_the_next_query(database: Database, ctx: Context):
    await database.transact(ctx, "write", lambda sql: add(sql, "1", stock=3))
    book = await database.transact(ctx, "read", lambda sql: sql.one(FIND, isbn="1"))
    assert (book.title, book.stock, book.price) == ("The book 1", 3, None)


@pytest.mark.parametrize("mode", ["write", "phased"])
async def test_a_command_that_raises_changes_nothing(database: Database, ctx: Context, mode):
    async def work(sql: Sql):
        await add(sql, "1")
        raise Refused

    with pytest.raises(Refused):
        await database.transact(ctx, mode, work)
    assert await stored(database, ctx) == 0


@pytest.mark.parametrize("statement", [RAW_INSERT, DROP])
async def test_the_database_itself_refuses_a_query_that_writes(database: Database, ctx: Context, statement):
    with pytest.raises(ReadOnlyError, match="a query can't write"):
        await database.transact(ctx, "read", lambda sql: sql.run(statement))
    assert await stored(database, ctx) == 0


async def test_a_query_cannot_write_through_first_either(database: Database, ctx: Context):
    with pytest.raises(ReadOnlyError):
        await database.transact(ctx, "read", lambda sql: sql.first(TAKE, book="1", count=1))


async def test_a_query_that_was_refused_leaves_a_usable_connection(database: Database, ctx: Context):
    for _ in range(20):
        with pytest.raises(ReadOnlyError):
            await database.transact(ctx, "read", lambda sql: sql.run(RAW_INSERT))
    await database.transact(ctx, "write", lambda sql: add(sql, "1"))
    assert await stored(database, ctx) == 1


async def test_a_savepoint_that_raises_keeps_the_work_around_it(database: Database, ctx: Context):
    async def work(sql: Sql):
        await add(sql, "outer")
        with pytest.raises(Refused):
            async with sql.savepoint():
                await add(sql, "inner")
                raise Refused
        await add(sql, "after")

    await database.transact(ctx, "write", work)
    assert await stored(database, ctx) == 2


async def test_savepoints_nest(database: Database, ctx: Context):
    async def work(sql: Sql):
        async with sql.savepoint():
            await add(sql, "1")
            with pytest.raises(UniqueViolation):
                async with sql.savepoint():
                    await add(sql, "2")
                    await add(sql, "1")
            async with sql.savepoint():
                await add(sql, "3")

    await database.transact(ctx, "write", work)
    assert await stored(database, ctx) == 2


async def test_a_violation_names_its_constraint(database: Database, ctx: Context):
    await database.transact(ctx, "write", lambda sql: add(sql, "1"))
    with pytest.raises(UniqueViolation) as key:
        await database.transact(ctx, "write", lambda sql: sql.run(ADD, isbn="1", title="Other", stock=1))
    with pytest.raises(UniqueViolation) as title:
        await database.transact(ctx, "write", lambda sql: sql.run(ADD, isbn="2", title="The book 1", stock=1))
    assert (key.value.constraint, key.value.table, key.value.columns) == ("books_pkey", "books", ("isbn",))
    assert (title.value.constraint, title.value.table, title.value.columns) == ("books_title_key", "books", ("title",))


async def test_an_uncaught_violation_tells_the_caller_no_detail(database: Database, ctx: Context):
    async def twice(sql: Sql):
        await add(sql, "1")
        await add(sql, "1")

    with pytest.raises(UniqueViolation) as violation:
        await database.transact(ctx, "write", twice)
    assert (violation.value.kind, violation.value.code, violation.value.facts) == ("conflict", "conflict", {})


async def test_a_row_that_points_nowhere_is_refused(database: Database, ctx: Context):
    from _shop import ORDER

    with pytest.raises(ForeignKeyViolation):
        await database.transact(ctx, "write", lambda sql: sql.run(ORDER, id=ctx.new_id(), isbn="none", count=1))


async def test_a_broken_check_is_a_bug_and_no_rejection(database: Database, ctx: Context):
    with pytest.raises(CheckViolation) as violation:
        await database.transact(ctx, "write", lambda sql: add(sql, "1", stock=-1))
    assert violation.value.constraint == "stock_not_negative"


async def test_after_a_violation_the_unit_is_spent(database: Database, ctx: Context):
    async def work(sql: Sql):
        await add(sql, "1")
        with pytest.raises(UniqueViolation):
            await add(sql, "1")
        await sql.all(COUNT)

    with pytest.raises(TransactionSpentError, match="savepoint"):
        await database.transact(ctx, "write", work)


async def test_a_swallowed_violation_is_not_committed(database: Database, ctx: Context):
    async def work(sql: Sql):
        await add(sql, "1")
        with pytest.raises(UniqueViolation):
            await add(sql, "1")

    with pytest.raises(TransactionSpentError):
        await database.transact(ctx, "write", work)
    assert await stored(database, ctx) == 0


async def test_a_unit_can_not_be_used_after_its_end(database: Database, ctx: Context):
    kept: list[Sql] = []

    async def work(sql: Sql):
        kept.append(sql)

    await database.transact(ctx, "write", work)
    with pytest.raises(TransactionSpentError, match="has ended"):
        await kept[0].all(COUNT)


async def test_rows_are_counted(database: Database, ctx: Context):
    async def work(sql: Sql):
        await sql.run_many(ADD, [{"isbn": str(n), "title": str(n), "stock": n} for n in range(5)])
        await sql.run_many(ADD, [])
        return await sql.run(SET_STOCK, book="1", count=9), await sql.run(SET_STOCK, book="none", count=9)

    assert await database.transact(ctx, "write", work) == (1, 0)
    assert await stored(database, ctx) == 5


async def test_statements_may_be_gathered(database: Database, ctx: Context):
    async def work(sql: Sql):
        return await asyncio.gather(*[sql.one(ONE) for _ in range(5)])

    assert await database.transact(ctx, "read", work) == [1] * 5


async def test_a_phased_unit_reads_first_and_then_writes(database: Database, ctx: Context):
    await database.transact(ctx, "write", lambda sql: add(sql, "1", stock=5))

    async def work(sql: Sql):
        assert await sql.one(STOCK, isbn="1") == 5
        assert not sql.writing
        await sql.release()
        assert await sql.first(FIND, isbn="none") is None
        await sql.run(SET_STOCK, book="1", count=4)
        assert sql.writing
        return await sql.one(STOCK, isbn="1")

    assert await database.transact(ctx, "phased", work) == 4
    assert await database.transact(ctx, "read", lambda sql: sql.one(STOCK, isbn="1")) == 4


async def test_a_phased_unit_holds_nothing_while_it_is_released(database: Database, ctx: Context):
    async def outer(sql: Sql):
        await sql.one(COUNT)
        await sql.release()
        await database.transact(ctx, "write", lambda inner: add(inner, "1"))
        return await sql.one(COUNT)

    assert await database.transact(ctx, "phased", outer) == 1


async def test_undoing_the_first_write_of_a_phased_unit_lets_it_call_out_again(database: Database, ctx: Context):
    async def work(sql: Sql):
        with pytest.raises(Refused):
            async with sql.savepoint():
                await add(sql, "1")
                raise Refused
        assert not sql.writing
        return await sql.one(COUNT)

    assert await database.transact(ctx, "phased", work) == 0


@pytest.mark.parametrize("mode", ["read", "write", "phased"])
async def test_a_slow_statement_ends_at_the_deadline(database: Database, ctx: Context, mode):
    slow = SLOW[database.url.get_backend_name()]
    with pytest.raises(DeadlinePassed):
        await database.transact(ctx.narrow(timeout=0.15), mode, lambda sql: sql.all(slow))
    assert await stored(database, ctx) == 0


async def test_work_that_ends_too_late_is_not_committed(database: Database, ctx: Context):
    async def work(sql: Sql):
        await add(sql, "1")
        await asyncio.sleep(0.1)

    with pytest.raises(DeadlinePassed):
        await database.transact(ctx.narrow(timeout=0.05), "write", work)
    assert await stored(database, ctx) == 0


async def test_a_cancelled_command_changes_nothing_and_frees_its_place(database: Database, ctx: Context):
    started = asyncio.Event()

    async def work(sql: Sql):
        await add(sql, "1")
        started.set()
        await asyncio.sleep(30)

    for _ in range(10):
        task = asyncio.ensure_future(database.transact(ctx, "write", work))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        started.clear()
    assert await stored(database, ctx) == 0


async def test_a_statement_cancelled_halfway_changes_nothing(remote: Database, ctx: Context):
    async def work(sql: Sql):
        await add(sql, "1")
        await sql.all(SLOW["postgresql"])

    for _ in range(10):
        task = asyncio.ensure_future(remote.transact(ctx, "write", work))
        await asyncio.sleep(0.03)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await stored(remote, ctx) == 0


async def test_waiting_for_the_writer_ends_at_the_deadline(file: Database, ctx: Context):
    release = asyncio.Event()
    holding = asyncio.ensure_future(file.transact(ctx, "write", lambda _: release.wait()))
    await asyncio.sleep(0)
    with pytest.raises(DeadlinePassed):
        await file.transact(ctx.narrow(timeout=0.05), "write", lambda sql: add(sql, "1"))
    release.set()
    await holding
    await file.transact(ctx, "write", lambda sql: add(sql, "1"))


async def test_the_queue_of_writers_has_a_limit(tmp_path, ctx: Context):
    database = Database(f"sqlite:///{tmp_path}/small.db", waiting_max=2)
    await database.open()
    release = asyncio.Event()
    units = [asyncio.ensure_future(database.transact(ctx, "write", lambda _: release.wait())) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(StoreBusy):
        await database.transact(ctx, "write", lambda _: release.wait())
    release.set()
    await asyncio.gather(*units)
    await database.close()


async def test_writers_are_served_in_the_order_of_their_coming(file: Database, ctx: Context):
    order: list[int] = []

    async def work(number: int):
        async def note(_: Sql):
            await asyncio.sleep(0)
            order.append(number)

        await file.transact(ctx, "write", note)

    await asyncio.gather(*[work(number) for number in range(20)])
    assert order == list(range(20))


async def test_a_reader_does_not_wait_for_the_writer(shared: Database, ctx: Context):
    async def work(sql: Sql):
        await add(sql, "1")
        return await stored(shared, ctx)

    assert await shared.transact(ctx, "write", work) == 0


async def test_a_query_sees_one_moment(shared: Database, ctx: Context):
    async def work(sql: Sql):
        before = await sql.one(COUNT)
        await shared.transact(ctx, "write", lambda other: add(other, "1"))
        return before, await sql.one(COUNT)

    assert await shared.transact(ctx, "read", work) == (0, 0)
