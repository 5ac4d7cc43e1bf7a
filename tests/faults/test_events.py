"""Processes that emit and deliver events are killed with -9 at any moment, and their database goes away under them.

Whatever happens: an event whose command was acknowledged is stored; what a reaction changes in the database it changes
once for each event, in the order of the account; what it does outside happens at least once, under one key.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from faults import payments
from faults.shop import LONG, Store, drawn
from krepis.sql import Database
from serving import wait_until

KILLS = 110 if LONG else 3
"""On each database, with two processes: so 220 in all."""

pytestmark = pytest.mark.slow

EVENTS = "SELECT about, body, position FROM krepis_events ORDER BY number"
BOOKED = "SELECT who, account, step FROM booked ORDER BY number"
WAITING = "SELECT count(*) FROM krepis_deliveries"
UNNUMBERED = "SELECT count(*) FROM krepis_events WHERE position IS NULL"
DEAD = "SELECT error FROM krepis_dead_letters"


class Bank:
    """Processes that pay and deliver, on one database."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store = store
        self.folder = folder
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._count = 0
        asyncio.run(_make_tables(store.url))

    def open(self) -> str:
        """Start a process, and wait until it runs; answers with its name."""
        self._count += 1
        name = f"p{self._count}"
        with (self.folder / "log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [sys.executable, payments.__file__, self.store.url, str(self.folder), name], stdout=log, stderr=log
            )
        up = self.folder / f"up {name}"
        assert wait_until(lambda: up.exists() or self._processes[name].poll() is not None, 30), self.log
        assert up.exists(), self.log
        return name

    def kill(self, name: str) -> None:
        process = self._processes.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()

    @property
    def names(self) -> list[str]:
        return list(self._processes)

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(encoding="utf-8")[-3000:]

    def lines(self, name: str) -> list[str]:
        path = self.folder / name
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def settle(self) -> None:
        """Pay nothing more, and wait until everything is delivered, as long as something is."""
        (self.folder / "quiet").touch()
        left = self._left()
        while left:
            assert wait_until(lambda left=left: self._left() < left, 30), f"{left} deliveries stand still: {self.log}"
            left = self._left()

    def _left(self) -> int:
        waiting, unnumbered = self.store.ask(WAITING, UNNUMBERED)
        return waiting[0][0] + 2 * unnumbered[0][0]  # an event without a position has two deliveries before it

    def check(self) -> int:
        """What must hold when everything is delivered; answers with the number of events."""
        events, rows, dead = self.store.ask(EVENTS, BOOKED, DEAD)
        assert dead == []
        stored: defaultdict[str, list[int]] = defaultdict(list)
        for about, body, _ in events:
            stored[about].append(int(body.rpartition(":")[2].rstrip("}")))
        acknowledged = [(line.split()[0], int(line.split()[1])) for line in self.lines("acknowledged")]
        assert acknowledged
        for account, step in acknowledged:
            assert step in stored[account], f"{account} {step} was acknowledged and is lost"
        found: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        for who, account, step in rows:
            found[who, account].append(step)
        expected = {(who, account): steps for account, steps in stored.items() for who in ("book", "mail")}
        assert found == expected, "once each, in order"
        positions = sorted(position for *_, position in events)
        assert positions == list(range(1, len(events) + 1))
        mails = {tuple(line.split()) for line in self.lines("mails")}
        assert len({key for key, *_ in mails}) == len(mails) == len(events), "each mail at least once, under one key"
        return len(events)

    def close(self) -> None:
        for name in self.names:
            self.kill(name)


async def _make_tables(url: str) -> None:
    database = Database(url, metadata=payments.metadata)
    await database.open()
    await database.create_tables()
    await database.close()


@pytest.fixture(params=["sqlite", "postgres"])
def bank(request: pytest.FixtureRequest, make_store: Callable[[str], Store], tmp_path: Path) -> Iterator[Bank]:
    opened = Bank(make_store(request.param), tmp_path)
    yield opened
    opened.close()


@drawn
def test_processes_that_are_killed_lose_no_event_and_do_nothing_twice(bank: Bank, seed: int):
    """Two processes share the work; now one is killed, now both, at random moments."""
    chance = Random(seed)
    bank.open()
    bank.open()
    kills = 0
    while kills < KILLS:
        time.sleep(chance.uniform(0.02, 0.4))
        for name in chance.sample(bank.names, chance.choice([1, 1, 2])):
            bank.kill(name)
            kills += 1
        while len(bank.names) < 2:
            bank.open()
    for name in bank.names:
        bank.kill(name)
    bank.open()
    bank.settle()
    assert bank.check() > KILLS


@drawn
@pytest.mark.parametrize("bank", ["postgres"], indirect=True)
@pytest.mark.parametrize("end", ["immediate", "kill"])
def test_postgres_that_stops_under_load_delays_events_and_loses_none(bank: Bank, postgres: Any, end: str, seed: int):
    chance = Random(seed)
    bank.open()
    bank.open()
    for _ in range(6 if LONG else 2):
        time.sleep(chance.uniform(0.2, 0.6))
        postgres.kill() if end == "kill" else postgres.stop(end)
        time.sleep(chance.uniform(0.1, 0.6))
        postgres.start()
        count = len(bank.lines("acknowledged"))
        assert wait_until(lambda count=count: len(bank.lines("acknowledged")) > count, 20), bank.log
    bank.settle()
    assert bank.check() > 10
    assert len(bank.names) == 2


def test_a_process_that_stands_still_is_overtaken_and_does_nothing_twice(bank: Bank):
    """SIGSTOP, as on a host that pauses a machine, for longer than its lease; then it goes on."""
    first = bank.open()
    time.sleep(0.3)
    process = bank._processes[first]
    bank.open()
    for _ in range(10 if LONG else 2):
        os.kill(process.pid, signal.SIGSTOP)
        time.sleep(1.2)
        os.kill(process.pid, signal.SIGCONT)
        time.sleep(0.2)
    bank.settle()
    assert bank.check() > 10
