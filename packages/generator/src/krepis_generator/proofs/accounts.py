"""`tests/scenarios/test_accounts.py`: how people get in, where the service has the operations that come with `auth`."""

from __future__ import annotations

from krepis_generator import names
from krepis_generator.frame.parts import grants_roles
from krepis_generator.proofs import values
from krepis_generator.proofs.asking import asked, envelope
from krepis_generator.proofs.kit import fastest
from krepis_generator.proofs.requests import is_needed
from krepis_generator.proofs.written import module_of
from krepis_generator.source import Module
from krepis_spec import types as t
from krepis_spec.blueprint import Blueprint, Operation
from krepis_spec.naming import class_name

_HEAD = '''\
"""How people get in, and what they are told."""

from datetime import timedelta

import pytest

ACCOUNT = @account@


@pytest.fixture
def url(@store@):
    return @store@


def signed(answer):
    """The headers of whoever got that answer."""
    return {"@header@": f"@scheme@{answer@envelope@['@token@']}"}


async def register(world, status=201, account=ACCOUNT):
    return await world.ask("POST", "@register@", json=@register_body@, status=status)


async def log_in(world, status=201, **account):
    given = {"email": ACCOUNT["email"], "password": ACCOUNT["password"]} | account
    return await world.ask("POST", "@login@", json=@login_body@, status=status)


async def test_whoever_registers_is_signed_in(world):
    signed_in = await register(world)
    me = await world.ask("GET", "@me@", headers=signed(signed_in))
    assert me@envelope_me@["email"] == ACCOUNT["email"]


async def test_whoever_has_an_account_signs_in(world):
    await register(world)
    signed_in = await log_in(world)
    me = await world.ask("GET", "@me@", headers=signed(signed_in))
    assert me@envelope_me@["email"] == ACCOUNT["email"]


async def test_an_address_has_one_account(world):
    await register(world)
    await world.refused("POST", "@register@", json=@register_again@)


async def test_a_wrong_name_and_a_wrong_password_are_refused_in_the_same_words(world):
    await register(world)
    wrong_word = await log_in(world, status=401, password="another word")
    wrong_name = await log_in(world, status=401, email="bob@example.org")
    assert {**wrong_word, "trace": ""} == {**wrong_name, "trace": ""}


async def test_after_many_wrong_passwords_the_name_is_closed_for_a_while(world):
    await register(world)
    for _ in range(6):
        await log_in(world, status=401, password="another word")
    await log_in(world, status=429)
    world.service.sources.advance(timedelta(hours=1))
    await log_in(world)


async def test_a_token_is_good_for_as_long_as_it_should(world):
    headers = signed(await register(world))
    world.service.sources.advance(timedelta(seconds=@seconds@ - 1))
    await world.ask("GET", "@me@", headers=headers)
    world.service.sources.advance(timedelta(seconds=1))
    await world.ask("GET", "@me@", headers=headers, status=401)


@pytest.mark.parametrize("end", ["x", ""])
async def test_a_token_that_was_changed_is_none(world, end):
    headers = {name: value[:-2] + end for name, value in signed(await register(world)).items()}
    await world.ask("GET", "@me@", headers=headers, status=401)


async def test_nobody_gets_to_see_a_password(world):
    answer = await register(world)
    rows = await world.rows()
    assert ACCOUNT["password"] not in str(answer) + str(rows)
    assert "argon2" not in str(answer)


@pytest.mark.parametrize("length", [@lengths@])
async def test_a_password_that_is_too_short_or_too_long_is_refused(world, length):
    await register(world, status=422, account={**ACCOUNT, "password": "x" * length})
'''

_CHANGE = """
async def test_whoever_changes_the_password_signs_in_with_the_new_one(world):
    headers = signed(await register(world))
    change = {"password": ACCOUNT["password"], "new_password": "another word"}
    await world.ask("PUT", "@change@", headers=headers, json=@change_body@, status=204)
    await log_in(world, password="another word")
    await log_in(world, status=401)


async def test_a_password_is_changed_by_nobody_who_does_not_know_it(world):
    headers = signed(await register(world))
    change = {"password": "a wrong word", "new_password": "another word"}
    await world.ask("PUT", "@change@", headers=headers, json=@change_body@, status=401)
    await log_in(world)
"""

_ROLES = '''\
"""How people get roles, and lose what they may with them."""

from krepis.access import NotAllowed
from krepis.context import Actor

from @package@.application.grant_role import GrantRole
from @package@.domain.@user@ import @NoSuch@


async def test_a_role_is_given_by_the_service_itself(world):
    alice = await world.person("alice")
    await world.run(GrantRole(email=alice.email, role="@role@"))
    assert "@role@" in (await world.facts()).@user@(alice).roles


async def test_nobody_gives_a_role_to_anybody(world):
    alice = await world.person("alice", roles=("@role@",))
    refusal = await world.service.acting(Actor(str(alice.id), frozenset(("@role@",)))).refused(
        GrantRole(email=alice.email, role="@role@")
    )
    assert isinstance(refusal, NotAllowed)


async def test_nobody_gets_a_role_who_has_no_account(world):
    refusal = await world.service.acting(SYSTEM).refused(GrantRole(email="nobody@example.org", role="@role@"))
    assert isinstance(refusal, @NoSuch@)
'''


def account_modules(blueprint: Blueprint) -> list[Module]:
    """The tests of what is built in; none where the spec signs people in by itself."""
    builtin = {one.builtin: one for one in blueprint.operations if one.builtin is not None}
    modules = [_roles(blueprint)] if grants_roles(blueprint) and blueprint.access is not None else []
    if not {"register", "login", "current_user"} <= builtin.keys():
        return modules
    register, login, me = builtin["register"], builtin["login"], builtin["current_user"]
    auth = blueprint.service.auth
    assert auth is not None, "what is built in comes with `auth`"
    secret = next(one.type for one in register.inputs if isinstance(one.type, t.SecretType))
    assert isinstance(secret, t.SecretType)
    given = {
        "store": fastest(blueprint),
        "account": account(blueprint, register),
        "header": auth.header,
        "scheme": f"{auth.scheme} " if auth.scheme else "",
        "token": auth.token,
        "envelope": envelope(login, blueprint).replace('"', "'"),
        "envelope_me": envelope(me, blueprint),
        "register": path_of(blueprint, register),
        "register_body": body_of(register, "account"),
        "register_again": body_of(register, "ACCOUNT"),
        "login": path_of(blueprint, login),
        "login_body": body_of(login, "given"),
        "me": path_of(blueprint, me),
        "seconds": str(auth.token_seconds),
        "lengths": f"{secret.min - 1}, {secret.max + 1}",
    }
    text = _HEAD
    if "change_password" in builtin:
        change = builtin["change_password"]
        given |= {"change": path_of(blueprint, change), "change_body": body_of(change, "change")}
        text += "\n" + _CHANGE
    return [*modules, module_of("tests/scenarios/test_accounts.py", text, given)]


def _roles(blueprint: Blueprint) -> Module:
    user = names.user(blueprint)
    assert user is not None, "roles are those of users"
    given = {
        "package": blueprint.service.name,
        "user": names.one(user.name),
        "NoSuch": f"NoSuch{class_name(user.name)}",
        "role": blueprint.service.roles[0],
    }
    module = module_of("tests/scenarios/test_roles.py", _ROLES, given)
    module.use("krepis.identity", "SYSTEM")
    return module


def account(blueprint: Blueprint, register: Operation) -> str:
    """What somebody registers with, as code."""
    given: dict[str, object] = {}
    for one in register.inputs:
        if is_needed(one):
            value = values.sent(values.plausible(one.type, one.name, blueprint), one.type)
            given[one.wire] = "alice@example.org" if one.name == "email" else value
    return values.repr_of(given)


def path_of(blueprint: Blueprint, operation: Operation) -> str:
    """The path of a door that names nothing in it."""
    return asked(blueprint, operation, {one.name: '""' for one in operation.inputs if one.place == "path"}).path[1:-1]


def body_of(operation: Operation, name: str) -> str:
    """The code of a body whose members are in the variable of that name."""
    return name if operation.envelope is None else f'{{"{operation.envelope}": {name}}}'
