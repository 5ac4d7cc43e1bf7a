"""API keys: shown once, with at most what their owner has, good until they are revoked or expire."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from _accounts_club import GrantMore, an_app, by, logged_in, registered
from sqlalchemy import text

from krepis import Actor
from krepis.access import NotSignedIn
from krepis.accounts import MoreThanOwner, NewApiKey
from krepis.accounts.sql_api_keys import SqlApiKeys
from krepis.accounts.tables import NAME_CHARACTERS_MAX
from krepis.sql import Database, Sql, statement
from krepis.testing import TestService, TestSources, start

USED = statement(text("SELECT count(*) AS n FROM krepis_api_keys WHERE used_at IS NOT NULL"))


async def made(club: TestService, token: str, *permissions: str, name: str = "robot") -> dict[str, Any]:
    reply = await club.post("/keys", json={"name": name, "permissions": list(permissions)}, headers=by(token))
    assert reply.status == 201, reply.text
    return reply.json


def with_key(key: str) -> dict[str, str]:
    return {"x-api-key": key}


async def status(club: TestService, key: str) -> int:
    return (await club.get("/me", headers=with_key(key))).status


async def test_a_key_is_its_owner_with_what_it_was_given(club: TestService) -> None:
    member = await registered(club)
    token, _ = await logged_in(club)
    key = (await made(club, token, "read"))["key"]
    me = (await club.get("/me", headers=with_key(key))).json
    assert me == {"id": member, "permissions": ["read"], "session": None}
    assert (await club.post("/write", headers=with_key(key))).status == 403


async def test_a_key_has_no_more_than_its_owner(club: TestService) -> None:
    await registered(club)
    token, _ = await logged_in(club)
    reply = await club.post("/keys", json={"name": "robot", "permissions": ["read", "rule"]}, headers=by(token))
    assert (reply.status, reply.json["code"], reply.json["facts"]) == (403, "more_than_owner", {"more": "rule"})


async def test_a_key_makes_no_key_with_more_than_itself(club: TestService) -> None:
    await registered(club)
    token, _ = await logged_in(club)
    key = (await made(club, token, "read"))["key"]
    asked = {"name": "child", "permissions": ["write"]}
    assert (await club.post("/keys", json=asked, headers=with_key(key))).status == 403


async def test_a_list_shows_the_prefix_and_never_the_secret(club: TestService) -> None:
    await registered(club)
    token, _ = await logged_in(club)
    first, second = await made(club, token, "read"), await made(club, token, "write", name="other")
    listed = await club.get("/keys", headers=by(token))
    assert {one["prefix"] for one in listed.json} == {first["prefix"], second["prefix"]}
    assert first["key"].startswith(f"{first['prefix']}_")
    assert first["key"].removeprefix(first["prefix"]) not in listed.text


async def test_a_revoked_key_is_good_no_more(club: TestService) -> None:
    await registered(club)
    token, _ = await logged_in(club)
    new = await made(club, token, "read")
    assert await status(club, new["key"]) == 200
    path = f"/keys/{new['id']}"
    assert [(await club.delete(path, headers=by(token))).json for _ in range(2)] == [True, False]
    assert await status(club, new["key"]) == 401
    assert (await club.get("/keys", headers=by(token))).json == []


async def test_nobody_revokes_the_key_of_another(club: TestService) -> None:
    await registered(club)
    await registered(club, "bea@example.org")
    (ann, _), (bea, _) = await logged_in(club), await logged_in(club, "bea@example.org")
    new = await made(club, ann, "read")
    assert (await club.delete(f"/keys/{new['id']}", headers=by(bea))).json is False
    assert await status(club, new["key"]) == 200


async def test_a_key_expires(club: TestService) -> None:
    new = await directly(club, Actor("ann"), expires_at=club.sources.now() + timedelta(hours=1))
    assert await status(club, new.key) == 200
    club.sources.advance(timedelta(hours=1))
    assert await status(club, new.key) == 401


async def test_one_key_more_than_the_limit_is_refused() -> None:
    async with start(an_app("sqlite://", api_keys_max=2), TestSources()) as club:
        await registered(club)
        token, _ = await logged_in(club)
        first = await made(club, token)
        await made(club, token)
        reply = await club.post("/keys", json={"name": "third", "permissions": []}, headers=by(token))
        assert (reply.status, reply.json["code"]) == (409, "too_many_api_keys")
        await club.delete(f"/keys/{first['id']}", headers=by(token))
        await made(club, token)


@pytest.mark.parametrize(("days", "is_made"), [(10, True), (11, False), (None, False)])
async def test_a_key_makes_no_key_that_outlives_it(club: TestService, days: int | None, is_made: bool) -> None:
    now = club.sources.now()
    parent = await directly(club, Actor("ann"), expires_at=now + timedelta(days=10))
    robot = Actor("ann", credential=f"api_key:{parent.id}")
    asked = directly(club, robot, expires_at=None if days is None else now + timedelta(days=days))
    if is_made:
        assert (await asked).prefix != parent.prefix
    else:
        with pytest.raises(MoreThanOwner, match="a later end"):
            await asked


async def test_a_key_without_an_end_makes_keys_without_one(club: TestService) -> None:
    parent = await directly(club, Actor("ann"))
    assert await directly(club, Actor("ann", credential=f"api_key:{parent.id}"))


async def test_a_name_at_its_limit_and_one_character_beyond(club: TestService) -> None:
    await registered(club)
    token, _ = await logged_in(club)
    assert len((await made(club, token, name="n" * NAME_CHARACTERS_MAX))["key"]) > 43
    asked = {"name": "n" * (NAME_CHARACTERS_MAX + 1), "permissions": []}
    reply = await club.post("/keys", json=asked, headers=by(token))
    assert (reply.status, reply.json["code"]) == (422, "api_key_name_too_long")


async def test_without_a_name_nobody_makes_a_key(small: TestService) -> None:
    with pytest.raises(NotSignedIn):
        await directly(small, None)


@pytest.mark.parametrize("change", ["secret", "prefix", "cut", "longer", "case", "space", "empty", "huge"])
async def test_a_key_that_is_not_quite_one_is_refused(small: TestService, change: str) -> None:
    key = (await directly(small, Actor("ann"))).key
    head, prefix, secret = key.split("_", 2)
    other = {
        "secret": f"{head}_{prefix}_{'A' * 43}",
        "prefix": f"{head}_{'0' * 12}_{secret}",
        "cut": key[:-1],
        "longer": key + "A",
        "case": f"{head}_{prefix.upper()}x_{secret}",
        "space": f"{key} x",
        "empty": "",
        "huge": key * 1_000,
    }[change]
    assert (await status(small, other), await status(small, key)) == (401, 200)


async def test_what_a_member_has_lost_a_key_has_lost_too_when_it_is_read_fresh() -> None:
    async with start(an_app("sqlite://", fresh=True), TestSources()) as club:
        member = UUID(await registered(club))
        token, _ = await logged_in(club)
        key = (await made(club, token, "read", "write"))["key"]
        await club.dispatch(GrantMore(member=member, permissions=frozenset({"read", "more"})))
        assert (await club.get("/me", headers=with_key(key))).json["permissions"] == ["read"]
        assert (await club.get("/me", headers=by(token))).json["permissions"] == ["more", "read"]
        await club.dispatch(GrantMore(member=member, permissions=frozenset()))
        assert (await status(club, key), (await club.get("/me", headers=by(token))).status) == (401, 401)


async def test_the_last_use_is_noted_by_the_sweep(club: TestService) -> None:
    new = await directly(club, Actor("ann"))
    await status(club, new.key)
    store = club.service.app.store
    assert isinstance(store, Database)
    assert await store.transact(club.context(), "read", lambda sql: sql.first(USED)) == (0,)
    (part,) = club.service.app.parts
    await part.sweep(club.context())  # pyright: ignore[reportAttributeAccessIssue]
    assert await store.transact(club.context(), "read", lambda sql: sql.first(USED)) == (1,)


async def directly(club: TestService, actor: Actor | None, **more: Any) -> NewApiKey:
    """A key made without a door."""
    (part,) = club.service.app.parts
    ctx = club.context(actor=actor)

    async def work(sql: Sql) -> NewApiKey:
        keys = SqlApiKeys(part.settings, part.memory.known, sql)  # pyright: ignore[reportAttributeAccessIssue]
        return await keys.make(ctx, "robot", **more)

    store = club.service.app.store
    assert store is not None
    return await store.transact(ctx, "write", work)
