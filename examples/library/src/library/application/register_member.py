"""Register a member."""

from krepis import Command, Context
from krepis.events import Events
from krepis.types import Email

from library.application.ports import WritableMembers
from library.application.views import MemberView, member_view
from library.domain.events import MemberRegistered
from library.domain.member import EmailTaken, Member, MemberName
from library.domain.terms import MemberKind


class RegisterMember(Command[MemberView]):
    """Somebody gets a library card; an email address belongs to one member."""

    name: MemberName
    email: Email
    kind: MemberKind = "adult"


async def register_member(
    ctx: Context, command: RegisterMember, *, members: WritableMembers, events: Events
) -> MemberView:
    if await members.find_by_email(ctx, command.email) is not None:
        raise EmailTaken(email=command.email)
    member = Member(id=ctx.new_id(), name=command.name, email=command.email, kind=command.kind, joined_at=ctx.now())
    await members.add(ctx, member)
    await events.emit(ctx, MemberRegistered(member=member.id))
    return member_view(member)
