"""Staff: who acts for the library."""

from typing import Annotated, Literal
from uuid import UUID

from krepis import NotFound, Value
from krepis.types import length, matches

StaffName = Annotated[str, length(1, 100)]
StaffRole = Literal["librarian", "manager"]
Branch = Annotated[str, matches(r"[a-z][a-z0-9-]{0,62}")]


class StaffMember(Value):
    """A person who works here: at one branch, or for the library as a whole."""

    id: UUID
    name: StaffName
    role: StaffRole
    branch: Branch | None = None


class NoSuchStaff(NotFound):
    message = "nobody of the staff is `{person}`"


def roles_of(person: StaffMember) -> frozenset[str]:
    """What this person may act as; a manager is a librarian, too."""
    return frozenset(("librarian", "manager")) if person.role == "manager" else frozenset(("librarian",))
