"""Suspend a member."""

from uuid import UUID

from krepis import Command, Context

from library.application.ports import Staff, WritableMembers
from library.application.views import MemberView, member_view
from library.domain.member import NoSuchMember, suspend
from library.domain.staff import require_staff


class SuspendMember(Command[MemberView]):
    """Staff take away a member's right to borrow; loans that run go on."""

    member: UUID
    by: UUID


async def suspend_member(ctx: Context, command: SuspendMember, *, members: WritableMembers, staff: Staff) -> MemberView:
    require_staff(await staff.find(ctx, command.by))
    member = await members.find(ctx, command.member)
    if member is None:
        raise NoSuchMember(member=command.member)
    suspended = suspend(member)
    await members.save(ctx, suspended)
    return member_view(suspended)
