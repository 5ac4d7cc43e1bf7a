"""A database that goes away under traffic and returns: 503 with `Retry-After` meanwhile, and no restart afterwards."""

from __future__ import annotations

import http.client
import os
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from faults.shop import Shop, SqliteFile, drawn, refused, traffic
from serving import wait_until

SKUS = [f"sku{number}" for number in range(6)]

pytestmark = pytest.mark.slow


@drawn
@pytest.mark.parametrize("end", ["immediate", "fast", "kill"])
def test_postgres_that_stops_under_traffic_is_503_and_is_found_again(
    make_shop: Callable[..., Shop], postgres: Any, end: str, seed: int
):
    shop = make_shop("postgres")
    shop.stocked(1_000_000, *SKUS)
    shop.open()
    with traffic(shop, SKUS, seed) as orders:
        assert wait_until(lambda: len(orders.acknowledged) > 20, 10)
        postgres.kill() if end == "kill" else postgres.stop(end)
        try:
            count = len(orders.replies)
            assert wait_until(lambda: len(orders.replies) > count + 12, 10)
            while_away = orders.replies[count + 4 : count + 12]
        finally:
            postgres.start()
        count = len(orders.acknowledged)
        assert wait_until(lambda: len(orders.acknowledged) > count + 20, 10)
    for _, reply in while_away:
        refused(shop, reply, 503, "store_away")
        assert reply.headers["retry-after"].isdigit()
    assert {reply.status for _, reply in orders.replies} == {201, 503}
    assert {reply.json["code"] for _, reply in orders.replies if reply.status == 503} <= {
        "store_away",
        "commit_unknown",
    }
    stored = shop.references()
    assert orders.acknowledged <= stored
    assert not orders.unchanged & stored, "where the answer says that nothing has changed, nothing has"


SLOW = "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.5); RETURN NULL; END'"
SLOW_COMMIT = (
    "CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON orders DEFERRABLE INITIALLY DEFERRED"
    " FOR EACH ROW EXECUTE FUNCTION slow()"
)
COMMITTING = (
    "SELECT pid FROM pg_stat_activity"
    " WHERE datname = current_database() AND query = 'COMMIT' AND wait_event = 'PgSleep'"
)


@pytest.mark.parametrize("killed", ["service", "database"])
def test_what_dies_in_the_middle_of_a_commit_leaves_an_order_whole_or_none(
    make_shop: Callable[..., Shop], postgres: Any, killed: str
):
    shop = make_shop("postgres")
    shop.stocked(9, "tea")
    shop.store.ask(SLOW, SLOW_COMMIT)  # a deferred trigger runs inside of COMMIT
    shop.open()
    with ThreadPoolExecutor(1) as pool:
        buyer = pool.submit(shop.order, "open", "tea")
        assert wait_until(lambda: shop.store.ask(COMMITTING) != [[]], 5)
        if killed == "service":
            shop.close()
            with pytest.raises((OSError, http.client.HTTPException)):
                buyer.result()
            assert wait_until(lambda: shop.store.ask(COMMITTING) == [[]], 5)
        else:
            postgres.stop("immediate")
            try:
                refused(shop, buyer.result(), 503, "commit_unknown")
                assert "retry-after" in buyer.result().headers
            finally:
                postgres.start()
    assert shop.references() <= {"open"}


def test_queries_too_are_503_while_postgres_is_away(make_shop: Callable[..., Shop], postgres: Any):
    shop = make_shop("postgres")
    shop.stocked(1, "tea")
    shop.open()
    postgres.stop("immediate")
    try:
        reply = shop.ask("GET", "/products/tea")
        refused(shop, reply, 503, "store_away")
        assert reply.headers["retry-after"] == "1"
        assert shop.ask("POST", "/lines/count", b'{"lines": []}').status == 200, "what needs no database goes on"
    finally:
        postgres.start()
    assert shop.ask("GET", "/products/tea").json == {"sku": "tea", "stock": 1}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="finds the server's processes in /proc")
def test_postgres_that_stands_still_ends_at_the_deadline(make_shop: Callable[..., Shop], postgres: Any):
    shop = make_shop("postgres")
    shop.stocked(99, "tea")
    shop.open()
    assert shop.order("before", "tea").status == 201
    with stopped(postgres):
        for number in range(10):  # more than there are connections
            started = time.monotonic()
            reply = shop.order(f"frozen {number}", "tea", request_timeout="0.2")
            assert time.monotonic() - started < 3
            code = reply.json["code"]
            refused(shop, reply, *((504, code) if code == "deadline_passed" else (503, "store_away")))
    assert shop.order("after", "tea").status == 201
    assert shop.references() == {"before", "after"}


@contextmanager
def stopped(postgres: Any) -> Generator[None]:
    """The processes of the server get no time, as on a machine that swaps or a host that pauses it."""
    server = int((postgres.data / "postmaster.pid").read_text().split()[0])
    children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
    processes = [server, *map(int, children)]
    try:
        for process in processes:
            os.kill(process, signal.SIGSTOP)
        yield
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)


def test_postgres_that_holds_a_table_ends_at_the_deadline(make_shop: Callable[..., Shop]):
    shop = make_shop("postgres")
    shop.stocked(9, "tea")
    shop.open()
    with held(shop, "LOCK TABLE products IN ACCESS EXCLUSIVE MODE"):
        refused(shop, shop.order("stuck", "tea", request_timeout="0.3"), 504, "deadline_passed")
    assert shop.order("later", "tea").status == 201
    assert shop.references() == {"later"}


@contextmanager
def held(shop: Shop, statement: str) -> Generator[None]:
    """Another client has the table for itself."""
    import asyncio

    import asyncpg

    ready, done = threading.Event(), threading.Event()

    async def hold() -> None:
        connection: Any = await asyncpg.connect(shop.store.url)
        async with connection.transaction():
            await connection.execute(statement)
            ready.set()
            await asyncio.to_thread(done.wait)
        await connection.close()

    thread = threading.Thread(target=asyncio.run, args=(hold(),))
    thread.start()
    try:
        assert ready.wait(5)
        yield
    finally:
        done.set()
        thread.join()


@contextmanager
def locked(path: Path) -> Generator[None]:
    """Another process writes to the file."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")
    finally:
        connection.close()


@pytest.fixture
def on_file(make_shop: Callable[..., Shop], tmp_path: Path) -> Shop:
    shop = make_shop("sqlite", SqliteFile(tmp_path / "shop.db"))
    shop.stocked(9, "tea")
    shop.open()
    return shop


def test_a_command_waits_for_a_file_that_another_process_holds_and_readers_do_not(on_file: Shop, tmp_path: Path):
    replies: list[int] = []
    buyer = threading.Thread(target=lambda: replies.append(on_file.order("patient", "tea").status))
    with locked(tmp_path / "shop.db"):
        buyer.start()
        for _ in range(5):
            started = time.monotonic()
            assert on_file.ask("GET", "/products/tea").json["stock"] == 9
            assert time.monotonic() - started < 3, "the loop is not blocked"
        assert replies == []
    buyer.join(5)
    assert replies == [201]
    assert on_file.references() == {"patient"}


def test_a_command_that_waits_for_a_held_file_ends_at_its_deadline(on_file: Shop, tmp_path: Path):
    with locked(tmp_path / "shop.db"):
        refused(on_file, on_file.order("hasty", "tea", request_timeout="0.2"), 504, "deadline_passed")
    assert on_file.order("later", "tea").status == 201
    assert on_file.references() == {"later"}
