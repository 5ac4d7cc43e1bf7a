"""A project's files as they are now, reached by descriptors: no symbolic link on the way is ever followed."""

from __future__ import annotations

import errno
import os
import resource
import stat
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from krepis_cli.history.entry import ABSENT, HELD_BYTES_MAX, Content, Entry, Held, OnDisk
from krepis_cli.history.names import printable, split

OPEN_FOLDERS_MAX = 2048
"""At most, and half of what the process may open."""
FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

Signature = tuple[int, int, int, int, int] | None
"""What changes when somebody writes to a path: kind and mode, size, time, inode, time of its change. `None`: nothing there."""


class NotOurs(Exception):
    """What stands here can't be kept in the log: a device, a socket, a pipe, or something that can't be read. Its text
    says which.
    """


class Tree:
    """The project under `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._open: OrderedDict[bytes, int] = OrderedDict()
        self._folders_max = _folders_max()
        self._owner = (os.geteuid(), os.getegid())

    def close(self) -> None:
        self.forget()
        os.close(self._root)

    def forget(self, path: bytes | None = None) -> None:
        """Close the descriptor of a folder that goes away, with those of everything in it; of all folders without one."""
        gone = [known for known in self._open if path is None or known == path or known.startswith(path + b"/")]
        for known in gone:
            os.close(self._open.pop(known))

    def folder(self, path: bytes) -> int:
        """A descriptor of the folder at `path` (empty: the root), which stays ours to close. Raises `OSError`: it is not
        there, no folder, or a symbolic link stands on the way (`ENOTDIR` or `ELOOP`).
        """
        if not path:
            return self._root
        known = self._open.get(path)
        if known is not None:
            self._open.move_to_end(path)
            return known
        above, name = split(path)
        opened = os.open(name, FOLDER_FLAGS, dir_fd=self.folder(above))
        self._open[path] = opened
        if len(self._open) > self._folders_max:
            os.close(self._open.popitem(last=False)[1])
        return opened

    def signature(self, path: bytes) -> Signature:
        """What tells a path from its later self, without reading it. Raises `NotOurs`."""
        above, name = split(path)
        try:
            return _signature(os.stat(name, dir_fd=self.folder(above), follow_symlinks=False))
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                return None
            raise NotOurs(f"`{printable(path)}`: {error.strerror}") from error

    def entry(self, path: bytes) -> Entry:
        """What stands at a path. Raises `NotOurs`."""
        return self.look(path)[0]

    def look(self, path: bytes) -> tuple[Entry, Signature]:
        """What stands at a path, and its signature from before it was read. Raises `NotOurs`."""
        above, name = split(path)
        try:
            file = os.open(name, FILE_FLAGS, dir_fd=self.folder(above))
        except OSError as error:
            return self._unopened(path, error)
        try:
            found = os.fstat(file)
            mode = stat.S_IMODE(found.st_mode)
            if stat.S_ISDIR(found.st_mode):
                return Entry("folder", mode), _signature(found)
            if not stat.S_ISREG(found.st_mode):
                raise NotOurs("a pipe, a device or a socket")
            owner = (found.st_uid, found.st_gid)
            content = self._content(path, file, found.st_size)
            return Entry("file", mode, content, None if owner == self._owner else owner), _signature(found)
        finally:
            os.close(file)

    def names(self, path: bytes) -> list[bytes]:
        """What lies in a folder, sorted; nothing when there is no such folder."""
        try:
            return sorted(map(os.fsencode, os.listdir(self.folder(path))))  # noqa: PTH208 - by descriptor
        except (FileNotFoundError, NotADirectoryError):
            return []

    def walk(self, path: bytes, found: Callable[[bytes], None]) -> None:
        """Tell of everything in a folder, the folder itself last."""
        for name in self.names(path):
            inner = path + b"/" + name
            known = self.signature(inner)
            if known is not None and stat.S_ISDIR(known[0]):
                self.walk(inner, found)
            else:
                found(inner)
        found(path)

    def _content(self, path: bytes, file: int, size: int) -> Content:
        if size > HELD_BYTES_MAX:
            return OnDisk(None, os.fsencode(self.root) + b"/" + path)
        data = os.read(file, size + 1)
        while len(data) >= size + 1 or (size and not data):  # it grew meanwhile, or shrank to nothing
            more = os.read(file, HELD_BYTES_MAX)
            if not more:
                break
            data += more
            size = len(data)
        return Held(data)

    def _unopened(self, path: bytes, error: OSError) -> tuple[Entry, Signature]:
        above, name = split(path)
        try:
            folder = self.folder(above)
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if stat.S_ISLNK(found.st_mode):
                return Entry("link", 0, Held(os.readlink(name, dir_fd=folder))), _signature(found)
        except OSError as blocked:
            if blocked.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                return ABSENT, None
            raise NotOurs(f"can't be looked at: {blocked.strerror}") from blocked
        raise NotOurs(f"can't be read: {error.strerror}") from error


def _signature(found: os.stat_result) -> Signature:
    if stat.S_ISDIR(found.st_mode):  # its times change with what is in it, which is not its own change
        return (found.st_mode, 0, 0, found.st_ino, 0)
    return (found.st_mode, found.st_size, found.st_mtime_ns, found.st_ino, found.st_ctime_ns)


def _folders_max() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(16, min(OPEN_FOLDERS_MAX, soft // 2))
