"""How things are shown to callers: values as records, and an entity inside of them as its address or by a view."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import cast

import msgspec
from msgspec import Struct

from krepis_spec.blueprint import Blueprint, Entity
from krepis_spec.expressions import (
    Attribute,
    Clause,
    Collection,
    Compare,
    Comprehension,
    Conditional,
    Constant,
    Expression,
    Keyword,
    Name,
    Record,
)
from krepis_spec.types import (
    BoolType,
    EntityType,
    ListType,
    NothingType,
    OptionalType,
    RecordField,
    RecordType,
    SecretType,
    SetType,
    TokenType,
    Type,
    UuidType,
    ValueType,
)

NESTING_MAX = 8
"""Values inside of values; one that contains itself is a mistake of its own."""

_ASIDE = frozenset({"type", "span"})
"""Fields of nodes that hold no nodes."""

Showing = Callable[[Expression], Expression]
"""What an expression of an entity's type becomes."""


def shown(given: Expression, blueprint: Blueprint, entity: Showing, nesting: int = 1) -> Expression:
    """The expression of what callers see of `given`. Nothing that is plain changes."""
    if nesting > NESTING_MAX or not has_parts(given.type):
        return given

    def inner(one: Expression) -> Expression:
        return shown(one, blueprint, entity, nesting + 1)

    match given:
        case Record():
            return record([Keyword(one.name, inner(one.value)) for one in given.fields], given)
        case Comprehension():
            return _with_items(given, element := inner(given.element), element.type)
        case Collection(items=items) if items:
            return _with_items(given, tuple(map(inner, items)), inner(items[0]).type)
        case _:
            return _shown_by_type(given, blueprint, entity, inner, nesting)


def _shown_by_type(
    given: Expression, blueprint: Blueprint, entity: Showing, inner: Showing, nesting: int
) -> Expression:
    match given.type:
        case EntityType():
            return entity(given)
        case OptionalType(of=of):
            some = inner(msgspec.structs.replace(given, type=of))
            none = Constant(type=NothingType(), span=given.span, value=None)
            test = Compare(type=BoolType(), span=given.span, left=given, operator="is not", right=none)
            return Conditional(type=OptionalType(some.type), span=given.span, test=test, then=some, otherwise=none)
        case ListType(of=of) | SetType(of=of):
            variable = "item" if nesting == 1 else f"item_{nesting}"
            element = inner(Name(type=of, span=given.span, name=variable, source="row"))
            return Comprehension(
                type=msgspec.structs.replace(given.type, of=element.type),
                span=given.span,
                form="list" if isinstance(given.type, ListType) else "set",
                element=element,
                clauses=(Clause((variable,), given),),
            )
        case ValueType(name=name):
            fields = [(one.name, one.type) for one in blueprint.value(name).fields]
            entity = partial(address_of, blueprint=blueprint)
        case RecordType(fields=parts):
            fields = [(one.name, one.type) for one in parts]
        case _:
            return given
    attributes = [
        Keyword(name, shown(Attribute(type=type, span=given.span, of=given, name=name), blueprint, entity, nesting + 1))
        for name, type in fields
        if not is_hidden(type)
    ]
    return record(attributes, given)


def _with_items(given: Comprehension | Collection, items: object, of: Type) -> Expression:
    type = (
        ListType(of) if not isinstance(given.type, ListType | SetType) else msgspec.structs.replace(given.type, of=of)
    )
    changed = {"element": items} if isinstance(given, Comprehension) else {"items": items}
    return msgspec.structs.replace(given, type=type, **changed)


def record(fields: list[Keyword], of: Expression) -> Record:
    """`{"a": x, ...}` at the place of `of`."""
    type = RecordType(tuple(RecordField(one.name, one.value.type) for one in fields))
    return Record(type=type, span=of.span, fields=tuple(fields))


def address_of(given: Expression, blueprint: Blueprint) -> Expression:
    """The address of the entity that `given` is."""
    assert isinstance(given.type, EntityType)
    entity = blueprint.entity(given.type.name)
    return Attribute(type=address_type(entity), span=given.span, of=given, name=entity.address)


def address_type(entity: Entity) -> Type:
    """The type of what names an entity in paths, inputs and answers."""
    return next((one.type for one in entity.fields if one.name == entity.address), UuidType())


def is_hidden(type: Type) -> bool:
    """Whether no caller ever sees such a thing."""
    return isinstance(type.of if isinstance(type, OptionalType) else type, SecretType | TokenType)


def has_parts(type: Type) -> bool:
    """Whether there is an entity or a value in it, so that it is not shown as it is."""
    match type:
        case EntityType() | ValueType():
            return True
        case OptionalType(of=of) | ListType(of=of) | SetType(of=of):
            return has_parts(of)
        case RecordType(fields=fields):
            return any(has_parts(one.type) for one in fields)
        case _:
            return False


def nodes_in(given: object) -> Iterator[Struct]:
    """All nodes of an expression, a statement, or several of them, in the order of the text."""
    waiting = [given]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Struct):
            yield one
            inside = [getattr(one, name) for name in one.__struct_fields__ if name not in _ASIDE]
            waiting += [value for value in reversed(inside) if isinstance(value, Struct | tuple)]
        elif isinstance(one, tuple):
            waiting += reversed(cast(tuple[object, ...], one))
