"""What is sent again with its key happens once, also when processes are killed.

Two processes serve one database. Callers repeat what they got no answer to, with the same key, as callers should.
"""

from __future__ import annotations

import http.client
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

import pytest

from faults.project import Pair
from faults.shop import LONG, Store, drawn, together
from faults.till import metadata

KILLS = 100 if LONG else 5
CALLERS = 4

pytestmark = pytest.mark.slow


class Till(Pair):
    def __init__(self, folder: Path, store: Store) -> None:
        self.calls = folder / "calls"
        self.calls.touch()
        super().__init__(folder, store, "till", metadata, TILL_DB=store.url, TILL_CALLS=str(self.calls))

    def post(self, at: int, path: str, key: str, **body: Any) -> tuple[int, Mapping[str, str], Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self[at].port, timeout=20)
        try:
            headers = {"content-type": "application/json", "idempotency-key": key}
            connection.request("POST", path, json.dumps(body), headers)
            reply = connection.getresponse()
            shown = {name.lower(): value for name, value in reply.getheaders()}
            return reply.status, shown, json.loads(reply.read())
        finally:
            connection.close()


@pytest.fixture(params=["sqlite", "postgres"])
def till(request: pytest.FixtureRequest, make_store: Callable[[str], Store], tmp_path: Path) -> Iterator[Till]:
    till = Till(tmp_path, make_store(request.param))
    for at in (0, 1):
        till.open(at)
    yield till
    for at in (0, 1):
        till.kill(at)


def test_a_hundred_calls_with_one_key_run_once_in_two_processes(till: Till) -> None:
    replies = together(100, lambda n: till.post(n % 2, "/pay", "x" * 20, label="tea", pause_ms=100))
    assert Counter(status for status, _, _ in replies) == {201: 100}
    assert len({json.dumps(body) for _, _, body in replies}) == 1
    assert sum("idempotency-replayed" not in headers for _, headers, _ in replies) == 1
    assert till.ask("SELECT count(*) FROM rows WHERE label = 'tea'") == [(1,)]
    ran = sum(served.log.count('"paying"') for served in till.both)
    assert ran == 1


def test_a_process_that_is_killed_in_the_middle_leaves_the_key_unused(till: Till) -> None:
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(till.post, 0, "/pay", "x" * 20, label="tea", pause_ms=5000)
        assert till[0].wait_log("paying")
        till.kill(0)
        assert isinstance(call.exception(10), (OSError, http.client.HTTPException))
    status, headers, _ = till.post(1, "/pay", "x" * 20, label="tea", pause_ms=5000)
    assert (status, "idempotency-replayed" in headers) == (201, False)
    assert till.ask("SELECT count(*) FROM rows WHERE label = 'tea'") == [(1,)]
    till.open(0)
    status, headers, _ = till.post(0, "/pay", "x" * 20, label="tea", pause_ms=5000)
    assert (status, headers["idempotency-replayed"]) == (201, "true")


class Callers:
    """Each sends one command after the other, again and again until it gets an answer, to either process."""

    def __init__(self, till: Till, seed: int) -> None:
        self._till = till
        self._seed = seed
        self._going = True
        self.answers: dict[str, set[str]] = {}
        self.repeated = 0
        self._pool = ThreadPoolExecutor(CALLERS)
        self._ends = [self._pool.submit(self._call, number) for number in range(CALLERS)]

    def stop(self) -> None:
        self._going = False
        for end in self._ends:
            end.result(60)
        self._pool.shutdown()

    def _call(self, number: int) -> None:
        chance = Random(f"{self._seed} {number}")
        for count in range(1_000_000):
            if not self._going:
                return
            label, path = f"row-{number}-{count}", chance.choice(["/pay", "/send"])
            answers = self.answers[label] = set()
            # Now and then somebody repeats what was answered.
            for _ in range(chance.choice([1, 1, 2])):
                answers.add(self._until_answered(chance, path, label))

    def _until_answered(self, chance: Random, path: str, label: str) -> str:
        while True:
            try:
                status, _, body = self._till.post(chance.randrange(2), path, f"the key of {label}", label=label)
            except (OSError, http.client.HTTPException, ValueError):
                self.repeated += 1
                time.sleep(0.01)
                continue
            if status == 201:
                return json.dumps(body)
            assert status in (503, 504), body
            self.repeated += 1


@drawn
def test_kills_at_any_moment_do_nothing_twice_and_lose_nothing(till: Till, seed: int) -> None:
    chance = Random(seed)
    callers = Callers(till, seed)
    try:
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.05, 0.4))
            at = chance.randrange(2)
            till.kill(at)
            till.open(at)
    finally:
        callers.stop()
    assert callers.repeated >= 1
    stored = Counter(label for (label,) in till.ask("SELECT label FROM rows WHERE label LIKE 'row-%'"))
    assert set(stored) == set(callers.answers)
    assert set(stored.values()) == {1}
    assert {len(answers) for answers in callers.answers.values()} == {1}
    _calls_have_one_key(till)


def _calls_have_one_key(till: Till) -> None:
    keys: dict[str, set[str]] = {}
    for line in till.calls.read_text(encoding="utf-8").splitlines():
        label, key = line.split()
        keys.setdefault(label, set()).add(key)
    assert {len(one) for one in keys.values()} == {1}
    assert len(set().union(*keys.values())) == len(keys)
