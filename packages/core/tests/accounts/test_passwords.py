"""Passwords: hashed in threads, limited in length, the same cost whoever it is for."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from _accounts_club import CHEAP, PASSWORD, an_app, by, login, registered, settings

from krepis.accounts import Accounts, Hashing, PasswordTooLong, PasswordTooShort
from krepis.accounts.passwords import Argon2Passwords
from krepis.context import Context, root
from krepis.errors import KrepisError, Unavailable
from krepis.message import replace
from krepis.testing import TestService, TestSources, start
from krepis.types import Secret


def a_context() -> Context:
    return root(TestSources())


def made(**changes: Any) -> Argon2Passwords:
    return Argon2Passwords(replace(CHEAP, **changes), TestSources())


async def test_a_password_is_known_again_by_its_hash() -> None:
    async with made() as passwords:
        stored = await passwords.hash(a_context(), Secret(PASSWORD))
        assert stored.startswith("$argon2id$v=19$m=8,t=1,p=1$")
        assert await passwords.verify(a_context(), Secret(PASSWORD), stored)
        assert not await passwords.verify(a_context(), Secret(PASSWORD + "!"), stored)


def test_the_defaults_are_the_second_recommendation_of_rfc_9106() -> None:
    assert (Hashing().passes, Hashing().memory_kib, Hashing().lanes) == (3, 65_536, 4)


async def test_the_same_password_twice_has_two_hashes() -> None:
    async with made() as passwords:
        ctx = a_context()
        assert len({await passwords.hash(ctx, Secret(PASSWORD)) for _ in range(3)}) == 3


@pytest.mark.parametrize("length", [7, 8, 1024, 1025])
async def test_a_new_password_is_neither_too_short_nor_too_long(length: int) -> None:
    async with made() as passwords:
        refusals = {7: PasswordTooShort, 1025: PasswordTooLong}
        try:
            await passwords.hash(a_context(), Secret("x" * length))
            refusal = None
        except (PasswordTooShort, PasswordTooLong) as error:
            refusal = type(error)
        assert refusal is refusals.get(length)


async def test_the_limit_is_in_bytes() -> None:
    async with made() as passwords:
        await passwords.hash(a_context(), Secret("é" * 512))
        with pytest.raises(PasswordTooLong):
            await passwords.hash(a_context(), Secret("é" * 513))


async def test_a_password_of_a_mebibyte_is_refused_without_a_hash() -> None:
    async with made() as passwords:
        before, started = passwords.computed, time.perf_counter()
        for _ in range(1_000):
            with pytest.raises(PasswordTooLong):
                await passwords.verify(a_context(), Secret("x" * 1_048_576), None)
        assert passwords.computed == before
        assert time.perf_counter() - started < 5  # a thousand of them: nothing of their size is copied


async def test_the_same_letters_typed_in_two_ways_are_one_password() -> None:
    async with made() as passwords:
        stored = await passwords.hash(a_context(), Secret("caf\u00e9 au lait"))
        assert await passwords.verify(a_context(), Secret("cafe\u0301 au lait"), stored)


@pytest.mark.parametrize("odd", ["\0" * 8, "\ud800" * 8, "pass\0word", "🔒" * 8, " " * 8])
async def test_text_of_any_kind_is_a_password(odd: str) -> None:
    async with made() as passwords:
        stored = await passwords.hash(a_context(), Secret(odd))
        assert await passwords.verify(a_context(), Secret(odd), stored)
        assert not await passwords.verify(a_context(), Secret(odd[:-1]), stored)


@pytest.mark.parametrize("stored", [None, ""])
async def test_without_a_hash_nothing_is_right_and_one_is_computed_all_the_same(stored: str | None) -> None:
    async with made() as passwords:
        before = passwords.computed
        assert not await passwords.verify(a_context(), Secret(""), stored)
        assert passwords.computed == before + 1


@pytest.mark.parametrize(
    "stored", ["plain text", "$argon2id$v=19$m=8,t=1,p=1$broken", "$2b$12$bcrypt", "é", "$argon2id$"]
)
async def test_what_is_no_hash_is_never_right_and_is_logged_without_it(stored: str) -> None:
    sources = TestSources()
    async with made() as passwords:
        assert not await passwords.verify(root(sources), Secret(PASSWORD), stored)
    assert [line["event"] for line in sources.lines] == ["password_hash_unreadable"]
    assert stored not in str(sources.lines)


async def test_a_hash_of_other_parameters_is_outdated() -> None:
    async with made() as old, made(passes=2) as new:
        stored = await old.hash(a_context(), Secret(PASSWORD))
        assert await new.verify(a_context(), Secret(PASSWORD), stored)
        assert (await old.outdated(a_context(), stored), await new.outdated(a_context(), stored)) == (False, True)


async def test_the_loop_goes_on_while_a_hash_is_computed() -> None:
    async with made(passes=20, memory_kib=16_384) as passwords:
        working = asyncio.ensure_future(passwords.hash(a_context(), Secret(PASSWORD)))
        turns = 0
        while not working.done():
            turns += 1
            await asyncio.sleep(0.001)
        assert turns > 5


async def test_no_more_hashes_wait_than_the_setting_says() -> None:
    async with made(threads_max=1, waiting_max=2, passes=4, memory_kib=16_384) as passwords:
        all_at_once = [passwords.hash(a_context(), Secret(PASSWORD)) for _ in range(4)]
        results = await asyncio.gather(*all_at_once, return_exceptions=True)
        assert [type(result) for result in results] == [str, str, str, Unavailable]
        assert await passwords.hash(a_context(), Secret(PASSWORD))


def test_parameters_that_argon2_can_not_take_stop_the_start() -> None:
    with pytest.raises(KrepisError, match="memory_kib"):
        settings(hashing=Hashing(memory_kib=7))


async def test_a_login_stores_a_new_hash_when_the_parameters_have_changed(tmp_path: Any, make_url: Any) -> None:
    url = await make_url("file")
    async with start(an_app(url)) as club:
        await registered(club)
    dear = replace(CHEAP, passes=2)
    async with start(an_app(url, hashing=dear)) as club:
        assert (await login(club)).status == 200
        passwords = passwords_of(club)
        before = passwords.computed
        assert (await login(club)).status == 200
        assert passwords.computed == before + 1  # verified, and not hashed again


async def test_each_login_costs_one_hash_whoever_it_is_for(small: TestService) -> None:
    await registered(small)
    passwords = passwords_of(small)

    async def cost(email: str, password: str) -> tuple[int, int]:
        before = passwords.computed
        reply = await login(small, email, password)
        return reply.status, passwords.computed - before

    assert await cost("ann@example.org", "wrong password") == (401, 1)
    assert await cost("nobody@example.org", "wrong password") == (401, 1)
    assert await cost("ann@example.org", PASSWORD) == (200, 1)


async def test_a_password_of_nearly_a_mebibyte_over_http_is_refused_in_the_same_words_for_everybody(
    small: TestService,
) -> None:
    await registered(small)
    passwords = passwords_of(small)
    before = passwords.computed
    replies = [await login(small, email, "x" * 1_000_000) for email in ("ann@example.org", "nobody@example.org")]
    assert [(reply.status, reply.json["code"]) for reply in replies] == [(422, "password_too_long")] * 2
    assert passwords.computed == before
    assert (await login(small, password="x" * 1_048_576)).status == 413


async def test_a_short_new_password_is_refused_over_http(small: TestService) -> None:
    reply = await small.post("/members", json={"email": "ann@example.org", "password": "short"})
    assert (reply.status, reply.json["code"]) == (422, "password_too_short")
    assert (await small.get("/me", headers=by(""))).status == 401


def passwords_of(club: TestService) -> Argon2Passwords:
    """What has counted the hashes."""
    (part,) = club.service.app.parts
    assert isinstance(part, Accounts)
    assert part.passwords is not None
    return part.passwords
