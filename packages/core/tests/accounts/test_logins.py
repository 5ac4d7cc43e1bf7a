"""Logins: wrong ones wait longer and longer, for a name and for an address, and say nothing about either."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from _accounts_club import PASSWORD, an_app, logged_in, login, registered
from sqlalchemy import text

from krepis.accounts import Throttle
from krepis.accounts.sql_logins import network_of, normalised
from krepis.errors import KrepisError
from krepis.sql import Database, statement
from krepis.testing import Reply, TestService, TestSources, start

SEED = int(os.environ["KREPIS_SEED"])
LONG = bool(os.environ.get("KREPIS_LONG"))
ROWS = statement(text("SELECT count(*) AS n FROM krepis_login_throttle"))


async def wrong(club: TestService, email: str = "ann@example.org", client: str = "10.0.0.1") -> Reply:
    return await login(club, email, "wrong password", client=client)


async def rows(club: TestService) -> int:
    store = club.service.app.store
    assert isinstance(store, Database)
    found = await store.transact(club.context(), "read", lambda sql: sql.first(ROWS))
    assert found is not None
    return found[0]


def without_trace(reply: Reply) -> Any:
    return reply.status, reply.json | {"trace": ""}, {**reply.headers, "content-length": ""}


async def test_a_wrong_name_and_a_wrong_password_look_the_same(club: TestService) -> None:
    await registered(club)
    known, unknown = await wrong(club), await wrong(club, "nobody@example.org")
    assert (known.status, known.json["code"], known.json["detail"]) == (
        401,
        "wrong_credentials",
        "the name or the password is wrong",
    )
    assert without_trace(known) == without_trace(unknown)


async def test_after_five_failures_an_account_is_closed_longer_and_longer(club: TestService) -> None:
    await registered(club)
    assert [(await wrong(club)).status for _ in range(6)] == [401] * 6
    waits: list[int] = []
    for _ in range(12):
        reply = await wrong(club)
        assert (reply.status, reply.json["code"]) == (429, "too_many_logins")
        assert reply.headers["retry-after"] == str(reply.json["facts"]["retry_after"])
        waits.append(reply.json["facts"]["retry_after"])
        club.sources.advance(timedelta(seconds=waits[-1]))
        assert (await wrong(club)).status == 401
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]


async def test_an_account_that_does_not_exist_closes_alike(club: TestService) -> None:
    await registered(club)
    known = [without_trace(await wrong(club, client="10.0.0.1")) for _ in range(8)]
    unknown = [without_trace(await wrong(club, "nobody@example.org", "10.0.0.2")) for _ in range(8)]
    assert known == unknown


async def test_a_closed_account_refuses_the_right_password_too(club: TestService) -> None:
    await registered(club)
    for _ in range(6):
        await wrong(club)
    assert (await login(club, client="10.9.9.9")).status == 429
    club.sources.advance(timedelta(seconds=1))
    assert (await login(club, client="10.9.9.9")).status == 200


async def test_the_right_password_forgets_the_failures_of_its_account(club: TestService) -> None:
    await registered(club)
    for _ in range(3):
        assert [(await wrong(club)).status for _ in range(5)] == [401] * 5
        assert (await login(club, client="10.0.0.7")).status == 200


async def test_failures_are_forgotten_after_a_while(club: TestService) -> None:
    for _ in range(6):
        await wrong(club)
    club.sources.advance(timedelta(hours=1))
    assert [(await wrong(club)).status for _ in range(6)] == [401] * 6


async def test_an_address_is_closed_after_fifty_failures_with_any_names_and_others_are_not(club: TestService) -> None:
    await registered(club)
    first = [(await wrong(club, f"{number}@example.org")).status for number in range(51)]
    assert first == [401] * 51
    assert (await login(club, client="10.0.0.1")).status == 429
    assert (await login(club, client="10.0.0.2")).status == 200


async def test_an_own_account_does_not_wash_away_the_failures_of_an_address(club: TestService) -> None:
    await registered(club)
    for number in range(51):
        await wrong(club, f"{number}@example.org")
    waits: list[int] = []
    for number in range(4):
        reply = await wrong(club, f"other{number}@example.org")
        waits.append(reply.json["facts"]["retry_after"])
        club.sources.advance(timedelta(seconds=waits[-1]))
        assert (await login(club, client="10.0.0.1")).status == 200
        assert (await wrong(club, f"other{number}@example.org")).status == 401
    assert waits == [1, 2, 4, 8]


async def test_a_hundred_attempts_at_once_are_a_hundred_attempts(club: TestService) -> None:
    await registered(club)
    replies = await asyncio.gather(*[wrong(club) for _ in range(100)])
    assert sorted(reply.status for reply in replies) == [401] * 6 + [429] * 94


@pytest.mark.parametrize("name", ["Ann@Example.ORG", "  ann@example.org ", "\uff41nn@example.org"])
async def test_a_name_in_other_letters_is_the_same_account(small: TestService, name: str) -> None:
    for _ in range(6):
        await wrong(small)
    assert (await wrong(small, name, "10.0.0.2")).status == 429


@pytest.mark.parametrize(
    ("client", "network"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("a socket", "a socket"),
        ("10.0.0.1\n", "10.0.0.1\n"),
    ],
)
def test_an_ipv6_network_counts_as_one_address(client: str, network: str) -> None:
    assert network_of(client) == network


def test_a_name_without_end_is_cut() -> None:
    assert len(normalised("x" * 10_000_000)) == 1_024


async def test_a_caller_without_an_address_is_counted_by_the_name_alone(small: TestService) -> None:
    for number in range(60):
        assert (await wrong(small, f"{number}@example.org", "")).status == 401
    assert await rows(small) == 60


@pytest.mark.parametrize("name", ["", "\0", "\ud800", "x" * 100_000, "' OR 1=1 --", "\r\nset-cookie: a=b"])
async def test_names_of_any_kind_are_counted(small: TestService, name: str) -> None:
    from _accounts_club import LogIn

    from krepis.types import Secret

    refusal = await small.refused(LogIn(email="nobody", password=Secret("wrong"), client=name))
    assert refusal.code == "wrong_credentials"


async def test_the_sweep_removes_what_is_forgotten_and_what_is_too_much() -> None:
    limits = Throttle(rows_max=10, address_free=1_000)
    async with start(an_app("sqlite://", throttle=limits), TestSources()) as club:
        for number in range(30):
            await wrong(club, f"{number}@example.org")
        (part,) = club.service.app.parts
        assert await part.sweep(club.context()) == 21  # pyright: ignore[reportAttributeAccessIssue]
        assert await rows(club) == 10
        club.sources.advance(timedelta(hours=2))
        assert await part.sweep(club.context()) == 10  # pyright: ignore[reportAttributeAccessIssue]
        assert await rows(club) == 0


async def test_a_clock_that_was_put_back_does_not_close_an_account_for_longer(small: TestService) -> None:
    await registered(small)
    small.sources.advance(timedelta(days=365))
    for _ in range(6):
        await wrong(small)
    small.sources.advance(-timedelta(days=365))
    assert (await wrong(small)).status == 401
    assert (await login(small, client="10.0.0.9")).status == 429  # closed by the attempt of now, as always


async def test_a_session_is_not_touched_by_wrong_logins(small: TestService) -> None:
    await registered(small)
    token, _ = await logged_in(small)
    for _ in range(20):
        await wrong(small)
    assert (await small.get("/me", headers={"authorization": f"Token {token}"})).status == 200


async def test_the_address_comes_from_the_connection_and_not_from_the_caller(small: TestService) -> None:
    body = {"user": {"email": "ann@example.org", "password": PASSWORD, "client": "1.2.3.4"}}
    assert (await small.post("/login", json=body)).status == 422
    document = (await small.get("/openapi.json")).json
    assert "client" not in str(document["paths"]["/login"])


@pytest.mark.parametrize("limits", [{"account_free": 0}, {"delay_s": 0}, {"forget_s": 0}, {"rows_max": 0}])
def test_a_throttle_without_limits_stops_the_start(limits: dict[str, Any]) -> None:
    with pytest.raises(KrepisError, match=next(iter(limits))):
        an_app("sqlite://", throttle=Throttle(**limits))


async def test_any_sequence_of_attempts_is_judged_as_the_rule_says() -> None:
    print(f"seed {SEED}")
    for number in range(200 if LONG else 6):
        chance = Random(f"{SEED} {number}")
        async with start(an_app("sqlite://"), TestSources()) as club:
            await registered(club)
            model = Model()
            for step in range(60):
                wait_s = chance.choice((0, 0, 0, 0, 1, 2, 5, 40, 1000, 4000))
                club.sources.advance(timedelta(seconds=wait_s))
                right = chance.random() < 0.15
                client = f"10.{number}.0.{step}"  # each its own: the model is of the account
                reply = await (login(club, client=client) if right else wrong(club, client=client))
                assert reply.status == model.attempt(wait_s, right=right), (number, step)


class Model:
    """What the page says of one account, in a few lines."""

    def __init__(self) -> None:
        self.now = self.closed_until = self.forget_at = 0.0
        self.failures = 0

    def attempt(self, wait_s: float, *, right: bool) -> int:
        self.now += wait_s
        if self.now < self.closed_until:
            return 429
        if self.now >= self.forget_at:
            self.failures = 0
        if right:
            self.failures = 0
            return 200
        self.failures += 1
        delay = min(900, 2 ** (self.failures - 6)) if self.failures > 5 else 0
        self.closed_until = self.now + delay
        self.forget_at = self.now + 3600
        return 401
