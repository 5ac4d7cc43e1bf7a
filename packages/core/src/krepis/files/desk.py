"""`FileDesk`: lands uploads, streams files, and sweeps what nobody keeps. A service has one, made by `FileStore`."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from krepis.context import Context, Origin, Sources, root
from krepis.errors import Rejection, Unavailable
from krepis.files.blobs import PIECE_BYTES, Blobs, NoSuchBlobError
from krepis.files.file import FileGone, FileRef
from krepis.files.inspect import HEAD_BYTES, Inspector, is_one_of
from krepis.files.name import safe_name
from krepis.files.port import LooseFiles
from krepis.identity import SYSTEM
from krepis.port import Mode, Store

T = TypeVar("T")

SWEPT_AT_ONCE = 100
DISCARD_S = 10.0
"""How long removing a refused upload may take; after that it is the sweep's."""


class UnsupportedFileType(Rejection):
    """The file is of a type that the door does not take (HTTP 415)."""

    kind = "unsupported"
    message = "`{field}` is `{media_type}`; this door takes {types}"


class FileDesk:
    """The way of bytes into the blob port and out of it. `loose` makes the list of loose files for a unit of work."""

    def __init__(
        self,
        blobs: Blobs,
        loose: Callable[[Any], LooseFiles],
        loose_time: timedelta,
        store: Store,
        sources: Sources,
        inspector: Inspector,
    ) -> None:
        self._blobs = blobs
        self._loose = loose
        self._loose_time = loose_time
        self._store = store
        self._sources = sources
        self._inspector = inspector

    async def land(
        self,
        ctx: Context,
        content: AsyncIterable[bytes],
        *,
        name: str | bytes = "",
        claimed: str = "",
        types: Sequence[str] = (),
        field: str = "file",
        time: timedelta = timedelta(0),
        begun: Callable[[UUID], None] | None = None,
    ) -> FileRef:
        """Store `content` as a loose file, which the sweep removes unless a command keeps it.

        `claimed` is the type that the sender says. A type that is not among `types` is refused with
        `UnsupportedFileType`, which names `field`, before anything is stored. `time` is how long the content may take
        at most; `begun` hears the id before the first byte is stored.
        """
        pieces = pieced(content)
        first = await anext(pieces, b"")
        media_type = self._inspector.media_type(first[:HEAD_BYTES], claimed)
        if not is_one_of(media_type, types):
            raise UnsupportedFileType(field=field, media_type=media_type, types=", ".join(types))
        # Ids and instants of its own: those of `ctx` are replayed when the command's unit is run again.
        file = ctx.begin("land").new_id()
        since = self._sources.now() + time
        await self._transact("write", lambda loose, own: loose.add(own, file, since))
        if begun is not None:
            begun(file)
        digest = hashlib.sha256()
        size = 0
        piece = first
        while piece:
            digest.update(piece)
            await self._blobs.write(ctx, file, size, piece)
            size += len(piece)
            piece = await anext(pieces, b"")
        await self._blobs.finish(ctx, file, size)
        return FileRef(id=file, name=safe_name(name), media_type=media_type, size=size, sha256=digest.hexdigest())

    async def discard(self, files: Sequence[UUID]) -> None:
        """Remove landed files that nobody has kept. What can't be removed now is left to the sweep.

        Safe also when it is unknown whether the command that could have kept them is committed.
        """

        async def condemn(loose: LooseFiles, own: Context) -> list[UUID]:
            await loose.condemn(own, files)
            return await loose.those_condemned(own, files)

        try:
            await self._remove(await self._transact("write", condemn))
        except Exception as error:  # noqa: BLE001 - the answer to the caller is that of the command
            self._own("discard").log.warning("discard_failed", error=repr(error))

    async def open(self, ctx: Context, file: FileRef, start: int, size: int) -> AsyncGenerator[bytes]:
        """`size` bytes of a file from `start` on, piece by piece, as fast as they are taken. Raises `FileGone`."""
        # The caller has a deadline for the answer to begin; how long it may take is the reader's affair.
        own = msgspec.structs.replace(ctx, deadline=None, origin=Origin(self._sources))
        first = await self._read(own, file, start, size) if size else b""
        return self._stream(own, file, start, size, first)

    async def sweep(self) -> int:
        """Remove what was loose for long enough; answers with how many files went."""
        before = self._sources.now() - self._loose_time
        await self._transact("write", lambda loose, own: loose.condemn_due(own, before))
        count = 0
        while True:
            due = await self._transact("read", lambda loose, own: loose.condemned(own, SWEPT_AT_ONCE))
            removed = await self._remove(due)
            count += removed
            if len(due) < SWEPT_AT_ONCE or not removed:
                return count

    async def _remove(self, files: Sequence[UUID]) -> int:
        """First the bytes, then the row: whoever is killed between the two is asked again."""
        gone: list[UUID] = []
        own = self._own("remove")
        for file in files:
            try:
                await self._blobs.remove(own, file)
            except Unavailable as error:
                own.log.warning("sweep_failed", file=str(file), error=repr(error))
            else:
                gone.append(file)
        if gone:
            await self._transact("write", lambda loose, own: loose.forget(own, gone))
        return len(gone)

    async def _stream(self, ctx: Context, file: FileRef, start: int, size: int, piece: bytes) -> AsyncGenerator[bytes]:
        end = start + size
        while piece:
            yield piece
            start += len(piece)
            piece = await self._read(ctx, file, start, end - start) if start < end else b""

    async def _read(self, ctx: Context, file: FileRef, start: int, size: int) -> bytes:
        try:
            piece = await self._blobs.read(ctx, file.id, start, min(size, PIECE_BYTES))
        except NoSuchBlobError:
            piece = b""
        if not piece:
            ctx.log.error("file_gone", file=str(file.id), start=start)
            raise FileGone
        return piece

    async def _transact(self, mode: Mode, work: Callable[[LooseFiles, Context], Awaitable[T]]) -> T:
        own = self._own("files")
        return await self._store.transact(own, mode, lambda unit: work(self._loose(unit), own))

    def _own(self, intent: str) -> Context:
        return root(self._sources, actor=SYSTEM, timeout=DISCARD_S, intents=(intent,))


async def pieced(content: AsyncIterable[bytes]) -> AsyncGenerator[bytes]:
    """The same bytes in pieces of `PIECE_BYTES`; only the last is shorter."""
    held = bytearray()
    async for part in content:
        rest = memoryview(part)
        while rest:
            taken = rest[: PIECE_BYTES - len(held)]
            held += taken
            rest = rest[len(taken) :]
            if len(held) == PIECE_BYTES:
                yield bytes(held)
                held.clear()
    if held:
        yield bytes(held)
