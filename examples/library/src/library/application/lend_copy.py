"""Lend a copy."""

from uuid import UUID

from krepis import Command, Context

from library.application.ports import Fines, Members, WritableCopies, WritableLoans, WritableReservations
from library.application.views import LoanView, loan_view
from library.domain.copy import NoSuchCopy
from library.domain.fine import total_owed
from library.domain.lending import lend
from library.domain.member import NoSuchMember


class LendCopy(Command[LoanView]):
    """A member takes a copy home, for as long and as often as their kind of membership grants."""

    member: UUID
    copy: UUID


async def lend_copy(
    ctx: Context,
    command: LendCopy,
    *,
    members: Members,
    copies: WritableCopies,
    loans: WritableLoans,
    reservations: WritableReservations,
    fines: Fines,
) -> LoanView:
    member = await members.find(ctx, command.member)
    if member is None:
        raise NoSuchMember(member=command.member)
    copy = await copies.find(ctx, command.copy)
    if copy is None:
        raise NoSuchCopy(copy=command.copy)
    lending = lend(
        member,
        copy,
        reservation=await reservations.ready_for(ctx, copy.id),
        loans_open=await loans.count_open(ctx, member.id),
        owed=total_owed(await fines.open_of(ctx, member.id)),
        loan_id=ctx.new_id(),
        at=ctx.now(),
    )
    await copies.save(ctx, lending.copy)
    await loans.add(ctx, lending.loan)
    if lending.reservation is not None:
        await reservations.save(ctx, lending.reservation)
    return loan_view(lending.loan, copy.isbn)
