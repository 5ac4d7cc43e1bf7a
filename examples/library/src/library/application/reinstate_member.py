"""Reinstate a member."""

from uuid import UUID

from krepis import Command, Context

from library.application.ports import Staff, WritableMembers
from library.application.views import MemberView, member_view
from library.domain.member import NoSuchMember, reinstate
from library.domain.staff import require_staff


class ReinstateMember(Command[MemberView]):
    """Staff give a suspended member the right to borrow back."""

    member: UUID
    by: UUID


async def reinstate_member(
    ctx: Context, command: ReinstateMember, *, members: WritableMembers, staff: Staff
) -> MemberView:
    require_staff(await staff.find(ctx, command.by))
    member = await members.find(ctx, command.member)
    if member is None:
        raise NoSuchMember(member=command.member)
    reinstated = reinstate(member)
    await members.save(ctx, reinstated)
    return member_view(reinstated)
