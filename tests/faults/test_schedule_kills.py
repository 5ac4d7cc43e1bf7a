"""kill -9 in the middle of scheduled runs: each slot is stored once, and what was begun is run again by somebody.

Two processes follow the same schedules. Most kills wait for a run to begin and find it in the middle; now and then both
processes are killed, and nobody runs anything for a while.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from faults.clockwork import GRACE_S, SKIP_PERIOD_S, TIMEOUT_S, metadata
from faults.project import Pair
from faults.shop import LONG, Store, drawn
from serving import wait_until

KILLS = 100 if LONG else 2
NAMES = {f"{kind}-{missed}" for kind in ("tick", "ring") for missed in ("once", "skip", "all")}

pytestmark = pytest.mark.slow


class Clockwork(Pair):
    def __init__(self, folder: Path, store: Store) -> None:
        self._file = folder / "runs"
        self._file.touch()
        super().__init__(folder, store, "clockwork", metadata, CLOCKWORK_DB=store.url, CLOCKWORK_RUNS=str(self._file))

    def begun(self) -> list[tuple[str, int, int, str]]:
        """Every attempt in its order: the schedule, its slot, the process, the key."""
        lines = [line.split(" ", 3) for line in self._file.read_text(encoding="utf-8").splitlines()]
        return [(name, int(slot), int(process), key) for name, slot, process, key in lines]

    def stored(self) -> dict[str, list[int]]:
        """The slots of each schedule, in the order in which they were stored."""
        found: dict[str, list[int]] = defaultdict(list)
        for (label,) in self.ask("SELECT label FROM rows ORDER BY id"):
            name, _, slot = str(label).partition(" ")
            found[name].append(int(slot))
        return found

    def stop(self) -> None:
        """As an operator does it: what runs comes to its end."""
        for served in self.both:
            assert served.stop() == 0, served.log


@pytest.fixture(params=["sqlite", "postgres"])
def clockwork(
    request: pytest.FixtureRequest, make_store: Callable[[str], Store], tmp_path: Path
) -> Iterator[Clockwork]:
    made = Clockwork(tmp_path, make_store(request.param))
    yield made
    for at in (0, 1):
        made.kill(at)


@drawn
def test_kills_in_the_middle_of_scheduled_runs_store_each_slot_once_and_lose_none_that_was_begun(
    clockwork: Clockwork, seed: int
) -> None:
    chance = Random(seed)
    outages: list[tuple[float, float]] = []
    for at in (0, 1):
        clockwork.open(at)
    for _ in range(KILLS):
        at = to_be_killed(clockwork, chance)
        clockwork.kill(at)
        if chance.random() < 0.2:
            began = time.time()
            clockwork.kill(1 - at)
            time.sleep(chance.choice([0, 1.5]))
            clockwork.open(1 - at)
            outages.append((began, time.time()))
        clockwork.open(at)
    quiet = time.time() + SKIP_PERIOD_S
    assert wait_until(lambda: all(clockwork.stored()[name][-1:] >= [int(quiet)] for name in NAMES), 60), "all go on"
    clockwork.stop()
    attempts_have_one_key(clockwork)
    slots_are_stored_by_policy(clockwork, outages)


def to_be_killed(clockwork: Clockwork, chance: Random) -> int:
    """One of the two; mostly the one that has just begun a run."""
    if chance.random() < 0.2:
        time.sleep(chance.uniform(0, 0.4))
        return chance.randrange(2)
    name = chance.choice(sorted(NAMES))
    count = len(clockwork.begun())
    wait_until(lambda: any(run[0] == name for run in clockwork.begun()[count:]), 2 * SKIP_PERIOD_S)
    time.sleep(chance.uniform(0, 0.05))
    last = clockwork.begun()[-1][2]
    return next((at for at in (0, 1) if clockwork[at].process.pid == last), chance.randrange(2))


def attempts_have_one_key(clockwork: Clockwork) -> None:
    keys: dict[tuple[str, int], set[str]] = defaultdict(set)
    for name, slot, _, key in clockwork.begun():
        keys[name, slot].add(key)
    assert {len(one) for one in keys.values()} == {1}, "both attempts call with the same key"
    assert len(set().union(*keys.values())) == len(keys)


def slots_are_stored_by_policy(clockwork: Clockwork, outages: list[tuple[float, float]]) -> None:
    attempts = Counter((name, slot) for name, slot, _, _ in clockwork.begun())
    stored = clockwork.stored()
    assert set(stored) == NAMES
    assert sum(count > 1 for count in attempts.values()) >= KILLS // 6, "kills have found runs in the middle"
    for name, slots in stored.items():
        assert slots == sorted(set(slots)), f"{name}: each once, and in order"
        assert all(attempts[name, slot] for slot in slots), "nothing is stored that was not called"
        if name.endswith("all"):
            assert slots == list(range(slots[0], slots[-1] + 1)), f"{name}: none is left out"
    # A run that was killed is begun again, unless it was killed once more, or nobody was there until the next was due.
    for name, slot in attempts:
        if name == "ring-skip" and slot not in stored[name]:
            retried_by = slot + GRACE_S + TIMEOUT_S + SKIP_PERIOD_S
            nobody = any(began < retried_by and slot < ended for began, ended in outages)
            assert attempts[name, slot] > 1 or nobody, f"{name} {slot} was begun and forgotten"
