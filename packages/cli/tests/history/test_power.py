"""The power fails: what was not flushed may be gone, in any combination. The next command finds before or after.

A model of the file system: every step is recorded while an operation is done once. Then, for each moment, the tree is made
again from the steps up to it: those that were flushed are there, of the others a seed decides. Transactions of SQLite are
flushed when they end (`synchronous=FULL`), so the log is as of the last one.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest
from _trees import change_at_random, fingerprint, plant

from krepis_cli.history import OperationLog
from krepis_cli.history.disk import Disk
from krepis_cli.history.upkeep import verify

LONG = bool(os.environ.get("KREPIS_LONG"))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="folders are named by /proc/self/fd"),
]

STAGE = b".krepis/stage"
Step = tuple[str, bytes, tuple[Any, ...]]


class Recorded(Disk):
    """Does everything, and remembers it: the step, the folder, the rest."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.root = os.fsencode(root)
        self.steps: list[Step] = []

    def _at(self, folder: int) -> bytes:
        return os.path.relpath(os.readlink(b"/proc/self/fd/%d" % folder), self.root)

    def create(self, folder: int, name: bytes, chunks: Iterable[bytes], mode: int, owner: Any) -> None:
        data = b"".join(chunks)
        self.steps.append(("create", self._at(folder), (name, mode)))
        self.steps.append(("data", self._at(folder), (name, data)))
        super().create(folder, name, (data,), mode, owner)

    def rename(self, from_folder: int, from_name: bytes, to_folder: int, to_name: bytes) -> None:
        self.steps.append(("rename", self._at(to_folder), (to_name, self._at(from_folder), from_name)))
        super().rename(from_folder, from_name, to_folder, to_name)

    def symlink(self, folder: int, name: bytes, target: bytes) -> None:
        self.steps.append(("symlink", self._at(folder), (name, target)))
        super().symlink(folder, name, target)

    def mkdir(self, folder: int, name: bytes) -> None:
        self.steps.append(("mkdir", self._at(folder), (name,)))
        super().mkdir(folder, name)

    def chmod(self, folder: int, name: bytes, mode: int) -> None:
        self.steps.append(("chmod", self._at(folder), (name, mode)))
        super().chmod(folder, name, mode)

    def unlink(self, folder: int, name: bytes) -> None:
        self.steps.append(("unlink", self._at(folder), (name,)))
        super().unlink(folder, name)

    def rmdir(self, folder: int, name: bytes) -> None:
        self.steps.append(("rmdir", self._at(folder), (name,)))
        super().rmdir(folder, name)

    def flush(self, folder: int, names: Iterable[bytes]) -> None:
        names = tuple(names)
        self.steps.append(("flush", self._at(folder), names))
        super().flush(folder, names)

    def flush_all(self, folder: int) -> bool:
        done = super().flush_all(folder)
        if done:
            self.steps.append(("flush_all", b"", ()))
        return done

    def commits(self, log: OperationLog) -> None:
        whole = log.store.commit

        def commit() -> None:
            whole()
            files = {path.name: path.read_bytes() for path in (log.root / ".krepis").glob("history*")}
            self.steps.append(("commit", b"", (files,)))

        log.store.commit = commit


def survivors(steps: list[Step], chance: Random) -> list[Step]:
    """What the device has of these steps: all that a later flush covers, and some of the rest."""
    kept: list[Step] = []
    for number, (step, folder, rest) in enumerate(steps):
        # The inode of what is staged is as old as its name elsewhere; its bytes are not.
        always = folder == STAGE and step in ("create", "symlink")
        covered = always or any(covers(later, step, folder, rest) for later in steps[number + 1 :])
        if covered or chance.random() < 0.5:
            kept.append((step, folder, rest))
    return kept


def covers(later: Step, step: str, folder: bytes, rest: tuple[Any, ...]) -> bool:
    flush, place, names = later
    if flush == "flush_all":
        return True
    if flush != "flush" or place != folder:
        return False
    return rest[0] in names if step == "data" else True


def replay(root: Path, steps: list[Step]) -> None:
    """Do what is left of the steps, where it can still be done. What is staged is followed as a thing of its own: once
    its new name is on the device, nobody asks for the old one.
    """
    base = os.fsencode(root)
    staged: dict[bytes, tuple[str, Any, bytes]] = {}
    for step, folder, rest in steps:
        if folder == STAGE and step in ("create", "symlink"):
            staged[rest[0]] = (step, rest[1], b"")
        elif folder == STAGE and step == "data":
            staged[rest[0]] = (*staged[rest[0]][:2], rest[1])
        elif folder != STAGE:
            with suppress(OSError):
                redo(step, os.path.normpath(base + b"/" + folder), rest, staged)


def redo(step: str, place: bytes, rest: tuple[Any, ...], staged: dict[bytes, tuple[str, Any, bytes]]) -> None:
    path = place + b"/" + rest[0] if rest and isinstance(rest[0], bytes) else place
    if step == "rename":
        kind, what, data = staged[rest[2]]
        half = place + b"/~half"
        if kind == "symlink":
            os.symlink(what, half)
        else:
            with open(half, "wb") as file:
                file.write(data)
            os.chmod(half, what)
        os.rename(half, path)
    elif step == "mkdir":
        os.mkdir(path, 0o700)
    elif step == "chmod":
        os.chmod(path, rest[1])
    elif step == "unlink":
        os.unlink(path)
    elif step == "rmdir":
        shutil.rmtree(path)  # a folder is gone with what was in it, in whatever order that became true


@pytest.mark.parametrize("acts", ["do", "undo", "redo"])
@pytest.mark.parametrize("wide", [False, True], ids=["few", "many"])
def test_the_loss_of_power_leaves_before_or_after(tmp_path: Path, chance: Random, seed: int, acts: str, wide: bool):
    start = tmp_path / "start"
    start.mkdir()
    plant(start, chance, 12)
    with OperationLog(start) as log:
        proposal = log.propose("first", {})
        change_at_random(proposal, start, chance, 30 if wide else 6)
        if wide:
            for number in range(40):
                proposal.write(f"wide/{number}/file", f"{number}\n" * 5)
        if acts != "do":
            log.apply(proposal)
        if acts == "redo":
            log.undo()
    before = fingerprint(start)
    whole = tmp_path / "whole"
    shutil.copytree(start, whole, symlinks=True)
    disk = Recorded(whole)
    with OperationLog(whole, disk=disk) as log:
        disk.commits(log)
        if acts == "do":
            proposal = log.propose("again", {})
            change_at_random(proposal, whole, chance, 30 if wide else 6)
            if wide:
                for number in range(40):
                    proposal.write(f"wide/{number}/file", f"{number}\n" * 5)
            log.apply(proposal)
        elif acts == "undo":
            log.undo()
        else:
            log.redo()
    after = fingerprint(whole)
    assert before != after
    moments = range(len(disk.steps) + 1)
    rounds = 0
    for moment in moments if LONG else chance.sample(moments, min(40, len(moments))):
        for _ in range(3 if LONG else 1):
            check(tmp_path / "copy", start, disk.steps[:moment], chance, before, after, f"seed {seed}, moment {moment}")
            rounds += 1
    print(f"{rounds} losses of power, {len(disk.steps)} steps")


def check(
    copy: Path, start: Path, steps: list[Step], chance: Random, before: object, after: object, where: str
) -> None:
    shutil.copytree(start, copy, symlinks=True)
    commits = [rest[0] for step, _, rest in steps if step == "commit"]
    done = bool(commits)
    replay(copy, survivors([one for one in steps if one[0] != "commit"], chance))
    if done:
        for stale in (copy / ".krepis").glob("history*"):
            stale.unlink()
        for name, data in commits[-1].items():
            if not name.endswith("-shm"):
                (copy / ".krepis" / name).write_bytes(data)
    with OperationLog(copy) as log:
        assert fingerprint(copy) == (after if done else before), where
        assert list(verify(log)) == [], where
    shutil.rmtree(copy)
