"""Let somebody in who has shown who they are: a step that several use cases share."""

from krepis import Context
from krepis.accounts import Grants, SessionTokens, WritableSessions

from library.domain.account import PersonGone, SignedInElsewhere


async def let_in(ctx: Context, person: str, *, grants: Grants, sessions: WritableSessions) -> SessionTokens:
    """A session with what that person has now, at their branch."""
    grant = await grants.find(ctx, person)
    if grant is None:
        raise PersonGone
    if ctx.tenant not in (None, grant.tenant):
        raise SignedInElsewhere
    return await sessions.open(ctx, grant)
