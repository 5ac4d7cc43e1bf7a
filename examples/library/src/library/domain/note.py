"""Notes: what the staff of a branch tell each other at their desk."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from krepis import Rejection, Value
from krepis.types import length

NoteText = Annotated[str, length(1, 1000)]


class Note(Value):
    """A note at the desk of one branch; which one is not said, since no other branch ever sees it."""

    id: UUID
    text: NoteText
    written_by: UUID
    written_at: datetime


class NoBranch(Rejection):
    message = "notes belong to a branch, and you work for none"
