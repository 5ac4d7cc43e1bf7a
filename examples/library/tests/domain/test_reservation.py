from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from krepis import replace

from library.domain.copy import Copy
from library.domain.member import Member
from library.domain.reservation import (
    CopyOnShelf,
    Reservation,
    ReservationOver,
    ReservedAlready,
    TooManyReservations,
    cancel,
    collect,
    expire,
    pass_on,
    reserve,
)
from library.domain.terms import PICKUP_PERIOD

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
ALICE = Member(id=UUID(int=1), name="Alice", email="alice@example.org", kind="adult", joined_at=NOON)
DUNE = "9780441013593"
RETURNED = Copy(id=UUID(int=3), isbn=DUNE, status="lent")
WAITING = Reservation(id=UUID(int=4), member=ALICE.id, isbn=DUNE, placed_at=NOON)


def reserve_dune(*, mine=(), copies_available=0):
    return reserve(ALICE, DUNE, mine=list(mine), copies_available=copies_available, reservation_id=UUID(int=9), at=NOON)


def test_a_reservation_waits():
    assert reserve_dune().status == "waiting"


def test_nobody_waits_for_a_book_that_stands_on_the_shelf():
    with pytest.raises(CopyOnShelf):
        reserve_dune(copies_available=1)


def test_nobody_waits_twice_for_a_book():
    with pytest.raises(ReservedAlready):
        reserve_dune(mine=[WAITING])


def test_a_member_reserves_as_many_books_as_the_limit_and_not_one_more():
    others = [replace(WAITING, isbn=f"978000000000{digit}") for digit in range(3)]
    reserve_dune(mine=others[:2])
    with pytest.raises(TooManyReservations):
        reserve_dune(mine=others)


def test_a_copy_that_nobody_waits_for_goes_back_on_the_shelf():
    handover = pass_on(RETURNED, None, NOON)
    assert (handover.copy.status, handover.reservation) == ("available", None)


def test_a_copy_that_somebody_waits_for_is_set_aside_until_the_pickup_deadline():
    handover = pass_on(RETURNED, WAITING, NOON)
    assert handover.copy.status == "set_aside"
    assert handover.reservation == replace(WAITING, status="ready", copy=RETURNED.id, pickup_until=NOON + PICKUP_PERIOD)


def test_a_ready_reservation_ends_in_one_of_three_ways():
    ready = replace(WAITING, status="ready", copy=RETURNED.id, pickup_until=NOON)
    ends = [collect(ready), cancel(ready), expire(ready, NOON + timedelta(seconds=1))]
    assert [end.status for end in ends] == ["collected", "cancelled", "expired"]


@pytest.mark.parametrize("status", ["collected", "cancelled", "expired"])
def test_a_reservation_that_is_over_is_not_cancelled(status):
    with pytest.raises(ReservationOver):
        cancel(replace(WAITING, status=status))
