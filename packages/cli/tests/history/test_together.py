"""Two processes at one project: one at a time, and a dead one holds nothing."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from krepis_cli.history import LogBusy, OperationLog
from krepis_cli.history.upkeep import verify

WRITERS = 4
EACH = 12


def child_of(act: Callable[[], None]) -> int:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            act()
            code = 0
        finally:
            os._exit(code)
    return child


def holding(root: Path, ready: Path) -> int:
    def act() -> None:
        with OperationLog(root) as log, log.held("new"):
            ready.touch()
            time.sleep(60)

    child = child_of(act)
    end = time.monotonic() + 20
    while not ready.exists():
        assert time.monotonic() < end
        time.sleep(0.01)
    return child


def applied(log: OperationLog, **files: str) -> None:
    proposal = log.propose("test", {})
    for name, text in files.items():
        proposal.write(name, text)
    log.apply(proposal)


def test_whoever_comes_second_is_told_who_holds_the_log(root: Path, tmp_path: Path):
    child = holding(root, tmp_path / "ready")
    told: list[str] = []
    try:
        with OperationLog(root, wait_s=0.2, told=told.append) as log:
            with pytest.raises(LogBusy, match=rf"`krepis new` \(process {child}\) works on this project"):
                applied(log, a="x")
            assert told == [f"waiting for `krepis new` (process {child})"]
            assert log.operations.all() == []
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            applied(log, a="x")
            assert (root / "a").read_text() == "x"
    finally:
        os.kill(child, signal.SIGKILL) if len(told) == 0 else None


@pytest.mark.slow
def test_many_writers_leave_one_straight_history(root: Path):
    def write(number: int) -> None:
        with OperationLog(root, wait_s=60) as log:
            for turn in range(EACH):
                applied(log, **{f"{number}-{turn}": "x"})

    children = [child_of(lambda number=number: write(number)) for number in range(WRITERS)]
    for child in children:
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    with OperationLog(root) as log:
        operations = log.operations.all()
        assert len(operations) == WRITERS * EACH
        assert [one.parent for one in operations] == [None, *(one.id for one in operations[:-1])]
        assert list(verify(log)) == []
        for _ in operations:
            log.undo()
    assert [path.name for path in root.iterdir()] == [".krepis"]


def test_readers_see_the_log_while_somebody_writes(root: Path, tmp_path: Path):
    with OperationLog(root) as log:
        applied(log, a="x")
    child = holding(root, tmp_path / "ready")
    with OperationLog(root) as log:
        assert len(log.operations.all()) == 1
        assert list(verify(log)) == []
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
