"""Write a note."""

from krepis import Command, Context

from newborn.application.ports import WritableNotes
from newborn.domain.note import Note, NoteText, write


class WriteNote(Command[Note]):
    """Somebody leaves a note, to be read again by its id."""

    text: NoteText


async def write_note(ctx: Context, command: WriteNote, *, notes: WritableNotes) -> Note:
    note = write(ctx.new_id(), command.text, ctx.now())
    await notes.add(ctx, note)
    return note
