"""Contents in the log: each stored once, by its hash, compressed; a new version of a file as what differs from the old.

A content that has a `base` was compressed with the base as a prefix (zstd, RFC 8878, a raw-content dictionary), so it
needs the base to be read. Chains of bases are at most `DEPTH_MAX` long.
"""

from __future__ import annotations

import hashlib
import sqlite3
import sys
from collections.abc import Iterator

from krepis.errors import KrepisError
from krepis_cli.history.entry import PIECE_BYTES, Content, Held, checked
from krepis_cli.store import Store

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LEVEL = 1
DELTA_BYTES_MAX = 1_048_576
DELTA_BYTES_MIN = 64
DEPTH_MAX = 8


class Damaged(KrepisError):
    """Contents in the log are not what their hash says."""


class Contents:
    """The stored contents of one log. `put` belongs into a transaction of the store."""

    def __init__(self, store: Store) -> None:
        self._db = store.db
        self._compressor = zstd.ZstdCompressor(level=LEVEL)

    def put(self, content: Content, base: int | None = None, base_content: Content | None = None) -> int:
        """The number under which it is stored, now or since long. `base` is the number of an earlier version of it.
        Raises `ContentChanged` when a large file changed while it was read.
        """
        known = self._db.execute("SELECT id FROM content WHERE hash = ?", (content.hash,)).fetchone()
        if known is not None:
            return int(known[0])
        if content.size > PIECE_BYTES or not isinstance(content, Held):
            return self._put_pieces(content)
        prefix = self._prefix(content, base, base_content)
        if prefix is None:
            return self._insert(content, None, 0, self._compressed(content.data))
        depth, dictionary = prefix
        compressor = zstd.ZstdCompressor(level=LEVEL, zstd_dict=dictionary.as_prefix)
        packed = compressor.compress(content.data, zstd.ZstdCompressor.FLUSH_FRAME)
        return self._insert(content, base, depth + 1, packed)

    def get(self, number: int) -> Stored:
        """The content of a number. Raises `Damaged` when there is none."""
        row = self._db.execute("SELECT hash, size FROM content WHERE id = ?", (number,)).fetchone()
        if row is None:
            raise missing(number)
        return Stored(self._db, number, *row)

    def _insert(self, content: Content, base: int | None, depth: int, packed: bytes | None) -> int:
        done = self._db.execute(
            "INSERT INTO content (hash, size, base, depth, data) VALUES (?, ?, ?, ?, ?)",
            (content.hash, content.size, base, depth, packed),
        )
        assert done.lastrowid is not None
        return done.lastrowid

    def _put_pieces(self, content: Content) -> int:
        number = self._insert(content, None, 0, None)
        for place, piece in enumerate(_pieces(checked(content))):
            self._db.execute("INSERT INTO piece VALUES (?, ?, ?)", (number, place, self._compressed(piece)))
        return number

    def _prefix(
        self, content: Content, base: int | None, base_content: Content | None
    ) -> tuple[int, zstd.ZstdDict] | None:
        if base is None or base_content is None or not isinstance(base_content, Held):
            return None
        if base_content.size < DELTA_BYTES_MIN or content.size > DELTA_BYTES_MAX:
            return None
        (depth,) = self._db.execute("SELECT depth FROM content WHERE id = ?", (base,)).fetchone()
        return None if depth >= DEPTH_MAX else (depth, zstd.ZstdDict(base_content.data, is_raw=True))

    def _compressed(self, data: bytes) -> bytes:
        return self._compressor.compress(data, zstd.ZstdCompressor.FLUSH_FRAME)


class Stored:
    """Contents in the log. Reading it proves it: raises `Damaged` when it is not what its hash says."""

    __slots__ = ("_db", "_number", "hash", "size")

    def __init__(self, db: sqlite3.Connection, number: int, hash: bytes, size: int) -> None:  # noqa: A002
        self._db = db
        self._number = number
        self.hash = hash
        self.size = size

    def chunks(self) -> Iterator[bytes]:
        sha = hashlib.blake2b(digest_size=32)
        try:
            for chunk in self._unpacked():
                sha.update(chunk)
                yield chunk
        except (zstd.ZstdError, sqlite3.DatabaseError, TypeError) as error:
            raise self._damaged() from error
        if sha.digest() != self.hash:
            raise self._damaged()

    def _unpacked(self) -> Iterator[bytes]:
        if self.size <= PIECE_BYTES:
            data = _whole(self._db, self._number)
            if data is not None:
                yield data
                return
        for place in range(-(-self.size // PIECE_BYTES)):
            question = "SELECT data FROM piece WHERE content = ? AND number = ?"
            yield zstd.decompress(self._db.execute(question, (self._number, place)).fetchone()[0])

    def _damaged(self) -> Damaged:
        return Damaged(
            f"the contents {self._number} in the log are damaged",
            hint="`krepis history verify` names every operation that they belong to",
        )


def missing(number: int) -> Damaged:
    """What is raised for contents that an operation names and the log lacks."""
    return Damaged(f"the log misses the contents {number}", hint="`krepis history verify` looks through it")


def _whole(db: sqlite3.Connection, number: int) -> bytes | None:
    """Small contents, after those that they are based on; `None` when they lie in pieces."""
    data, base = db.execute("SELECT data, base FROM content WHERE id = ?", (number,)).fetchone()
    if data is None:
        return None
    if base is None:
        return zstd.decompress(data)
    prefix = _whole(db, base)
    if prefix is None:
        raise TypeError("contents in pieces are no base")
    return zstd.decompress(data, zstd_dict=zstd.ZstdDict(prefix, is_raw=True).as_prefix)


def _pieces(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces that are full, but for the last."""
    waiting = bytearray()
    for chunk in chunks:
        waiting += chunk
        while len(waiting) >= PIECE_BYTES:
            yield bytes(waiting[:PIECE_BYTES])
            del waiting[:PIECE_BYTES]
    if waiting:
        yield bytes(waiting)
