"""Sign in."""

from krepis import Command, Context, replace
from krepis.accounts import Grants, Logins, SessionTokens, WritableSessions
from krepis.types import Email, Secret

from library.application.let_in import let_in
from library.application.ports import WritableAccounts


class SignIn(Command[SessionTokens]):
    """A member or somebody of the staff signs in. `client` is the caller's address."""

    email: Email
    password: Secret
    client: str = ""


async def sign_in(
    ctx: Context,
    command: SignIn,
    *,
    accounts: WritableAccounts,
    grants: Grants,
    logins: Logins,
    sessions: WritableSessions,
) -> SessionTokens:
    account = await accounts.find_by_email(ctx, command.email)
    rehashed = await logins.check(
        ctx,
        account=command.email,
        password=command.password,
        stored=None if account is None else account.password,
        client=command.client,
    )
    assert account is not None, "without an account no password is right"
    if rehashed is not None:
        await accounts.save(ctx, replace(account, password=rehashed))
    return await let_in(ctx, str(account.person), grants=grants, sessions=sessions)
