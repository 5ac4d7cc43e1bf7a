"""Single-use tokens: good once, for one purpose, until they expire; and not spent by a command that fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from _accounts_club import PASSWORD, by, logged_in, login, registered, status

from krepis.accounts import NoSuchToken, Redeemed
from krepis.accounts.sql_single_use import SqlSingleUseTokens
from krepis.context import Context
from krepis.testing import Reply, TestService
from krepis.types import Secret

T = TypeVar("T")
ANOTHER = "another password"


async def reset(club: TestService, token: str, password: str = ANOTHER) -> Reply:
    return await club.post("/resets/redeem", json={"token": token, "password": password})


async def asked(club: TestService, email: str = "ann@example.org") -> str:
    return (await club.post("/resets", json={"email": email})).json


async def within(
    club: TestService, work: Callable[[Context, SqlSingleUseTokens], Any], tenant: str | None = None
) -> Any:
    store = club.service.app.store
    assert store is not None
    ctx = club.context(tenant=tenant)
    return await store.transact(ctx, "write", lambda sql: work(ctx, SqlSingleUseTokens(sql)))


async def test_a_reset_sets_a_new_password_once_and_ends_all_sessions(club: TestService) -> None:
    await registered(club)
    session, _ = await logged_in(club)
    token = await asked(club)
    assert (await reset(club, token)).status == 204
    assert (await login(club, password=PASSWORD)).status == 401
    assert (await login(club, password=ANOTHER)).status == 200
    assert await status(club, session) == 401
    reply = await reset(club, token, "a third password")
    assert (reply.status, reply.json["code"]) == (404, "no_such_token")


async def test_of_a_hundred_redemptions_at_once_one_wins(club: TestService) -> None:
    await registered(club)
    token = await asked(club)
    replies = await asyncio.gather(*[reset(club, token) for _ in range(100)])
    assert sorted(reply.status for reply in replies) == [204] + [404] * 99


async def test_a_token_of_another_purpose_is_none(club: TestService) -> None:
    token = await within(club, lambda ctx, tokens: tokens.make(ctx, "invitation", "ann", lifetime_s=60))
    assert (await reset(club, token)).status == 404
    redeemed = await within(club, lambda ctx, tokens: tokens.redeem(ctx, "invitation", Secret(token)))
    assert redeemed == Redeemed(subject="ann", payload={})


async def test_what_was_given_comes_back(club: TestService) -> None:
    payload = {"role": "staff", "teams": [1, 2], "note": "héllo"}
    token = await within(
        club, lambda ctx, tokens: tokens.make(ctx, "invitation", "new@example.org", lifetime_s=60, payload=payload)
    )
    redeemed = await within(club, lambda ctx, tokens: tokens.redeem(ctx, "invitation", Secret(token)))
    assert redeemed == Redeemed(subject="new@example.org", payload=payload)


async def test_a_token_expires(club: TestService) -> None:
    await registered(club)
    token = await asked(club)
    club.sources.advance(timedelta(seconds=3600))
    assert (await reset(club, token)).status == 404


async def test_a_new_token_takes_the_place_of_the_one_before(club: TestService) -> None:
    await registered(club)
    first, second = await asked(club), await asked(club)
    assert (await reset(club, first)).status == 404
    assert (await reset(club, second)).status == 204


async def test_a_command_that_fails_spends_nothing(club: TestService) -> None:
    await registered(club)
    token = await asked(club)
    with pytest.raises(LookupError):
        await within(club, lambda ctx, tokens: redeem_and_fail(ctx, tokens, token))
    assert (await reset(club, token)).status == 204


async def redeem_and_fail(ctx: Context, tokens: SqlSingleUseTokens, token: str) -> None:
    await tokens.redeem(ctx, "reset", Secret(token))
    raise LookupError


async def test_what_was_withdrawn_is_good_no_more(club: TestService) -> None:
    token = await within(club, lambda ctx, tokens: tokens.make(ctx, "invitation", "ann", lifetime_s=60))
    assert await within(club, lambda ctx, tokens: tokens.withdraw(ctx, "invitation", "ann"), "acme") == 0
    assert await within(club, lambda ctx, tokens: tokens.withdraw(ctx, "invitation", "ann")) == 1
    with pytest.raises(NoSuchToken):
        await within(club, lambda ctx, tokens: tokens.redeem(ctx, "invitation", Secret(token)))


@pytest.mark.parametrize("guess", ["", "A" * 43, "A" * 42, "A" * 42 + "=", "é" * 43, "x" * 100_000])
async def test_what_is_no_token_is_refused(small: TestService, guess: str) -> None:
    assert (await reset(small, guess)).status == 404


async def test_a_token_is_no_access_token(club: TestService) -> None:
    await registered(club)
    assert (await club.get("/me", headers=by(await asked(club)))).status == 401


@pytest.mark.parametrize(("tenant", "is_good"), [("acme", True), (None, True), ("globex", False)])
async def test_a_token_is_good_in_its_tenant_and_for_whoever_has_none(
    club: TestService, tenant: str | None, is_good: bool
) -> None:
    token = await within(club, lambda ctx, t: t.make(ctx, "invitation", "ann", lifetime_s=60), tenant="acme")
    for method in ("find", "redeem"):
        redeeming = within(club, lambda ctx, t, m=method: getattr(t, m)(ctx, "invitation", Secret(token)), tenant)
        if is_good:
            assert (await redeeming).tenant == "acme"
        else:
            with pytest.raises(NoSuchToken):
                await redeeming
    if not is_good:  # and it is not spent
        assert await within(club, lambda ctx, t: t.redeem(ctx, "invitation", Secret(token)), "acme")
