from uuid import UUID

import pytest

from library.domain.staff import NotManager, NotStaff, StaffMember, require_manager, require_staff

LIBRARIAN = StaffMember(id=UUID(int=1), name="Lise", role="librarian")
MANAGER = StaffMember(id=UUID(int=2), name="Max", role="manager")


def test_whoever_works_here_is_staff():
    assert require_staff(LIBRARIAN) == LIBRARIAN


def test_a_stranger_is_not_staff():
    with pytest.raises(NotStaff):
        require_manager(None)


def test_only_a_manager_is_a_manager():
    assert require_manager(MANAGER) == MANAGER
    with pytest.raises(NotManager):
        require_manager(LIBRARIAN)
