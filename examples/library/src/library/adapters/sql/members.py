"""Members on SQL."""

from uuid import UUID

from krepis import Context
from krepis.sql import Sql, statement
from krepis.types import Email
from msgspec.structs import asdict
from sqlalchemy import bindparam, select

from library.adapters.sql.rows import adding, saving
from library.adapters.sql.tables import members
from library.application.ports import WritableMembers
from library.domain.member import Member

_FIND = statement(select(members).where(members.c.id == bindparam("id")), into=Member)
_FIND_BY_EMAIL = statement(select(members).where(members.c.email == bindparam("email")), into=Member)
_ADD = adding(members)
_SAVE = saving(members)


class SqlMembers(WritableMembers):
    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def find(self, ctx: Context, member: UUID) -> Member | None:
        return await self._sql.first(_FIND, id=member)

    async def find_by_email(self, ctx: Context, email: Email) -> Member | None:
        return await self._sql.first(_FIND_BY_EMAIL, email=email)

    async def add(self, ctx: Context, member: Member) -> None:
        await self._sql.run(_ADD, **asdict(member))

    async def save(self, ctx: Context, member: Member) -> None:
        await self._sql.run(_SAVE, **asdict(member))
