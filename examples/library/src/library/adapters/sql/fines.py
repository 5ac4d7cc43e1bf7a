"""Fines on SQL."""

from uuid import UUID

from krepis import Context
from krepis.sql import Sql, statement
from msgspec.structs import asdict
from sqlalchemy import bindparam, select

from library.adapters.sql.rows import adding, saving
from library.adapters.sql.tables import fines
from library.application.ports import WritableFines
from library.domain.fine import Fine

_FIND = statement(select(fines).where(fines.c.id == bindparam("id")), into=Fine)
_OPEN = statement(
    select(fines)
    .where(fines.c.member == bindparam("member"), fines.c.status == "open")
    .order_by(fines.c.raised_at, fines.c.id),
    into=Fine,
)
_ADD = adding(fines)
_SAVE = saving(fines)


class SqlFines(WritableFines):
    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def find(self, ctx: Context, fine: UUID) -> Fine | None:
        return await self._sql.first(_FIND, id=fine)

    async def open_of(self, ctx: Context, member: UUID) -> list[Fine]:
        return await self._sql.all(_OPEN, member=member)

    async def add(self, ctx: Context, fine: Fine) -> None:
        await self._sql.run(_ADD, **asdict(fine))

    async def save(self, ctx: Context, fine: Fine) -> None:
        await self._sql.run(_SAVE, **asdict(fine))
