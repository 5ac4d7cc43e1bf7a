from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from krepis import replace

from library.domain.loan import (
    Loan,
    LoanOverdue,
    LoanReturned,
    OthersWait,
    RenewedTooOften,
    days_late,
    end,
    renew,
)
from library.domain.terms import RENEWALS_MAX, TERMS

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
DUE = NOON + timedelta(days=21)
LENT = Loan(id=UUID(int=1), member=UUID(int=2), copy=UUID(int=3), lent_at=NOON, due_at=DUE)
ADULT = TERMS["adult"]


def test_a_loan_is_not_late_at_its_due_date():
    assert days_late(LENT, DUE) == 0


def test_a_day_of_delay_counts_when_it_begins():
    assert days_late(LENT, DUE + timedelta(seconds=1)) == 1


def test_renewing_counts_from_the_due_date():
    renewed = renew(LENT, ADULT, others_wait=False, at=NOON)
    assert (renewed.due_at, renewed.renewals) == (DUE + ADULT.loan_period, 1)


def test_an_overdue_loan_is_not_renewed():
    with pytest.raises(LoanOverdue):
        renew(LENT, ADULT, others_wait=False, at=DUE + timedelta(seconds=1))


def test_a_loan_is_not_renewed_while_others_wait():
    with pytest.raises(OthersWait):
        renew(LENT, ADULT, others_wait=True, at=NOON)


def test_a_loan_is_renewed_as_often_as_the_limit_and_not_once_more():
    renewed = renew(replace(LENT, renewals=RENEWALS_MAX - 1), ADULT, others_wait=False, at=NOON)
    with pytest.raises(RenewedTooOften):
        renew(renewed, ADULT, others_wait=False, at=NOON)


def test_a_loan_ends_once():
    ended = end(LENT, DUE)
    with pytest.raises(LoanReturned):
        end(ended, DUE)
    with pytest.raises(LoanReturned):
        renew(ended, ADULT, others_wait=False, at=NOON)
