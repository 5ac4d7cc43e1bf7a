"""Take an invitation."""

from uuid import UUID

from krepis import Command, Context
from krepis.accounts import Grants, Passwords, SessionTokens, SingleUseTokens, WritableSessions
from krepis.types import Email, Secret

from library.application.let_in import let_in
from library.application.ports import WritableAccounts
from library.domain.account import INVITATION, Account, AccountKnown, Password


class TakeInvitation(Command[SessionTokens]):
    """Whoever was invited chooses the address and the password that they sign in with, and is signed in."""

    token: Secret
    email: Email
    password: Password


async def take_invitation(
    ctx: Context,
    command: TakeInvitation,
    *,
    passwords: Passwords,
    tokens: SingleUseTokens,
    accounts: WritableAccounts,
    grants: Grants,
    sessions: WritableSessions,
) -> SessionTokens:
    hashed = await passwords.hash(ctx, command.password)
    invited = await tokens.redeem(ctx, INVITATION, command.token)
    person = UUID(invited.subject)
    if await accounts.find(ctx, person) or await accounts.find_by_email(ctx, command.email):
        raise AccountKnown
    await accounts.add(ctx, Account(person=person, email=command.email, password=hashed))
    return await let_in(ctx, invited.subject, grants=grants, sessions=sessions)
