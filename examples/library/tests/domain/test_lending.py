from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from krepis import replace
from krepis.types import Money

from library.domain.copy import Copy, CopyLent, CopySetAside, CopyWithdrawn
from library.domain.lending import TooManyLoans, lend
from library.domain.member import Member, MemberSuspended, OwesTooMuch
from library.domain.reservation import Reservation
from library.domain.terms import DEBT_MAX, NOTHING, TERMS

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
ALICE = Member(id=UUID(int=1), name="Alice", email="alice@example.org", kind="adult", joined_at=NOON)
BOB = replace(ALICE, id=UUID(int=2), name="Bob", email="bob@example.org")
DUNE = Copy(id=UUID(int=3), isbn="9780441013593")
LOAN = UUID(int=4)
FOR_ALICE = Reservation(
    id=UUID(int=5),
    member=ALICE.id,
    isbn=DUNE.isbn,
    status="ready",
    placed_at=NOON,
    copy=DUNE.id,
    pickup_until=NOON + timedelta(days=3),
)

kinds = st.sampled_from(sorted(TERMS))


def lend_to(member, copy=DUNE, *, reservation=None, loans_open=0, owed=NOTHING):
    return lend(member, copy, reservation=reservation, loans_open=loans_open, owed=owed, loan_id=LOAN, at=NOON)


@given(kinds)
def test_the_due_date_follows_from_the_kind_of_member(kind):
    lending = lend_to(replace(ALICE, kind=kind))
    assert lending.loan.due_at == NOON + TERMS[kind].loan_period


@given(kinds)
def test_a_member_has_as_many_loans_as_the_limit_and_not_one_more(kind):
    member = replace(ALICE, kind=kind)
    limit = TERMS[kind].loans_max
    lend_to(member, loans_open=limit - 1)
    with pytest.raises(TooManyLoans):
        lend_to(member, loans_open=limit)


def test_a_lent_copy_is_never_lent_again():
    lent = lend_to(ALICE).copy
    with pytest.raises(CopyLent):
        lend_to(BOB, lent)


def test_a_withdrawn_copy_is_not_lent():
    with pytest.raises(CopyWithdrawn):
        lend_to(ALICE, replace(DUNE, status="withdrawn"))


def test_a_copy_that_is_set_aside_goes_to_the_member_who_reserved_it():
    lending = lend_to(ALICE, replace(DUNE, status="set_aside"), reservation=FOR_ALICE)
    assert (lending.copy.status, lending.reservation) == ("lent", replace(FOR_ALICE, status="collected"))


def test_a_copy_that_is_set_aside_goes_to_nobody_else():
    with pytest.raises(CopySetAside):
        lend_to(BOB, replace(DUNE, status="set_aside"), reservation=FOR_ALICE)


def test_a_suspended_member_borrows_nothing():
    with pytest.raises(MemberSuspended):
        lend_to(replace(ALICE, status="suspended"))


def test_a_member_borrows_with_debts_up_to_the_limit_and_not_a_cent_more():
    lend_to(ALICE, owed=DEBT_MAX)
    with pytest.raises(OwesTooMuch) as refused:
        lend_to(ALICE, owed=DEBT_MAX + Money.of("0.01", "EUR"))
    assert refused.value.sentence == "5.01 EUR is owed; at most 5.00 EUR may be"
