"""Puts entries at their places, in an order in which no step can be wrong: what goes away first, the deepest first; then
folders, the outermost first; then files and links, each renamed from where it lies complete; modes of folders last.

Every step may be done again. Whoever was stopped between two of them begins from the start and loses nothing.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from queue import SimpleQueue
from threading import Semaphore, Thread
from typing import NamedTuple

from krepis_cli.history.disk import Disk
from krepis_cli.history.entry import Entry, checked, data_of
from krepis_cli.history.names import split
from krepis_cli.history.tree import Tree

STAGE = b"stage"
FLUSHED_ALONE_MAX = 16
"""So many files, or folders, are flushed one by one; more with the whole file system, which is one wait instead of many."""

WAITING_MAX = 1024
WAITING_BYTES_MAX = 65_536
"""So many files wait in memory to be staged, each of so many bytes; larger ones don't wait."""


class Move(NamedTuple):
    """One path: what stands there, and what shall."""

    path: bytes
    now: Entry
    then: Entry


class Worker:
    """A thread that does what it is given, in order. After a failure it does nothing more; `wait` raises that."""

    def __init__(self) -> None:
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._room = Semaphore(WAITING_MAX)
        self._error: Exception | None = None
        self._thread = Thread(target=self._run)
        self._thread.start()

    def do(self, work: Callable[[], None]) -> None:
        """Have it done in time; waits while too much is waiting."""
        self._room.acquire()
        self._work.put(work)

    def wait(self) -> None:
        """Until all is done. Raises the first of what that raised."""
        self._work.put(None)
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            try:
                if self._error is None:
                    work()
            except Exception as error:  # noqa: BLE001 - raised by `wait`
                self._error = error
            self._room.release()


class Stage:
    """A folder in `.krepis` where files lie complete before any is put at its place."""

    def __init__(self, tree: Tree, disk: Disk) -> None:
        self._tree = tree
        self._disk = disk
        self._krepis = os.open(b".krepis", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=tree.folder(b""))
        self._folder: int | None = None
        self._worker: Worker | None = None

    def fill(self, moves: Iterable[Move]) -> dict[bytes, bytes]:
        """Stage what needs it; where each path's file lies. A thread does that while the caller goes on: all is there, and
        on the device, when `flushed` returns. Raises `OSError`: nothing has changed then.
        """
        self.clear()
        needed = [move for move in moves if move.then.kind in ("file", "link") and not _mode_only(move)]
        if not needed:
            return {}
        self._disk.mkdir(self._krepis, STAGE)
        folder = self._folder = os.open(STAGE, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._krepis)
        worker = self._worker = Worker()
        staged: dict[bytes, bytes] = {}
        files: list[bytes] = []
        for number, move in enumerate(needed):
            name = b"%d" % number
            staged[move.path] = name
            if move.then.kind == "file":
                files.append(name)
            self._stage(worker, folder, name, move)
        worker.do(lambda: self._flush_staged(folder, files))
        return staged

    def _stage(self, worker: Worker, folder: int, name: bytes, move: Move) -> None:
        content = move.then.content
        assert content is not None, "files and links have contents"
        if move.then.kind == "link":
            target = data_of(content)
            worker.do(lambda: self._disk.symlink(folder, name, target))
            return
        mode, owner = move.then.mode, move.now.owner
        if content.size > WAITING_BYTES_MAX:  # piece by piece, and the log's pieces can be read by this thread alone
            self._disk.create(folder, name, checked(content), mode, owner)
        else:
            data = [data_of(content)]
            worker.do(lambda: self._disk.create(folder, name, data, mode, owner))

    def flushed(self) -> None:
        """Wait until all that is staged is on the device. Raises `OSError`."""
        if self._worker is not None:
            worker, self._worker = self._worker, None
            worker.wait()

    def _flush_staged(self, folder: int, files: list[bytes]) -> None:
        if len(files) <= FLUSHED_ALONE_MAX or not self._disk.flush_all(folder):
            self._disk.flush(folder, files)

    def clear(self) -> None:
        """Take away what is left of it, from this time or from one that was interrupted."""
        with suppress(OSError):
            self.flushed()
        if self._folder is not None:
            os.close(self._folder)
            self._folder = None
        try:
            folder = os.open(STAGE, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._krepis)
        except FileNotFoundError:
            return
        try:
            for name in map(os.fsencode, os.listdir(folder)):  # noqa: PTH208 - by descriptor
                self._disk.unlink(folder, name)
        finally:
            os.close(folder)
        self._disk.rmdir(self._krepis, STAGE)

    def close(self) -> None:
        with suppress(OSError):
            self.flushed()
        if self._folder is not None:
            os.close(self._folder)
        os.close(self._krepis)

    def place(self, moves: list[Move], staged: dict[bytes, bytes]) -> None:
        """Do the moves. Raises `OSError` halfway; done again, it goes on."""
        tree, disk = self._tree, self._disk
        for move in reversed(moves):  # by path, so backwards is the deepest first
            self._take_away(move)
        folders = [move for move in moves if move.then.kind == "folder"]
        for move in folders:
            if move.now.kind != "folder":
                self._make_folder(move.path)
        for move in moves:
            above, name = split(move.path)
            if move.path in staged:
                assert self._folder is not None, "what is staged lies there"
                disk.rename(self._folder, staged[move.path], tree.folder(above), name)
            elif move.then.kind == "file":
                disk.chmod(tree.folder(above), name, move.then.mode)
        for move in reversed(folders):
            above, name = split(move.path)
            disk.chmod(tree.folder(above), name, move.then.mode)
        self._flush(moves)

    def _take_away(self, move: Move) -> None:
        goes = move.then.kind == "absent" or (move.now.kind == "folder") != (move.then.kind == "folder")
        if move.now.kind == "absent" or not goes:
            return
        above, name = split(move.path)
        try:
            if move.now.kind == "folder":
                self._tree.forget(move.path)
                self._disk.rmdir(self._tree.folder(above), name)
            else:
                self._disk.unlink(self._tree.folder(above), name)
        except FileNotFoundError:
            return
        except OSError as error:
            # Somebody has put something of theirs into a folder of ours: it stays.
            if not (error.errno in (errno.ENOTEMPTY, errno.EEXIST) and move.then.kind == "absent"):
                raise

    def _make_folder(self, path: bytes) -> None:
        above, name = split(path)
        try:
            self._disk.mkdir(self._tree.folder(above), name)
        except FileExistsError:
            self._tree.folder(path)  # raises when it is none

    def _flush(self, moves: list[Move]) -> None:
        """Have the new names on the device, so that what is done stays done."""
        tree, disk = self._tree, self._disk
        folders = {split(move.path)[0] for move in moves}
        if len(folders) > FLUSHED_ALONE_MAX and disk.flush_all(tree.folder(b"")):
            return
        for folder in sorted(folders):
            try:
                disk.flush(tree.folder(folder), ())
            except FileNotFoundError:
                continue  # it went away itself; the folder above it is among them


def _mode_only(move: Move) -> bool:
    return move.now.kind == move.then.kind == "file" and move.now.hash == move.then.hash
