"""Reinstate a member."""

from uuid import UUID

from krepis import Command, Context

from library.application.ports import WritableMembers
from library.application.views import MemberView, member_view
from library.domain.member import Member, reinstate


class ReinstateMember(Command[MemberView]):
    """Staff give a suspended member the right to borrow back."""

    member: UUID


async def reinstate_member(
    ctx: Context, command: ReinstateMember, member: Member, *, members: WritableMembers
) -> MemberView:
    reinstated = reinstate(member)
    await members.save(ctx, reinstated)
    return member_view(reinstated)
