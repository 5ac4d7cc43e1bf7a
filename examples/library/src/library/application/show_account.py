"""Show a member's account."""

from uuid import UUID

from krepis import Context, Query

from library.application.ports import Fines, Loans, Reservations
from library.application.views import AccountView, fine_view, member_view, reservation_view
from library.domain.fine import total_owed
from library.domain.member import Member


class ShowAccount(Query[AccountView]):
    """All that is open between a member and the library: loans, reservations, fines, and what is owed."""

    member: UUID


async def show_account(
    ctx: Context, query: ShowAccount, member: Member, *, loans: Loans, reservations: Reservations, fines: Fines
) -> AccountView:
    owing = await fines.open_of(ctx, member.id)
    return AccountView(
        member=member_view(member),
        loans=await loans.open_of(ctx, member.id),
        reservations=[reservation_view(each) for each in await reservations.open_of(ctx, member.id)],
        fines=[fine_view(fine) for fine in owing],
        owed=total_owed(owing),
    )
