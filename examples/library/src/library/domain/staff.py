"""Staff: who acts for the library."""

from typing import Annotated, Literal
from uuid import UUID

from krepis import Forbidden, Value
from krepis.types import length

StaffName = Annotated[str, length(1, 100)]
StaffRole = Literal["librarian", "manager"]


class StaffMember(Value):
    """A person who works here."""

    id: UUID
    name: StaffName
    role: StaffRole


class NotStaff(Forbidden):
    message = "only staff may do this"


class NotManager(Forbidden):
    message = "only a manager may do this"


def require_staff(person: StaffMember | None) -> StaffMember:
    """The person, if they work here."""
    if person is None:
        raise NotStaff
    return person


def require_manager(person: StaffMember | None) -> StaffMember:
    """The person, if they are a manager."""
    manager = require_staff(person)
    if manager.role != "manager":
        raise NotManager
    return manager
