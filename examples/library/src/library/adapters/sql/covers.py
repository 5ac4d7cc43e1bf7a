"""Covers on SQL."""

from krepis import Context
from krepis.sql import Sql, statement
from msgspec.structs import asdict
from sqlalchemy import bindparam, delete, select

from library.adapters.sql.rows import adding
from library.adapters.sql.tables import covers
from library.application.ports import WritableCovers
from library.domain.cover import Cover

_FIND = statement(select(covers).where(covers.c.isbn == bindparam("isbn")), into=Cover)
_REMOVE = statement(delete(covers).where(covers.c.isbn == bindparam("isbn")))
_ADD = adding(covers)


class SqlCovers(WritableCovers):
    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def find(self, ctx: Context, isbn: str) -> Cover | None:
        return await self._sql.first(_FIND, isbn=isbn)

    async def put(self, ctx: Context, cover: Cover) -> None:
        await self._sql.run(_REMOVE, isbn=cover.isbn)
        await self._sql.run(_ADD, **asdict(cover))
