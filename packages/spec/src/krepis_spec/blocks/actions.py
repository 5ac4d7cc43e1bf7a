"""Actions: what a block may do, and what each of it takes."""

from __future__ import annotations

import ast
from typing import cast

from krepis_spec.blocks.keywords import Slot, keywords, no_arguments, slots_of, written
from krepis_spec.blocks.reading import Reading
from krepis_spec.blocks.scenarios import given, person, rejected, then, when
from krepis_spec.blocks.scope import Mode, called
from krepis_spec.blueprint import Entity
from krepis_spec.expressions import Action, ActionName, Attribute, Expression, Keyword
from krepis_spec.fitting import words
from krepis_spec.problems import did_you_mean
from krepis_spec.types import (
    AnyType,
    EntityType,
    NothingType,
    OptionalType,
    SecretType,
    SetType,
    TextType,
    TokenType,
    Type,
    UuidType,
)

CHANGES = ("create", "put", "update", "delete", "authenticate", "token_for", "redeem", "emit")
LOOKS = ("get", "find")
OF_SCENARIOS = ("given", "person", "when", "rejected", "then")
ACTIONS = (*CHANGES, *LOOKS, *OF_SCENARIOS)


def allowed(reading: Reading, node: ast.Call, name: str) -> bool:
    """Whether that may happen in such a block; says so if not."""
    mode = reading.scope.mode
    if name in OF_SCENARIOS:
        if mode != "scenario":
            reading.problem(node.func, f"`{name}` stands only in scenarios")
        return mode == "scenario"
    if name not in _allowed(mode):
        reading.problem(node.func, *_refusal(name, mode))
        return False
    if reading.per_row:
        reading.problem(node.func, f"`{name}` cannot stand in a comprehension", "go through the rows with `for`")
        return False
    return True


def _allowed(mode: Mode) -> tuple[str, ...]:
    match mode:
        case "command":
            return (*CHANGES, *LOOKS, "add", "discard", "call")
        case "reaction":
            return ("create", "put", "update", "delete", "emit", *LOOKS, "add", "discard", "call")
        case "seed":
            return ("create", "put", "update", "delete", *LOOKS, "add", "discard")
        case "query":
            return LOOKS
        case _:
            return ()


def _refusal(name: str, mode: Mode) -> tuple[str, str | None]:
    shown = "a call of a port" if name == "call" else f"`{name}`"
    if mode == "scenario":
        return f"{shown} cannot stand in a scenario", "`given` makes things, `when` calls operations"
    if mode in {"reaction", "seed"}:
        return f"{shown} cannot stand in {called(mode)}", None
    if name in LOOKS:
        return f"{shown} cannot stand in {called(mode)}", "`any(... for x in E)` asks whether there is one"
    return f"{shown} does something, and {called(mode)} may change nothing", None


def action(reading: Reading, node: ast.Call, name: str) -> Expression:
    """`create(...)`, `find(...)`, `when(...)` and the others."""
    if not allowed(reading, node, name):
        return reading.unknown(node)
    match name:
        case "create" | "put":
            return _making(reading, node, name)
        case "update":
            return _update(reading, node)
        case "delete":
            return _delete(reading, node)
        case "get" | "find":
            return _looking(reading, node, name)
        case "emit":
            return _emit(reading, node)
        case "authenticate" | "token_for" | "redeem":
            return _signing_in(reading, node, name)
        case "given":
            return given(reading, node)
        case "person":
            return person(reading, node)
        case "when":
            return when(reading, node)
        case "rejected":
            return rejected(reading, node)
        case _:
            return then(reading, node)


def _signing_in(reading: Reading, node: ast.Call, name: str) -> Expression:
    match name:
        case "authenticate":
            return _authenticate(reading, node)
        case "token_for":
            return _token_for(reading, node)
        case _:
            return _redeem(reading, node)


def _entity(reading: Reading, node: ast.Call, name: str) -> Entity | None:
    """The entity that the first argument names."""
    first = node.args[0] if node.args else None
    if isinstance(first, ast.Name) and first.id in reading.entities:
        no_arguments(reading, node.args[1:], f"`{name}`")
        return reading.entities[first.id]
    if isinstance(first, ast.Name) and first.id not in reading.environment.names:
        reading.problem(first, f"there is no entity `{first.id}`", did_you_mean(first.id, reading.entities))
    else:
        reading.problem(first or node, f"`{name}` begins with the name of an entity", f"`{name}(Book, ...)`")
    for value in node.keywords:
        reading.expression(value.value, AnyType())
    return None


def _making(reading: Reading, node: ast.Call, name: str) -> Expression:
    entity = _entity(reading, node, name)
    if entity is None:
        return reading.unknown(node)
    given = {one.arg for one in node.keywords}
    keyed = name == "create" or any(given.issuperset(key) for key in unique_keys(entity))
    fields = keywords(reading, node, slots_of(entity.fields), f"`{entity.name}`", needed=keyed)
    if name == "put":
        _check_put(reading, node, entity, fields)
    return _act(reading, node, name, EntityType(entity.name), subject=entity.name, keywords=fields)


def _check_put(reading: Reading, node: ast.Call, entity: Entity, given: tuple[Keyword, ...]) -> None:
    """What has the key may be there already, and then what is immutable cannot change."""
    key = _key_among(reading, node, entity, given, "put")
    names = {one.name for one in given}
    for field in entity.fields:
        if key and field.immutable and field.name in names.difference(key):
            reading.problem(node, f"`{field.name}` of {entity.name} is immutable, and `put` may change what is there")


def _act(
    reading: Reading,
    node: ast.Call,
    name: str,
    type: Type,
    *,
    subject: str = "",
    of: Expression | None = None,
    arguments: tuple[Expression, ...] = (),
    keywords: tuple[Keyword, ...] = (),
) -> Action:
    return Action(
        type=type,
        span=reading.places.of(node),
        action=cast(ActionName, name),
        subject=subject,
        of=of,
        arguments=arguments,
        keywords=keywords,
    )


def unique_keys(entity: Entity) -> list[tuple[str, ...]]:
    """The fields by which a single one can be found, each alone or several together."""
    single = [(field.name,) for field in entity.fields if field.unique or field.name == entity.address]
    return [("id",), *single, *entity.unique]


def _key_among(
    reading: Reading, node: ast.Call, entity: Entity, given: tuple[Keyword, ...], name: str
) -> tuple[str, ...]:
    names = {one.name for one in given}
    keys = unique_keys(entity)
    found = next((key for key in keys if names.issuperset(key)), None)
    if found is None:
        listed = " or ".join(f"`{', '.join(key)}`" for key in keys if name != "put" or key != ("id",))
        reading.problem(node, f"`{name}` needs a unique key of {entity.name}: {listed or 'it has none'}")
    return found or ()


def _thing(reading: Reading, node: ast.Call, name: str) -> Expression | None:
    """The entity that the first argument is."""
    if not node.args:
        reading.problem(node, f"`{name}` begins with the thing that it is about")
        return None
    no_arguments(reading, node.args[1:], f"`{name}`")
    found = reading.expression(node.args[0])
    if isinstance(found.type, EntityType):
        return found
    if not isinstance(found.type, AnyType):
        hint = "rule none out first: `if x is not None:`" if isinstance(found.type, OptionalType) else None
        reading.problem(node.args[0], f"`{name}` is about one entity; this is {words(found.type)}", hint)
    return None


def _update(reading: Reading, node: ast.Call) -> Expression:
    of = _thing(reading, node, "update")
    if of is None or not isinstance(of.type, EntityType):
        return reading.unknown(node)
    entity = reading.entities[of.type.name]
    slots = {field.name: Slot(field.type, refused=why_unchangeable(field.name, entity)) for field in entity.fields}
    inputs = {one.value.id for one in node.keywords if isinstance(one.value, ast.Name)}
    facts = {
        (name,): binding.type
        for name, binding in reading.environment.names.items()
        if binding.absent and name in inputs
    }
    with reading.within(reading.environment.knowing(facts)):
        fields = keywords(reading, node, slots, f"`{entity.name}`")
    reading.environment = reading.environment.forgetting(frozenset(one.name for one in fields))
    return _act(reading, node, "update", of.type, subject=entity.name, of=of, keywords=fields)


def why_unchangeable(name: str, entity: Entity) -> str | None:
    """Why that field cannot be set on a thing that is there."""
    field = next(one for one in entity.fields if one.name == name)
    if field.immutable:
        return f"`{name}` of {entity.name} is immutable"
    return slots_of([field])[name].refused


def _delete(reading: Reading, node: ast.Call) -> Expression:
    of = _thing(reading, node, "delete")
    keywords(reading, node, {}, "`delete`")
    if of is None or not isinstance(of.type, EntityType):
        return reading.unknown(node)
    return _act(reading, node, "delete", NothingType(), subject=of.type.name, of=of)


def _looking(reading: Reading, node: ast.Call, name: str) -> Expression:
    entity = _entity(reading, node, name)
    if entity is None:
        return reading.unknown(node)
    slots = {
        "id": Slot(UuidType()),
        **{field.name: Slot(field.type) for field in entity.fields if not isinstance(field.type, SecretType)},
    }
    fields = keywords(reading, node, slots, f"`{entity.name}`", limits=False)
    _key_among(reading, node, entity, fields, name)
    type: Type = EntityType(entity.name)
    return _act(
        reading, node, name, OptionalType(type) if name == "find" else type, subject=entity.name, keywords=fields
    )


def _emit(reading: Reading, node: ast.Call) -> Expression:
    first = node.args[0] if node.args else None
    if not isinstance(first, ast.Name) or first.id not in reading.events:
        name = first.id if isinstance(first, ast.Name) else ""
        hint = did_you_mean(name, reading.events)
        return reading.refused(first or node, "`emit` begins with the name of an event", hint)
    no_arguments(reading, node.args[1:], "`emit`")
    fields = keywords(reading, node, slots_of(reading.events[first.id].fields), f"`{first.id}`")
    return _act(reading, node, "emit", NothingType(), subject=first.id, keywords=fields)


def _authenticate(reading: Reading, node: ast.Call) -> Expression:
    entity = _entity(reading, node, "authenticate")
    if entity is None:
        return reading.unknown(node)
    secrets = [field.name for field in entity.fields if isinstance(field.type, SecretType)]
    slots = {field.name: Slot(field.type, required=field.name in secrets[:1]) for field in entity.fields}
    fields = keywords(reading, node, slots, f"`{entity.name}`", limits=False)
    if not secrets:
        reading.problem(node, f"{entity.name} has no secret to compare")
    _key_among(reading, node, entity, fields, "authenticate")
    return _act(reading, node, "authenticate", EntityType(entity.name), subject=entity.name, keywords=fields)


def _token_for(reading: Reading, node: ast.Call) -> Expression:
    of = _thing(reading, node, "token_for")
    auth = reading.scope.blueprint.service.auth
    if auth is None:
        return reading.refused(node, "nobody signs in here, so there are no tokens", "set `auth` under `## Service`")
    if of is None or not isinstance(of.type, EntityType):
        return reading.unknown(node)
    if not reading.entities[of.type.name].user:
        return reading.refused(node.args[0], f"tokens are for those who sign in; this is {of.type.name}")
    return _act(reading, node, "token_for", TokenType(auth.token_seconds), subject=of.type.name, of=of)


def _redeem(reading: Reading, node: ast.Call) -> Expression:
    entity = _entity(reading, node, "redeem")
    if entity is None:
        return reading.unknown(node)
    slots = {
        field.name: Slot(TextType(), required=True) for field in entity.fields if isinstance(field.type, TokenType)
    }
    if not slots:
        return reading.refused(node, f"{entity.name} has no field of type token")
    fields = keywords(reading, node, slots, f"`{entity.name}`")
    return _act(reading, node, "redeem", EntityType(entity.name), subject=entity.name, keywords=fields)


def relation(reading: Reading, node: ast.Call, func: ast.Attribute, name: str) -> Expression:
    """`x.friends.add(y)`, `x.friends.discard(y)`."""
    if not allowed(reading, node, name):
        return reading.unknown(node)
    of = reading.expression(func.value)
    if isinstance(of.type, AnyType):
        return reading.unknown(node)
    if not isinstance(of, Attribute) or not isinstance(of.of.type, EntityType) or not isinstance(of.type, SetType):
        hint = "a list is set as a whole: `x.lines = x.lines + [Line(...)]`"
        return reading.refused(func, f"`{name}` is about a set that an entity has; this is {words(of.type)}", hint)
    if len(node.args) != 1 or node.keywords:
        return reading.refused(node, f"`{name}` takes one thing")
    item = written(reading, node.args[0], of.type.of, f"an item of `{of.name}`")
    return _act(reading, node, name, NothingType(), subject=of.of.type.name, of=of, arguments=(item,))


def port_call(reading: Reading, node: ast.Call, port: str, name: str) -> Expression:
    """`Mail.send(...)`."""
    operations = {one.name: one for one in reading.ports[port].operations}
    if name not in operations:
        return reading.refused(node.func, f"{port} has no operation `{name}`", did_you_mean(name, operations))
    if not allowed(reading, node, "call"):
        return reading.unknown(node)
    no_arguments(reading, node.args, f"`{port}.{name}`")
    fields = keywords(reading, node, slots_of(operations[name].inputs), f"`{port}.{name}`")
    return _act(reading, node, "call", operations[name].answers, subject=f"{port}.{name}", keywords=fields)
