"""The plan: what a blueprint becomes, in words that an architect would use. It is plain data, and `text()` shows it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from krepis_spec.blueprint import Blueprint, Entity, Field, Operation, Service
from krepis_spec.expressions import Action
from krepis_spec.fitting import present, words
from krepis_spec.naming import plural, snake
from krepis_spec.plan_words import answer_words, conditions_of, reaction_words, rules_of
from krepis_spec.showing import has_parts, nodes_in
from krepis_spec.types import EntityType, ListType, RecordType, SetType, Type, ValueType


class PlannedField(Struct, frozen=True):
    """A field, an input: its type and its rules as the language page writes them."""

    name: str
    type: str
    rules: str = ""


class Thing(Struct, frozen=True):
    """An entity, a value or an event. `conditions` are sentences: how it is addressed, what always holds for it."""

    name: str
    doc: str
    fields: tuple[PlannedField, ...]
    conditions: tuple[str, ...] = ()


class PlannedView(Struct, frozen=True):
    name: str
    of: str
    fields: tuple[str, ...]
    default: bool


class PlannedOperation(Struct, frozen=True):
    """A command or a query. `door` is `POST /orders -> 201`, or empty; `who` those who may call it, with their conditions."""

    name: str
    kind: str
    doc: str
    door: str
    who: tuple[str, ...]
    inputs: tuple[PlannedField, ...]
    answers: str
    notes: tuple[str, ...] = ()
    open_task: bool = False
    built_in: bool = False


class PlannedReaction(Struct, frozen=True):
    event: str
    does: str


class PlannedPort(Struct, frozen=True):
    """A service outside: each operation with what it takes and answers."""

    name: str
    doc: str
    operations: tuple[str, ...]


class PlannedTable(Struct, frozen=True):
    """A table of the database. `keys` are what is unique in it besides its id."""

    name: str
    columns: tuple[str, ...]
    keys: tuple[str, ...] = ()


class Plan(Struct, frozen=True):
    """What will be made. `checks` are what its tests show, `not_proven` what it promises and nothing measures yet."""

    title: str
    package: str
    purpose: str
    settings: tuple[str, ...]
    entities: tuple[Thing, ...]
    values: tuple[Thing, ...]
    views: tuple[PlannedView, ...]
    operations: tuple[PlannedOperation, ...]
    events: tuple[Thing, ...]
    reactions: tuple[PlannedReaction, ...]
    ports: tuple[PlannedPort, ...]
    tables: tuple[PlannedTable, ...]
    checks: tuple[str, ...]
    not_proven: tuple[str, ...]
    open_tasks: tuple[str, ...]
    warnings: tuple[str, ...]

    def text(self) -> str:
        """The plan for people: at most 100 columns, without colours, the same for the same blueprint."""
        from krepis_spec.plan_text import text_of

        return text_of(self)


def plan_of(blueprint: Blueprint) -> Plan:
    """The plan of a blueprint."""
    operations = tuple(_operation(one, blueprint) for one in blueprint.operations)
    return Plan(
        title=blueprint.service.title,
        package=blueprint.service.name,
        purpose=blueprint.service.purpose,
        settings=tuple(_settings(blueprint.service)),
        entities=tuple(
            Thing(one.name, one.doc, _fields(one.fields), tuple(conditions_of(one))) for one in blueprint.entities
        ),
        values=tuple(
            Thing(
                one.name, one.doc, _fields(one.fields), tuple(f"{each.text}: {each.message}" for each in one.invariants)
            )
            for one in blueprint.values
        ),
        views=tuple(
            PlannedView(one.name, one.of, tuple(field.name for field in one.fields), one.default)
            for one in blueprint.views
        ),
        operations=operations,
        events=tuple(Thing(one.name, one.doc, _fields(one.fields)) for one in blueprint.events),
        reactions=tuple(PlannedReaction(one.event, reaction_words(one)) for one in blueprint.reactions),
        ports=tuple(
            PlannedPort(
                one.name, one.doc, tuple(_signature(each.name, each.inputs, each.answers) for each in one.operations)
            )
            for one in blueprint.ports
        ),
        tables=tuple(table for entity in blueprint.entities for table in _tables(entity, blueprint)),
        checks=tuple(_checks(blueprint)),
        not_proven=tuple(
            f"{blueprint.operation(one.operation).title}: {one.rate}/s, p99 {one.p99_ms} ms, errors {one.errors}"
            for one in blueprint.load
        ),
        open_tasks=tuple(one.name for one in operations if one.open_task),
        warnings=tuple(_warnings(blueprint)),
    )


def _settings(service: Service) -> Iterator[str]:
    yield f"package `{service.name}`"
    yield {"any": "SQLite or PostgreSQL", "sqlite": "SQLite", "postgresql": "PostgreSQL"}[service.database]
    if service.auth is not None:
        yield f"people sign in with email and password, for {_days(service.auth.token_seconds)}"
        yield f"token in `{service.auth.header}: {service.auth.scheme} ...`".replace("  ", " ")
    if service.roles:
        yield f"roles: {', '.join(service.roles)}"
    if service.base_path:
        yield f"all paths below `{service.base_path}`"
    if service.tenants is not None:
        yield f"tenants by {service.tenants}"
    if service.locale is not None:
        yield f"text in the order of `{service.locale}`"
    if service.hide_forbidden:
        yield "what is forbidden is answered like what is not there"
    if service.origins:
        yield f"for web pages of {', '.join('every origin' if one == '*' else f'`{one}`' for one in service.origins)}"
    if service.error_template is not None:
        yield "errors in a shape of its own"


def _days(seconds: int) -> str:
    for unit, size in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds % size == 0:
            return f"{seconds // size} {unit}{'' if seconds == size else 's'}"
    return f"{seconds} seconds"


def _fields(fields: Iterable[Field]) -> tuple[PlannedField, ...]:
    return tuple(PlannedField(one.name, words(one.type), rules_of(one)) for one in fields)


def _signature(name: str, inputs: Iterable[Field], answers: Type) -> str:
    given = ", ".join(f"{one.name}: {words(one.type)}" for one in inputs)
    kind = words(answers)
    return f"{name}({given})" + ("" if kind == "none" else f" -> {kind}")


def _operation(one: Operation, blueprint: Blueprint) -> PlannedOperation:
    door = one.door
    return PlannedOperation(
        name=one.title,
        kind=one.kind,
        doc=one.doc,
        door="" if door is None else f"{door.method} {blueprint.service.base_path}{door.path} -> {door.status}",
        who=tuple(_who(one, blueprint)),
        inputs=tuple(
            PlannedField(each.wire, words(each.type), "may be absent" if each.may_be_absent else "")
            for each in one.inputs
        ),
        answers=answer_words(one.answer),
        notes=tuple(_notes(one)),
        open_task=one.body is None and one.builtin is None,
        built_in=one.builtin is not None,
    )


def _who(operation: Operation, blueprint: Blueprint) -> Iterator[str]:
    if operation.every is not None:
        yield "the schedule"
    if blueprint.access is None:
        yield "anyone"
        return
    for rule in blueprint.access:
        if operation.name in rule.operations:
            yield rule.who if rule.when is None else f"{rule.who} when {rule.text}"


def _notes(operation: Operation) -> Iterator[str]:
    if operation.every is not None:
        yield f"runs every {operation.every}"
    for quota in operation.quotas:
        yield f"at most {quota.count} per {quota.period} per {quota.per}"
    if operation.once_per is not None:
        yield f"once per {operation.once_per}"
    if operation.input_form != "json":
        yield f"reads {operation.input_form}"


def _tables(entity: Entity, blueprint: Blueprint) -> Iterator[PlannedTable]:
    """The entity's table, and one for each of its relations and lists of values."""
    parts = [one for one in entity.fields if isinstance(present(one.type), ListType | SetType) and has_parts(one.type)]
    columns = [
        "id",
        *(["tenant"] if entity.per_tenant else []),
        *(one.name for one in entity.fields if one not in parts),
    ]
    if entity.versioned:
        columns.append("version")
    single = [(one.name,) for one in entity.fields if one.unique]
    keys = tuple(", ".join(one) for one in (*single, *entity.unique))
    yield PlannedTable(plural(entity.name), tuple(columns), tuple(dict.fromkeys(keys)))
    for part in parts:
        yield _part_table(entity, part, blueprint)


def _part_table(entity: Entity, part: Field, blueprint: Blueprint) -> PlannedTable:
    type = present(part.type)
    assert isinstance(type, ListType | SetType)
    order = ["position"] if isinstance(type, ListType) else []
    values = {one.name: [field.name for field in one.fields] for one in blueprint.values}
    match type.of:
        case EntityType(name=name):
            inner = [f"other_{snake(name)}" if name == entity.name else snake(name)]
        case ValueType(name=name):
            inner = values[name]
        case RecordType(fields=fields):
            inner = [one.name for one in fields]
        case _:
            inner = [part.name]
    owner = snake(entity.name)
    return PlannedTable(f"{owner}_{part.name}", (owner, *order, *inner))


def _checks(blueprint: Blueprint) -> Iterator[str]:
    for one in blueprint.scenarios:
        yield f"scenario: {one.title}"
    for each in blueprint.always:
        yield f"always: {each.text}"


def _warnings(blueprint: Blueprint) -> Iterator[str]:
    """What is allowed, and probably not meant."""
    if blueprint.access is None:
        yield "everybody may do everything, since there is no `Access`"
    for one in blueprint.operations:
        if one.door is None and one.every is None:
            yield f"nobody can call `{one.title}`: it has neither a door nor a schedule"
        elif not list(_who(one, blueprint)):
            yield f"nobody may `{one.title}`: no row of `Access` names it"
    rules = blueprint.access or ()
    for role in blueprint.service.roles if rules else ():
        if all(one.who != role for one in rules):
            yield f"the role `{role}` may do nothing that a user may not"
    actions = [node for node in nodes_in((blueprint.operations, blueprint.reactions)) if isinstance(node, Action)]
    emitted = {one.subject for one in actions if one.action == "emit"}
    yield from (f"nothing emits `{one.name}`" for one in blueprint.events if one.name not in emitted)
    called = {one.subject.partition(".")[0] for one in actions if one.action == "call"}
    yield from (f"nothing calls `{one.name}`" for one in blueprint.ports if one.name not in called)
    yield from _unshown(blueprint)


def _unshown(blueprint: Blueprint) -> Iterator[str]:
    shown = {
        node.subject
        for node in nodes_in(blueprint.scenarios)
        if isinstance(node, Action) and node.action in {"when", "rejected"}
    }
    own = [
        one for one in blueprint.operations if one.builtin is None and one.kind == "command" and one.door is not None
    ]
    missing = [f"`{one.title}`" for one in own if one.name not in shown]
    if missing:
        yield f"no scenario shows {', '.join(missing)}"
