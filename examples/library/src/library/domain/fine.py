"""Fines: what a late return costs, and how it is settled."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from krepis import NotFound, Rejection, Value, replace
from krepis.types import Money, length

from library.domain.loan import Loan, days_late
from library.domain.terms import CURRENCY, FINE_MAX, FINE_PER_DAY, NOTHING

Reason = Annotated[str, length(1, 500)]
FineStatus = Literal["open", "paid", "waived"]


class Fine(Value):
    """What a member owes for one late return; it may be paid in parts."""

    id: UUID
    member: UUID
    loan: UUID
    amount: Money
    paid: Money = NOTHING
    status: FineStatus = "open"
    raised_at: datetime
    waived_by: UUID | None = None
    waived_because: Reason | None = None

    @property
    def owed(self) -> Money:
        """What is still to be paid."""
        return self.amount - self.paid if self.status == "open" else NOTHING


class NoSuchFine(NotFound):
    message = "there is no fine `{fine}`"


class FineSettled(Rejection):
    message = "this fine is {status} already"


class NotPayable(Rejection):
    kind = "invalid"
    message = "fines are paid in {currency}, more than nothing and in whole cents"


class PaidTooMuch(Rejection):
    message = "only {owed} is owed"


def fine_for(loan: Loan, *, fine_id: UUID, at: datetime) -> Fine | None:
    """The fine for a copy that comes back at that time; none when it is not late."""
    days = days_late(loan, at)
    if days == 0:
        return None
    amount = min(FINE_PER_DAY * days, FINE_MAX)
    return Fine(id=fine_id, member=loan.member, loan=loan.id, amount=amount, raised_at=at)


def total_owed(fines: Iterable[Fine]) -> Money:
    """What is still to be paid of all these fines."""
    return sum((fine.owed for fine in fines), NOTHING)


def pay(fine: Fine, amount: Money) -> Fine:
    """The fine after a payment; it is settled when nothing is owed any more."""
    _require_open(fine)
    if not _is_payable(amount):
        raise NotPayable(currency=CURRENCY)
    if amount > fine.owed:
        raise PaidTooMuch(fine=fine.id, owed=fine.owed)
    paid = fine.paid + amount
    return replace(fine, paid=paid, status="paid" if paid == fine.amount else "open")


def waive(fine: Fine, *, by: UUID, because: str) -> Fine:
    """The fine, forgiven; what has been paid of it stays paid."""
    _require_open(fine)
    return replace(fine, status="waived", waived_by=by, waived_because=because)


def _is_payable(amount: Money) -> bool:
    return amount.currency == CURRENCY and amount > NOTHING and amount == amount.rounded(2)


def _require_open(fine: Fine) -> None:
    if fine.status != "open":
        raise FineSettled(fine=fine.id, status=fine.status)
