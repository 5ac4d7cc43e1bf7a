"""Secrets stay where they belong: in no log line, no `repr`, no refusal, and in no table."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from _accounts_club import PASSWORD, SECRET, LogIn, an_app, by, login, refreshed, registered, settings

from krepis.accounts import Accounts, NewApiKey, SessionTokens
from krepis.testing import Reply, TestService, TestSources, start
from krepis.types import Secret

ANOTHER = "another password that is secret, too"


async def story(club: TestService) -> tuple[list[str], list[Reply]]:
    """A life with accounts; the secrets that occur in it, and every answer that was a refusal."""
    await registered(club)
    refusals = [await login(club, password="wrong but typed in earnest")]
    first = (await login(club)).json["user"]
    fresh = (await refreshed(club, first["refresh"])).json
    refusals.append(await refreshed(club, first["refresh"]))
    second = (await login(club)).json["user"]
    asked = {"name": "robot", "permissions": ["read"]}
    key = (await club.post("/keys", json=asked, headers=by(second["token"]))).json["key"]
    await club.get("/me", headers={"x-api-key": key})
    reset = (await club.post("/resets", json={"email": "ann@example.org"})).json
    left = (await club.post("/resets", json={"email": "ann@example.org"})).json
    refusals.append(await club.post("/resets/redeem", json={"token": reset, "password": ANOTHER}))
    await club.post("/resets/redeem", json={"token": left, "password": ANOTHER})
    refusals.append(await club.get("/me", headers=by(second["token"])))
    refusals.append(await club.get("/me", headers=by(second["token"] + "A")))
    refusals.append(await club.get("/me", headers={"x-api-key": key[:-1]}))
    refusals.append(await club.post("/session/refresh", json={"refresh_token": [second["refresh"]]}))
    refusals.append(await club.post("/login", json={"user": {"email": 5, "password": PASSWORD}}))
    refusals.append(await club.post("/login", body=f'{{"user": {{"password": "{PASSWORD}", '.encode()))
    refusals += [await login(club, password=f"{ANOTHER} {number}") for number in range(8)]
    kept = [SECRET, PASSWORD, ANOTHER, "wrong but typed in earnest", reset, left, key, key.split("_", 2)[2]]
    return [*kept, *first.values(), *second.values(), fresh["access_token"], fresh["refresh_token"]], refusals


def secrets_in(text: str, secrets: list[str]) -> list[str]:
    return [secret for secret in secrets if secret != "ann@example.org" and secret in text]


async def test_no_log_line_and_no_refusal_shows_a_secret(club: TestService) -> None:
    secrets, refusals = await story(club)
    assert all(reply.status >= 400 for reply in refusals)
    assert secrets_in("".join(reply.text + str(reply.headers) for reply in refusals), secrets) == []
    assert len(club.sources.lines) > 10
    assert secrets_in(str(club.sources.lines), secrets) == []
    assert secrets_in(str(vars(club.service.app.parts[0])), secrets) == []


def all_bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


async def test_the_database_holds_no_secret(make_url: Callable[[str], Any], tmp_path: Path) -> None:
    url = await make_url("file")
    async with start(an_app(url), TestSources()) as club:
        secrets, _ = await story(club)
        stored = all_bytes(tmp_path)
    assert b"ann@example.org" in stored
    assert [secret for secret in secrets if secret != "ann@example.org" and secret.encode() in stored] == []


@pytest.mark.parametrize(
    "thing",
    [
        SessionTokens(access_token="a" * 40, refresh_token="a" * 40, expires_in=900),
        NewApiKey(key="a" * 40, id=UUID(int=1), prefix="key_1"),
        LogIn(email="ann", password=Secret("a" * 40)),
        settings(),
        Accounts(settings()),
    ],
)
def test_no_repr_shows_a_secret(thing: Any) -> None:
    assert secrets_in(f"{thing!r} {thing} {copy.copy(thing)!r}", ["a" * 40, SECRET]) == []


def test_a_pickled_message_has_no_password() -> None:
    assert PASSWORD.encode() not in pickle.dumps(LogIn(email="ann", password=Secret(PASSWORD)))


async def test_a_lag_for_revocation_is_a_setting_and_holds_for_what_others_end(make_url: Callable[[str], Any]) -> None:
    url = await make_url("file")
    here, there = an_app(url, revocation_lag_s=5), an_app(url)
    async with start(here, TestSources()) as one, start(there, TestSources()) as other:
        await registered(one)
        token = (await login(one)).json["user"]["token"]
        assert (await one.get("/me", headers=by(token))).status == 200
        await other.delete("/session", headers=by(token))
        assert (await other.get("/me", headers=by(token))).status == 401
        one.sources.advance(timedelta(seconds=4.9))
        assert (await one.get("/me", headers=by(token))).status == 200
        one.sources.advance(timedelta(seconds=0.1))
        assert (await one.get("/me", headers=by(token))).status == 401


async def test_what_is_ended_here_is_refused_here_at_once_in_spite_of_the_lag() -> None:
    async with start(an_app("sqlite://", revocation_lag_s=60), TestSources()) as club:
        await registered(club)
        token = (await login(club)).json["user"]["token"]
        new = (await club.post("/keys", json={"name": "robot", "permissions": []}, headers=by(token))).json
        keyed = {"x-api-key": new["key"]}
        assert [(await club.get("/me", headers=given)).status for given in (by(token), keyed)] == [200, 200]
        await club.delete(f"/keys/{new['id']}", headers=by(token))
        await club.delete("/session", headers=by(token))
        assert [(await club.get("/me", headers=given)).status for given in (by(token), keyed)] == [401, 401]


async def test_no_more_is_remembered_of_callers_than_the_setting_says() -> None:
    async with start(an_app("sqlite://", revocation_lag_s=60, cached_max=3), TestSources()) as club:
        await registered(club)
        tokens = [(await login(club)).json["user"]["token"] for _ in range(4)]
        assert [(await club.get("/me", headers=by(token))).status for token in tokens] == [200] * 4
        (part,) = club.service.app.parts
        assert isinstance(part, Accounts)
        assert (len(part.memory.known), len(part.memory.tokens.remembered)) == (3, 3)


async def test_one_session_more_than_the_limit_ends_the_oldest() -> None:
    async with start(an_app("sqlite://", sessions_max=2), TestSources()) as club:
        await registered(club)
        tokens: list[str] = []
        for _ in range(3):
            club.sources.advance(timedelta(seconds=1))
            tokens.append((await login(club)).json["user"]["token"])
        assert [(await club.get("/me", headers=by(token))).status for token in tokens] == [401, 200, 200]
