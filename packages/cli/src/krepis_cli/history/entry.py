"""What stands at a path, and what it contains."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from typing import Literal, NamedTuple, Protocol

HELD_BYTES_MAX = 1_048_576
"""Contents up to here are held in memory; larger ones are read piece by piece, each time they are needed."""
PIECE_BYTES = 4_194_304

Kind = Literal["absent", "file", "link", "folder"]


class Content(Protocol):
    """The bytes of a file, or where a link points to."""

    @property
    def hash(self) -> bytes: ...

    @property
    def size(self) -> int: ...

    def chunks(self) -> Iterator[bytes]:
        """The bytes, at most `PIECE_BYTES` at a time."""
        ...


class Held:
    """Contents in memory."""

    __slots__ = ("_hash", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._hash: bytes | None = None

    @property
    def hash(self) -> bytes:
        if self._hash is None:
            self._hash = digest(self.data)
        return self._hash

    @property
    def size(self) -> int:
        return len(self.data)

    def chunks(self) -> Iterator[bytes]:
        yield self.data


class OnDisk:
    """Contents of a large file, where it lies. They are read again when asked for; if they are others by then, that is
    found by their hash.
    """

    __slots__ = ("_folder", "_name", "hash", "size")

    def __init__(self, folder: int | None, name: bytes) -> None:
        """Read it once, for its hash and its size. The descriptor of `folder` stays the caller's. Raises `OSError`."""
        self._folder = folder
        self._name = name
        sha = _new()
        self.size = 0
        for chunk in self.chunks():
            sha.update(chunk)
            self.size += len(chunk)
        self.hash: bytes = sha.digest()

    def chunks(self) -> Iterator[bytes]:
        file = os.open(self._name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._folder)
        try:
            while chunk := os.read(file, PIECE_BYTES):
                yield chunk
        finally:
            os.close(file)


class Entry(NamedTuple):
    """What stands at a path. `mode` holds the permission bits of a file or a folder, `owner` the ids of the user and the
    group where they are not those of who asks; an operation keeps them, and the log does not know them.
    """

    kind: Kind
    mode: int = 0
    content: Content | None = None
    owner: tuple[int, int] | None = None

    @property
    def hash(self) -> bytes | None:
        """Of its contents; `None` for what has none."""
        return None if self.content is None else self.content.hash

    def same(self, other: Entry) -> bool:
        """Whether both are the same thing with the same bytes."""
        return self.kind == other.kind and self.mode == other.mode and self.hash == other.hash


ABSENT = Entry("absent")


def digest(data: bytes) -> bytes:
    """The name of contents: BLAKE2b, 32 bytes (RFC 7693)."""
    return hashlib.blake2b(data, digest_size=32).digest()


def data_of(content: Content) -> bytes:
    """All of it, in memory."""
    return content.data if isinstance(content, Held) else b"".join(content.chunks())


def _new() -> hashlib.blake2b:
    return hashlib.blake2b(digest_size=32)


def checked(content: Content) -> Iterator[bytes]:
    """Its chunks; raises `ContentChanged` at their end if they were not what the hash says."""
    if not isinstance(content, OnDisk):
        yield from content.chunks()
        return
    sha = _new()
    for chunk in content.chunks():
        sha.update(chunk)
        yield chunk
    if sha.digest() != content.hash:
        raise ContentChanged


class ContentChanged(Exception):
    """A large file was written to while it was read."""
