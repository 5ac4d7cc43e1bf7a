"""Show a note."""

from uuid import UUID

from krepis import Context, Query

from newborn.application.ports import Notes
from newborn.domain.note import NoSuchNote, Note


class ShowNote(Query[Note]):
    """One note, as it was written."""

    note: UUID


async def show_note(ctx: Context, query: ShowNote, *, notes: Notes) -> Note:
    note = await notes.find(ctx, query.note)
    if note is None:
        raise NoSuchNote(note=query.note)
    return note
