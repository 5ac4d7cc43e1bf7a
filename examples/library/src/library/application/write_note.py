"""Write a note."""

from uuid import UUID

from krepis import Command, Context

from library.application.ports import WritableNotes
from library.domain.note import NoBranch, Note, NoteText


class WriteNote(Command[Note]):
    """Somebody at the desk of a branch leaves a word for the others there."""

    text: NoteText


async def write_note(ctx: Context, command: WriteNote, *, notes: WritableNotes) -> Note:
    if ctx.tenant is None:
        raise NoBranch
    assert ctx.actor is not None  # the policy lets in staff alone
    note = Note(id=ctx.new_id(), text=command.text, written_by=UUID(ctx.actor.id), written_at=ctx.now())
    await notes.add(ctx, note)
    return note
