"""Loans: who has which copy, and until when."""

from datetime import datetime, timedelta
from uuid import UUID

from krepis import Actor, NotFound, Rejection, Value, replace

from library.domain.terms import RENEWALS_MAX, Terms

_DAY = timedelta(days=1)


class Loan(Value):
    """A copy with a member; it is open until `returned_at` is set."""

    id: UUID
    member: UUID
    copy: UUID
    lent_at: datetime
    due_at: datetime
    renewals: int = 0
    returned_at: datetime | None = None


class NoSuchLoan(NotFound):
    message = "there is no loan `{loan}`"


class LoanReturned(Rejection):
    message = "this loan ended when the copy came back"


class LoanOverdue(Rejection):
    message = "this loan is overdue; please bring the copy back"


class RenewedTooOften(Rejection):
    message = "a loan is renewed at most {limit} times"


class OthersWait(Rejection):
    message = "other members wait for this book"


def has_lent(actor: Actor, loan: Loan) -> bool:
    """Whether it is the member who has the copy who acts."""
    return actor.id == str(loan.member)


def days_late(loan: Loan, at: datetime) -> int:
    """How many days after its due date the loan is at that time; a day that has begun counts."""
    return max(0, -((loan.due_at - at) // _DAY))


def end(loan: Loan, at: datetime) -> Loan:
    """The loan after the copy came back."""
    if loan.returned_at is not None:
        raise LoanReturned(loan=loan.id)
    return replace(loan, returned_at=at)


def renew(loan: Loan, terms: Terms, *, others_wait: bool, at: datetime) -> Loan:
    """The loan for one more period, counted from its due date."""
    if loan.returned_at is not None:
        raise LoanReturned(loan=loan.id)
    if at > loan.due_at:
        raise LoanOverdue(loan=loan.id, due_at=loan.due_at)
    if loan.renewals >= RENEWALS_MAX:
        raise RenewedTooOften(loan=loan.id, limit=RENEWALS_MAX)
    if others_wait:
        raise OthersWait(loan=loan.id)
    return replace(loan, due_at=loan.due_at + terms.loan_period, renewals=loan.renewals + 1)
