"""Ten thousand wrong logins, from forty addresses at once: memory and rows stay small, and others don't notice."""

from __future__ import annotations

import asyncio
import http.client
import importlib
import json
import shutil
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any, Self

import pytest

from faults.shop import LONG, Store, drawn
from krepis.sql import Database
from serving import Served

CLUB = Path(__file__).parents[2] / "packages/core/tests/accounts/_accounts_club.py"
WRONG_LOGINS = 10_000 if LONG else 2_000
ADDRESSES = 40
CALLERS = 8
# Per address: 50 free and one more, then one for each time that it opens again, in a run of at most five minutes: 1 + 2 +
# 4 + ... seconds. Attempts that run at the same moment are counted before they are looked at, so they add none.
CHECKED_MAX = ADDRESSES * (51 + 9)
IDLE_S_MAX = 2.0  # the server ends a connection that is silent for longer
MEMORY_GROWTH_KIB_MAX = 32_768
PASSWORD = "correct horse battery"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="a caller takes any address of 127.0.0.0/8, on Linux alone"),
]


class Caller:
    """One client at an address of its own, over one connection."""

    def __init__(self, port: int, address: str) -> None:
        self._port = port
        self._address = address
        self._connection: http.client.HTTPConnection | None = None
        self._used_at = 0.0

    def send(self, method: str, path: str, body: Any = None, token: str = "") -> tuple[int, Any]:
        if self._connection is None or time.monotonic() - self._used_at > IDLE_S_MAX:
            self.__exit__()
            source = (self._address, 0)
            self._connection = http.client.HTTPConnection("127.0.0.1", self._port, 30, source_address=source)
        headers = {"content-type": "application/json"} | ({"authorization": f"Token {token}"} if token else {})
        self._connection.request(method, path, None if body is None else json.dumps(body), headers)
        reply = self._connection.getresponse()
        read = reply.read()
        self._used_at = time.monotonic()
        return reply.status, json.loads(read) if read else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            self._connection.close()

    def login(self, email: str, password: str) -> tuple[int, Any]:
        return self.send("POST", "/login", {"user": {"email": email, "password": password}})


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Store], Served]]:
    """A club that is served by a process of its own."""
    served: list[Served] = []

    def serve(store: Store) -> Served:
        (tmp_path / "src").mkdir()
        shutil.copy(CLUB, tmp_path / "src" / "_accounts_club.py")
        app = "import os\nfrom _accounts_club import an_app\napp = an_app(os.environ['CLUB_DB'])\n"
        (tmp_path / "src" / "club.py").write_text(app, encoding="utf-8")
        (tmp_path / "krepis.toml").write_text('app = "club:app"\n', encoding="utf-8")
        monkeypatch.setenv("CLUB_DB", store.url)
        monkeypatch.syspath_prepend(str(CLUB.parent))
        asyncio.run(make_tables(store.url, importlib.import_module("_accounts_club").metadata))
        served.append(Served(tmp_path))
        return served[0]

    yield serve
    for one in served:
        one.kill()


async def make_tables(url: str, metadata: Any) -> None:
    database = Database(url, metadata=metadata)
    await database.open()
    await database.create_tables()
    await database.close()


def resident_kib(served: Served) -> int:
    status = Path(f"/proc/{served.process.pid}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))


def attack(port: int, caller: int, seed: int, count: int) -> Counter[int]:
    """Wrong logins for names drawn by the seed, from this caller's share of the addresses."""
    chance = Random(f"{seed} {caller}")
    addresses = [f"127.0.1.{number}" for number in range(1, ADDRESSES + 1) if number % CALLERS == caller]
    statuses: Counter[int] = Counter()
    with ExitStack() as stack:
        own = [stack.enter_context(Caller(port, address)) for address in addresses]
        for _ in range(count):
            email = chance.choice(
                ("ann@example.org", f"{chance.randrange(10**9)}@example.org", "é" * chance.randrange(200))
            )
            statuses[chance.choice(own).login(email, f"wrong {chance.randrange(10**9)}")[0]] += 1
    return statuses


def visits(port: int, stop: threading.Event) -> list[int]:
    """What a member at another address sees meanwhile: all is as always."""
    statuses: list[int] = []
    with Caller(port, "127.0.2.1") as member:
        while not stop.is_set():
            status, answer = member.login("bea@example.org", PASSWORD)
            statuses += [status, member.send("GET", "/me", token=answer["user"]["token"])[0]]
            time.sleep(0.05)
    return statuses


@drawn
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_ten_thousand_wrong_logins_cost_little_and_hurt_nobody_else(
    make_store: Callable[[str], Store], serve: Callable[[Store], Served], kind: str, seed: int
):
    count = WRONG_LOGINS
    store = make_store(kind)
    served = serve(store)
    with Caller(served.port, "127.0.2.2") as member:
        judge(served, store, member, count, seed)


def judge(served: Served, store: Store, member: Caller, count: int, seed: int) -> None:
    for email in ("ann@example.org", "bea@example.org"):
        assert member.send("POST", "/members", {"email": email, "password": PASSWORD})[0] == 201
    ann = member.login("ann@example.org", PASSWORD)[1]["user"]["token"]
    attack(served.port, 0, seed, 50)  # so that what is loaded once is loaded
    before = resident_kib(served)
    stop = threading.Event()
    with ThreadPoolExecutor(CALLERS + 1) as threads:
        visiting = threads.submit(visits, served.port, stop)
        attacks = [threads.submit(attack, served.port, caller, seed + 1, count // CALLERS) for caller in range(CALLERS)]
        statuses = sum((one.result() for one in attacks), Counter[int]())
        stop.set()
        seen = visiting.result()
    assert set(statuses) <= {401, 429}
    assert statuses.total() == count
    assert set(seen) == {200}
    assert len(seen) > 10
    assert resident_kib(served) - before < MEMORY_GROWTH_KIB_MAX
    rows = store.ask("SELECT count(*) FROM krepis_login_throttle")[0][0][0]
    assert rows <= CHECKED_MAX + ADDRESSES
    assert statuses[401] <= CHECKED_MAX
    # Ann is shut out of logging in for a while, but not of the session that she has.
    assert member.send("GET", "/me", token=ann)[0] == 200
    assert "wrong" not in served.log.replace("wrong_credentials", "")
