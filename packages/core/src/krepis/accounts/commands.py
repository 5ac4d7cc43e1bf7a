"""Commands that every service with sessions has. An app gives them doors, or writes its own over the same ports.

```python
doors.post("/session/refresh", RefreshSession)
doors.delete("/session", LogOut, status=204)
```
"""

from __future__ import annotations

from krepis.access import NotSignedIn
from krepis.accounts.ports import SessionTokens, WritableSessions
from krepis.accounts.sql_callers import session_of
from krepis.context import Context
from krepis.message import Command
from krepis.types import Secret


class RefreshSession(Command[SessionTokens]):
    """New tokens for the refresh token of a session, which is then spent. Open it to anyone: the token is the proof."""

    refresh_token: Secret


class LogOut(Command[None]):
    """End the session that the caller has come with."""


class LogOutEverywhere(Command[None]):
    """End all sessions of the caller, this one, too."""


async def refresh_session(ctx: Context, command: RefreshSession, *, sessions: WritableSessions) -> SessionTokens:
    return await sessions.refresh(ctx, command.refresh_token)


async def log_out(ctx: Context, command: LogOut, *, sessions: WritableSessions) -> None:
    session = session_of(ctx)
    if session is None:
        raise NotSignedIn
    await sessions.close(ctx, session)


async def log_out_everywhere(ctx: Context, command: LogOutEverywhere, *, sessions: WritableSessions) -> None:
    if ctx.actor is None:
        raise NotSignedIn
    await sessions.close_all(ctx, ctx.actor.id)


HANDLERS = (refresh_session, log_out, log_out_everywhere)
