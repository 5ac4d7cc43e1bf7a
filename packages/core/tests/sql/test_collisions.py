"""Commands that collide, in one process and in several: nothing is lost, and a retried unit sees the same world."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from _shop import ADD, SET_STOCK, STOCK, add, stored

from krepis.context import Context
from krepis.errors import DeadlinePassed
from krepis.sql import Database, Sql, StoreBusy, UniqueViolation

HERE = Path(__file__).parent


async def increment(sql: Sql) -> int:
    """A read, then a write of what was read: the shape in which updates get lost."""
    stock = await sql.one(STOCK, isbn="1")
    await asyncio.sleep(0)
    await sql.run(SET_STOCK, book="1", count=stock + 1)
    return stock + 1


async def stock(database: Database, ctx: Context) -> int:
    return await database.transact(ctx, "read", lambda sql: sql.one(STOCK, isbn="1"))


@pytest.mark.parametrize("mode", ["write", "phased"])
async def test_no_update_is_lost(database: Database, ctx: Context, mode):
    async def version_checked(sql: Sql) -> int:
        if mode == "phased":
            async with sql.savepoint():
                await sql.run(SET_STOCK, book="none", count=0)  # begins the write transaction
                return await increment(sql)
        return await increment(sql)

    await database.transact(ctx, "write", lambda sql: add(sql, "1", stock=0))
    seen = await asyncio.gather(*[database.transact(ctx.begin(), mode, version_checked) for _ in range(50)])
    assert sorted(seen) == list(range(1, 51))
    assert await stock(database, ctx) == 50


async def test_several_processes_share_one_database(shared: Database, ctx: Context):
    await shared.transact(ctx, "write", lambda sql: add(sql, "1", stock=0))
    processes = [started("increments", shared, "50") for _ in range(4)]
    own = [await shared.transact(ctx.begin(), "write", increment) for _ in range(50)]
    assert [process.wait(60) for process in processes] == [0] * 4
    assert len(own) == 50
    assert await stock(shared, ctx) == 250


async def test_a_retried_unit_sees_the_same_instant_and_the_same_ids(remote: Database, ctx: Context):
    await remote.transact(ctx, "write", lambda sql: add(sql, "1", stock=0))
    child = ctx.begin()
    seen: list[tuple[object, ...]] = []

    async def work(sql: Sql) -> None:
        seen.append((child.now(), child.new_id(), child.new_id(), child.random.random()))
        await sql.one(STOCK, isbn="1")
        if len(seen) < 3:  # somebody else is faster, twice
            await remote.transact(ctx.begin(), "write", increment)
        await sql.run(SET_STOCK, book="1", count=100)

    await remote.transact(child, "write", work)
    assert len(seen) == 3
    assert len(set(seen)) == 1
    assert await stock(remote, ctx) == 100


async def test_a_conflict_that_a_handler_hides_is_still_retried(remote: Database, ctx: Context):
    await remote.transact(ctx, "write", lambda sql: add(sql, "1", stock=0))
    attempts: list[int] = []

    async def work(sql: Sql) -> None:
        attempts.append(1)
        await sql.one(STOCK, isbn="1")
        if len(attempts) == 1:
            await remote.transact(ctx.begin(), "write", increment)
        try:
            await sql.run(SET_STOCK, book="1", count=100)
        except Exception as error:
            raise RuntimeError("hidden") from error

    await remote.transact(ctx.begin(), "write", work)
    assert len(attempts) == 2


async def test_endless_conflicts_end(make_url, ctx: Context):
    from _shop import metadata

    database = Database(make_url("postgres"), metadata=metadata, attempts_max=3)
    await database.open()
    await database.create_tables()
    await database.transact(ctx, "write", lambda sql: add(sql, "1", stock=0))

    async def work(sql: Sql) -> None:
        await sql.one(STOCK, isbn="1")
        await database.transact(ctx.begin(), "write", increment)
        await sql.run(SET_STOCK, book="1", count=100)

    with pytest.raises(StoreBusy, match="3 attempts"):
        await database.transact(ctx.begin(), "write", work)
    await database.close()


async def test_a_file_held_by_another_process_is_awaited_without_blocking_the_loop(file: Database, ctx: Context):
    holder = started("hold", file, "0.4")
    await until_held(holder)
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0.005)

    ticking = asyncio.ensure_future(tick())
    await file.transact(ctx, "write", lambda sql: add(sql, "1"))
    ticking.cancel()
    assert holder.wait(10) == 0
    assert ticks > 10
    assert await stored(file, ctx) == 1


async def test_waiting_for_another_process_ends_at_the_deadline(file: Database, ctx: Context):
    holder = started("hold", file, "1")
    await until_held(holder)
    with pytest.raises(DeadlinePassed):
        await file.transact(ctx.narrow(timeout=0.1), "write", lambda sql: add(sql, "1"))
    holder.kill()
    holder.wait(10)
    await file.transact(ctx, "write", lambda sql: add(sql, "1"))


async def test_two_commands_that_add_the_same_key_are_told_apart(shared: Database, ctx: Context):
    async def work(sql: Sql) -> None:
        await sql.run(ADD, isbn="1", title="The same", stock=1)
        await asyncio.sleep(0.01)

    both = await asyncio.gather(
        *[shared.transact(ctx.begin(), "write", work) for _ in range(2)], return_exceptions=True
    )
    assert [type(outcome) for outcome in both if outcome is not None] == [UniqueViolation]


def started(what: str, database: Database, *arguments: str) -> subprocess.Popen[bytes]:
    url = database.url.render_as_string(hide_password=False)
    return subprocess.Popen(
        [sys.executable, str(HERE / "_other_process.py"), what, url, *arguments],
        stdout=subprocess.PIPE if what == "hold" else subprocess.DEVNULL,
    )


async def until_held(holder: subprocess.Popen[bytes]) -> None:
    assert holder.stdout is not None
    assert await asyncio.to_thread(holder.stdout.readline) == b"ready\n"
    holder.stdout.close()
