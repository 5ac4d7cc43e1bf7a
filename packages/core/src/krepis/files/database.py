"""Loose files and blobs in the service's database, SQLite or PostgreSQL."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from sqlalchemy import bindparam, delete, insert, select, update

from krepis.context import Context
from krepis.files.blobs import Blobs, BlobsFailed, NoSuchBlobError
from krepis.files.file import FileRef, UploadGone
from krepis.files.port import LooseFiles
from krepis.files.tables import blob_chunks, blobs, loose_files
from krepis.message import Value
from krepis.sql import Database, Sql, statement

T = TypeVar("T")

REMOVED_CHUNKS_MAX = 32
"""How many pieces one transaction removes, so that a large blob holds nobody up."""

_id = loose_files.c.id
_some = _id.in_(bindparam("ids", expanding=True))

ADD = statement(insert(loose_files))
KEEP = statement(delete(loose_files).where(_id == bindparam("file"), loose_files.c.condemned.is_(False)))
IS_LOOSE = statement(select(_id).where(_id == bindparam("file")), into=UUID)
CONDEMN = statement(update(loose_files).where(_some).values(condemned=True))
CONDEMN_DUE = statement(
    update(loose_files)
    .where(loose_files.c.since < bindparam("before"), loose_files.c.condemned.is_(False))
    .values(condemned=True)
)
CONDEMNED = statement(
    select(_id).where(loose_files.c.condemned.is_(True)).order_by(loose_files.c.since).limit(bindparam("count_max")),
    into=UUID,
)
THOSE_CONDEMNED = statement(select(_id).where(_some, loose_files.c.condemned.is_(True)), into=UUID)
FORGET = statement(delete(loose_files).where(_some, loose_files.c.condemned.is_(True)))


class SqlFiles(LooseFiles):
    """Loose files in `krepis_loose_files`."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def keep(self, ctx: Context, file: FileRef) -> None:
        if not await self._sql.run(KEEP, file=file.id):
            raise UploadGone

    async def drop(self, ctx: Context, file: FileRef) -> None:
        if await self._sql.first(IS_LOOSE, file=file.id) is None:
            await self.add(ctx, file.id, ctx.now())

    async def add(self, ctx: Context, file: UUID, since: datetime) -> None:
        await self._sql.run(ADD, id=file, since=since, condemned=False)

    async def condemn(self, ctx: Context, files: Sequence[UUID]) -> None:
        await self._sql.run(CONDEMN, ids=files)

    async def condemn_due(self, ctx: Context, before: datetime) -> None:
        await self._sql.run(CONDEMN_DUE, before=before)

    async def condemned(self, ctx: Context, count_max: int) -> list[UUID]:
        return await self._sql.all(CONDEMNED, count_max=count_max)

    async def those_condemned(self, ctx: Context, files: Sequence[UUID]) -> list[UUID]:
        return await self._sql.all(THOSE_CONDEMNED, ids=files)

    async def forget(self, ctx: Context, files: Sequence[UUID]) -> None:
        await self._sql.run(FORGET, ids=files)


class _Chunk(Value):
    start: int
    content: bytes


WRITE = statement(insert(blob_chunks))
FINISH = statement(insert(blobs))
IS_BEGUN = statement(
    select(blob_chunks.c.start).where(blob_chunks.c.blob == bindparam("blob"), blob_chunks.c.start == 0), into=int
)
CHUNK_AT = statement(
    select(blob_chunks.c.start, blob_chunks.c.content)
    .join(blobs, blobs.c.id == blob_chunks.c.blob)
    .where(blob_chunks.c.blob == bindparam("blob"), blob_chunks.c.start <= bindparam("place"))
    .order_by(blob_chunks.c.start.desc())
    .limit(1),
    into=_Chunk,
)
IS_THERE = statement(select(blobs.c.id).where(blobs.c.id == bindparam("blob")), into=UUID)
UNFINISH = statement(delete(blobs).where(blobs.c.id == bindparam("blob")))
SOME_STARTS = statement(
    select(blob_chunks.c.start)
    .where(blob_chunks.c.blob == bindparam("blob"))
    .order_by(blob_chunks.c.start)
    .limit(REMOVED_CHUNKS_MAX),
    into=int,
)
REMOVE_UP_TO = statement(
    delete(blob_chunks).where(blob_chunks.c.blob == bindparam("which"), blob_chunks.c.start <= bindparam("last"))
)


class DatabaseBlobs(Blobs):
    """Blobs as rows of the app's own database, one for each piece, each written in a short transaction of its own.

    Good for what is small or rare, and for services that have nothing but a database.
    """

    def __init__(self, database: Database) -> None:
        self.database = database

    def __repr__(self) -> str:
        return f"DatabaseBlobs({self.database!r})"

    async def write(self, ctx: Context, blob: UUID, start: int, piece: bytes) -> None:
        async def work(sql: Sql) -> None:
            if start:
                await self._need_begun(sql, blob)
            await sql.run(WRITE, blob=blob, start=start, content=piece)

        await self._writing(ctx, work)

    async def finish(self, ctx: Context, blob: UUID, size: int) -> None:
        async def work(sql: Sql) -> None:
            if size:
                await self._need_begun(sql, blob)
            await sql.run(FINISH, id=blob, size=size)

        await self._writing(ctx, work)

    async def read(self, ctx: Context, blob: UUID, start: int, size: int) -> bytes:
        async def work(sql: Sql) -> bytes:
            chunk = await sql.first(CHUNK_AT, blob=blob, place=start)
            if chunk is None:
                if await sql.first(IS_THERE, blob=blob) is None:
                    raise NoSuchBlobError(str(blob))
                return b""
            return chunk.content[start - chunk.start : start - chunk.start + size]

        return await self.database.transact(ctx.begin(), "read", work)

    async def remove(self, ctx: Context, blob: UUID) -> None:
        await self._writing(ctx, lambda sql: sql.run(UNFINISH, blob=blob))

        async def some(sql: Sql) -> bool:
            starts = await sql.all(SOME_STARTS, blob=blob)
            if starts:
                await sql.run(REMOVE_UP_TO, which=blob, last=starts[-1])
            return len(starts) == REMOVED_CHUNKS_MAX

        while await self._writing(ctx, some):
            pass

    async def _need_begun(self, sql: Sql, blob: UUID) -> None:
        """What was removed meanwhile must not come back without its beginning, where nothing would ever sweep it."""
        if await sql.first(IS_BEGUN, blob=blob) is None:
            raise BlobsFailed

    async def _writing(self, ctx: Context, work: Callable[[Sql], Awaitable[T]]) -> T:
        return await self.database.transact(ctx.begin(), "write", work)
