"""The ports in memory, for tests and trials: nothing is kept longer than the process."""

from uuid import UUID

from krepis import Context
from krepis.testing import MemoryUnit

from newborn.application.ports import WritableNotes
from newborn.domain.note import Note


class MemoryNotes(WritableNotes):
    def __init__(self, unit: MemoryUnit) -> None:
        self._notes = unit.table("notes", Note)

    async def find(self, ctx: Context, note: UUID) -> Note | None:
        return self._notes.get(note)

    async def add(self, ctx: Context, note: Note) -> None:
        self._notes.put(note.id, note)
