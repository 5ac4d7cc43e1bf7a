"""Two real processes over one database: what one ends, the other refuses at once; what one counts, the other counts."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import pytest
from _accounts_club import PASSWORD, PATIENT, an_app, by, logged_in, login, refreshed, registered, status

from krepis._system import SystemSources
from krepis.testing import TestService, TestSources
from krepis.testing.client import Reply

HERE = Path(__file__).parent


class Other:
    """The other process, by its lines."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def line(self) -> str:
        assert self._process.stdout is not None
        return (await asyncio.wait_for(self._process.stdout.readline(), 30)).decode()

    async def ask(self, verb: str, text: str) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([verb, text]).encode() + b"\n")
        return json.loads(await self.line())

    async def status(self, verb: str, text: str) -> int:
        return (await self.ask(verb, text))[0]


@pytest.fixture(params=["file", "postgres"])
async def two(
    request: pytest.FixtureRequest, make_url: Callable[[str], Any]
) -> AsyncGenerator[tuple[TestService, Other]]:
    """A club here and one over there, both on the real clock."""
    url = await make_url(request.param)
    async with an_app(url, throttle=PATIENT).start(SystemSources()) as service:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            HERE / "_accounts_club.py",
            url,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        other = Other(process)
        try:
            assert await other.line() == "ready\n"
            yield TestService(service, TestSources()), other
        finally:
            process.kill()
            await process.wait()


async def test_a_session_that_one_process_ends_the_other_refuses_at_once(two: tuple[TestService, Other]) -> None:
    club, other = two
    await registered(club)
    for _ in range(20):
        token, refresh = await logged_in(club)
        assert (await other.status("me", token), await status(club, token)) == (200, 200)
        assert (await club.delete("/session", headers=by(token))).status == 204
        assert await other.status("me", token) == 401
        assert await other.status("refresh", refresh) == 401


async def test_a_session_that_the_other_process_ends_this_one_refuses_at_once(two: tuple[TestService, Other]) -> None:
    club, other = two
    await registered(club)
    for _ in range(20):
        token, _ = await logged_in(club)
        assert await status(club, token) == 200
        assert await other.status("out", token) == 204
        assert await status(club, token) == 401


async def test_a_key_that_is_revoked_here_is_refused_there(two: tuple[TestService, Other]) -> None:
    club, other = two
    await registered(club)
    token, _ = await logged_in(club)
    new = (await club.post("/keys", json={"name": "robot", "permissions": ["read"]}, headers=by(token))).json
    assert await other.status("key", new["key"]) == 200
    await club.delete(f"/keys/{new['id']}", headers=by(token))
    assert await other.status("key", new["key"]) == 401


async def test_a_refresh_token_used_in_both_processes_ends_the_session(two: tuple[TestService, Other]) -> None:
    club, other = two
    await registered(club)
    for _ in range(10):
        _, refresh = await logged_in(club)
        here, there = await asyncio.gather(refreshed(club, refresh), other.ask("refresh", refresh))
        answers = sorted(
            [(here.status, token_of(here)), (there[0], there[1].get("access_token"))], key=lambda one: one[0]
        )
        assert [status for status, _ in answers] == [200, 401]
        assert await status(club, str(answers[0][1])) == 401


async def test_wrong_logins_are_counted_together(two: tuple[TestService, Other]) -> None:
    club, other = two
    await registered(club)
    statuses: list[int] = []
    for _ in range(3):
        statuses.append((await login(club, password="wrong password", client="10.0.0.1")).status)
        statuses.append(await other.status("login", "wrong password"))
    assert statuses == [401] * 6
    assert await other.status("login", PASSWORD) == 429
    assert (await login(club)).status == 429


def token_of(reply: Reply) -> str | None:
    return reply.json.get("access_token")
