"""Suspend a member."""

from uuid import UUID

from krepis import Command, Context

from library.application.ports import WritableMembers
from library.application.views import MemberView, member_view
from library.domain.member import Member, suspend


class SuspendMember(Command[MemberView]):
    """Staff take away a member's right to borrow; loans that run go on."""

    member: UUID


async def suspend_member(
    ctx: Context, command: SuspendMember, member: Member, *, members: WritableMembers
) -> MemberView:
    suspended = suspend(member)
    await members.save(ctx, suspended)
    return member_view(suspended)
