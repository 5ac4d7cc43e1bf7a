"""The only module that changes the files of a project. Each method is one step that either has happened or has not;
tests stop a process between any two of them, or let what was not flushed be forgotten.

Folders are named by open descriptors, so that nothing that happens to the way to them can lead a change elsewhere.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable

CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)


class Disk:
    """Changes to files, step by step. Every method raises `OSError` as the system does."""

    def __init__(self) -> None:
        self._syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)

    def create(
        self, folder: int, name: bytes, chunks: Iterable[bytes], mode: int, owner: tuple[int, int] | None
    ) -> None:
        """A new file with these contents; there must be none. `owner` is given where it is not who asks."""
        file = os.open(name, CREATE, mode & 0o666, dir_fd=folder)
        try:
            for chunk in chunks:
                self.write(file, chunk)
            if owner is not None:
                os.fchown(file, *owner)
            if owner is not None or os.fstat(file).st_mode & 0o7777 != mode:  # the umask had its say
                os.fchmod(file, mode)
        finally:
            os.close(file)

    def write(self, file: int, chunk: bytes) -> None:
        """All of `chunk`, at the end of an open file."""
        written = os.write(file, chunk)
        while written < len(chunk):
            written += os.write(file, chunk[written:])

    def rename(self, from_folder: int, from_name: bytes, to_folder: int, to_name: bytes) -> None:
        """Put a file or a link at its place, instead of the file or link that is there."""
        os.rename(from_name, to_name, src_dir_fd=from_folder, dst_dir_fd=to_folder)

    def symlink(self, folder: int, name: bytes, target: bytes) -> None:
        """A new link; there must be nothing at its place."""
        os.symlink(target, name, dir_fd=folder)

    def mkdir(self, folder: int, name: bytes) -> None:
        """A new folder; its mode comes later, when everything is in it."""
        os.mkdir(name, 0o700, dir_fd=folder)

    def chmod(self, folder: int, name: bytes, mode: int) -> None:
        """The mode of a file or a folder that is known to be no link."""
        os.chmod(name, mode, dir_fd=folder)

    def unlink(self, folder: int, name: bytes) -> None:
        """Take a file or a link away."""
        os.unlink(name, dir_fd=folder)

    def rmdir(self, folder: int, name: bytes) -> None:
        """Take an empty folder away."""
        os.rmdir(name, dir_fd=folder)

    def flush(self, folder: int, names: Iterable[bytes]) -> None:
        """Have these files, and the folder that names them, on the device."""
        for name in names:
            file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
            try:
                os.fsync(file)
            finally:
                os.close(file)
        os.fsync(folder)

    def flush_all(self, folder: int) -> bool:
        """Have everything of the file system that `folder` lies in on the device; false where no call does that."""
        return self._syncfs is not None and self._syncfs(folder) == 0
