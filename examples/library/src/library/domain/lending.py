"""Lending: the decision in which member, copy, reservation and fines meet."""

from datetime import datetime
from uuid import UUID

from krepis import Rejection, Value, replace
from krepis.types import Money

from library.domain.copy import Copy, CopyLent, CopySetAside, CopyWithdrawn
from library.domain.loan import Loan
from library.domain.member import Member, require_good_standing
from library.domain.reservation import Reservation, collect


class Lending(Value):
    """All that changes when a member takes a copy home."""

    loan: Loan
    copy: Copy
    reservation: Reservation | None


class TooManyLoans(Rejection):
    message = "this member may have at most {limit} loans"


def lend(
    member: Member,
    copy: Copy,
    *,
    reservation: Reservation | None,
    loans_open: int,
    owed: Money,
    loan_id: UUID,
    at: datetime,
) -> Lending:
    """Give the copy to the member. `reservation` is the one that the copy is set aside for."""
    require_good_standing(member, owed)
    limit = member.terms.loans_max
    if loans_open >= limit:
        raise TooManyLoans(limit=limit)
    _require_lendable(copy, member, reservation)
    due_at = at + member.terms.loan_period
    return Lending(
        loan=Loan(id=loan_id, member=member.id, copy=copy.id, lent_at=at, due_at=due_at),
        copy=replace(copy, status="lent"),
        reservation=None if reservation is None else collect(reservation),
    )


def _require_lendable(copy: Copy, member: Member, reservation: Reservation | None) -> None:
    assert (reservation is not None) == (copy.status == "set_aside")
    if copy.status == "lent":
        raise CopyLent(copy=copy.id)
    if copy.status == "withdrawn":
        raise CopyWithdrawn(copy=copy.id)
    if reservation is not None and reservation.member != member.id:
        raise CopySetAside(copy=copy.id)
