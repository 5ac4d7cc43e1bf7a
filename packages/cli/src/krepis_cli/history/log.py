"""The operation log of a project: everything that a verb writes into it, and the way back.

An operation is recorded, with the contents of both sides, before the first byte of the project changes. From then on it
will be in place as a whole: whoever is stopped halfway, by a signal or by the loss of power, leaves it to the next command,
which goes on where it was. An undo is an operation like any other; nothing is erased. (After the operation log of jj.)

How one operation is done:

1. its files are staged in `.krepis/stage` and flushed;
2. it is recorded as `pending` (one SQLite transaction, flushed): from here on it counts;
3. steps that take something back run; the files are put at their places (`placing`); steps that do something run;
4. it is marked `done`.

Where 3 fails for good, it is marked `backing`, the same is done in the other direction, and it ends as `failed`.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from krepis.errors import KrepisError
from krepis_cli.history import steps
from krepis_cli.history.disk import Disk
from krepis_cli.history.entry import ContentChanged
from krepis_cli.history.inverse import inverse, restored
from krepis_cli.history.lock import held, held_if_free
from krepis_cli.history.names import Name, checked, printable
from krepis_cli.history.operations import HISTORY, Change, Operation, Operations, StepState
from krepis_cli.history.placing import Move, Stage
from krepis_cli.history.proposal import Proposal, Refused
from krepis_cli.history.tree import NotOurs, Tree
from krepis_cli.store import Store, prepared

WAIT_S = 10.0
"""How long an operation waits for another process's."""


class Open(KrepisError):
    """An operation could neither be completed nor taken back; the project is between two states until it is."""

    exit_code = 3


class NothingToDo(KrepisError):
    """There is no operation that could be undone or redone."""


def _silent(line: str) -> None:
    return


class OperationLog:
    """The log of one project. Opening it completes what was interrupted; `told` hears of that, and of waiting."""

    def __init__(
        self,
        root: Path,
        *,
        wait_s: float = WAIT_S,
        told: Callable[[str], None] = _silent,
        disk: Disk | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Open the log of the project at `root`; it is made where there is none. Raises `KrepisError`."""
        self.root = root.resolve()
        self._lock = prepared(self.root) / "lock"
        self._wait_s = wait_s
        self._told = told
        self._now = now
        self._disk = disk or Disk()
        self._umask = _umask()
        self.store = Store(self.root, HISTORY)
        self.operations = Operations(self.store)
        self.tree = Tree(self.root)
        try:
            if self.operations.unsettled() is not None:
                with held_if_free(self._lock, "recovery") as free:
                    if free:
                        self._recover()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.tree.close()
        self.store.close()

    def propose(self, kind: str, arguments: Mapping[str, Any] | None = None) -> Proposal:
        """An empty set of changes, of the verb `kind` with these arguments (plain JSON; no secrets: they are kept)."""
        return Proposal(self.tree, kind, arguments or {}, self._umask)

    def apply(self, proposal: Proposal) -> Operation | None:
        """Do it as one operation; `None` when it changes nothing. Raises `Refused`, and then nothing has changed; `Open`."""
        with self.held(proposal.kind):
            return self._apply(proposal)

    def undo(self, number: int | None = None, *, force: bool = False) -> Operation | None:
        """Take an operation back: `propose_undo`, applied."""
        return self._applied("undo", lambda: self.propose_undo(number, force=force))

    def redo(self, number: int | None = None, *, force: bool = False) -> Operation | None:
        """Do again what an undo took back: `propose_redo`, applied."""
        return self._applied("redo", lambda: self.propose_redo(number, force=force))

    def restore(self, name: Name, at: int) -> Operation | None:
        """Put a path as it was: `propose_restore`, applied."""
        return self._applied("restore", lambda: self.propose_restore(name, at))

    def propose_undo(self, number: int | None = None, *, force: bool = False) -> Proposal:
        """What takes an operation back: by default the last one that still stands. Files that have changed since are
        merged; `force` puts them as they were instead. Raises `Conflicts`, `NothingToDo`, `UnknownOperation`.
        """
        return self._turned(self._undoable(number), "undo", force=force)

    def propose_redo(self, number: int | None = None, *, force: bool = False) -> Proposal:
        """What does again what was undone: by default what the last operation, an undo, took back. Raises as `undo`."""
        return self._turned(self._redoable(number), "redo", force=force)

    def propose_restore(self, name: Name, at: int) -> Proposal:
        """What puts a path, with all that lies in it, as it was after operation `at` (0: before the first). Raises
        `KrepisError` where the log does not know.
        """
        if at:
            self.operations.one(at)
        path = checked(name)
        proposal = Proposal(self.tree, "restore", {"file": printable(path), "at": at}, self._umask)
        proposal.strict_names = False
        restored(self.operations, proposal, path, at)
        return proposal

    def standing(self) -> list[Operation]:
        """The operations that count: done, and not undone."""
        undone = self.undone()
        return [
            one for one in self.operations.all() if one.state == "done" and one.target is None and one.id not in undone
        ]

    def undone(self) -> set[int]:
        """The operations that were undone, and not redone since."""
        undone: set[int] = set()
        for one in self.operations.all():
            if one.state in ("done", "pruned") and one.target is not None:
                (undone.add if one.kind == "undo" else undone.discard)(one.target)
        return undone

    @contextmanager
    def held(self, what: str) -> Generator[None]:
        """Be the only one who changes anything, after completing what was interrupted. Raises `LogBusy`, `Open`."""
        with held(self._lock, what, wait_s=self._wait_s, told=self._told):
            self._recover()
            yield

    def _apply(self, proposal: Proposal) -> Operation | None:
        for name, _, _ in proposal.steps:
            steps.named(name)
        problems = proposal.problems()
        if problems:
            raise Refused(problems)
        changes = proposal.changes()
        if not changes and not proposal.steps and proposal.target is None:
            return None
        moves = [Move(*change) for change in changes]
        stage = Stage(self.tree, self._disk)
        try:
            staged = self._staged(stage, moves)
            with _uninterrupted():
                number = self._record(proposal, changes, stage)
                try:
                    self._carry_out(number, moves, stage, staged, back=False)
                except (OSError, KrepisError, KeyboardInterrupt) as error:
                    self._back_out(number, stage, error)
        finally:
            stage.close()
        return self.operations.one(number)

    def _staged(self, stage: Stage, moves: list[Move]) -> dict[bytes, bytes]:
        try:
            return stage.fill(moves)
        except BaseException as error:
            self._unstage(stage)
            raise _unchanged(error) from error

    def _record(self, proposal: Proposal, changes: list[Change], stage: Stage) -> int:
        """From the end of this on it counts. Whatever goes wrong before has changed nothing."""
        operations = self.operations
        try:
            with self.store.transaction():
                number = operations.add(proposal.kind, proposal.arguments, self._now(), proposal.target)
                operations.add_changes(number, changes)
                operations.add_steps(number, proposal.steps)
                stage.flushed()
        except BaseException as error:
            self._unstage(stage)
            raise _unchanged(error) from error
        return number

    def _unstage(self, stage: Stage) -> None:
        with suppress(OSError):  # what is left is taken away by the next operation
            stage.clear()

    def _carry_out(
        self, number: int, moves: list[Move], stage: Stage, staged: dict[bytes, bytes], *, back: bool
    ) -> None:
        """Steps that stand before the files, the files, steps after them; the mark that it is done."""
        self._steps(number, before_files=True, back=back)
        stage.place(moves, staged)
        self._steps(number, before_files=False, back=back)
        with self.store.transaction():
            self.operations.set_state(number, "failed" if back else "done", self.operations.one(number).note)
        stage.clear()

    def _steps(self, number: int, *, before_files: bool, back: bool) -> None:
        """Those on one side of the files: a step is taken back before the files go that it needs."""
        mine = [one for one in self.operations.steps(number) if (one.back != back) == before_files]
        for one in reversed(mine) if back else mine:
            if one.state == ("open" if back else "done"):
                continue
            self._mark(number, one.number, "begun")
            with _interruptible():
                steps.run(one.name, one.arguments, self.root, back=one.back != back)
            self._mark(number, one.number, "open" if back else "done")

    def _mark(self, number: int, step: int, state: StepState) -> None:
        with self.store.transaction():
            self.operations.set_step(number, step, state)

    def _back_out(self, number: int, stage: Stage, error: BaseException) -> None:
        """Take back what could not be completed, and raise why."""
        why = _why(error)
        with self.store.transaction():
            self.operations.set_state(number, "backing", why)
        self._settle(self.operations.one(number), stage)
        raise KrepisError(f"operation {number} failed and was taken back: {why}") from error

    def _recover(self) -> None:
        """Complete what was interrupted, or take it back. Raises `Open` when neither can be done."""
        stage = Stage(self.tree, self._disk)
        try:
            while (operation := self.operations.unsettled()) is not None:
                left = self._settle(operation, stage)
                end = "taken back" if self.operations.one(operation.id).state == "failed" else "complete"
                self._told(f"operation {operation.id} (`krepis {operation.kind}`) was interrupted; it is {end} now")
                for path in left:
                    self._told(f"`{printable(path)}` was changed meanwhile by somebody else and is left as it is")
            stage.clear()
        finally:
            stage.close()

    def _settle(self, operation: Operation, stage: Stage) -> list[bytes]:
        """Go on with an operation, whatever of it has happened; the paths that were left alone."""
        back = operation.state == "backing"
        moves, left = self._remaining(list(self.operations.changes(operation.id)), back=back)
        try:
            with _uninterrupted():
                staged = stage.fill(moves)
                stage.flushed()
                self._carry_out(operation.id, moves, stage, staged, back=back)
        except (OSError, KrepisError, KeyboardInterrupt) as error:
            if not back:
                with self.store.transaction():
                    self.operations.set_state(operation.id, "backing", _why(error))
                return self._settle(self.operations.one(operation.id), stage)
            raise Open(
                f"operation {operation.id} is open: it could neither be completed nor taken back: {_why(error)}",
                hint="put that right, then run any krepis command; it goes on from here",
            ) from error
        return left

    def _remaining(self, changes: list[Change], *, back: bool) -> tuple[list[Move], list[bytes]]:
        moves: list[Move] = []
        left: list[bytes] = []
        for path, before, after in changes:
            then, other = (before, after) if back else (after, before)
            try:
                now = self.tree.entry(path)
            except NotOurs:
                left.append(path)
                continue
            if now.same(then):
                continue
            # Between a file and a folder there is nothing for a moment, and a new folder's mode comes last.
            halfway = now.kind == "absent" and "folder" in (then.kind, other.kind)
            halfway = halfway or now.kind == then.kind == "folder"
            if now.same(other) or halfway or (now.kind == "folder" and then.kind == "absent"):
                moves.append(Move(path, now, then))
            else:
                left.append(path)
        return moves, left

    def _applied(self, what: str, propose: Callable[[], Proposal]) -> Operation | None:
        with self.held(what):
            return self._apply(propose())

    def _turned(self, operation: Operation, kind: str, *, force: bool) -> Proposal:
        if operation.state == "pruned":
            raise NothingToDo(f"the changes of operation {operation.id} were pruned; it can't be taken back")
        proposal = Proposal(self.tree, kind, {"operation": operation.id, "force": force}, self._umask, operation.id)
        proposal.strict_names = False
        inverse(self.operations, proposal, operation.id, back=kind == "undo", force=force)
        return proposal

    def _undoable(self, number: int | None) -> Operation:
        if number is None:
            standing = self.standing()
            if not standing:
                raise NothingToDo("there is nothing to undo", hint="`krepis history` shows what was done")
            return standing[-1]
        operation = self.operations.one(number)
        if operation.kind == "undo" and operation.target is not None:
            raise NothingToDo(
                f"operation {number} is an undo itself",
                hint=f"`krepis redo {operation.target}` does again what it undid",
            )
        if operation.kind == "redo" and operation.target is not None:
            operation = self.operations.one(operation.target)
        if operation.state == "failed":
            raise NothingToDo(f"operation {number} failed and was taken back at once")
        if operation.id in self.undone():
            raise NothingToDo(
                f"operation {operation.id} is undone already", hint=f"`krepis redo {operation.id}` does it again"
            )
        return operation

    def _redoable(self, number: int | None) -> Operation:
        undone = self.undone()
        if number is None:
            for one in reversed([one for one in self.operations.all() if one.state == "done"]):
                if one.kind == "undo" and one.target in undone:
                    return self.operations.one(one.target)
                if one.target is None:
                    break
            raise NothingToDo(
                "there is nothing to redo: nothing was undone since the last change",
                hint="`krepis redo OPERATION` does an earlier one again",
            )
        operation = self.operations.one(number)
        if operation.id not in undone:
            raise NothingToDo(f"operation {number} is not undone")
        return operation


@contextmanager
def _uninterrupted() -> Generator[None]:
    """Ctrl-C waits until what has begun is in place: it takes moments, and then the project is in one state."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _interruptible() -> Generator[None]:
    """A step may take long: there Ctrl-C is heard, also by the programs that the step starts."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _unchanged(error: BaseException) -> BaseException:
    """What is raised for what went wrong before anything had changed."""
    if isinstance(error, OSError):
        return KrepisError(f"nothing was changed: {_why(error)}", hint="is the disk full or read-only?")
    if isinstance(error, ContentChanged):
        return KrepisError("nothing was changed: a large file was written to meanwhile", hint="try again")
    return error


def _why(error: BaseException) -> str:
    if isinstance(error, OSError):
        place = "" if error.filename is None else f" (`{printable(os.fsencode(error.filename))}`)"
        return f"{error.strerror}{place}"
    return "interrupted" if isinstance(error, KeyboardInterrupt) else str(error)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
