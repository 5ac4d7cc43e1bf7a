"""`FolderBlobs`: blobs as files of a folder, for one machine, or for several over a file system that they share.

A blob is written to `HH/ID.part`, synced, renamed to `HH/ID`, and the folder is synced: at no moment is there a file
under its final name that is not whole. `HH` are the id's last two digits, so that no folder gets too full.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, Self, TypeVar
from uuid import UUID

from krepis.context import Context
from krepis.errors import KrepisError
from krepis.files.blobs import Blobs, BlobsFailed, BlobsFull, NoSuchBlobError
from krepis.threads import OffloadThreads

P = ParamSpec("P")
T = TypeVar("T")

_FULL = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))


class FolderBlobs(Blobs):
    """Blobs below `path`, which is made when the app starts."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._threads = OffloadThreads()

    def __repr__(self) -> str:
        return f"FolderBlobs({str(self.path)!r})"

    async def __aenter__(self) -> Self:
        """Make the folder, and refuse one that can't be written with a `KrepisError`."""
        probe = self.path / ".krepis"
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            probe.touch()
        except OSError as error:
            raise KrepisError(
                f"files can't be kept in `{self.path}`: {error.strerror}",
                hint="give `FolderBlobs` a folder to write to",
            ) from error
        return self

    async def __aexit__(self, *_: object) -> None:
        self._threads.shutdown()
        self._threads = OffloadThreads()

    async def write(self, ctx: Context, blob: UUID, start: int, piece: bytes) -> None:
        await self._in_thread(_write, self._part(blob), start, piece)

    async def finish(self, ctx: Context, blob: UUID, size: int) -> None:
        await self._in_thread(_finish, self._part(blob), self._whole(blob), size)

    async def read(self, ctx: Context, blob: UUID, start: int, size: int) -> bytes:
        return await self._in_thread(_read, self._whole(blob), start, size)

    async def remove(self, ctx: Context, blob: UUID) -> None:
        await self._in_thread(_remove, self._part(blob), self._whole(blob))

    def _whole(self, blob: UUID) -> Path:
        return self.path / blob.hex[-2:] / str(blob)

    def _part(self, blob: UUID) -> Path:
        return self.path / blob.hex[-2:] / f"{blob}.part"

    async def _in_thread(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        future = asyncio.wrap_future(self._threads.submit(function, *args, **kwargs))
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            # A thread can't be cancelled, and what is removed next must not be written after that.
            while not future.done():
                try:
                    await asyncio.wait((future,))
                except asyncio.CancelledError:
                    continue
            raise
        except OSError as error:
            raise (BlobsFull() if error.errno in _FULL else BlobsFailed()) from error


def _write(path: Path, start: int, piece: bytes) -> None:
    if start == 0:
        path.parent.mkdir(exist_ok=True)
    with open(path, "r+b" if start else "wb", buffering=0, opener=_private) as file:
        file.seek(start)
        rest = memoryview(piece)
        while rest:
            rest = rest[file.write(rest) :]


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)


def _finish(part: Path, whole: Path, size: int) -> None:
    if size == 0:
        _write(part, 0, b"")
    with part.open("r+b", buffering=0) as file:
        found = os.fstat(file.fileno()).st_size
        assert found == size, f"{size} bytes were promised, {found} were written"
        os.fsync(file.fileno())
    part.rename(whole)
    for folder in (whole.parent, whole.parent.parent):
        _sync(folder)


def _sync(folder: Path) -> None:
    """Make the names in a folder outlive a power cut."""
    if os.name == "nt":
        return  # there a folder can't be opened, and needs not be
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _read(path: Path, start: int, size: int) -> bytes:
    try:
        with path.open("rb", buffering=0) as file:
            file.seek(start)
            return file.read(size)
    except FileNotFoundError:
        raise NoSuchBlobError(path.name) from None


def _remove(*paths: Path) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
