"""Revise a member."""

from uuid import UUID

from krepis import Command, Context
from krepis.types import ABSENT, Absent, Email

from library.application.ports import WritableMembers
from library.application.views import MemberView, member_view
from library.domain.member import EmailTaken, Member, MemberName, revise
from library.domain.terms import MemberKind


class ReviseMember(Command[MemberView]):
    """A member's name, address or kind changes; what is not given stays as it is."""

    member: UUID
    name: MemberName | Absent = ABSENT
    email: Email | Absent = ABSENT
    kind: MemberKind | Absent = ABSENT


async def revise_member(ctx: Context, command: ReviseMember, member: Member, *, members: WritableMembers) -> MemberView:
    revised = revise(
        member,
        name=member.name if command.name is ABSENT else command.name,
        email=member.email if command.email is ABSENT else command.email,
        kind=member.kind if command.kind is ABSENT else command.kind,
    )
    namesake = await members.find_by_email(ctx, revised.email)
    if namesake is not None and namesake.id != member.id:
        raise EmailTaken(email=revised.email)
    await members.save(ctx, revised)
    return member_view(revised)
