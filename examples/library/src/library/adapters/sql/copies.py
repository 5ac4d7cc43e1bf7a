"""Copies on SQL."""

from uuid import UUID

from krepis import Context
from krepis.sql import Sql, statement
from msgspec.structs import asdict
from sqlalchemy import bindparam, func, select

from library.adapters.sql.rows import adding, saving
from library.adapters.sql.tables import copies
from library.application.ports import WritableCopies
from library.domain.copy import Copy

_OF_BOOK = select(func.count()).select_from(copies).where(copies.c.isbn == bindparam("isbn"))

_FIND = statement(select(copies).where(copies.c.id == bindparam("id")), into=Copy)
_COUNT = statement(_OF_BOOK.where(copies.c.status != "withdrawn"), into=int)
_COUNT_AVAILABLE = statement(_OF_BOOK.where(copies.c.status == "available"), into=int)
_ADD = adding(copies)
_SAVE = saving(copies)


class SqlCopies(WritableCopies):
    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def find(self, ctx: Context, copy: UUID) -> Copy | None:
        return await self._sql.first(_FIND, id=copy)

    async def count(self, ctx: Context, isbn: str) -> int:
        return await self._sql.one(_COUNT, isbn=isbn)

    async def count_available(self, ctx: Context, isbn: str) -> int:
        return await self._sql.one(_COUNT_AVAILABLE, isbn=isbn)

    async def add(self, ctx: Context, copy: Copy) -> None:
        await self._sql.run(_ADD, **asdict(copy))

    async def save(self, ctx: Context, copy: Copy) -> None:
        await self._sql.run(_SAVE, **asdict(copy))
