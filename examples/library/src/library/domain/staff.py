"""Staff: who acts for the library."""

from typing import Annotated, Literal
from uuid import UUID

from krepis import NotFound, Value
from krepis.types import length

StaffName = Annotated[str, length(1, 100)]
StaffRole = Literal["librarian", "manager"]


class StaffMember(Value):
    """A person who works here."""

    id: UUID
    name: StaffName
    role: StaffRole


class NoSuchStaff(NotFound):
    message = "nobody of the staff is `{person}`"


def roles_of(person: StaffMember) -> frozenset[str]:
    """What this person may act as; a manager is a librarian, too."""
    return frozenset(("librarian", "manager")) if person.role == "manager" else frozenset(("librarian",))
