"""kill -9 at every write, rename, flush and commit: the next command finds the project before or after, never between."""

from __future__ import annotations

import os
import shutil
import signal
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from _trees import change_at_random, fingerprint, plant

from krepis_cli.history import OperationLog
from krepis_cli.history.disk import Disk
from krepis_cli.history.upkeep import Policy, prune, verify

LONG = bool(os.environ.get("KREPIS_LONG"))
CHANGES, BULK = 60, 32
"""What an operation does: so many changes drawn at random, and so many files written again. Doing, undoing and redoing it
have more than 500 points together.
"""
STEPS = ("create", "write", "rename", "symlink", "mkdir", "chmod", "unlink", "rmdir", "flush", "flush_all")
WHEN = ("before", "half")
"""After a step is before the next one; half of one is only what is written."""

Act = Callable[[OperationLog], object]


class Deadly(Disk):
    """Dies at one step: before it, or in the middle of what it writes."""

    def __init__(self, point: int, when: str) -> None:
        super().__init__()
        self.left = point
        self.when = when
        for step in STEPS:
            setattr(self, step, self._counted(getattr(self, step), step))

    def _counted(self, act: Callable[..., Any], step: str) -> Callable[..., Any]:
        def counted(*args: Any) -> Any:
            if self.when == "before" or step == "write":
                self.left -= 1
                if self.left == 0:
                    self._die(step, args)
            return act(*args)

        return counted

    def commits(self, log: OperationLog) -> None:
        log.store.commit = self._counted(log.store.commit, "commit")

    def _die(self, step: str, args: tuple[Any, ...]) -> None:
        if self.when == "half" and step == "write":
            file, chunk = args
            os.write(file, chunk[: len(chunk) // 2])
        os.kill(os.getpid(), signal.SIGKILL)


def killed_at(root: Path, act: Act, point: int, when: str) -> bool:
    """Act in a process of its own that dies at a point; whether it came that far."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads of the test runner do not matter to the child
        child = os.fork()
    if child == 0:
        code = 1
        try:
            deadly = Deadly(point, when)
            log = OperationLog(root, disk=deadly)
            deadly.commits(log)
            act(log)
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0, "the act itself went wrong"
    return False


def do(seed: int) -> Act:
    def act(log: OperationLog) -> None:
        proposal = log.propose("random", {"seed": seed})
        change_at_random(proposal, log.root, Random(seed), CHANGES)
        for number in range(BULK):
            proposal.write(f"bulk-{number}", f"{seed}\n" * 9)
        log.apply(proposal)

    return act


def undo(log: OperationLog) -> object:
    return log.undo()


def redo(log: OperationLog) -> object:
    return log.redo()


def prune_all(log: OperationLog) -> object:
    return prune(log, Policy(operations=1, days=0), datetime.now(UTC) + timedelta(days=1))


def planted(folder: Path, seed: int, *first: Act) -> Path:
    folder.mkdir()
    plant(folder, Random(seed), 14)
    with OperationLog(folder) as log:
        do(seed + 1)(log)
        for act in first:
            act(log)
    return folder


ACTS: dict[str, tuple[Act, ...]] = {
    "do": (do(0),),
    "undo": (do(7), undo),
    "redo": (do(7), undo, redo),
    "prune": (do(5), prune_all),
}


AT_LEAST = {"do": 190, "undo": 130, "redo": 190, "prune": 1}


@pytest.mark.slow
@pytest.mark.parametrize("name", ACTS)
def test_a_kill_at_any_point_leaves_before_or_after(tmp_path: Path, name: str, seed: int):
    print("seed", seed)
    *first, last = ACTS[name]
    act = do(seed + 2) if name == "do" else last
    start = planted(tmp_path / "start", seed, *first)
    before = fingerprint(start)
    shutil.copytree(start, tmp_path / "whole", symlinks=True)
    with OperationLog(tmp_path / "whole") as log:
        act(log)
        after = fingerprint(tmp_path / "whole")
    points = ends = 0
    for when in WHEN:
        came, point = True, 0
        while came:
            point += 1
            copy = tmp_path / "copy"
            shutil.copytree(start, copy, symlinks=True)
            came = killed_at(copy, act, point, when)
            said = settled(copy, before, after, f"seed {seed}, {name}, {when} step {point}")
            points += came
            ends += came and said
            shutil.rmtree(copy)
    print(f"{name}: {points} points, {ends} with something to complete")
    assert points >= AT_LEAST[name]
    assert ends or name == "prune"


def settled(root: Path, before: object, after: object, where: str) -> bool:
    """After the next command: one of both states, as the log has it, and nothing left over; whether it said something."""
    told: list[str] = []
    with OperationLog(root, told=told.append) as log:
        now = fingerprint(root)
        assert now in (before, after), where
        if told:
            assert now == after, f"{where}: {told}"
            assert "is complete now" in told[0]
        assert log.operations.unsettled() is None
        assert list(verify(log)) == [], where
        with log.held("test"):
            assert not (root / ".krepis" / "stage").exists(), where
    return bool(told)


@pytest.mark.slow
def test_a_recovery_that_is_killed_itself_goes_on(tmp_path: Path, chance: Random, seed: int):
    start = planted(tmp_path / "start", seed)
    before = fingerprint(start)
    act = do(seed + 3)
    shutil.copytree(start, tmp_path / "whole", symlinks=True)
    with OperationLog(tmp_path / "whole") as log:
        act(log)
    after = fingerprint(tmp_path / "whole")
    rounds = interrupted = 0
    while rounds < (400 if LONG else 30):
        copy = tmp_path / "copy"
        shutil.copytree(start, copy, symlinks=True)
        killed_at(copy, act, chance.randrange(90, 160), chance.choice(WHEN))
        while killed_at(copy, lambda log: log.held("x").__enter__(), chance.randrange(1, 60), chance.choice(WHEN)):
            interrupted += 1
        settled(copy, before, after, f"seed {seed}, round {rounds}")
        shutil.rmtree(copy)
        rounds += 1
    print(f"{interrupted} recoveries were interrupted")
    assert interrupted > 10


@pytest.mark.slow
def test_a_process_that_is_killed_at_any_moment_leaves_before_or_after(tmp_path: Path, chance: Random, seed: int):
    """The same with the clock instead of counted steps: also inside of SQLite."""
    start = planted(tmp_path / "start", seed)
    states = [fingerprint(start)]
    copy = tmp_path / "copy"
    shutil.copytree(start, copy, symlinks=True)
    for number in range(200 if LONG else 25):
        child = os.fork()
        if child == 0:
            try:
                with OperationLog(copy) as log:
                    while True:
                        do(chance.randrange(10**9))(log)
                        log.undo()
            finally:
                os._exit(1)
        signal.signal(signal.SIGALRM, lambda *_: None)
        signal.setitimer(signal.ITIMER_REAL, chance.uniform(0.01, 0.2))
        signal.pause()
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with OperationLog(copy) as log:
            assert list(verify(log)) == [], f"seed {seed}, round {number}"
            if log.standing()[1:]:
                log.undo()
        assert fingerprint(copy) == states[0], f"seed {seed}, round {number}"
