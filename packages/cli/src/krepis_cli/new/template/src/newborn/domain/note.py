"""Notes: a text that somebody wants to be kept, and when they wrote it."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from krepis import NotFound, Rejection, Value
from krepis.types import length

NoteText = Annotated[str, length(1, 1000)]


class Note(Value):
    id: UUID
    text: NoteText
    written_at: datetime


class NoSuchNote(NotFound):
    message = "there is no note `{note}`"


class BlankNote(Rejection):
    kind = "invalid"
    message = "a note says something, and this one is blank"


def write(note: UUID, text: str, at: datetime) -> Note:
    """A new note, without the blanks around its text."""
    words = text.strip()
    if not words:
        raise BlankNote
    return Note(id=note, text=words, written_at=at)
