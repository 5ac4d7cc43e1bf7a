"""Sessions in SQL: a short access token that names its session, and a refresh token that is changed at each use.

A refresh token is `session id | family | secret`. The family stays the same for the session's life, the secret is new
at each refresh; both are random and only their digests are stored. So a token with the right family and another secret
was good once: somebody has used it before, and the session is ended. A token with another family is a guess, and ends
nothing, so nobody who has seen a session's id can end it.
"""

from __future__ import annotations

import hmac
from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct
from sqlalchemy import bindparam, delete, insert, or_, select, update

from krepis.accounts.ports import (
    Grant,
    Grants,
    RefreshTokenReused,
    Session,
    SessionTokens,
    WritableSessions,
)
from krepis.accounts.settings import AccountSettings
from krepis.accounts.tables import SUBJECT_CHARACTERS_MAX, sessions
from krepis.accounts.tokens import AccessTokens, Recent, digest_of, from_text, to_text
from krepis.context import Context
from krepis.identity import SYSTEM, InvalidCredential
from krepis.sql import Sql, statement
from krepis.types import Secret

_ID_BYTES = 16
_FAMILY_BYTES = 16
_SECRET_BYTES = 32
REFRESH_BYTES = _ID_BYTES + _FAMILY_BYTES + _SECRET_BYTES


class SessionRow(Struct, frozen=True):
    """A stored session."""

    id: UUID
    subject: str
    tenant: str | None
    roles: frozenset[str]
    permissions: frozenset[str]
    family: str
    refresh: str
    created_at: datetime
    refreshed_at: datetime
    expires_at: datetime
    revoked_at: datetime | None

    def goes_on(self, now: datetime) -> bool:
        return self.revoked_at is None and self.expires_at > now

    @property
    def grant(self) -> Grant:
        return Grant(self.subject, self.roles, self.permissions, self.tenant)


_columns = sessions.c
_of_subject = (
    _columns.subject == bindparam("subject"),
    _columns.tenant.is_not_distinct_from(bindparam("tenant")),
    _columns.revoked_at.is_(None),
)

ADD = statement(insert(sessions))
FIND = statement(select(sessions).where(_columns.id == bindparam("session")), into=SessionRow)
OF = statement(
    select(
        _columns.id,
        _columns.subject,
        _columns.created_at,
        _columns.refreshed_at,
        _columns.expires_at,
    )
    .where(*_of_subject, _columns.expires_at > bindparam("now"))
    .order_by(_columns.created_at.desc(), _columns.id.desc())
    .limit(bindparam("count", 1_000)),
    into=Session,
)
ROTATE = statement(
    update(sessions)
    .where(_columns.id == bindparam("session"), _columns.refresh == bindparam("spent"), _columns.revoked_at.is_(None))
    .values(
        refresh=bindparam("fresh"),
        roles=bindparam("new_roles"),
        permissions=bindparam("new_permissions"),
        refreshed_at=bindparam("now"),
        expires_at=bindparam("end"),
    )
)
END = statement(
    update(sessions)
    .where(
        _columns.id == bindparam("session"),
        _columns.tenant.is_not_distinct_from(bindparam("tenant")),
        _columns.revoked_at.is_(None),
    )
    .values(revoked_at=bindparam("now"))
)
END_ANY = statement(
    update(sessions)
    .where(_columns.id == bindparam("session"), _columns.revoked_at.is_(None))
    .values(revoked_at=bindparam("now"))
)
IDS = statement(select(_columns.id).where(*_of_subject).order_by(_columns.refreshed_at.desc()), into=UUID)
REGRANT = statement(
    update(sessions).where(*_of_subject).values(roles=bindparam("new_roles"), permissions=bindparam("new_permissions"))
)
_over = or_(_columns.expires_at <= bindparam("now"), _columns.revoked_at.is_not(None))
SWEEP = statement(delete(sessions).where(_columns.id.in_(select(_columns.id).where(_over).limit(bindparam("count")))))


class SqlSessions(WritableSessions):
    """Sessions in the unit's transaction. `known` is what `identify` remembers of sessions in this process."""

    def __init__(
        self, settings: AccountSettings, tokens: AccessTokens, known: Recent[object], sql: Sql, grants: Grants | None
    ) -> None:
        self._settings = settings
        self._tokens = tokens
        self._known = known
        self._sql = sql
        self._grants = grants

    async def of(self, ctx: Context, subject: str) -> list[Session]:
        return await self._sql.all(OF, subject=subject, tenant=ctx.tenant, now=ctx.now())

    async def open(self, ctx: Context, grant: Grant) -> SessionTokens:
        assert 0 < len(grant.subject) <= SUBJECT_CHARACTERS_MAX, "a subject is the id of an account"
        assert grant.subject != SYSTEM.id, "nobody signs in as the system"
        assert ctx.tenant in (None, grant.tenant), "a session belongs to the tenant of its context"
        session = ctx.new_id()
        family, secret = ctx.origin.draw(_FAMILY_BYTES), ctx.origin.draw(_SECRET_BYTES)
        now = ctx.now()
        open_ones = await self._sql.all(IDS, subject=grant.subject, tenant=grant.tenant)
        for oldest in open_ones[self._settings.sessions_max - 1 :]:
            await self._end(oldest, now)
        await self._sql.run(
            ADD,
            id=session,
            subject=grant.subject,
            tenant=grant.tenant,
            roles=grant.roles,
            permissions=grant.permissions,
            family=digest_of(family),
            refresh=digest_of(secret),
            created_at=now,
            refreshed_at=now,
            expires_at=self._end_of(now, now),
            revoked_at=None,
        )
        return self._made(ctx, grant, session, session.bytes + family + secret)

    async def refresh(self, ctx: Context, refresh_token: Secret) -> SessionTokens:
        raw = from_text(refresh_token.reveal(), REFRESH_BYTES)
        if raw is None:
            raise InvalidCredential
        session = UUID(bytes=raw[:_ID_BYTES])
        family, spent = raw[_ID_BYTES : _ID_BYTES + _FAMILY_BYTES], digest_of(raw[_ID_BYTES + _FAMILY_BYTES :])
        now = ctx.now()
        row = await self._sql.first(FIND, session=session)
        if row is None or not row.goes_on(now) or not hmac.compare_digest(row.family, digest_of(family)):
            raise InvalidCredential
        if not hmac.compare_digest(row.refresh, spent):
            raise RefreshTokenReused(session)
        grant = row.grant
        if self._grants is not None:
            found = await self._grants.find(ctx, row.subject)
            if found is None or found.tenant != row.tenant:
                raise InvalidCredential
            grant = found
        secret = ctx.origin.draw(_SECRET_BYTES)
        rotated = await self._sql.run(
            ROTATE,
            session=session,
            spent=spent,
            fresh=digest_of(secret),
            new_roles=grant.roles,
            new_permissions=grant.permissions,
            now=now,
            end=self._end_of(row.created_at, now),
        )
        if not rotated:  # another process was faster with the same token
            raise RefreshTokenReused(session)
        self._known.forget(session)
        return self._made(ctx, grant, session, raw[: _ID_BYTES + _FAMILY_BYTES] + secret)

    async def close(self, ctx: Context, session: UUID) -> bool:
        self._known.forget(session)
        return await self._sql.run(END, session=session, tenant=ctx.tenant, now=ctx.now()) > 0

    async def close_all(self, ctx: Context, subject: str, *, but: UUID | None = None) -> int:
        ending = [one for one in await self._sql.all(IDS, subject=subject, tenant=ctx.tenant) if one != but]
        for session in ending:
            await self._end(session, ctx.now())
        return len(ending)

    async def regrant(self, ctx: Context, grant: Grant) -> int:
        for session in await self._sql.all(IDS, subject=grant.subject, tenant=grant.tenant):
            self._known.forget(session)
        return await self._sql.run(
            REGRANT,
            subject=grant.subject,
            tenant=grant.tenant,
            new_roles=grant.roles,
            new_permissions=grant.permissions,
        )

    async def _end(self, session: UUID, now: datetime) -> None:
        self._known.forget(session)
        await self._sql.run(END_ANY, session=session, now=now)

    def _end_of(self, created_at: datetime, now: datetime) -> datetime:
        idle, whole = timedelta(seconds=self._settings.idle_s), timedelta(seconds=self._settings.session_s)
        return min(now + idle, created_at + whole)

    def _made(self, ctx: Context, grant: Grant, session: UUID, refresh: bytes) -> SessionTokens:
        issue = ctx.origin.issue
        return SessionTokens(
            access_token=issue(self._tokens.sign(grant, session, ctx.now())),
            refresh_token=issue(to_text(refresh)),
            expires_in=int(self._settings.access_s),
        )
