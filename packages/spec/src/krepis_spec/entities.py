"""`## Value` and `## Entity`: the things of a service, with their fields and what their bullets say.

Two passes, since types name each other and expressions need all fields: here is the first one; `completed` is the second.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from krepis_spec.blueprint import Entity, Field, Value
from krepis_spec.completion import completed
from krepis_spec.document import Document, Section, Text
from krepis_spec.entity_bullets import defaults_of, with_bullets
from krepis_spec.events import events_of, ports_of
from krepis_spec.fields import fields_of, rules_of
from krepis_spec.naming import class_name, is_class_name, is_usable
from krepis_spec.problems import Problems
from krepis_spec.rows import refuse_blocks
from krepis_spec.types import (
    EntityType,
    IntType,
    ListType,
    OptionalType,
    RecordType,
    SecretType,
    SetType,
    TextType,
    Type,
    ValueType,
)
from krepis_spec.typing import Known

__all__ = ("completed", "entities_of", "events_of", "ports_of", "values_of")

_CLASSES = ("value", "entity", "event", "port")


def values_of(document: Document, known: Known, problems: Problems) -> tuple[Value, ...]:
    """The values, without their defaults and invariants."""
    values: dict[str, Value] = {}
    for section, name in _named(document, "value"):
        refuse_blocks(section, "a value", problems)
        for bullet in section.bullets:
            if bullet.key is not None and bullet.key.text.casefold() != "invariant":
                problems.add(
                    bullet.key.span,
                    f"`{bullet.key.text}` is no bullet of a value",
                    "`invariant` is the one that it takes",
                )
        fields = fields_of(section, "value", known, problems)
        values.setdefault(name.text, Value(name=name.text, span=section.heading, doc=section.prose, fields=fields))
    inside = {name: _embedded(value.fields) for name, value in values.items()}
    for name, value in values.items():
        if name in _reached(name, inside):
            problems.add(
                value.span, f"the value `{name}` contains itself, so it never ends", "refer to an entity instead"
            )
    return tuple(values.values())


def entities_of(document: Document, known: Known, problems: Problems) -> tuple[Entity, ...]:
    """The entities, without defaults, invariants and the conditions of `no overlap`. Also checks the names of all things."""
    _check_names(document, problems)
    entities: dict[str, Entity] = {}
    for section, name in _named(document, "entity"):
        refuse_blocks(section, "an entity", problems)
        fields = fields_of(section, "entity", known, problems)
        bare = Entity(name=name.text, span=section.heading, doc=section.prose, fields=fields)
        entity = with_bullets(bare, section, defaults_of(rules_of(section)), problems)
        _check_secrets(entity, problems)
        entities.setdefault(name.text, entity)
    _check_creation(entities, problems)
    return tuple(entities.values())


def _named(document: Document, *kinds: str) -> Iterator[tuple[Section, Text]]:
    for section in document.sections:
        if section.kind in kinds and section.name is not None:
            yield section, section.name


def _check_names(document: Document, problems: Problems) -> None:
    """Values, entities, events and ports are classes of one domain."""
    taken: dict[str, Text] = {}
    for _, name in _named(document, *_CLASSES):
        if not is_class_name(name.text):
            wanted = class_name(name.text)
            hint = f"write `{wanted}`" if is_class_name(wanted) and is_usable(wanted) else None
            problems.add(
                name.span, f"`{name.text}` is no name of a thing: capitalised words in one, as in `OrderLine`", hint
            )
        elif not is_usable(name.text):
            problems.add(
                name.span, f"`{name.text}` is a name that the server's own code needs", f"for example `Shop{name.text}`"
            )
        before = taken.get(name.text.casefold())
        if before is None:
            taken[name.text.casefold()] = name
        elif before.text == name.text:
            problems.add(name.span, f"there is another `{name.text}`, in line {before.span.line}")
        else:
            problems.add(
                name.span, f"`{name.text}` and `{before.text}` in line {before.span.line} differ in their case alone"
            )


def _check_secrets(entity: Entity, problems: Problems) -> None:
    secrets = [field for field in entity.fields if isinstance(_bare(field.type), SecretType)]
    for extra in secrets[1:]:
        problems.add(extra.span, f"`{entity.name}` has two secrets; one is what somebody signs in with")
    named = [field for field in entity.fields if field.unique and isinstance(field.type, TextType | IntType)]
    if secrets and not named:
        problems.add(
            secrets[0].span,
            f"a `secret` is for somebody who signs in, and nothing tells one `{entity.name}` from another",
            "give it a field such as `| email | email | unique |`",
        )


def _check_creation(entities: Mapping[str, Entity], problems: Problems) -> None:
    """An entity that needs one of its own kind to exist before it could never be created."""
    needed = {
        name: frozenset(field.type.name for field in entity.fields if isinstance(field.type, EntityType))
        for name, entity in entities.items()
    }
    for name, entity in entities.items():
        if name not in _reached(name, needed):
            continue
        for field in entity.fields:
            if isinstance(field.type, EntityType) and name in {field.type.name, *_reached(field.type.name, needed)}:
                problems.add(
                    field.span,
                    f"the first `{name}` could never be created: `{field.name}` needs one before it",
                    f"`{field.type.name}?` may be none",
                )


def _reached(start: str, steps: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Everything that is one or more steps from `start`."""
    reached: set[str] = set()
    waiting = [start]
    while waiting:
        for following in steps.get(waiting.pop(), frozenset()):
            if following not in reached:
                reached.add(following)
                waiting.append(following)
    return frozenset(reached)


def _embedded(fields: tuple[Field, ...]) -> frozenset[str]:
    return frozenset(name for field in fields for name in _values_in(field.type))


def _values_in(type: Type) -> Iterator[str]:
    if isinstance(type, ValueType):
        yield type.name
    elif isinstance(type, OptionalType | ListType | SetType):
        yield from _values_in(type.of)
    elif isinstance(type, RecordType):
        for field in type.fields:
            yield from _values_in(field.type)


def _bare(type: Type) -> Type:
    return type.of if isinstance(type, OptionalType) else type
