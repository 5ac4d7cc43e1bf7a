"""API keys in SQL: `word_prefix_secret`. The prefix is shown and finds the row; of the secret only a digest is stored."""

from __future__ import annotations

import re
from datetime import datetime
from uuid import UUID

from msgspec import Struct
from sqlalchemy import bindparam, delete, func, insert, or_, select, update

from krepis.access import NotSignedIn
from krepis.accounts.ports import (
    ApiKey,
    ApiKeyNameTooLong,
    MoreThanOwner,
    NewApiKey,
    TooManyApiKeys,
    WritableApiKeys,
)
from krepis.accounts.settings import AccountSettings
from krepis.accounts.tables import NAME_CHARACTERS_MAX, api_keys
from krepis.accounts.tokens import Recent, digest_of, to_text
from krepis.context import Actor, Context
from krepis.sql import Sql, statement

API_KEY = "api_key:"
"""What `Actor.credential` begins with for a caller with a key; the key's id follows."""

_PREFIX_BYTES = 6
_SECRET_BYTES = 32
_FORM = re.compile(r"([A-Za-z0-9]{1,16}_[0-9a-f]{12})_([A-Za-z0-9_-]{43})")


class ApiKeyRow(Struct, frozen=True):
    """A stored key."""

    id: UUID
    prefix: str
    digest: str
    name: str
    owner: str
    tenant: str | None
    roles: frozenset[str]
    permissions: frozenset[str]
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None
    revoked_at: datetime | None

    def is_good(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)


_columns = api_keys.c
_good = (
    _columns.owner == bindparam("whose"),
    _columns.tenant.is_not_distinct_from(bindparam("of_tenant")),
    _columns.revoked_at.is_(None),
    or_(_columns.expires_at.is_(None), _columns.expires_at > bindparam("now")),
)

ADD = statement(insert(api_keys))
FIND = statement(select(api_keys).where(_columns.prefix == bindparam("prefix")), into=ApiKeyRow)
OF = statement(
    select(
        _columns.id,
        _columns.name,
        _columns.prefix,
        _columns.owner,
        _columns.roles,
        _columns.permissions,
        _columns.created_at,
        _columns.expires_at,
        _columns.used_at,
    )
    .where(*_good)
    .order_by(_columns.created_at.desc(), _columns.id.desc()),
    into=ApiKey,
)
FIND_ID = statement(select(api_keys).where(_columns.id == bindparam("key")), into=ApiKeyRow)
COUNT = statement(select(func.count()).select_from(api_keys).where(*_good), into=int)
REVOKE = statement(
    update(api_keys)
    .where(*_good, _columns.id == bindparam("key"))
    .values(revoked_at=bindparam("at"))
    .returning(_columns.prefix),
    into=str,
)
REVOKE_ALL = statement(
    update(api_keys).where(*_good).values(revoked_at=bindparam("at")).returning(_columns.prefix), into=str
)
_over = or_(_columns.expires_at <= bindparam("now"), _columns.revoked_at.is_not(None))
SWEEP = statement(delete(api_keys).where(_columns.id.in_(select(_columns.id).where(_over).limit(bindparam("count")))))
USED = statement(
    update(api_keys)
    .where(_columns.id == bindparam("key"), or_(_columns.used_at.is_(None), _columns.used_at < bindparam("at")))
    .values(used_at=bindparam("used"))
)


class SqlApiKeys(WritableApiKeys):
    """API keys in the unit's transaction. `known` is what `identify` remembers of keys in this process."""

    def __init__(self, settings: AccountSettings, known: Recent[object], sql: Sql) -> None:
        self._settings = settings
        self._known = known
        self._sql = sql

    async def of(self, ctx: Context, owner: str) -> list[ApiKey]:
        return await self._sql.all(OF, whose=owner, of_tenant=ctx.tenant, now=ctx.now())

    async def make(
        self,
        ctx: Context,
        name: str,
        *,
        roles: frozenset[str] = frozenset(),
        permissions: frozenset[str] = frozenset(),
        expires_at: datetime | None = None,
    ) -> NewApiKey:
        owner = ctx.actor
        if owner is None:
            raise NotSignedIn
        more = sorted((roles - owner.roles) | (permissions - owner.permissions))
        if await self._outlives(owner, expires_at):
            more.append("a later end")
        if more:
            raise MoreThanOwner(more=", ".join(more))
        if len(name) > NAME_CHARACTERS_MAX:
            raise ApiKeyNameTooLong(characters_max=NAME_CHARACTERS_MAX)
        count = await self._sql.one(COUNT, whose=owner.id, of_tenant=ctx.tenant, now=ctx.now())
        if count >= self._settings.api_keys_max:
            raise TooManyApiKeys(api_keys_max=self._settings.api_keys_max)
        id = ctx.new_id()
        prefix = f"{self._settings.api_key_word}_{ctx.origin.draw(_PREFIX_BYTES).hex()}"
        secret = ctx.origin.draw(_SECRET_BYTES)
        await self._sql.run(
            ADD,
            id=id,
            prefix=prefix,
            digest=digest_of(to_text(secret).encode()),
            name=name,
            owner=owner.id,
            tenant=ctx.tenant,
            roles=roles,
            permissions=permissions,
            created_at=ctx.now(),
            expires_at=expires_at,
            used_at=None,
            revoked_at=None,
        )
        key = ctx.origin.issue(f"{prefix}_{to_text(secret)}")
        return NewApiKey(key=key, id=id, prefix=prefix)

    async def revoke(self, ctx: Context, owner: str, id: UUID) -> bool:
        now = ctx.now()
        return self._gone(await self._sql.all(REVOKE, key=id, whose=owner, of_tenant=ctx.tenant, now=now, at=now)) > 0

    async def revoke_all(self, ctx: Context, owner: str) -> int:
        now = ctx.now()
        return self._gone(await self._sql.all(REVOKE_ALL, whose=owner, of_tenant=ctx.tenant, now=now, at=now))

    async def _outlives(self, owner: Actor, expires_at: datetime | None) -> bool:
        """Whether a key would be good for longer than the key that makes it: a leaked one must not prolong itself."""
        if not owner.credential.startswith(API_KEY):
            return False
        own = await self._sql.first(FIND_ID, key=UUID(owner.credential.removeprefix(API_KEY)))
        end = None if own is None else own.expires_at
        return end is not None and (expires_at is None or expires_at > end)

    def _gone(self, prefixes: list[str]) -> int:
        for prefix in prefixes:
            self._known.forget(prefix)
        return len(prefixes)


def parsed(key: str) -> tuple[str, str] | None:
    """Prefix and digest of what may be a key."""
    found = _FORM.fullmatch(key)
    return None if found is None else (found[1], digest_of(found[2].encode()))
