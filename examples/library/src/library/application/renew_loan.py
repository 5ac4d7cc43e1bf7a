"""Renew a loan."""

from uuid import UUID

from krepis import Command, Context

from library.application.ports import Copies, Fines, Members, Reservations, WritableLoans
from library.application.views import LoanView, loan_view
from library.domain.fine import total_owed
from library.domain.loan import Loan, renew
from library.domain.member import require_good_standing


class RenewLoan(Command[LoanView]):
    """A member keeps a copy for one more period, unless it is overdue or somebody waits for it."""

    loan: UUID


async def renew_loan(
    ctx: Context,
    command: RenewLoan,
    loan: Loan,
    *,
    members: Members,
    copies: Copies,
    loans: WritableLoans,
    reservations: Reservations,
    fines: Fines,
) -> LoanView:
    member = await members.find(ctx, loan.member)
    copy = await copies.find(ctx, loan.copy)
    assert member is not None
    assert copy is not None
    require_good_standing(member, total_owed(await fines.open_of(ctx, member.id)))
    others_wait = await reservations.first_waiting(ctx, copy.isbn) is not None
    renewed = renew(loan, member.terms, others_wait=others_wait, at=ctx.now())
    await loans.save(ctx, renewed)
    return loan_view(renewed, copy.isbn)
