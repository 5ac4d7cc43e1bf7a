"""Limits on real servers: several processes, killed while they count; callers who lie about their address."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from http.client import HTTPException
from pathlib import Path

import pytest

from serving import Served, wait_until

APP = """
import asyncio
import os

from krepis import Context, Query
from krepis.app import App
from krepis.http import Doors
from krepis.http.facts import answer
from krepis.limits import Concurrency, Rates, TrustedProxies, rate
from krepis.part import Part


class Who(Query[str]):
    pass


class Sleep(Query[str]):
    pass


def who(ctx: Context, query: Who) -> str:
    return str(os.getpid())


async def sleep(ctx: Context, query: Sleep) -> str:
    await asyncio.sleep(0.5)
    return "slept"


class Health(Part):
    # A page that is not counted, and says which process answers.

    def pages(self, service):
        async def page(facts):
            return answer(200, b"text/plain", str(os.getpid()).encode(), (b"connection", b"close"))

        return (("/health", page),)


doors = Doors()
doors.get("/who", Who, media_type="text/plain")
doors.get("/sleep", Sleep, media_type="text/plain")
HANDLERS = (who, sleep)
rated = App("rated", handlers=HANDLERS, doors=doors, parts=(Rates(per_address=rate(60, per_s=3600), file="rates"), Health()))
proxied = App(
    "proxied",
    handlers=HANDLERS,
    doors=doors,
    parts=(TrustedProxies("127.0.0.1"), Rates(per_address=rate(2, per_s=3600), file="proxied")),
)
busy = App("busy", handlers=HANDLERS, doors=doors, parts=(Concurrency(running_max=2, waiting_max=1, wait_s=0.1),))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "limited.py").write_text(APP, encoding="utf-8")
    return tmp_path


def ask(server: Served, count: int, found: list[tuple[int, bytes]], path: str = "/who") -> None:
    for _ in range(count):
        try:
            found.append(server.get(path))
        except (OSError, HTTPException):  # the worker was killed while it answered
            found.append((0, b""))


def up(server: Served, workers: int) -> set[int]:
    """The processes that answer, as soon as all of them do."""
    pids: set[int] = set()

    def all_there() -> bool:
        try:
            pids.add(int(server.get("/health")[1]))
        except OSError:
            return False
        return len(pids) == workers

    assert wait_until(all_there, 20), server.log
    return pids


def hammer(server: Served, threads: int, count: int) -> list[tuple[int, bytes]]:
    found: list[tuple[int, bytes]] = []
    asking = [threading.Thread(target=ask, args=(server, count, found)) for _ in range(threads)]
    for one in asking:
        one.start()
    for one in asking:
        one.join()
    return found


def test_workers_count_together_and_a_restart_forgives_nothing(folder: Path) -> None:
    server = Served(folder, "limited:rated", "--workers", "3")
    try:
        up(server, 3)
        found = hammer(server, 6, 30)
        statuses = Counter(status for status, _ in found)
        assert statuses == {200: 60, 429: 120}
        assert len({pid for status, pid in found if status == 200}) > 1
    finally:
        server.stop()
        server.kill()
    again = Served(folder, "limited:rated")
    try:
        assert again.get("/who")[0] == 429
    finally:
        again.kill()


def test_workers_that_are_killed_while_they_count_neither_block_nor_open(folder: Path) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    chance = random.Random(seed)
    server = Served(folder, "limited:rated", "--workers", "3")
    found: list[tuple[int, bytes]] = []
    try:
        pids = up(server, 3)
        asking = [threading.Thread(target=ask, args=(server, 40, found)) for _ in range(4)]
        for one in asking:
            one.start()
        for pid in chance.sample(sorted(pids), 2):
            time.sleep(chance.random() * 0.05)
            os.kill(pid, signal.SIGKILL)
        for one in asking:
            one.join()
        lost = sum(status == 0 for status, _ in found)
        admitted = sum(status == 200 for status, _ in found)
        assert 60 - lost <= admitted <= 60
        assert wait_until(lambda: server.get("/who")[0] == 429, 10)
    finally:
        server.kill()


def test_a_worker_that_stands_still_with_the_lock_does_not_stop_the_others(folder: Path) -> None:
    """The lock is held from outside, as by a worker that was stopped (SIGSTOP) at the worst moment."""
    import fcntl

    server = Served(folder, "limited:rated", "--workers", "2")
    try:
        up(server, 2)
        assert server.get("/who")[0] == 200
        with (folder / "rates").open("r+b") as table:
            fcntl.flock(table, fcntl.LOCK_EX)
            begun = time.monotonic()
            assert {status for status, _ in hammer(server, 2, 10)} == {200}
            assert time.monotonic() - begun < 3
    finally:
        server.kill()


def test_only_a_proxy_that_is_trusted_says_who_calls(folder: Path) -> None:
    server = Served(folder, "limited:proxied")
    try:
        for number in range(5):
            headers = {"X-Forwarded-For": f"10.0.0.{number}, 203.0.113.{number}"}
            assert [server.get("/who", headers)[0] for _ in range(3)] == [200, 200, 429]
        liars = [server.get("/who", {"X-Forwarded-For": f"6.6.6.{number}, 203.0.113.1"})[0] for number in range(5)]
        assert liars == [429] * 5
    finally:
        server.kill()


def test_without_trusted_proxies_nobody_is_believed(folder: Path) -> None:
    server = Served(folder, "limited:rated")
    try:
        found = [server.get("/who", {"X-Forwarded-For": f"203.0.113.{number}"})[0] for number in range(62)]
        assert Counter(found) == {200: 60, 429: 2}
    finally:
        server.kill()


def test_who_comes_too_many_is_told_to_come_again(folder: Path) -> None:
    server = Served(folder, "limited:busy")
    found: list[tuple[int, bytes]] = []
    try:
        asking = [threading.Thread(target=ask, args=(server, 1, found, "/sleep")) for _ in range(8)]
        for one in asking:
            one.start()
        for one in asking:
            one.join()
        assert Counter(status for status, _ in found) == {200: 2, 503: 6}
        assert server.get("/sleep") == (200, b"slept")
    finally:
        server.kill()


@pytest.mark.parametrize(("size", "status"), [(2_000, 200), (2_200, 431)])
def test_headers_at_a_limit_of_ones_own_and_beyond(folder: Path, size: int, status: int) -> None:
    server = Served(folder, "limited:busy", "--header-bytes", "2100")
    try:
        request = b"GET /who HTTP/1.1\r\nHost: x\r\nX-Much: "
        with server.raw(request + b"x" * (size - len(request)) + b"\r\n\r\n") as connection:
            assert int(connection.recv(65536).split()[1]) == status
    finally:
        server.kill()


def test_headers_slower_than_a_limit_of_ones_own_are_408(folder: Path) -> None:
    server = Served(folder, "limited:busy", "--header-seconds", "1")
    try:
        begun = time.monotonic()
        with server.raw(b"GET /who HTTP/1.1\r\nHost: x\r\n") as connection:
            assert int(connection.recv(65536).split()[1]) == 408
        assert 0.8 < time.monotonic() - begun < 5
    finally:
        server.kill()
