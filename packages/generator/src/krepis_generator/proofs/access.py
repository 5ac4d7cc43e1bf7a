"""`tests/test_access.py`: every door, for every kind of caller, as the table of `## Access` has it."""

from __future__ import annotations

from krepis_generator.proofs import values
from krepis_generator.proofs.kit import fastest
from krepis_generator.proofs.meaning import Meaning, NotKnown, Row
from krepis_generator.proofs.requests import key, scene_of, with_doors
from krepis_generator.proofs.scene import OWNER, Scene
from krepis_generator.quoting import text_literal
from krepis_generator.source import Module, indented
from krepis_spec import expressions as e
from krepis_spec import types as t
from krepis_spec.blueprint import Blueprint, Operation, Rule
from krepis_spec.showing import nodes_in

_TESTS = """
@pytest.fixture
def url(@store@):
    return @store@


@pytest.mark.parametrize("door", LETS_IN)
async def test_each_door_refuses_everybody_else(world, at, door):
    refused = [caller for caller, lets_in in LETS_IN[door].items() if not lets_in]
    before = await world.rows()
    statuses = {caller: (await asked(world, at, door, caller)).status for caller in refused}
    assert statuses == {caller: REFUSED.get(caller, @forbidden@) for caller in refused}
    assert await world.rows() == before


@pytest.mark.parametrize("door", LETS_IN)
async def test_each_door_lets_in_whom_it_should(world, at, door):
    let_in = [caller for caller, lets_in in LETS_IN[door].items() if lets_in]
    statuses = {caller: (await asked(world, at, door, caller)).status for caller in let_in}
    assert let_in
    assert not {caller for caller, status in statuses.items() if status in (REFUSED.get(caller, @forbidden@), 500)}


def test_every_door_is_asked():
    assert set(CALLS) == set(LETS_IN) == {f"{door.method} {door.pattern}" for door in doors.declared}


async def test_whoever_is_nobody_hears_it_before_anything_is_read(world, at):
    closed = [CALLS[door](at)[:2] for door in LETS_IN if LETS_IN[door].get("nobody") is False]
    replies = [await world.service.request(method, path, body=b"{") for method, path in closed]
    assert [reply.status for reply in replies] == [401] * len(closed)
"""


def access_modules(blueprint: Blueprint) -> list[Module]:
    """The module; none where everybody may do everything."""
    if blueprint.access is None or blueprint.service.auth is None:
        return []
    operations = with_doors(blueprint)
    scene = scene_of(blueprint)
    module = Module("tests/test_access.py", "Who gets in where: each door, for each kind of caller.")
    module.use_module("pytest")
    module.use("calls", "CALLS", "asked")
    module.use(f"{blueprint.service.name}.adapters.http", "doors")
    callers = callers_of(blueprint, scene)
    lines = [f"{key(one, blueprint)}: {_row(blueprint, one, scene, callers)}," for one in operations]
    spans = [rule.span for rule in blueprint.access]
    module.add("REFUSED", 'REFUSED = {"nobody": 401}')
    module.add("LETS_IN", f"LETS_IN = {{\n{indented(chr(10).join(lines))}\n}}", spans=spans)
    hidden = blueprint.service.hide_forbidden
    forbidden = "404" if hidden else "403"
    tests = _TESTS
    if not hidden and any(entity.per_tenant for entity in blueprint.entities):
        # What is another tenant's is not there, which a caller may hear before that it is forbidden.
        tests = tests.replace(
            "assert statuses == {caller: REFUSED.get(caller, @forbidden@) for caller in refused}",
            "assert set(statuses.values()) <= {401, 403, 404}",
        )
    module.add("tests", tests.replace("@forbidden@", forbidden).replace("@store@", fastest(blueprint)), spans=spans)
    return [module]


def callers_of(blueprint: Blueprint, scene: Scene) -> dict[str, Row | None]:
    """Each kind of caller: nobody, somebody, whoever the things belong to, somebody in each role."""
    if scene.user is None:
        return {"nobody": None}
    people: dict[str, Row | None] = {"nobody": None, "user": scene.person("user"), OWNER: scene.rows[scene.user]}
    return people | {role: scene.person(role, [role]) for role in blueprint.service.roles}


def let_in(blueprint: Blueprint, operation: Operation, scene: Scene) -> str | None:
    """Somebody whom the operation lets in, as tests call them; whoever the things belong to, if it may be."""
    people = callers_of(blueprint, scene)
    for name in sorted(people, key=lambda one: (one != OWNER, one == "nobody")):
        try:
            if lets_in(blueprint, operation, scene, people[name]):
                return name
        except NotKnown:
            continue
    return None


def _row(blueprint: Blueprint, operation: Operation, scene: Scene, callers: dict[str, Row | None]) -> str:
    cells: list[str] = []
    judges = any(isinstance(node, e.Require) and node.status in {401, 403} for node in nodes_in(operation.body or ()))
    once = blueprint.service.hide_forbidden and operation.door is not None and operation.door.method == "DELETE"
    for name, caller in callers.items():
        if once and any("True" in cell for cell in cells):
            continue  # what is gone looks like what is hidden
        try:
            let_in = lets_in(blueprint, operation, scene, caller)
            if not (
                let_in and judges and name != OWNER
            ):  # the block itself refuses some of those whom the rules let in
                cells.append(f"{text_literal(name)}: {let_in}")
        except NotKnown:
            continue
    return f"{{{', '.join(cells)}}}"


def lets_in(blueprint: Blueprint, operation: Operation, scene: Scene, caller: Row | None) -> bool:
    """Whether the operation lets that caller in. Raises `NotKnown`: that can't be said here."""
    if blueprint.access is None:
        return True
    rules = [rule for rule in blueprint.access or () if operation.name in rule.operations]
    return any(_is(rule.who, caller) and _holds(rule, blueprint, operation, scene, caller) for rule in rules)


def _is(who: str, caller: Row | None) -> bool:
    if who == "anyone":
        return True
    return caller is not None and (who == "user" or who in caller.fields["roles"])


def _holds(rule: Rule, blueprint: Blueprint, operation: Operation, scene: Scene, caller: Row | None) -> bool:
    if rule.when is None:
        return True
    known = {
        one.name: scene.rows[one.type.name]
        for one in operation.inputs
        if one.place == "path" and isinstance(one.type, t.EntityType)
    }
    meaning = Meaning(blueprint, list(scene.rows.values()), values.NOON)
    return bool(meaning.value(rule.when, {**known, "actor": caller}))
