"""Notes on SQL. Statements are declared here once and compiled once, when the app starts."""

from uuid import UUID

from krepis import Context
from krepis.sql import Sql, statement
from msgspec.structs import asdict
from sqlalchemy import bindparam, insert, select

from newborn.adapters.sql.tables import notes
from newborn.application.ports import WritableNotes
from newborn.domain.note import Note

_FIND = statement(select(notes).where(notes.c.id == bindparam("note")), into=Note)
_ADD = statement(insert(notes))


class SqlNotes(WritableNotes):
    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def find(self, ctx: Context, note: UUID) -> Note | None:
        return await self._sql.first(_FIND, note=note)

    async def add(self, ctx: Context, note: Note) -> None:
        await self._sql.run(_ADD, **asdict(note))
