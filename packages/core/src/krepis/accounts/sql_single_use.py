"""Single-use tokens in SQL: one DELETE redeems a token, so that of any number of redeemers one has it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, delete, insert, select

from krepis.accounts.ports import NoSuchToken, Redeemed, SingleUseTokens
from krepis.accounts.tables import single_use_tokens
from krepis.accounts.tokens import digest_of, from_text, to_text
from krepis.context import Context
from krepis.sql import Sql, Statement, statement
from krepis.types import Secret

_SECRET_BYTES = 32

_columns = single_use_tokens.c

ADD = statement(insert(single_use_tokens))
_good = (
    _columns.digest == bindparam("digest"),
    _columns.purpose == bindparam("purpose"),
    _columns.expires_at > bindparam("now"),
)
_told = (_columns.subject, _columns.payload, _columns.tenant)
_of_tenant = _columns.tenant == bindparam("of_tenant")
FIND = statement(select(*_told).where(*_good), into=Redeemed)
FIND_OF = statement(select(*_told).where(*_good, _of_tenant), into=Redeemed)
REDEEM = statement(delete(single_use_tokens).where(*_good).returning(*_told), into=Redeemed)
REDEEM_OF = statement(delete(single_use_tokens).where(*_good, _of_tenant).returning(*_told), into=Redeemed)
WITHDRAW = statement(
    delete(single_use_tokens).where(
        _columns.subject == bindparam("subject"),
        _columns.purpose == bindparam("purpose"),
        _columns.tenant.is_not_distinct_from(bindparam("tenant")),
    )
)
SWEEP = statement(
    delete(single_use_tokens).where(
        _columns.id.in_(select(_columns.id).where(_columns.expires_at <= bindparam("now")).limit(bindparam("count")))
    )
)


class SqlSingleUseTokens(SingleUseTokens):
    """Single-use tokens in the unit's transaction."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def make(
        self, ctx: Context, purpose: str, subject: str, *, lifetime_s: float, payload: Mapping[str, Any] | None = None
    ) -> str:
        assert lifetime_s > 0, "a token that has expired when it is made is good for nobody"
        await self.withdraw(ctx, purpose, subject)
        secret = ctx.origin.draw(_SECRET_BYTES)
        await self._sql.run(
            ADD,
            id=ctx.new_id(),
            digest=digest_of(secret),
            purpose=purpose,
            subject=subject,
            tenant=ctx.tenant,
            payload=dict(payload or {}),
            created_at=ctx.now(),
            expires_at=ctx.now() + timedelta(seconds=lifetime_s),
        )
        return ctx.origin.issue(to_text(secret))

    async def find(self, ctx: Context, purpose: str, token: Secret) -> Redeemed:
        return await self._with(FIND, FIND_OF, ctx, purpose, token)

    async def redeem(self, ctx: Context, purpose: str, token: Secret) -> Redeemed:
        return await self._with(REDEEM, REDEEM_OF, ctx, purpose, token)

    async def withdraw(self, ctx: Context, purpose: str, subject: str) -> int:
        return await self._sql.run(WITHDRAW, purpose=purpose, subject=subject, tenant=ctx.tenant)

    async def _with(
        self,
        any_tenants: Statement[Redeemed],
        one_tenants: Statement[Redeemed],
        ctx: Context,
        purpose: str,
        token: Secret,
    ) -> Redeemed:
        secret = from_text(token.reveal(), _SECRET_BYTES)
        if secret is None:
            raise NoSuchToken
        given = {"digest": digest_of(secret), "purpose": purpose, "now": ctx.now()}
        # Whoever takes an invitation mostly has no name yet, and so no tenant; whoever has one stays in it.
        if ctx.tenant is None:
            redeemed = await self._sql.first(any_tenants, **given)
        else:
            redeemed = await self._sql.first(one_tenants, **given, of_tenant=ctx.tenant)
        if redeemed is None:
            raise NoSuchToken
        return redeemed
