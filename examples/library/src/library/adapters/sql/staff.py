"""Staff on SQL."""

from uuid import UUID

from krepis import Context
from krepis.sql import Sql, statement
from msgspec.structs import asdict
from sqlalchemy import bindparam, select

from library.adapters.sql.rows import adding
from library.adapters.sql.tables import staff
from library.application.ports import WritableStaff
from library.domain.staff import StaffMember

_FIND = statement(select(staff).where(staff.c.id == bindparam("id")), into=StaffMember)
_ADD = adding(staff)


class SqlStaff(WritableStaff):
    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def find(self, ctx: Context, person: UUID) -> StaffMember | None:
        return await self._sql.first(_FIND, id=person)

    async def add(self, ctx: Context, person: StaffMember) -> None:
        await self._sql.run(_ADD, **asdict(person))
