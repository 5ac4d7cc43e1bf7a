from datetime import UTC, datetime
from uuid import UUID

import pytest

from library.domain.member import (
    Member,
    MemberNotSuspended,
    MemberSuspended,
    reinstate,
    require_good_standing,
    suspend,
)
from library.domain.terms import NOTHING

ALICE = Member(
    id=UUID(int=1), name="Alice", email="alice@example.org", kind="adult", joined_at=datetime(2030, 1, 1, tzinfo=UTC)
)


def test_a_suspended_member_is_in_good_standing_again_when_reinstated():
    assert reinstate(suspend(ALICE)) == ALICE
    require_good_standing(reinstate(suspend(ALICE)), NOTHING)


def test_a_member_is_suspended_once():
    with pytest.raises(MemberSuspended):
        suspend(suspend(ALICE))


def test_only_a_suspended_member_is_reinstated():
    with pytest.raises(MemberNotSuspended):
        reinstate(ALICE)
