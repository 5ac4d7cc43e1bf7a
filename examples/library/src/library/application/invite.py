"""Invite a member, or somebody of the staff, to have an account."""

from uuid import UUID

from krepis import Command, Context
from krepis.accounts import SingleUseTokens

from library.application.ports import Staff
from library.application.views import InvitationView
from library.domain.account import INVITATION, INVITATION_S
from library.domain.member import Member
from library.domain.staff import NoSuchStaff


class InviteMember(Command[InvitationView]):
    """A member gets a word that makes an account, once. An earlier word is good no more."""

    member: UUID


class InviteStaff(Command[InvitationView]):
    """Somebody of the staff gets a word that makes an account, once. An earlier word is good no more."""

    person: UUID


async def invite_member(
    ctx: Context, command: InviteMember, member: Member, *, tokens: SingleUseTokens
) -> InvitationView:
    return InvitationView(token=await tokens.make(ctx, INVITATION, str(member.id), lifetime_s=INVITATION_S))


async def invite_staff(ctx: Context, command: InviteStaff, *, staff: Staff, tokens: SingleUseTokens) -> InvitationView:
    if await staff.find(ctx, command.person) is None:
        raise NoSuchStaff(person=command.person)
    return InvitationView(token=await tokens.make(ctx, INVITATION, str(command.person), lifetime_s=INVITATION_S))
