"""`Blobs`: the port behind which the bytes of files are.

Every call is complete in itself: no handle is open between two of them, so whoever goes away leaves nothing behind. An
adapter passes `packages/core/tests/files/test_blobs.py`, which is written for all of them.
"""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from krepis.context import Context
from krepis.errors import Unavailable
from krepis.port import OutboundPort

PIECE_BYTES = 262_144
"""How much is written and read at once: what one upload or download holds in memory."""


class Blobs(OutboundPort, Protocol):
    """Bytes by id. A blob is written piece after piece, finished, read, and removed; it is never changed."""

    async def write(self, ctx: Context, blob: UUID, start: int, piece: bytes) -> None:
        """Add the piece that begins at `start`, which is where the one before it ended. Nobody can read it yet.

        Raises `BlobsFailed` when the blob was removed meanwhile, as `finish` does.
        """
        ...

    async def finish(self, ctx: Context, blob: UUID, size: int) -> None:
        """Make a blob of `size` bytes whole: from now on it can be read, and it outlives the process."""
        ...

    async def read(self, ctx: Context, blob: UUID, start: int, size: int) -> bytes:
        """At most `size` bytes from `start` on, at least one if there is any. Raises `NoSuchBlobError` when the blob is
        not there or not finished.
        """
        ...

    async def remove(self, ctx: Context, blob: UUID) -> None:
        """Remove a blob, whole or half; nothing happens when there is none."""
        ...


class NoSuchBlobError(LookupError):
    """There is no finished blob with this id."""


class BlobsFull(Unavailable):
    """There is no room for the file; nothing has changed."""

    message = "there is no room for the file; nothing has changed"
    retry_after = 30


class BlobsFailed(Unavailable):
    """The file could not be written or read."""

    message = "the file could not be written or read; try again"
    retry_after = 5
