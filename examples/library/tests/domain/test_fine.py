from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from krepis.types import Money

from library.domain.fine import Fine, FineSettled, NotPayable, PaidTooMuch, fine_for, pay, total_owed, waive
from library.domain.loan import Loan
from library.domain.terms import FINE_MAX, NOTHING

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
DUE = NOON + timedelta(days=21)
MEMBER, COPY, LOAN, FINE, MANAGER = (UUID(int=number) for number in range(1, 6))
LENT = Loan(id=LOAN, member=MEMBER, copy=COPY, lent_at=NOON, due_at=DUE)

moments_after_due = st.timedeltas(min_value=timedelta(microseconds=1), max_value=timedelta(days=3650)).map(DUE.__add__)
cents = st.integers(min_value=1, max_value=1000).map(lambda cents: euros(f"{cents // 100}.{cents % 100:02}"))


def euros(amount):
    return Money.of(amount, "EUR")


def fine_of(amount, paid=NOTHING):
    return Fine(id=FINE, member=MEMBER, loan=LOAN, amount=amount, paid=paid, raised_at=NOON)


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=3650)))
def test_a_return_in_time_costs_nothing(early):
    assert fine_for(LENT, fine_id=FINE, at=DUE - early) is None


@given(moments_after_due, moments_after_due)
def test_a_later_return_never_costs_less(one, other):
    first, second = sorted([one, other])
    assert amount_at(first) <= amount_at(second)


def amount_at(moment):
    fine = fine_for(LENT, fine_id=FINE, at=moment)
    assert fine is not None
    return fine.amount


@pytest.mark.parametrize(
    ("late", "amount"),
    [
        (timedelta(microseconds=1), "0.25"),
        (timedelta(days=1), "0.25"),
        (timedelta(days=1, microseconds=1), "0.50"),
        (timedelta(days=40), "10.00"),
        (timedelta(days=41), "10.00"),
    ],
)
def test_each_day_that_has_begun_costs_a_quarter_up_to_the_limit(late, amount):
    assert amount_at(DUE + late) == euros(amount)


@given(moments_after_due)
def test_no_fine_is_above_the_limit(moment):
    assert amount_at(moment) <= FINE_MAX


@given(st.lists(cents, max_size=20))
def test_what_is_owed_in_total_is_the_sum_of_the_fines(amounts):
    total = total_owed(fine_of(amount) for amount in amounts)
    assert total.amount == sum(amount.amount for amount in amounts)


@given(cents, st.data())
def test_paying_in_two_parts_settles_the_fine_exactly(amount, data):
    part = euros(data.draw(st.decimals(min_value="0.01", max_value=amount.amount, places=2)))
    once = pay(fine_of(amount), part)
    settled = pay(once, once.owed) if once.status == "open" else once
    assert (settled.status, settled.paid, settled.owed) == ("paid", amount, NOTHING)


def test_paying_a_part_leaves_the_rest_owed():
    assert pay(fine_of(euros("1.00")), euros("0.30")).owed == euros("0.70")


@given(cents)
def test_paying_more_than_is_owed_is_refused(amount):
    with pytest.raises(PaidTooMuch):
        pay(fine_of(amount), amount + euros("0.01"))


@pytest.mark.parametrize("payment", [euros("0.00"), euros("-1.00"), euros("0.001"), Money.of("1.00", "USD")])
def test_a_payment_that_is_no_whole_number_of_euro_cents_is_refused(payment):
    with pytest.raises(NotPayable):
        pay(fine_of(euros("1.00")), payment)


def test_a_waived_fine_owes_nothing_and_keeps_what_was_paid():
    waived = waive(fine_of(euros("1.00"), paid=euros("0.25")), by=MANAGER, because="snowed in")
    assert (waived.owed, waived.paid, waived.waived_by) == (NOTHING, euros("0.25"), MANAGER)


def test_a_settled_fine_is_neither_paid_nor_waived_again():
    settled = pay(fine_of(euros("1.00")), euros("1.00"))
    with pytest.raises(FineSettled):
        pay(settled, euros("0.01"))
    with pytest.raises(FineSettled):
        waive(settled, by=MANAGER, because="again")
