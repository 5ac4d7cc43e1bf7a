"""Notes on SQL. No statement names the branch: the compiler narrows them to that of `ctx`."""

from krepis import Context
from krepis.sql import Sql, statement
from msgspec.structs import asdict
from sqlalchemy import bindparam, insert, select

from library.adapters.sql.tables import notes
from library.application.ports import WritableNotes
from library.domain.note import Note

_NOTE = (notes.c.id, notes.c.text, notes.c.written_by, notes.c.written_at)

_LATEST = statement(
    select(*_NOTE).order_by(notes.c.written_at.desc(), notes.c.id.desc()).limit(bindparam("limit")), into=Note
)
_ADD = statement(insert(notes).values({column.name: bindparam(column.name, type_=column.type) for column in _NOTE}))


class SqlNotes(WritableNotes):
    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def latest(self, ctx: Context, limit: int) -> list[Note]:
        return await self._sql.all(_LATEST, limit=limit)

    async def add(self, ctx: Context, note: Note) -> None:
        await self._sql.run(_ADD, **asdict(note))
