"""Whose credential it is: an access token or an API key, read together with what is stored of it."""

from __future__ import annotations

import hmac
from datetime import datetime
from typing import Protocol, TypeVar
from uuid import UUID

from msgspec import Struct

from krepis.accounts import sql_api_keys, sql_sessions
from krepis.accounts.ports import Grant, Grants
from krepis.accounts.settings import AccountSettings
from krepis.accounts.sql_api_keys import API_KEY, ApiKeyRow, parsed
from krepis.accounts.sql_sessions import SessionRow
from krepis.accounts.tokens import AccessTokens, Recent
from krepis.context import Actor, Context
from krepis.identity import Caller, Identify, InvalidCredential
from krepis.port import ReadPort
from krepis.sql import Sql

T = TypeVar("T")

SESSION = "session:"
USES_MAX = 10_000
"""Uses of API keys that wait to be noted; beyond, they are not."""


class Callers(ReadPort, Protocol):
    """Who has a credential. Krepis's own; handlers read `ctx.actor`."""

    async def find(self, ctx: Context, scheme: str, credential: str) -> Caller:
        """Raises `InvalidCredential`."""
        ...


async def identify(ctx: Context, query: Identify, *, callers: Callers) -> Caller:
    """The handler of `Identify` for both schemes."""
    return await callers.find(ctx, query.scheme, query.credential.reveal())


class Seen(Struct, frozen=True):
    """What was read, and until when (of the monotonic clock) it may be taken for true."""

    until: float
    row: SessionRow | ApiKeyRow


class Memory:
    """What one process remembers of callers: rows for `revocation_lag_s`, and which keys were used when."""

    def __init__(self, settings: AccountSettings) -> None:
        self.tokens = AccessTokens(settings)
        self.known: Recent[object] = Recent(settings.cached_max)
        self.uses: dict[UUID, datetime] = {}

    def use(self, key: UUID, at: datetime) -> None:
        if key in self.uses or len(self.uses) < USES_MAX:
            self.uses[key] = at


class SqlCallers(Callers):
    """Reads the session or the key at each request, or at most `revocation_lag_s` before."""

    def __init__(self, settings: AccountSettings, memory: Memory, sql: Sql, grants: Grants | None) -> None:
        self._lag_s = settings.revocation_lag_s
        self._memory = memory
        self._sql = sql
        self._grants = grants

    async def find(self, ctx: Context, scheme: str, credential: str) -> Caller:
        if scheme == "api_key":
            return await self._by_key(ctx, credential)
        claims = self._memory.tokens.verify(credential, ctx.now())
        row = self._remembered(ctx, claims.sid, SessionRow)
        if row is None:
            row = await self._sql.first(sql_sessions.FIND, session=claims.sid)
            self._remember(ctx, claims.sid, row)
        if row is None or not row.goes_on(ctx.now()) or row.subject != claims.sub or row.tenant != claims.tenant:
            raise InvalidCredential
        grant = row.grant if self._grants is None else await self._granted(ctx, row.subject, row.tenant)
        actor = Actor(grant.subject, grant.roles, grant.permissions, f"{SESSION}{row.id}")
        return Caller(actor, row.tenant)

    async def _by_key(self, ctx: Context, credential: str) -> Caller:
        found = parsed(credential)
        if found is None:
            raise InvalidCredential
        prefix, digest = found
        row = self._remembered(ctx, prefix, ApiKeyRow)
        if row is None:
            row = await self._sql.first(sql_api_keys.FIND, prefix=prefix)
            self._remember(ctx, prefix, row)
        if row is None or not hmac.compare_digest(row.digest, digest) or not row.is_good(ctx.now()):
            raise InvalidCredential
        roles, permissions = row.roles, row.permissions
        if self._grants is not None:
            grant = await self._granted(ctx, row.owner, row.tenant)
            roles, permissions = roles & grant.roles, permissions & grant.permissions
        self._memory.use(row.id, ctx.now())
        return Caller(Actor(row.owner, roles, permissions, f"{API_KEY}{row.id}"), row.tenant)

    async def _granted(self, ctx: Context, subject: str, tenant: str | None) -> Grant:
        assert self._grants is not None
        grant = await self._grants.find(ctx, subject)
        if grant is None or grant.subject != subject or grant.tenant != tenant:
            raise InvalidCredential
        return grant

    def _remembered(self, ctx: Context, key: object, of: type[T]) -> T | None:
        if not self._lag_s:
            return None
        seen = self._memory.known.get(key)
        if not isinstance(seen, Seen) or seen.until <= ctx.origin.sources.monotonic() or not isinstance(seen.row, of):
            return None
        return seen.row

    def _remember(self, ctx: Context, key: object, row: SessionRow | ApiKeyRow | None) -> None:
        if self._lag_s and row is not None:
            self._memory.known.put(key, Seen(ctx.origin.sources.monotonic() + self._lag_s, row))


def session_of(ctx: Context) -> UUID | None:
    """The session that the caller has come with; `None` for a caller without one (an API key, a job)."""
    credential = "" if ctx.actor is None else ctx.actor.credential
    return UUID(credential.removeprefix(SESSION)) if credential.startswith(SESSION) else None
