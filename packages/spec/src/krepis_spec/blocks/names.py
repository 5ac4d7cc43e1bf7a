"""Names, attributes and indexes: what can be read, and what type it has there."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable

from krepis_spec.blocks.environment import path_of
from krepis_spec.blocks.functions import by_name
from krepis_spec.blocks.reading import Reading, made_fields
from krepis_spec.blueprint import Field
from krepis_spec.expressions import Attribute, Constant, Expression, Index, Name
from krepis_spec.fitting import items_of, present, words
from krepis_spec.problems import did_you_mean
from krepis_spec.types import (
    AnyType,
    DatetimeType,
    EntityType,
    IntType,
    JsonType,
    ListType,
    NothingType,
    OptionalType,
    PeriodType,
    PropertiesType,
    RecordType,
    SecretType,
    TextType,
    Type,
    ValueType,
    ViewType,
)


def name(reading: Reading, node: ast.Name, expected: Type | None) -> Expression:
    """A name that is read."""
    binding = reading.environment.names.get(node.id)
    if binding is None:
        return _entity_or_unknown(reading, node)
    if not binding.certain:
        return reading.refused(node, f"`{node.id}` is not set on every way that leads here", "set it before the `if`")
    if binding.absent:
        return reading.refused(
            node,
            f"`{node.id}` may be absent here",
            f"rule it out first, `if {node.id} is not absent:`, or hand it to `update(x, field={node.id})`",
        )
    if isinstance(present(binding.type), SecretType) and not _asks_for_secret(expected):
        return _secret(reading, node)
    type = reading.environment.facts.get((node.id,), binding.type)
    return Name(type=type, span=reading.places.of(node), name=node.id, source=binding.source)


def _asks_for_secret(expected: Type | None) -> bool:
    return expected is not None and isinstance(present(expected), SecretType)


def _secret(reading: Reading, node: ast.expr) -> Expression:
    return reading.refused(
        node,
        f"{reading.shown(node)} is a secret, and secrets cannot be read",
        "`authenticate(User, ...)` compares them",
    )


def _entity_or_unknown(reading: Reading, node: ast.Name) -> Expression:
    if node.id in reading.entities:
        if reading.scope.mode in {"invariant", "overlap"}:
            return reading.refused(
                node,
                f"this speaks of one thing; all `{node.id}` cannot be asked here",
                "`## Always` speaks of all things",
            )
        type = ListType(EntityType(node.id))
        return Name(type=type, span=reading.places.of(node), name=node.id, source="entity")
    if node.id == "absent":
        return reading.refused(node, "`absent` stands only after `is` or `is not`")
    if node.id in by_name:
        return reading.refused(node, f"`{node.id}` is a function", f"call it: `{node.id}(...)`")
    what = _what(reading, node.id)
    if what is not None:
        return reading.refused(node, f"`{node.id}` is {what}, not a value")
    return reading.refused(node, f"nothing is called `{node.id}` here", did_you_mean(node.id, reading.names_known()))


def _what(reading: Reading, name: str) -> str | None:
    for known, what in (
        (reading.values, "a value type"),
        (reading.views, "a view"),
        (reading.events, "an event"),
        (reading.ports, "a port"),
        (reading.operations, "an operation"),
    ):
        if name in known:
            return what
    return None


def attribute(reading: Reading, node: ast.Attribute, expected: Type | None) -> Expression:
    """`x.field`."""
    of = reading.expression(node.value)
    if isinstance(of.type, AnyType):
        return reading.unknown(node)
    if isinstance(of.type, OptionalType | NothingType):
        shown = reading.shown(node.value)
        return reading.refused(
            node.value,
            f"{shown} may be none here, and none has no `{node.attr}`",
            f"rule it out first: `{shown[1:-1]} is not None`",
        )
    type = type_of_field(reading, of, node.attr)
    if type is None:
        return _no_field(reading, node, of)
    if isinstance(present(type), SecretType) and not _asks_for_secret(expected):
        return _secret(reading, node)
    found = Attribute(type=type, span=reading.places.of(node), of=of, name=node.attr)
    narrower = reading.environment.facts.get(path_of(found) or ())
    return found if narrower is None else Attribute(type=narrower, span=found.span, of=of, name=node.attr)


def type_of_field(reading: Reading, of: Expression, name: str) -> Type | None:
    """The type of a field of that thing; `None` where it has none of that name."""
    return dict(_fields(reading, of)).get(name)


def _fields(reading: Reading, of: Expression) -> Iterable[tuple[str, Type]]:
    match of.type:
        case EntityType(name=entity) if entity in reading.entities:
            return [*made_fields(reading.entities[entity]), *_typed(reading.fields_of(entity))]
        case ValueType(name=value):
            return _typed(reading.fields_of(value))
        case RecordType(fields=fields) if items_of(of.type) is None:
            return [(field.name, field.type) for field in fields]
        case ViewType(name=view) if view in reading.views:
            return _shown_fields(reading, view)
        case PeriodType():
            return [("start", DatetimeType()), ("end", DatetimeType())]
        case NothingType() if isinstance(of, Name) and of.source == "event":
            return []
        case _:
            return []


def _shown_fields(reading: Reading, view: str) -> list[tuple[str, Type]]:
    shown = [(field.name, field.value.type) for field in reading.views[view].fields]
    if reading.scope.mode != "scenario":
        return shown
    # An answer behaves as the thing that it shows; what the view says comes last and so wins.
    of = reading.entities.get(reading.views[view].of)
    return [*(made_fields(of) if of is not None else []), *_typed(reading.fields_of(reading.views[view].of)), *shown]


def _typed(fields: tuple[Field, ...]) -> list[tuple[str, Type]]:
    return [(field.name, field.type) for field in fields]


def _no_field(reading: Reading, node: ast.Attribute, of: Expression) -> Expression:
    known = [name for name, _ in _fields(reading, of)]
    place = reading.places.of(node)
    end = type(place)(place.end_line, max(1, place.end_column - len(node.attr)), place.end_line, place.end_column)
    if isinstance(of, Name) and of.source == "entity":
        reading.problem(
            end,
            f"`{of.name}` is all of them; a single one has `{node.attr}`",
            f"go through them: `[x.{node.attr} for x in {of.name}]`",
        )
    elif node.attr in by_name:
        reading.problem(
            end, f"`{node.attr}` is a function", f"call it: `{node.attr}({reading.shown(node.value)[1:-1]})`"
        )
    else:
        reading.problem(end, f"{words(of.type)} has no `{node.attr}`", did_you_mean(node.attr, known))
    return reading.unknown(node)


def index(reading: Reading, node: ast.Subscript) -> Expression:
    """`x[0]`, `pair[1]`, `record["name"]`, `properties["name"]`."""
    of = reading.expression(node.value)
    key = reading.expression(node.slice)
    if isinstance(of.type, AnyType) or isinstance(key.type, AnyType):
        return reading.unknown(node)
    type = _item_type(of.type, key)
    if type is None:
        return reading.refused(node, *_index_refusal(reading, of.type, key))
    return Index(type=type, span=reading.places.of(node), of=of, index=key)


def _item_type(of: Type, key: Expression) -> Type | None:
    literal = key.value if isinstance(key, Constant) else None
    match of:
        case ListType() if isinstance(key.type, IntType):
            return of.of
        case RecordType() if isinstance(literal, int | str) and not isinstance(literal, bool):
            items = items_of(of)
            wanted = (
                str(literal)
                if items is None or not isinstance(literal, int) or literal >= 0
                else str(len(items) + literal)
            )
            return next((field.type for field in of.fields if field.name == wanted), None)
        case PropertiesType() if isinstance(key.type, TextType):
            return OptionalType(JsonType())
        case TextType() if isinstance(key.type, IntType):
            return TextType()
        case _:
            return None


def _index_refusal(reading: Reading, of: Type, key: Expression) -> tuple[str, str | None]:
    if isinstance(of, OptionalType):
        return "this may be none here, and none has no items", "rule it out first: `x is not None`"
    if isinstance(of, RecordType):
        known = [field.name for field in of.fields]
        literal = str(key.value) if isinstance(key, Constant) else ""
        return f"{words(of)} has no item of that name", did_you_mean(literal, known)
    return f"{words(of)} has no items that {words(key.type)} picks", None


def refuse_new(reading: Reading, node: ast.expr | ast.arg, name: str) -> bool:
    """Says so and is true where `name` cannot be the name of something new."""
    message = _why_not(reading, name)
    if message is not None:
        reading.problem(node, message, "choose another name")
    return message is not None


def _why_not(reading: Reading, name: str) -> str | None:
    binding = reading.environment.names.get(name)
    if binding is not None:
        source = "a field" if binding.source == "field" else f"set already: {_sources(binding.source)}"
        return f"`{name}` is {source}; a second meaning would hide it"
    if name in reading.entities or _what(reading, name) is not None:
        return f"`{name}` is {_what(reading, name) or 'an entity'}; a second meaning would hide it"
    if name == "absent" or (name in by_name and hasattr(builtins, name)):
        return f"`{name}` is a word of the language"
    if not name.isascii() or not name[0].islower() or name != name.lower():
        return f"`{name}` is no name for a value; those are in snake_case"
    return None


def _sources(source: str) -> str:
    match source:
        case "input" | "event":
            return f"an {source}" if source == "input" else "the event"
        case "path":
            return "an entity that the path names"
        case "local" | "row":
            return "a name of this block"
        case _:
            return "a name that is always there"
