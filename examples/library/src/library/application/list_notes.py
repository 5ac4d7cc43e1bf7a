"""List notes."""

from krepis import Context, Query

from library.application.ports import Notes
from library.domain.note import NoBranch, Note

NOTES_SHOWN = 50


class ListNotes(Query[list[Note]]):
    """The latest notes at the desk of the caller's branch."""


async def list_notes(ctx: Context, query: ListNotes, *, notes: Notes) -> list[Note]:
    if ctx.tenant is None:
        raise NoBranch
    return await notes.latest(ctx, NOTES_SHOWN)
