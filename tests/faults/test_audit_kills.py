"""kill -9 of whoever writes and of whoever sequences: every command that is stored has one entry, in one whole chain."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

import pytest

from faults.audited import app, metadata
from faults.project import HERE, lay_out, make_tables
from faults.shop import LONG, Store, drawn
from krepis.audit import Audit, Verdict, verify
from krepis.context import root
from krepis.sql import Database
from krepis.testing import TestSources
from serving import Served, wait_until

ROUNDS = 100 if LONG else 3
CALLERS = 4

pytestmark = pytest.mark.slow


class Audited:
    """The service in a process of its own, and its callers."""

    def __init__(self, folder: Path, store: Store) -> None:
        self.store = store
        self.acknowledged: set[str] = set()
        self._folder = folder
        lay_out(folder, HERE / "audited.py")
        make_tables(store.url, metadata)
        self.served: Served | None = None

    def open(self, *words: str) -> Served:
        served = self.served = Served(self._folder, *words, AUDITED_DB=self.store.url)
        assert wait_until(lambda: _answers(served), 20), served.log
        return served

    def close(self) -> None:
        if self.served is not None:
            self.served.kill()
            self.served = None

    def call(self, prefix: str, count: int = 1_000_000) -> None:
        """Count one after the other, until the service is gone."""
        assert self.served is not None
        port = self.served.port
        for number in range(count):
            name = f"{prefix}-{number}"
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
                body = json.dumps({"name": name})
                connection.request("POST", "/count", body, {"content-type": "application/json"})
                if connection.getresponse().status == 200:
                    self.acknowledged.add(name)
                connection.close()
            except (OSError, http.client.HTTPException):
                return

    def verdict(self) -> Verdict:
        async def ask() -> Verdict:
            database = Database(self.store.url, metadata=metadata)
            await database.open()
            try:
                part = next(part for part in app.parts if isinstance(part, Audit))
                return await verify(database, root(TestSources()), part.hashing)
            finally:
                await database.close()

        return asyncio.run(ask())

    def names(self) -> tuple[set[str], list[str]]:
        """The commands that are stored, and those that have an entry, in the chain or waiting for it."""
        counted, chained, pending = self.store.ask(
            "SELECT name FROM counted", "SELECT entry FROM krepis_audit", "SELECT entry FROM krepis_audit_pending"
        )
        return {name for (name,) in counted}, [
            json.loads(entry)["message"]["name"] for (entry,) in (*chained, *pending)
        ]


def _answers(served: Served) -> bool:
    try:
        return served.get("/ready")[0] == 200
    except OSError:
        return False


def _workers(served: Served) -> set[str]:
    return set(re.findall(r'process_resident_memory_bytes\{pid="(\d+)"\}', served.get("/metrics")[1].decode()))


@pytest.fixture
def make_audited(make_store: Callable[[str], Store], tmp_path: Path) -> Iterator[Callable[[str], Audited]]:
    made: list[Audited] = []

    def make(kind: str) -> Audited:
        made.append(Audited(tmp_path, make_store(kind)))
        return made[-1]

    yield make
    for one in made:
        one.close()


@drawn
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_killed_sequencer_leaves_neither_a_gap_nor_a_double(make_audited: Any, kind: str, seed: int):
    chance = Random(f"{seed} {kind}")
    audited = make_audited(kind)
    for number in range(ROUNDS):
        served = audited.open(*(["--workers", "2"] if number % 2 else []))
        with ThreadPoolExecutor(CALLERS) as pool:
            for caller in range(CALLERS):
                pool.submit(audited.call, f"{number}-{caller}")
            time.sleep(chance.uniform(0.1, 0.4))
            served.kill()
        counted, entries = audited.names()
        assert len(entries) == len(set(entries)), "no command has two entries"
        assert set(entries) == counted, "what is stored has an entry, and what has one is stored"
        assert audited.acknowledged <= counted
        verdict = audited.verdict()
        assert verdict.broken is None, f"seed {seed}, round {number}: {verdict.broken}"
    assert len(audited.acknowledged) > ROUNDS
    audited.open()
    assert wait_until(lambda: audited.verdict().pending == 0, 10), "what was left is moved"
    verdict = audited.verdict()
    assert (verdict.broken, verdict.count) == (None, len(audited.names()[0]))


def test_workers_answer_with_the_figures_of_all_of_them(make_audited: Any):
    audited = make_audited("sqlite")
    served = audited.open("--workers", "3")
    audited.call("a", 60)
    assert len(audited.acknowledged) == 60

    def figure(name: str) -> float:
        text = served.get("/metrics")[1].decode()
        return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(name))

    done = 'krepis_handler_seconds_count{handler="count",kind="command",message="Count",outcome="done"}'
    assert {figure(done) for _ in range(10)} == {60}, "whichever worker answers, it answers for all"
    assert wait_until(lambda: len(_workers(served)) == 3, 20), "the last one to start is seen as well"
    os.kill(int(min(_workers(served))), signal.SIGKILL)
    assert wait_until(lambda: _answers(served), 10)
    assert figure(done) == 60, "what a dead worker has counted stays"


HOSTILE_HEADERS = (
    ("traceparent", b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01\t{}"),
    ("tracestate", b'x=1,"event":"forged"'),
    ("baggage", b"a=%0d%0a%7b%22event%22:%22forged%22%7d"),
    ("idempotency-key", b'"\xe2\x80\xa8{"event":"forged"}\xc2\x85'),
    ("user-agent", b'\x9b2J{"event":"forged"}'),
    ("krepis-context", b"////"),
)


@pytest.mark.parametrize(
    "body", [b'{"name": "\\n{\\"event\\":\\"forged\\"}"}', b'{"name": "\\u2028\\u0085x"}', b'{"\\u2029": 1}']
)
def test_nothing_that_is_sent_makes_a_log_line_of_its_own(make_audited: Any, body: bytes):
    audited = make_audited("sqlite")
    served = audited.open()
    head = b"".join(name.encode() + b": " + value + b"\r\n" for name, value in HOSTILE_HEADERS)
    for path in (b"/count", b"/%0a%7b%22event%22", b"/count?x=%0d%0a%7b"):
        request = b"POST " + path + b" HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: close\r\n"
        connection = served.raw(request + head + b"content-length: %d\r\n\r\n" % len(body) + body)
        while connection.recv(65536):
            pass
        connection.close()
    assert wait_until(lambda: served.log.count('"event":"request"') >= 4, 5), (
        served.log
    )  # the first asked for readiness
    lines = [line for line in served.log.splitlines() if not line.startswith("audited:app serves")]
    assert [json.loads(line)["event"] for line in lines].count("request") == 4
    assert {json.loads(line)["event"] for line in lines} <= {"request", "refused"}
