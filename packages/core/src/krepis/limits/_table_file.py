"""The file in which the processes of a server share their buckets, safe on a machine with other users.

It is made for its owner alone (0600), never through a symbolic link, and used only when it is a plain file of this user
that nobody else can open. It outlives the server: a restart forgives no debt. After a reboot, which begins the clock
anew, it is emptied.
"""

from __future__ import annotations

import fcntl
import os
import re
import stat
import tempfile
from collections.abc import Callable
from hashlib import blake2b
from mmap import mmap
from pathlib import Path

from krepis.context import Sources
from krepis.errors import KrepisError
from krepis.limits._buckets import SLOT_BYTES, Buckets

HEADER_BYTES = 64
SECRET_BYTES = 16
LOCK_WAIT_MAX_S = 0.05
LOCK_PAUSE_S = 1.0
OPEN_WAIT_MAX_S = 2.0

_MAGIC = b"krepis\x00\x01"
_BOOT_FILE = Path("/proc/sys/kernel/random/boot_id")
_HINT = "give another place with `Rates(file=...)`, in a folder that only this user can write to"


def default_file(app: str, count: int) -> Path:
    """Where the table of an app lies: in a folder of this user among the machine's temporary files. Makes the folder."""
    folder = Path(tempfile.gettempdir()) / f"krepis-{os.geteuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise KrepisError(
            f"the folder `{folder}` for shared rates can't be made: {error.strerror}", hint=_HINT
        ) from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise KrepisError(f"`{folder}` is no folder that only this user can write to", hint=_HINT)
    # The number of slots is part of the name: a table never changes its size while somebody has it in memory.
    name = re.sub(r"[^A-Za-z0-9-]+", "-", app)[:40]
    return folder / f"{name}-{blake2b(app.encode(), digest_size=6).hexdigest()}.{count}.rates"


class TableFile:
    """An open table: `buckets`, until `close`. Raises `KrepisError` for a file that is not safely this user's own."""

    def __init__(self, path: Path, count: int, sources: Sources) -> None:
        size = HEADER_BYTES + count * SLOT_BYTES
        self._monotonic = sources.monotonic
        self._fd = _opened(path)
        try:
            self._lock = FileLock(self._fd, sources.monotonic)
            if not self._lock.take(OPEN_WAIT_MAX_S):
                raise KrepisError(f"another process keeps `{path}` locked", hint=f"end it, or {_HINT}")
            try:
                self._fill(path, size)
                self._memory = mmap(self._fd, size)
                self.buckets = self._prepared(path, count, sources)
            finally:
                self._lock.give()
        except OSError as error:
            os.close(self._fd)
            raise KrepisError(f"`{path}` can't hold the shared rates: {error.strerror}", hint=_HINT) from error
        except BaseException:
            os.close(self._fd)
            raise

    def close(self) -> None:
        """Let go of the file; it stays for the next start."""
        self._memory.close()
        os.close(self._fd)

    def _fill(self, path: Path, size: int) -> None:
        """Have every byte on the disk, now or never: a full disk would kill a process that writes to the memory."""
        found = os.fstat(self._fd).st_size
        unfinished = found < size and not os.pread(self._fd, len(_MAGIC), 0).strip(b"\0")
        if unfinished:
            os.pwrite(self._fd, bytes(size), 0)
        elif found != size:
            raise KrepisError(f"`{path}` is no table of rates: it has {found} bytes", hint=f"remove it, or {_HINT}")

    def _prepared(self, path: Path, count: int, sources: Sources) -> Buckets:
        memory = self._memory
        boot = _boot_id()
        magic, known, secret = memory[:8], memory[8:24], memory[24 : 24 + SECRET_BYTES]
        if magic not in (_MAGIC, bytes(8)):
            raise KrepisError(f"`{path}` is no table of rates", hint=f"remove it, or {_HINT}")
        fresh = magic != _MAGIC or known != boot
        if fresh:
            secret = sources.entropy(SECRET_BYTES)
        buckets = Buckets(memory, HEADER_BYTES, count, secret, self._lock.take, self._lock.give)
        if fresh:
            buckets.clear()
            # The magic comes last: whoever is killed before has made nothing.
            memory[8 : 24 + SECRET_BYTES] = boot + secret
            memory[:8] = _MAGIC
        return buckets


class FileLock:
    """A lock between processes. The kernel takes it back from one that is killed; one that is only stopped is not
    waited for longer than `LOCK_WAIT_MAX_S`, and then not again for `LOCK_PAUSE_S`: counting goes on without the lock,
    where two calls in the same microsecond may count as one.
    """

    def __init__(self, fd: int, monotonic: Callable[[], float]) -> None:
        self._fd = fd
        self._monotonic = monotonic
        self._patient_from = 0.0

    def take(self, wait_s: float = LOCK_WAIT_MAX_S) -> bool:
        """Whether it was had in time."""
        end = None
        while True:
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                now = self._monotonic()
                if now < self._patient_from:
                    return False
                end = end or now + wait_s
                if now >= end:
                    self._patient_from = now + LOCK_PAUSE_S
                    return False
                os.sched_yield()
            else:
                return True

    def give(self) -> None:
        """Let the next one have it; nothing happens without it."""
        fcntl.flock(self._fd, fcntl.LOCK_UN)


def _opened(path: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        fd = os.open(path, flags, 0o600)
    except OSError as error:
        raise KrepisError(f"`{path}` can't hold the shared rates: {error.strerror}", hint=_HINT) from error
    found = os.fstat(fd)
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_nlink != 1 or found.st_mode & 0o077:
        os.close(fd)
        raise KrepisError(f"`{path}` is no plain file that only this user can open", hint=f"remove it, or {_HINT}")
    return fd


def _boot_id() -> bytes:
    try:
        return blake2b(_BOOT_FILE.read_bytes(), digest_size=16).digest()
    except OSError:
        return bytes(16)
