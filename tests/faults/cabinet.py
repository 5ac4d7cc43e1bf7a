"""A cabinet of documents, the service under test for files: what is uploaded is kept under a name, or refused.

Settings, from the environment: `CABINET_DB` is the database's url; `CABINET_FOLDER` is where the bytes go, the database
itself without it.
"""

from __future__ import annotations

import os
from typing import Annotated, Protocol

from sqlalchemy import Column, MetaData, String, Table, bindparam, insert, select

from krepis import App, Command, Context, NotFound, Query, ReadPort, Rejection, WritePort, bind
from krepis.files import FileRef, Files, FileStore, FolderBlobs
from krepis.files.database import DatabaseBlobs
from krepis.files.tables import BLOB_TABLES, TABLES
from krepis.http import Doors, upload
from krepis.sql import Database, Json, Sql, include_tables, statement
from krepis.types import length

UPLOAD_S = 2.0
LOOSE_S = 0.2


class StoreDocument(Command[FileRef]):
    name: Annotated[str, length(1, 100)]
    content: FileRef
    refuse: bool = False


class ShowDocument(Query[FileRef]):
    name: str


class NoSuchDocument(NotFound):
    message = "there is no `{name}`"


class Unwanted(Rejection):
    message = "nobody wants it"


class Documents(ReadPort, Protocol):
    async def find(self, ctx: Context, name: str) -> FileRef | None: ...


class Cabinet(Documents, WritePort, Protocol):
    async def put(self, ctx: Context, name: str, content: FileRef) -> None: ...


async def store_document(ctx: Context, command: StoreDocument, *, cabinet: Cabinet, files: Files) -> FileRef:
    await files.keep(ctx, command.content)
    await cabinet.put(ctx, command.name, command.content)
    if command.refuse:
        raise Unwanted
    return command.content


async def show_document(ctx: Context, query: ShowDocument, *, documents: Documents) -> FileRef:
    content = await documents.find(ctx, query.name)
    if content is None:
        raise NoSuchDocument(name=query.name)
    return content


metadata = MetaData()
documents_table = Table(
    "documents",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("content", Json(FileRef), nullable=False),
)
include_tables(metadata, *TABLES, *BLOB_TABLES)

PUT = statement(insert(documents_table))
FIND = statement(select(documents_table.c.content).where(documents_table.c.name == bindparam("name")))


class SqlCabinet(Cabinet):
    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def find(self, ctx: Context, name: str) -> FileRef | None:
        return await self._sql.first(FIND, name=name)

    async def put(self, ctx: Context, name: str, content: FileRef) -> None:
        await self._sql.run(PUT, name=name, content=content)


doors = Doors()
doors.put(
    "/documents/{name}",
    StoreDocument,
    sources={"content": upload(bytes_max=600_000_000)},
    timeout=float(os.environ.get("CABINET_SECONDS", UPLOAD_S)),
    rejects=[Unwanted],
)
doors.get("/documents/{name}", ShowDocument, file="attachment", rejects=[NoSuchDocument])

database = Database(os.environ.get("CABINET_DB", "sqlite://"), metadata=metadata)
folder = os.environ.get("CABINET_FOLDER")
app = App(
    "cabinet",
    handlers=(store_document, show_document),
    adapters=(bind(Cabinet, SqlCabinet),),
    doors=doors,
    store=database,
    parts=(FileStore(FolderBlobs(folder) if folder else DatabaseBlobs(database), loose_s=LOOSE_S, sweep_every_s=0.2),),
)
