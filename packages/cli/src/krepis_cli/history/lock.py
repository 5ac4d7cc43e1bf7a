"""One writer at a time: the kernel's lock on a file, which ends with its holder, however that ends."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from krepis.errors import KrepisError

POLL_S = 0.05


class LogBusy(KrepisError):
    """Another process works on the project."""


@contextmanager
def held(path: Path, what: str, *, wait_s: float, told: Callable[[str], None]) -> Generator[None]:
    """Hold the lock; `what` is told to whoever waits for it. Waits at most `wait_s`, with a word. Raises `LogBusy`."""
    file = _opened(path)
    try:
        if not _taken(file):
            told(f"waiting for {_holder(file)}")
            # The one clock of the whole package that is not for people: how long it waits for a lock.
            end = time.monotonic() + wait_s
            while not _taken(file):
                if time.monotonic() >= end:
                    raise LogBusy(f"{_holder(file)} works on this project", hint="try again when it has ended")
                time.sleep(POLL_S)
        _sign(file, what)
        yield
    finally:
        os.close(file)


@contextmanager
def held_if_free(path: Path, what: str) -> Generator[bool]:
    """Hold the lock if nobody else does."""
    file = _opened(path)
    try:
        free = _taken(file)
        if free:
            _sign(file, what)
        yield free
    finally:
        os.close(file)


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise KrepisError(f"`{path}` can't be opened: {error.strerror}", hint="may you write there?") from error


def _taken(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN):
            return False
        raise KrepisError(
            f"this file system has no locks: {error.strerror}", hint="keep the project on a local disk"
        ) from error
    return True


def _sign(file: int, what: str) -> None:
    """Who holds it, for people: the lock itself does not need it, so a full disk does not matter."""
    try:
        os.ftruncate(file, 0)
        os.pwrite(file, f"`krepis {what}` (process {os.getpid()})".encode(), 0)
    except OSError:
        return


def _holder(file: int) -> str:
    return os.pread(file, 200, 0).decode("utf-8", "replace") or "another process"
