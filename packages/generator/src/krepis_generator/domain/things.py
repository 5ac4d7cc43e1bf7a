"""The modules of entities, values and events: what the service knows."""

from __future__ import annotations

from collections.abc import Iterator

from krepis_generator import names
from krepis_generator.annotations import Annotations
from krepis_generator.domain.checks import needs_check, write_check
from krepis_generator.domain.rejections import Reasons, write_filled, write_rejection
from krepis_generator.python import Printer
from krepis_generator.quoting import docstring, text_literal
from krepis_generator.source import Module
from krepis_spec import expressions as e
from krepis_spec import types as t
from krepis_spec.blueprint import Blueprint, Entity, Event, Field, Transitions, Value
from krepis_spec.naming import class_name, plural
from krepis_spec.showing import nodes_in
from krepis_spec.types import Type


class _NoRows:
    def holds_row(self, name: e.Name) -> bool:
        return False

    def row(self, entity: str, id: str) -> str:
        raise AssertionError("a default is a constant")


def entity_module(entity: Entity, blueprint: Blueprint, reasons: Reasons) -> Module:
    """What there is to know of one entity: its struct, why it is refused, its steps, its check."""
    package, one = blueprint.service.name, names.one(entity.name)
    module = Module(
        f"src/{package}/domain/{one}.py",
        f"{plural(entity.name).replace('_', ' ').capitalize()}.",
        spans=[entity.span],
    )
    module.use("krepis", "Value")
    _write_choices(module, entity, blueprint)
    for steps in entity.transitions:
        _write_steps(module, entity, steps)
    _write_struct(module, entity, blueprint)
    _write_rejections(module, entity, blueprint)
    reasons.write(module)
    for steps in entity.transitions:
        _write_step(module, entity, steps)
    if needs_check(entity, blueprint):
        write_check(module, entity, blueprint, reasons)
    if any(field.searchable for field in entity.fields):
        _write_search_text(module, entity)
    return module


def value_module(value: Value, blueprint: Blueprint, reasons: Reasons) -> Module:
    """A value, and its check where it has rules."""
    module = Module(
        f"src/{blueprint.service.name}/domain/{names.one(value.name)}.py",
        f"{plural(value.name).replace('_', ' ').capitalize()}.",
        spans=[value.span],
    )
    module.use("krepis", "Value")
    _write_choices(module, value, blueprint)
    _write_struct(module, value, blueprint)
    reasons.write(module)
    if needs_check(value, blueprint):
        write_check(module, value, blueprint, reasons)
    return module


def events_module(blueprint: Blueprint, called: list[Event]) -> Module | None:
    """All events, and those that stand for calls of ports after the commit."""
    events = (*blueprint.events, *called)
    if not events:
        return None
    module = Module(
        f"src/{blueprint.service.name}/domain/events.py",
        f"What has happened in {_the(blueprint)}, for whoever acts on it later.",
        spans=[event.span for event in events],
    )
    module.use("krepis", "Event")
    for event in events:
        _write_event(module, event, blueprint)
    return module


def _write_choices(module: Module, thing: Entity | Value, blueprint: Blueprint) -> None:
    for field in thing.fields:
        type = _choice(field.type)
        known = None if type is None else names.choice(type, blueprint)
        if type is not None and known == (thing.name, names.choice_name(thing.name, field)):
            module.use("typing", "Literal")
            choices = ", ".join(map(text_literal, type.choices))
            module.add(
                names.choice_name(thing.name, field),
                f"{names.choice_name(thing.name, field)} = Literal[{choices}]",
                spans=[field.span],
            )


def _choice(type: Type) -> t.ChoiceType | None:
    inner = _plain(type)
    if isinstance(inner, t.ListType | t.SetType):
        inner = _plain(inner.of)
    return inner if isinstance(inner, t.ChoiceType) else None


def _write_steps(module: Module, entity: Entity, steps: Transitions) -> None:
    module.use("typing", "Final")
    type = names.choice_name(entity.name, _field(entity, steps.field))
    pairs = ", ".join(f"({text_literal(one)}, {text_literal(other)})" for one, other in steps.allowed)
    module.add(
        f"{steps.field.upper()}_STEPS",
        f'''\
{steps.field.upper()}_STEPS: Final[frozenset[tuple[{type}, {type}]]] = frozenset(({pairs},))
"""The only ways from one {names.words(steps.field)} to another."""''',
        spans=[steps.span],
        apart=True,
    )


def _write_struct(module: Module, thing: Entity | Value, blueprint: Blueprint) -> None:
    annotations = Annotations(blueprint, module)
    lines = [f"class {thing.name}(Value):"]
    doc = docstring("\n\n".join(filter(None, (thing.doc, _of_references(thing)))), 4)
    lines += [f"    {doc}", ""] if doc else []
    if isinstance(thing, Entity):
        module.use("uuid", "UUID")
        lines.append("    id: UUID")
    for field in thing.fields:
        if not names.is_relation(field.type):
            lines.append(f"    {field.name}: {annotations.domain(field.type)}{default(field, module, blueprint)}")
            module.trace(f"{thing.name}.{field.name}", [field.span])
    if isinstance(thing, Entity) and thing.versioned:
        lines.append("    version: int = 1")
    module.add(thing.name, "\n".join(lines), spans=[thing.span])


def default(field: Field, module: Module, blueprint: Blueprint) -> str:
    """` = ...` of a field in a struct; empty where it has to be given."""
    if field.default is not None:
        printer = Printer(module, blueprint.service.name, _NoRows(), {}, {})
        return f" = {printer.field(field.default, field.type)}"
    return " = None" if isinstance(field.type, t.OptionalType) else ""


def _of_references(thing: Entity | Value) -> str:
    """`customer` is the id of a user."""
    said: list[str] = []
    for field in thing.fields:
        type = _plain(field.type)
        if isinstance(type, t.EntityType):
            said.append(f"`{field.name}` is the id of {names.a(names.words(type.name))}.")
        elif isinstance(type, t.ListType) and isinstance(type.of, t.EntityType):
            said.append(f"`{field.name}` are ids of {plural(type.of.name).replace('_', ' ')}.")
    return " ".join(said)


def _write_rejections(module: Module, entity: Entity, blueprint: Blueprint) -> None:
    one, said = names.one(entity.name), names.words(entity.name)
    # A name in braces is filled with the fact of that name.
    module_message = f"there is no {said} `{{{one}}}`"
    write_filled(module, names.missing(entity.name), module_message, status=404, spans=(entity.span,))
    for key in _keys(entity):
        told = " and ".join(names.words(field) for field in key)
        spans = tuple(_field(entity, name).span for name in key)
        write_rejection(
            module, names.taken(entity.name, key), f"there is {names.a(said)} with this {told} already", spans=spans
        )
    for steps in entity.transitions:
        field = names.words(steps.field)
        message = f"{names.a(said)} whose {field} is {{{steps.field}}} can't become {{wanted}}"
        write_filled(module, wrong_step(entity.name, steps.field), message, spans=(steps.span,))
    if entity.no_overlap:
        spans = tuple(one.span for one in entity.no_overlap)
        write_rejection(
            module, names.overlapping(entity.name), f"there is {names.a(said)} at that time already", spans=spans
        )
    if is_held(entity.name, blueprint) and _is_deleted(entity.name, blueprint):
        write_rejection(module, names.in_use(entity.name), f"this {said} is in use", spans=(entity.span,))
    if entity.versioned:
        message = f"the {said} has changed since you read it; read it again"
        write_rejection(module, names.outdated(entity.name), message, status=412, spans=(entity.span,))


def _keys(entity: Entity) -> list[tuple[str, ...]]:
    single = [(field.name,) for field in entity.fields if field.unique or field.name == entity.address]
    return [*single, *entity.unique]


def wrong_step(entity: str, field: str) -> str:
    return f"Wrong{entity}{class_name(field)}"


def step_function(entity: str, field: str) -> str:
    return f"with_{names.one(entity)}_{field}"


def is_held(entity: str, blueprint: Blueprint) -> bool:
    """Whether something may refer to it and forbid that it goes."""
    return any(
        field.on_delete in {None, "forbid"} and _plain(field.type) == t.EntityType(entity)
        for thing in (*blueprint.entities, *blueprint.values)
        for field in thing.fields
    )


def _is_deleted(entity: str, blueprint: Blueprint) -> bool:
    """Whether some block deletes one."""
    bodies = [operation.body or () for operation in blueprint.operations] + [one.body for one in blueprint.reactions]
    return any(
        isinstance(node, e.Action)
        and node.action == "delete"
        and node.of is not None
        and _plain(node.of.type) == t.EntityType(entity)
        for node in nodes_in(tuple(bodies))
    )


def _write_step(module: Module, entity: Entity, steps: Transitions) -> None:
    module.use("krepis", "replace")
    one, field = names.one(entity.name), steps.field
    type = names.choice_name(entity.name, _field(entity, field))
    name = step_function(entity.name, field)
    module.add(
        name,
        f'''\
def {name}({one}: {entity.name}, {field}: {type}) -> {entity.name}:
    """The {names.words(entity.name)} with another {names.words(field)}, where a step leads there."""
    if ({one}.{field}, {field}) not in {field.upper()}_STEPS:
        raise {wrong_step(entity.name, field)}({field}={one}.{field}, wanted={field})
    return replace({one}, {field}={field})''',
        spans=[steps.span],
    )


def _write_search_text(module: Module, entity: Entity) -> None:
    one = names.one(entity.name)
    fields = [field for field in entity.fields if field.searchable]
    optional = [isinstance(field.type, t.OptionalType) for field in fields]
    if len(fields) == 1:
        text = f'({one}.{fields[0].name} or "")' if optional[0] else f"{one}.{fields[0].name}"
    elif any(optional):
        texts = [
            f"{one}.{field.name}" + (' or ""' if lacks else "") for field, lacks in zip(fields, optional, strict=True)
        ]
        text = f'"\\n".join(({", ".join(texts)}))'
    else:
        inner = "\\n".join(f"{{{one}.{field.name}}}" for field in fields)
        text = f'f"{inner}"'
    module.add(
        "search_text",
        f'''\
def search_text({one}: {entity.name}) -> str:
    """What a search looks into; searched with `text.casefold()`, it finds letters of either case in every script."""
    return {text}.casefold()''',
        spans=[field.span for field in fields],
    )


def _write_event(module: Module, event: Event, blueprint: Blueprint) -> None:
    annotations = Annotations(blueprint, module)
    doc = docstring(event.doc, 4)
    fields = [f"    {field.name}: {annotations.domain(field.type)}" for field in event.fields]
    lines = [f"class {event.name}(Event):", *([f"    {doc}"] if doc else [])]
    if doc and fields:
        lines.append("")
    lines += fields or ([] if doc else ['    """It has happened."""'])
    module.add(event.name, "\n".join(lines), spans=[event.span])


def _field(entity: Entity, name: str) -> Field:
    return next(field for field in entity.fields if field.name == name)


def _plain(type: Type) -> Type:
    return type.of if isinstance(type, t.OptionalType) else type


def _the(blueprint: Blueprint) -> str:
    return f"the {blueprint.service.title[:1].lower()}{blueprint.service.title[1:]}"


def things(blueprint: Blueprint, reasons: Reasons) -> Iterator[Module]:
    """The modules of all values and entities."""
    for value in blueprint.values:
        yield value_module(value, blueprint, reasons)
    for entity in blueprint.entities:
        yield entity_module(entity, blueprint, reasons)
