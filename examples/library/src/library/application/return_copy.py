"""Return a copy."""

from uuid import UUID

from krepis import Command, Context
from krepis.events import Events

from library.application.hand_over import hand_over
from library.application.ports import WritableCopies, WritableFines, WritableLoans, WritableReservations
from library.application.views import ReturnView, fine_view, loan_view
from library.domain.events import CopyReturned
from library.domain.fine import fine_for
from library.domain.loan import Loan, end


class ReturnCopy(Command[ReturnView]):
    """A copy comes back: late ones cost a fine, and the first who waits for the book gets it next."""

    loan: UUID


async def return_copy(
    ctx: Context,
    command: ReturnCopy,
    loan: Loan,
    *,
    copies: WritableCopies,
    loans: WritableLoans,
    reservations: WritableReservations,
    events: Events,
    fines: WritableFines,
) -> ReturnView:
    at = ctx.now()
    ended = end(loan, at)
    await loans.save(ctx, ended)
    copy = await hand_over(ctx, loan.copy, copies=copies, reservations=reservations, events=events)
    await events.emit(ctx, CopyReturned(copy=loan.copy, loan=loan.id))
    fine = fine_for(loan, fine_id=ctx.new_id(), at=at)
    if fine is not None:
        await fines.add(ctx, fine)
    return ReturnView(loan=loan_view(ended, copy.isbn), fine=None if fine is None else fine_view(fine))
