"""Idempotency keys on commands that answer with tokens: they are done once, and no token is stored."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest
from _accounts_club import IDEMPOTENCY_TABLES, PASSWORD, an_app, by, logged_in, refreshed, registered
from sqlalchemy import select

from krepis.idempotency import Idempotency
from krepis.sql import statement
from krepis.testing import Reply, TestService, TestSources, start

STORED = statement(select(IDEMPOTENCY_TABLES[0].c.message, IDEMPOTENCY_TABLES[0].c.answer))
KEY = {"idempotency-key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}


@pytest.fixture(params=["memory", "file", "postgres"])
async def club(request: pytest.FixtureRequest, make_url: Callable[[str], Any]) -> AsyncGenerator[TestService]:
    app = an_app(await make_url(request.param), parts=(Idempotency(),))
    async with start(app, TestSources(seed=1)) as service:
        yield service


async def stored(club: TestService) -> Any:
    store = club.service.app.store
    assert store is not None
    return [tuple(row) for row in await store.transact(club.context(), "read", lambda sql: sql.all(STORED))]


async def sent_twice(club: TestService, path: str, body: Any, token: str = "") -> tuple[Reply, Reply]:
    headers = KEY | (by(token) if token else {})
    first = await club.post(path, json=body, headers=headers)
    return first, await club.post(path, json=body, headers=headers)


async def test_a_login_that_is_sent_again_opens_one_session_and_hears_why(club: TestService) -> None:
    await registered(club)
    first, again = await sent_twice(club, "/login", {"user": {"email": "ann@example.org", "password": PASSWORD}})
    assert (first.status, again.status, again.json["code"]) == (200, 409, "answer_not_kept")
    token = first.json["user"]["token"]
    assert len((await club.get("/sessions", headers=by(token))).json) == 1
    assert await stored(club) == [("LogIn", None)]


async def test_a_refresh_that_is_sent_again_with_its_key_does_not_end_the_session(club: TestService) -> None:
    await registered(club)
    _, refresh = await logged_in(club)
    first, again = await sent_twice(club, "/session/refresh", {"refresh_token": refresh})
    assert (first.status, again.status, again.json["code"]) == (200, 409, "answer_not_kept")
    assert (await club.get("/me", headers=by(first.json["access_token"]))).status == 200
    assert (await refreshed(club, refresh)).status == 401  # without the key it is what it looks like: a theft
    assert (await club.get("/me", headers=by(first.json["access_token"]))).status == 401


@pytest.mark.parametrize(
    ("path", "body", "command"),
    [
        ("/keys", {"name": "robot", "permissions": []}, "MakeKey"),  # a field that no name gives away
        ("/resets", {"email": "ann@example.org"}, "AskReset"),  # a token that is the whole answer
    ],
)
async def test_a_token_is_found_in_an_answer_wherever_it_stands(
    club: TestService, path: str, body: Any, command: str
) -> None:
    await registered(club)
    token, _ = await logged_in(club)
    first, again = await sent_twice(club, path, body, token)
    assert first.status < 300
    assert (again.status, again.json["code"]) == (409, "answer_not_kept")
    assert await stored(club) == [(command, None)]


async def test_a_command_that_has_a_token_and_answers_with_none_is_given_again(club: TestService) -> None:
    await registered(club)
    token, _ = await logged_in(club)
    first, again = await sent_twice(club, "/write", {}, token)
    assert (first.json, again.json, again.headers["idempotency-replayed"]) == ("written", "written", "true")
