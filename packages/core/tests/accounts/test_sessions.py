"""Sessions: opened by a login, refreshed, ended; what has ended is good no more, here and everywhere."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, Protocol
from uuid import UUID

import pytest
from _accounts_club import GrantMore, an_app, by, logged_in, refreshed, registered, status

from krepis import Command, Context, WritePort, bind
from krepis.accounts import RefreshTokenReused, SessionTokens, WritableSessions
from krepis.accounts.ports import Grant
from krepis.testing import TestService, TestSources, start
from krepis.types import Secret


async def test_a_login_opens_a_session_in_the_apps_own_words(club: TestService) -> None:
    member = await registered(club)
    token, _ = await logged_in(club)
    me = (await club.get("/me", headers=by(token))).json
    assert me["id"] == member
    assert me["permissions"] == ["read", "write"]
    assert [one["id"] for one in (await club.get("/sessions", headers=by(token))).json] == [me["session"]]


async def test_another_word_before_the_token_is_none(club: TestService) -> None:
    await registered(club)
    token, _ = await logged_in(club)
    assert (await club.get("/me", headers={"authorization": f"Bearer {token}"})).status == 401


async def test_an_access_token_expires_and_the_refresh_token_gets_a_new_one(club: TestService) -> None:
    await registered(club)
    token, refresh = await logged_in(club)
    club.sources.advance(timedelta(seconds=899))
    assert await status(club, token) == 200
    club.sources.advance(timedelta(seconds=1))
    assert await status(club, token) == 401
    fresh = (await refreshed(club, refresh)).json
    assert fresh["expires_in"] == 900
    assert fresh["token_type"] == "Bearer"
    assert await status(club, fresh["access_token"]) == 200


async def test_logging_out_ends_this_session_at_once_and_no_other(club: TestService) -> None:
    await registered(club)
    (first, refresh), (second, _) = await logged_in(club), await logged_in(club)
    assert (await club.delete("/session", headers=by(first))).status == 204
    assert (await status(club, first), await status(club, second)) == (401, 200)
    assert (await refreshed(club, refresh)).status == 401


async def test_logging_out_everywhere_ends_all_of_ones_own(club: TestService) -> None:
    await registered(club)
    await registered(club, "bea@example.org")
    tokens = [(await logged_in(club))[0] for _ in range(3)]
    other, _ = await logged_in(club, "bea@example.org")
    await club.delete("/sessions", headers=by(tokens[0]))
    assert [await status(club, token) for token in tokens] == [401] * 3
    assert await status(club, other) == 200


async def test_a_refresh_token_that_comes_again_ends_the_session(club: TestService) -> None:
    await registered(club)
    _, stolen = await logged_in(club)
    fresh = (await refreshed(club, stolen)).json
    reply = await refreshed(club, stolen)
    assert (reply.status, reply.json["code"]) == (401, "invalid_credential")
    assert await status(club, fresh["access_token"]) == 401
    assert (await refreshed(club, fresh["refresh_token"])).status == 401
    assert any(line["event"] == "refresh_token_reused" for line in club.sources.lines)


async def test_of_a_hundred_refreshes_at_once_one_wins_and_the_session_ends(club: TestService) -> None:
    await registered(club)
    _, refresh = await logged_in(club)
    replies = await asyncio.gather(*[refreshed(club, refresh) for _ in range(100)])
    assert sorted(reply.status for reply in replies) == [200] + [401] * 99
    winner = next(reply for reply in replies if reply.status == 200).json
    assert await status(club, winner["access_token"]) == 401


async def test_guessing_at_a_session_whose_id_is_known_ends_nothing(club: TestService) -> None:
    await registered(club)
    token, refresh = await logged_in(club)
    guess = refresh[:30] + ("A" if refresh[30] != "A" else "B") + refresh[31:]  # of the family, which nobody else knows
    assert (await refreshed(club, guess)).status == 401
    assert await status(club, token) == 200


@pytest.mark.parametrize("guess", ["", "A" * 86, "A" * 85, "x" * 10_000, "é" * 86, "A" * 85 + "=", "\n" * 86])
async def test_what_is_no_refresh_token_is_refused(small: TestService, guess: str) -> None:
    assert (await refreshed(small, guess)).status == 401


async def test_a_session_ends_when_nobody_refreshes_it_and_at_its_end_in_any_case(club: TestService) -> None:
    await registered(club)
    _, refresh = await logged_in(club)
    for _ in range(6):  # 6 times 29 days: every refresh is in time, and 180 days come nearer
        club.sources.advance(timedelta(days=29))
        reply = await refreshed(club, refresh)
        assert reply.status == 200
        refresh = reply.json["refresh_token"]
    club.sources.advance(timedelta(days=6))
    assert (await refreshed(club, refresh)).status == 401
    _, idle = await logged_in(club)
    club.sources.advance(timedelta(days=30))
    assert (await refreshed(club, idle)).status == 401


async def test_roles_change_at_once_with_a_new_grant(club: TestService) -> None:
    member = await registered(club)
    token, _ = await logged_in(club)
    assert (await club.post("/write", headers=by(token))).status == 200
    assert await club.dispatch(GrantMore(member=UUID(member), permissions=frozenset({"read"}))) == 1
    assert (await club.post("/write", headers=by(token))).status == 403


async def test_a_subject_that_is_the_system_opens_no_session(small: TestService) -> None:
    from krepis.accounts.part import Accounts
    from krepis.accounts.sql_sessions import SqlSessions

    part = small.service.app.parts[0]
    assert isinstance(part, Accounts)

    async def work(sql: Any) -> None:
        sessions = SqlSessions(part.settings, part.memory.tokens, part.memory.known, sql, None)
        await sessions.open(small.context(), Grant("system"))

    store = small.service.app.store
    assert store is not None
    with pytest.raises(AssertionError, match="system"):
        await store.transact(small.context(), "write", work)


class Doorman(WritePort, Protocol):
    async def renew(self, ctx: Context, token: Secret) -> SessionTokens: ...


class DoormanBySessions(Doorman):
    def __init__(self, sessions: WritableSessions) -> None:
        self._sessions = sessions

    async def renew(self, ctx: Context, token: Secret) -> SessionTokens:
        return await self._sessions.refresh(ctx, token)


class Renew(Command[SessionTokens]):
    token: Secret


async def renew(ctx: Context, command: Renew, *, doorman: Doorman) -> SessionTokens:
    return await doorman.renew(ctx, command.token)


async def test_a_stolen_session_is_ended_also_behind_a_port_of_the_apps_own() -> None:
    app = an_app("sqlite://")
    app.handlers = (*app.handlers, renew)
    app.adapters = (*app.adapters, bind(Doorman, DoormanBySessions))
    app.policy = None
    async with start(app, TestSources(seed=1)) as club:
        await registered(club)
        _, stolen = await logged_in(club)
        fresh = await club.dispatch(Renew(token=Secret(stolen)))
        assert await status(club, fresh.access_token) == 200
        assert isinstance(await club.refused(Renew(token=Secret(stolen))), RefreshTokenReused)
        assert await status(club, fresh.access_token) == 401
