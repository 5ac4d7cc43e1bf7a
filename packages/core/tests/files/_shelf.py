"""A shelf of books with covers: uploads as bodies and in forms, downloads, on any store and any blobs."""

from __future__ import annotations

import zlib
from typing import Annotated, Any, Protocol
from uuid import UUID

from sqlalchemy import Column, MetaData, String, Table, bindparam, delete, insert, select, update

from krepis import Command, Context, NotFound, Query, ReadPort, Rejection, Value, WritePort
from krepis.app import App, bind
from krepis.files import Blobs, FileRef, Files, FileStore
from krepis.files.tables import BLOB_TABLES, TABLES
from krepis.http import Doors, Limits, form_file, upload
from krepis.sql import Database, Json, Sql, include_tables, statement
from krepis.testing import MemoryStore, MemoryUnit, memory_files
from krepis.types import between, length

COVER_BYTES_MAX = 1_000_000
SMALL = 1_000


def png(size: int = 64, mark: bytes = b"") -> bytes:
    """Bytes that begin as a PNG does; `size` in all."""
    head = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + mark
    body = zlib.compress(bytes(size), 0)
    return (head + body + bytes(size))[:size]


class Book(Value):
    isbn: str
    title: str
    year: int
    cover: FileRef | None = None


class Untidy(Rejection):
    """The shelf does not take it."""

    message = "the shelf does not take it"


class NoCover(NotFound):
    """There is no such cover."""

    message = "`{isbn}` has no cover"


class SetCover(Command[FileRef]):
    """Puts a cover on a book."""

    isbn: Annotated[str, length(1, 20)]
    cover: FileRef
    refuse: bool = False
    forget: bool = False


class AddBook(Command[Book]):
    """Adds a book, with a cover and any number of pages."""

    isbn: Annotated[str, length(1, 20)]
    title: Annotated[str, length(1, 50)]
    year: Annotated[int, between(0, 9999)] = 2000
    tags: list[str] = []
    cover: FileRef | None = None
    pages: list[FileRef] = []


class RemoveCover(Command[None]):
    isbn: str


class ShowCover(Query[FileRef]):
    """Sends the cover."""

    isbn: str


class DescribeCover(Query[FileRef]):
    """Says what is known of the cover."""

    isbn: str


class Covers(ReadPort, Protocol):
    async def find(self, ctx: Context, isbn: str) -> FileRef | None: ...


class Shelf(Covers, WritePort, Protocol):
    async def put(self, ctx: Context, isbn: str, cover: FileRef) -> None: ...
    async def remove(self, ctx: Context, isbn: str) -> None: ...


async def set_cover(ctx: Context, command: SetCover, *, shelf: Shelf, files: Files) -> FileRef:
    old = await shelf.find(ctx, command.isbn)
    if command.forget:
        return command.cover
    await files.keep(ctx, command.cover)
    await shelf.put(ctx, command.isbn, command.cover)
    if old is not None:
        await files.drop(ctx, old)
    if command.refuse:
        raise Untidy
    return command.cover


async def add_book(ctx: Context, command: AddBook, *, shelf: Shelf, files: Files) -> Book:
    if command.title == "bug":
        raise LookupError("a bug")
    for file in (*command.pages, *((command.cover,) if command.cover else ())):
        await files.keep(ctx, file)
    if command.cover:
        await shelf.put(ctx, command.isbn, command.cover)
    for at, page in enumerate(command.pages):
        await shelf.put(ctx, f"{command.isbn}/{at}", page)
    return Book(isbn=command.isbn, title=command.title, year=command.year, cover=command.cover)


async def remove_cover(ctx: Context, command: RemoveCover, *, shelf: Shelf, files: Files) -> None:
    cover = await shelf.find(ctx, command.isbn)
    if cover is None:
        raise NoCover(isbn=command.isbn)
    await shelf.remove(ctx, command.isbn)
    await files.drop(ctx, cover)


async def show_cover(ctx: Context, query: ShowCover, *, covers: Covers) -> FileRef:
    return await _found(ctx, query.isbn, covers)


async def describe_cover(ctx: Context, query: DescribeCover, *, covers: Covers) -> FileRef:
    return await _found(ctx, query.isbn, covers)


async def _found(ctx: Context, isbn: str, covers: Covers) -> FileRef:
    cover = await covers.find(ctx, isbn)
    if cover is None:
        raise NoCover(isbn=isbn)
    return cover


HANDLERS = (set_cover, add_book, remove_cover, show_cover, describe_cover)

metadata = MetaData()
covers_table = Table(
    "covers", metadata, Column("isbn", String(40), primary_key=True), Column("cover", Json(FileRef), nullable=False)
)
include_tables(metadata, *TABLES, *BLOB_TABLES)

FIND = statement(select(covers_table.c.cover).where(covers_table.c.isbn == bindparam("isbn")))
PUT = statement(insert(covers_table))
CHANGE = statement(
    update(covers_table).where(covers_table.c.isbn == bindparam("which")).values(cover=bindparam("cover"))
)
REMOVE = statement(delete(covers_table).where(covers_table.c.isbn == bindparam("which")))


class SqlShelf(Shelf):
    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def find(self, ctx: Context, isbn: str) -> FileRef | None:
        return await self._sql.first(FIND, isbn=isbn)

    async def put(self, ctx: Context, isbn: str, cover: FileRef) -> None:
        if not await self._sql.run(CHANGE, which=isbn, cover=cover):
            await self._sql.run(PUT, isbn=isbn, cover=cover)

    async def remove(self, ctx: Context, isbn: str) -> None:
        await self._sql.run(REMOVE, which=isbn)


class MemoryShelf(Shelf):
    def __init__(self, unit: MemoryUnit) -> None:
        self._covers = unit.table("covers", FileRef)

    async def find(self, ctx: Context, isbn: str) -> FileRef | None:
        return self._covers.get(isbn)

    async def put(self, ctx: Context, isbn: str, cover: FileRef) -> None:
        self._covers.put(isbn, cover)

    async def remove(self, ctx: Context, isbn: str) -> None:
        self._covers.discard(isbn)


def declared(*, base_path: str = "", limits: Limits | None = None) -> Doors:
    doors = Doors(base_path=base_path, limits=limits)
    pictures = ("image/png", "image/jpeg")
    doors.put(
        "/books/{isbn}/cover",
        SetCover,
        sources={"cover": upload(types=pictures, bytes_max=COVER_BYTES_MAX)},
        rejects=[Untidy],
    )
    doors.put(
        "/books/{isbn}/scan", SetCover, sources={"cover": upload(bytes_max=600_000_000)}, timeout=600, rejects=[Untidy]
    )
    doors.put("/books/{isbn}/note", SetCover, sources={"cover": upload(bytes_max=SMALL)}, rejects=[Untidy])
    doors.post(
        "/catalogue",
        AddBook,
        status=201,
        sources={
            "cover": form_file(types=pictures, bytes_max=COVER_BYTES_MAX),
            "pages": form_file("page", bytes_max=SMALL, count_max=3),
        },
    )
    doors.get("/books/{isbn}/cover", ShowCover, file="attachment", rejects=[NoCover])
    doors.get("/books/{isbn}/shown", ShowCover, file="inline", rejects=[NoCover])
    doors.get("/books/{isbn}/page", ShowCover, file="inline", inline_types=("text/html",), rejects=[NoCover])
    doors.get("/books/{isbn}/about", DescribeCover, rejects=[NoCover])
    doors.delete("/books/{isbn}/cover", RemoveCover, rejects=[NoCover])
    return doors


def memory_shelf(doors: Doors | None = None, **options: Any) -> App:
    return App(
        "shelf",
        handlers=HANDLERS,
        adapters=(bind(Shelf, MemoryShelf),),
        doors=doors or declared(),
        store=MemoryStore(),
        parts=(memory_files(**options),),
    )


def sql_shelf(database: Database, blobs: Blobs, **options: Any) -> App:
    return App(
        "shelf",
        handlers=HANDLERS,
        adapters=(bind(Shelf, SqlShelf),),
        doors=declared(),
        store=database,
        parts=(FileStore(blobs, **options),),
    )


def some_file(**changes: Any) -> FileRef:
    fields: dict[str, Any] = {
        "id": UUID(int=7),
        "name": "a.png",
        "media_type": "image/png",
        "size": 10,
        "sha256": "0" * 64,
    }
    return FileRef(**fields | changes)
