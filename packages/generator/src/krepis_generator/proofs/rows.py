"""`tests/rows.py`: one of each thing as the domain knows it, and another one, which shares nothing with it but what it must."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

from krepis_generator import names
from krepis_generator.proofs import values
from krepis_generator.proofs.keeping import kept
from krepis_generator.python.printer import plain
from krepis_generator.source import Module
from krepis_spec import types as t
from krepis_spec.blueprint import Blueprint, Entity, Field
from krepis_spec.types import Type

FIRST, SECOND = 1, 2


def rows_module(blueprint: Blueprint) -> Module:
    module = Module("tests/rows.py", "One of each thing as the domain knows it, and another one.")
    for entity in ordered(blueprint):
        module.use(f"{blueprint.service.name}.domain.{names.one(entity.name)}", entity.name)
        for number in (FIRST, SECOND):
            name = constant(entity.name, number)
            module.add(name, f"{name} = {_struct(module, blueprint, entity, number)}", spans=[entity.span])
    return module


def constant(entity: str, number: int = FIRST) -> str:
    """`BOOK`, `OTHER_BOOK`."""
    return f"{'OTHER_' if number == SECOND else ''}{names.one(entity).upper()}"


def example(entity: Entity, number: int, blueprint: Blueprint) -> dict[str, Any]:
    """The values of its fields: what only this one has differs by the number."""
    found: dict[str, Any] = {}
    named: dict[Type, int] = {}
    for field in entity.fields:
        if names.is_relation(field.type):
            continue
        # A second reference to the same kind of thing is to the other one.
        before = named.get(field.type, 0)
        named[field.type] = before + 1
        turned = isinstance(field.type, t.EntityType) and before % 2
        found[field.name] = _value(field, field.type, FIRST + SECOND - number if turned else number, blueprint)
    return kept(entity, found, blueprint)


def id_of(entity: str, number: int, blueprint: Blueprint) -> UUID:
    """Its id."""
    place = [one.name for one in blueprint.entities].index(entity)
    return UUID(int=10 * (place + 1) + number)


def spelled(value: Any, type: Type, module: Module, blueprint: Blueprint) -> str:
    """As in a struct: a reference is the id of the constant."""
    inner = plain(type)
    if isinstance(inner, t.EntityType) and isinstance(value, UUID):
        return f"{constant(inner.name, value.int % 10)}.id"
    if isinstance(inner, t.ValueType) and isinstance(value, dict):
        module.use(f"{blueprint.service.name}.domain.{names.one(inner.name)}", inner.name)
        given = cast(dict[str, Any], value)
        fields = [one for one in blueprint.value(inner.name).fields if one.name in given]
        written = (f"{one.name}={spelled(given[one.name], one.type, module, blueprint)}" for one in fields)
        return f"{inner.name}({', '.join(written)})"
    if isinstance(inner, t.ListType) and isinstance(value, list):
        items = [spelled(one, inner.of, module, blueprint) for one in cast(list[Any], value)]
        return f"({', '.join(items)}{',' if len(items) == 1 else ''})"
    return values.spelled(value, type, module, blueprint)


def _struct(module: Module, blueprint: Blueprint, entity: Entity, number: int) -> str:
    fields = {one.name: one for one in entity.fields}
    module.use("uuid", "UUID")
    given = [f"id=UUID(int={id_of(entity.name, number, blueprint).int})"]
    for name, value in example(entity, number, blueprint).items():
        if not _is_default(fields[name], value):
            given.append(f"{name}={spelled(value, fields[name].type, module, blueprint)}")
    return f"{entity.name}({', '.join(given)})"


def _is_default(field: Field, value: Any) -> bool:
    return value is None and isinstance(field.type, t.OptionalType)


def _value(field: Field, type: Type, number: int, blueprint: Blueprint) -> Any:
    match type:
        case t.OptionalType(of=t.EntityType()):
            return None
        case t.OptionalType(of=of):
            return _value(field, of, number, blueprint)
        case t.EntityType(name=name):
            return id_of(name, number, blueprint)
        case t.ListType(of=of, min=low, max=high):
            count = max(low, 2 if high is None or high >= 2 else high)
            return [_value(field, of, 1 + place % 2, blueprint) for place in range(count)]
        case t.SetType():
            return []
        case t.ValueType(name=name):
            fields = blueprint.value(name).fields
            return {one.name: _value(one, one.type, number, blueprint) for one in fields}
        case t.SecretType() | t.TokenType():
            return "a hash"
        case _:
            return _varied(values.plausible(type, field.name, blueprint), type, number, field)


def _varied(value: Any, type: Type, number: int, field: Field) -> Any:
    """The plausible value; for the second one another where there is another."""
    if field.derived_from is None and number == FIRST:
        return value
    step = number - FIRST
    match type:
        case t.BoolType():
            return value
        case t.IntType(max=high):
            return value + step if high is None or value + step <= high else value
        case t.DecimalType() if isinstance(value, Decimal):
            high = values.ends(type)[1]
            return value + step if high is None or value + step <= high else value
        case t.DateType() if isinstance(value, date):
            return value + timedelta(days=step)
        case t.DatetimeType() if isinstance(value, datetime):
            return value + timedelta(days=step, microseconds=step)
        case t.PeriodType() if isinstance(value, tuple):
            return tuple(one + timedelta(days=step) for one in cast(tuple[datetime, ...], value))
        case t.TextType():
            return _other_text(type, field.name) if number == SECOND else value
        case _:
            return value


def _other_text(type: t.TextType, name: str) -> str:
    if type.form != "plain":
        return values.text(type, f"other_{name}")
    if type.pattern is not None:
        return values.text(type, name, at=1)
    return f"Another {names.words(name)}".ljust(type.min, "x")[: type.max]


def ordered(blueprint: Blueprint) -> list[Entity]:
    """So that what is referred to stands above."""
    found: dict[str, Entity] = {}

    def add(entity: Entity, above: tuple[str, ...]) -> None:
        for name in _references(entity, blueprint):
            if name not in found and name not in above and name != entity.name:
                add(blueprint.entity(name), (*above, entity.name))
        found.setdefault(entity.name, entity)

    for entity in blueprint.entities:
        add(entity, ())
    return list(found.values())


def _references(entity: Entity, blueprint: Blueprint) -> list[str]:
    return [name for field in entity.fields for name in _named(field.type, blueprint)]


def _named(type: Type, blueprint: Blueprint) -> list[str]:
    match type:
        case t.EntityType(name=name):
            return [name]
        case t.ListType(of=of):
            return _named(of, blueprint)
        case t.ValueType(name=name):
            return [inner for one in blueprint.value(name).fields for inner in _named(one.type, blueprint)]
        case _:
            return []
