"""A request that a door understands: every input with a plausible value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from krepis_generator import names
from krepis_generator.proofs import values
from krepis_generator.proofs.asking import Asked, asked
from krepis_generator.proofs.scene import OWNER, Scene, owner_code
from krepis_generator.python.printer import plain
from krepis_generator.quoting import text_literal
from krepis_generator.source import Module, indented
from krepis_spec import expressions as e
from krepis_spec import types as t
from krepis_spec.blueprint import Blueprint, Input, Operation
from krepis_spec.showing import nodes_in
from krepis_spec.types import Type

Way = tuple[str, ...]
"""Where a value stands in a request: the input, then the fields in it, `ITEM` for the one item of a list."""

ITEM = "*"

_ASKED = '''
async def asked(world, at, door, caller, **change):
    """The answer of a door to that kind of caller; `change` is what the request has instead."""
    method, path, request = CALLS[door](at)
    headers = at.people[caller].headers if caller in at.people else {}
    request = {**request, **change, "headers": headers | request.get("headers", {})}
    return await world.service.request(method, request.pop("path", path), **request)
'''


def calls_module(blueprint: Blueprint) -> Module:
    """`tests/calls.py`: one request for each door, which whoever may can make."""
    scene = scene_of(blueprint)
    module = Module("tests/calls.py", "One request for each door, and one of everything that they name: `at`.")
    if blueprint.service.auth is not None:
        module.use("world", "PASSWORD")
    module.use("types", "SimpleNamespace")
    lines = [f"{key(one, blueprint)}: lambda at: {_call(blueprint, one, scene)}," for one in with_doors(blueprint)]
    module.add("CALLS", f"CALLS = {{\n{indented(chr(10).join(lines))}\n}}")
    module.add("everything", _everything(scene, blueprint))
    module.add("asked", _ASKED)
    return module


def with_doors(blueprint: Blueprint) -> list[Operation]:
    """What callers can ask."""
    return [one for one in blueprint.operations if one.door is not None]


def scene_of(blueprint: Blueprint) -> Scene:
    """One of everything that a door names."""
    return Scene(blueprint, dict.fromkeys(entity for one in with_doors(blueprint) for entity in entities_of(one)))


def key(operation: Operation, blueprint: Blueprint) -> str:
    """The door, as tests call it."""
    assert operation.door is not None, "only what has a door is asked"
    return text_literal(f"{operation.door.method} {blueprint.service.base_path}{operation.door.path}")


def _call(blueprint: Blueprint, operation: Operation, scene: Scene) -> str:
    made = request(blueprint, operation, scene)
    options = ", ".join(f"{text_literal(name)}: {code}" for name, code in made.request)
    return f"({text_literal(made.method)}, {made.path}, {{{options}}})"


def _everything(scene: Scene, blueprint: Blueprint) -> str:
    roles = [f'"{role}": await world.person("{role}", roles=("{role}",)),' for role in blueprint.service.roles]
    people = ["people = {}"]
    rows = [scene.named(entity) for entity in scene.rows]
    if scene.user is not None:
        known = f'{{"user": await world.person("user"), "{OWNER}": {OWNER}, {" ".join(roles)}}}'
        people = [owner_code(blueprint), f"people = {known}"]
    given = "".join(f", {row}={row}" for row in rows)
    lines = [*people, *scene.code(), f"return SimpleNamespace(people=people{given})"]
    return f'''\
async def everything(world):
    """One of everything that a door names, and one of each kind of caller."""
{indented(chr(10).join(lines))}'''


def entities_of(operation: Operation) -> list[str]:
    """The entities that a request of this operation names."""
    found: dict[str, None] = {}
    for one in operation.inputs:
        for type in _inner(one.type):
            if isinstance(type, t.EntityType):
                found[type.name] = None
    return list(found)


def request(
    blueprint: Blueprint, operation: Operation, scene: Scene, instead: Mapping[Way, str] = MappingProxyType({})
) -> Asked:
    """That request, in a test where `at` holds the rows and people of the scene. `instead` has other code for single inputs."""
    changed = {way[0] for way in instead}
    given = {
        one.name: _given(one, operation, scene, instead)
        for one in operation.inputs
        if is_needed(one) or (one.name in changed and not isinstance(one.type, t.PageType))
    }
    return asked(blueprint, operation, given, once='{"idempotency-key": "once"}', revision=_revision(scene))


def _revision(scene: Scene) -> Callable[[str, str], str]:
    return lambda _, entity: f"""{{"if-match": f'"{{at.{scene.named(entity)}.version}}"'}}"""


def is_needed(one: Input) -> bool:
    """Whether a request without this input is refused."""
    optional = one.may_be_absent or one.default is not None or isinstance(one.type, t.OptionalType | t.PageType)
    return one.place == "path" or not optional


def example(
    type: Type, name: str, scene: Scene, instead: Mapping[Way, str] = MappingProxyType({}), way: Way = ()
) -> str:
    """A plausible value of that type as a caller sends it; `way` leads to it."""
    way = (*way, name)
    match plain(type):
        case _ if way in instead:
            return instead[way]
        case t.EntityType(name=entity):
            return scene.address(entity)
        case t.RecordType(fields=fields):
            members = (
                f"{text_literal(one.name)}: {example(one.type, one.name, scene, instead, way)}" for one in fields
            )
            return f"{{{', '.join(members)}}}"
        case t.ListType(of=of) if _names_one(of) or isinstance(of, t.RecordType):
            return f"[{example(of, ITEM, scene, instead, way)}]"
        case t.ListType(of=of, min=low) | t.SetType(of=of, min=low):
            return f"[{', '.join([example(of, names.singular(name), scene)] * low)}]"
        case _:
            return values.repr_of(values.sent(values.plausible(plain(type), name, scene.blueprint), type))


def _given(one: Input, operation: Operation, scene: Scene, instead: Mapping[Way, str]) -> str:
    if (one.name,) not in instead and _signs_in(operation):
        if isinstance(one.type, t.SecretType) and is_known_secret(operation, one.name):
            return "PASSWORD"
        if isinstance(one.type, t.TextType) and one.type.form == "email":
            return "at.owner.email"
    return example(one.type, one.name, scene, instead)


def is_known_secret(operation: Operation, name: str) -> bool:
    """Whether that input is a password that somebody has already."""
    secrets = [one.name for one in operation.inputs if isinstance(one.type, t.SecretType)]
    return _signs_in(operation) and name == secrets[0]


def _signs_in(operation: Operation) -> bool:
    asks = any(isinstance(node, e.Action) and node.action == "authenticate" for node in nodes_in(operation.body or ()))
    return asks or operation.builtin in {"login", "change_password"}


def _names_one(type: Type) -> bool:
    return isinstance(type, t.EntityType)


def _inner(type: Type) -> list[Type]:
    match type:
        case t.OptionalType(of=of) | t.ListType(of=of) | t.SetType(of=of):
            return _inner(of)
        case t.RecordType(fields=fields):
            return [inner for one in fields for inner in _inner(one.type)]
        case _:
            return [type]
