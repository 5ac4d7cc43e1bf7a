from uuid import UUID

from library.domain.staff import StaffMember, roles_of

LIBRARIAN = StaffMember(id=UUID(int=1), name="Lise", role="librarian")
MANAGER = StaffMember(id=UUID(int=2), name="Max", role="manager")


def test_a_manager_is_a_librarian_too():
    assert roles_of(LIBRARIAN) < roles_of(MANAGER) == {"librarian", "manager"}
