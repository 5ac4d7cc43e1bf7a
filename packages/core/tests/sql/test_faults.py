"""Databases that go away, disks that fill up, processes that are killed: documented answers, and an intact store."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from _shop import ORDERS, add, metadata, stored
from sqlalchemy import text

from krepis.context import Context
from krepis.errors import KrepisError
from krepis.sql import (
    CommitUnknown,
    Database,
    Sql,
    StoreAway,
    StoreDamagedError,
    StoreFailed,
    StoreFull,
    statement,
)

HERE = Path(__file__).parent
LINES = 5
KILLS = 6
MINE_AWAY = statement(
    text(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE pid <> pg_backend_pid() AND datname = current_database()"
    )
)

SLOW_COMMIT = (
    "CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON books DEFERRABLE INITIALLY DEFERRED"
    " FOR EACH ROW EXECUTE FUNCTION slow()"
)


@pytest.mark.parametrize("seed", range(KILLS))
async def test_a_process_killed_between_commits_leaves_whole_orders(shared: Database, ctx: Context, seed):
    await shared.transact(ctx, "write", lambda sql: add(sql, "1", stock=0))
    url = shared.url.render_as_string(hide_password=False)
    command = [sys.executable, str(HERE / "_other_process.py"), "orders", url, str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:  # noqa: ASYNC220 - a start takes no time
        assert process.stdout is not None
        told = [await asyncio.to_thread(process.stdout.readline)]
        await asyncio.sleep(Random(seed).uniform(0, 0.05))
        process.kill()
        told += process.stdout.read().splitlines()
    whole = [int(line) for line in told if line.strip()]
    found = Counter(order.count for order in await shared.transact(ctx, "read", lambda sql: sql.all(ORDERS)))
    assert set(whole) <= set(found), "what was answered is stored"
    assert all(lines % LINES == 0 for lines in found.values()), "an order is stored whole or not at all"
    assert not shared.is_sqlite or intact(shared)


async def test_a_full_disk_is_unavailable_and_nothing_has_changed(tmp_path, ctx: Context):
    database = Database(f"sqlite:///{tmp_path}/full.db", metadata=metadata)
    await database.open()
    await database.create_tables()
    await database.transact(ctx, "write", lambda sql: add(sql, "kept"))
    cursor = writing_cursor(database)
    pages = cursor.execute("PRAGMA page_count").fetchone()[0]
    cursor.execute(f"PRAGMA max_page_count={pages + 5}")

    async def many(sql: Sql):
        for number in range(2000):
            await add(sql, str(number))

    for _ in range(3):
        with pytest.raises(StoreFull):
            await database.transact(ctx, "write", many)
    with pytest.raises(StoreFull) as full:
        await database.transact(ctx, "write", many)
    assert (full.value.kind, full.value.code, full.value.retry_after) == ("unavailable", "store_full", 30)
    assert await stored(database, ctx) == 1
    cursor.execute("PRAGMA max_page_count=1000000")
    await database.transact(ctx, "write", many)
    assert await stored(database, ctx) == 2001
    assert intact(database)
    await database.close()


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit of the process on the size of files")
async def test_a_disk_that_fails_is_unavailable_and_the_store_comes_back(file: Database, ctx: Context):
    import resource

    await file.transact(ctx, "write", lambda sql: add(sql, "kept"))

    async def many(sql: Sql):
        for number in range(3000):
            await add(sql, str(number))
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (8192, limits[1]))  # writing beyond it is an I/O error
        try:
            for number in range(3000, 40000):
                await add(sql, str(number))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    with pytest.raises(StoreFailed) as failed:
        await file.transact(ctx, "write", many)
    assert (failed.value.kind, failed.value.code) == ("unavailable", "store_failed")
    assert await stored(file, ctx) == 1
    await file.transact(ctx, "write", lambda sql: add(sql, "next"))
    assert intact(file)


async def test_a_handler_that_hides_a_full_disk_does_not_commit(tmp_path, ctx: Context):
    database = Database(f"sqlite:///{tmp_path}/full.db", metadata=metadata)
    await database.open()
    await database.create_tables()
    writing_cursor(database).execute("PRAGMA max_page_count=1")

    async def hiding(sql: Sql):
        for number in range(2000):
            try:
                await add(sql, str(number))
            except StoreFull:
                return

    with pytest.raises(StoreFull):
        await database.transact(ctx, "write", hiding)
    assert await stored(database, ctx) == 0
    await database.close()


async def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "bad.db").write_bytes(b"this is not a database, it is a letter" * 100)
    with pytest.raises(StoreDamagedError, match="backup"):
        await Database(f"sqlite:///{tmp_path}/bad.db").open()


async def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(KrepisError, match="no folder"):
        await Database(f"sqlite:///{tmp_path}/none/shop.db").open()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
async def test_a_file_that_must_not_be_written_is_refused(tmp_path):
    (tmp_path / "shop.db").touch(0o400)
    with pytest.raises(KrepisError, match="writable"):
        await Database(f"sqlite:///{tmp_path}/shop.db").open()


@pytest.mark.parametrize("url", ["mysql://localhost/x", "nonsense", "postgresql//x"])
def test_a_url_without_a_store_is_refused(url):
    with pytest.raises(KrepisError, match="hint"):
        Database(url)


def test_a_password_is_never_shown():
    assert "geheim" not in repr(Database("postgresql://shop:geheim@localhost/shop"))


async def test_a_server_that_is_not_there_stops_the_start(tmp_path):
    database = Database(f"postgresql://postgres@/x?host={tmp_path}", connect_wait_max_s=0.1)
    with pytest.raises(KrepisError, match="can't be reached"):
        await database.open()


async def test_a_database_that_does_not_exist_stops_the_start(postgres):
    with pytest.raises(KrepisError, match="there is no database"):
        await Database(postgres.url("nowhere")).open()


async def test_a_restarted_server_is_not_noticed_by_the_next_units(remote: Database, postgres, ctx: Context):
    await asyncio.gather(*[remote.transact(ctx.begin(), "write", lambda sql, n=n: add(sql, str(n))) for n in range(8)])
    await asyncio.to_thread(postgres.stop)
    await asyncio.to_thread(postgres.start)
    assert await asyncio.gather(*[stored(remote, ctx) for _ in range(16)]) == [8] * 16


async def test_a_killed_server_is_away_and_comes_back_with_every_commit(remote: Database, postgres, ctx: Context):
    await remote.transact(ctx, "write", lambda sql: add(sql, "1"))
    await asyncio.to_thread(postgres.kill)
    try:
        with pytest.raises(StoreAway) as away:
            await stored(remote, ctx)
        assert (away.value.kind, away.value.code) == ("unavailable", "store_away")
    finally:
        await asyncio.to_thread(postgres.start)
    assert await stored(remote, ctx) == 1


async def test_a_connection_lost_in_the_middle_is_replaced_and_the_unit_run_again(remote: Database, ctx: Context):
    attempts: list[int] = []

    async def work(sql: Sql):
        attempts.append(1)
        await add(sql, "1")
        if len(attempts) == 1:
            await remote.transact(ctx, "write", lambda other: other.all(MINE_AWAY))
        await add(sql, "2")

    await remote.transact(ctx, "write", work)
    assert len(attempts) == 2
    assert await stored(remote, ctx) == 2


async def test_a_connection_lost_before_commit_is_run_again_too(remote: Database, ctx: Context):
    attempts: list[int] = []

    async def work(sql: Sql):
        attempts.append(1)
        await add(sql, "1")
        if len(attempts) == 1:
            await remote.transact(ctx, "write", lambda other: other.all(MINE_AWAY))
            await asyncio.sleep(0.05)  # the loop hears that the connection is gone

    await remote.transact(ctx, "write", work)
    assert len(attempts) == 2
    assert await stored(remote, ctx) == 1


async def test_a_connection_lost_during_commit_leaves_the_outcome_open(remote: Database, ctx: Context):
    # The trigger runs at COMMIT, and takes long enough for the connection to be cut in its middle.
    await remote._engine.script(
        ctx,
        [
            "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(5); RETURN NULL; END'",
            SLOW_COMMIT,
        ],
    )
    committing = asyncio.ensure_future(remote.transact(ctx, "write", lambda sql: add(sql, "1")))
    await asyncio.sleep(0.2)
    await remote.transact(ctx, "read", lambda other: other.all(MINE_AWAY))
    with pytest.raises(CommitUnknown) as unknown:
        await committing
    assert unknown.value.code == "commit_unknown"
    assert await stored(remote, ctx) in {0, 1}


async def test_a_commit_that_has_begun_is_not_cancelled(remote: Database, ctx: Context):
    await remote._engine.script(
        ctx,
        [
            "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.3); RETURN NULL; END'",
            SLOW_COMMIT,
        ],
    )

    async def work(sql: Sql):
        await add(sql, "1")
        return "stored"

    task = asyncio.ensure_future(remote.transact(ctx, "write", work))
    await asyncio.sleep(0.15)
    task.cancel()
    assert await task == "stored"
    assert await stored(remote, ctx) == 1


async def test_tables_that_change_under_a_prepared_statement_are_read_anew(remote: Database, ctx: Context):
    everything = statement(text("SELECT * FROM books"))
    await remote.transact(ctx, "write", lambda sql: add(sql, "1"))
    await remote.transact(ctx, "read", lambda sql: sql.all(everything))
    await remote._engine.script(ctx, ["ALTER TABLE books ADD COLUMN more integer"])
    rows = await remote.transact(ctx, "read", lambda sql: sql.all(everything))
    assert len(rows[0]) == 7


def writing_cursor(database: Database) -> sqlite3.Cursor:
    engine: Any = database._engine
    return engine._desks._desks[0].cursor


def intact(database: Database) -> bool:
    connection = sqlite3.connect(str(database.path))
    try:
        return connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    finally:
        connection.close()
