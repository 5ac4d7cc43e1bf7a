"""`domain/<command>.py`: the pure decision of a command, `decide`, and what it answers with."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from msgspec import Struct

from krepis_generator import names
from krepis_generator.annotations import Annotations
from krepis_generator.domain.checks import check_function, needs_check
from krepis_generator.domain.plan import Member, Plan, entity_of
from krepis_generator.domain.rejections import Reasons
from krepis_generator.domain.writing import EVENTS, NEW_IDS, Body, DecisionPrinter, Rows, relations_in
from krepis_generator.frame.things import thing_of
from krepis_generator.python.printer import plain
from krepis_generator.quoting import docstring
from krepis_generator.source import Module, indented
from krepis_spec import expressions as e
from krepis_spec import types as t
from krepis_spec.blueprint import Blueprint, Input, Operation
from krepis_spec.expressions import Expression
from krepis_spec.facts import Lookup, Numbering, type_at
from krepis_spec.naming import class_name
from krepis_spec.showing import nodes_in
from krepis_spec.types import RecordType, Type

ParameterKind = Literal["row", "name", "table", "id", "ids", "now"]


class Parameter(Struct, frozen=True):
    """One thing that `decide` is given. `of` is the entity of a row or a table, or the name of the block that it stands for."""

    name: str
    kind: ParameterKind
    of: str
    annotation: str


class Decision(Struct, frozen=True):
    """A decision as it is written, for the handler that calls it."""

    plan: Plan
    module: Module
    first: tuple[Parameter, ...]
    """Given by position."""
    rest: tuple[Parameter, ...]
    members: tuple[Member, ...]
    relations: Mapping[str, e.Action]
    says_events: bool
    answer: Type | None
    """The type of the answer, where the decision makes it."""
    helpers: tuple[str, ...]

    @property
    def count(self) -> int:
        """Of how many things the result is made; one alone is the result itself."""
        return len(self.members) + len(self.relations) + self.says_events + (self.answer is not None)


def decision(operation: Operation, plan: Plan, reasons: Reasons) -> Decision:
    """The decision of a command that has a block."""
    return _Writer(operation, plan, reasons).written()


def record_class(plan: Plan, type: Type) -> str | None:
    """The class in the domain of a record that stands in an input."""
    return input_records(plan.operation).get(type)


def answer_class(plan: Plan, type: Type) -> str:
    """The class in the domain of a record that the decision answers with."""
    return _block_records(plan.operation, plan)[type]


def input_records(operation: Operation) -> dict[Type, str]:
    """The classes of the records in the inputs, in the domain: `LineGiven`."""
    found: dict[Type, str] = {}
    for one in operation.inputs:
        for type, name in _records_in(one.type, class_name(names.singular(one.name))):
            if type not in found:
                wanted = f"{name}Given"
                found[type] = wanted if wanted not in found.values() else f"{class_name(operation.name)}{wanted}"
    return found


def _records_in(type: Type, name: str) -> Iterator[tuple[Type, str]]:
    match type:
        case t.OptionalType(of=of) | t.ListType(of=of) | t.SetType(of=of):
            yield from _records_in(of, name)
        case RecordType(fields=fields):
            for field in fields:
                yield from _records_in(field.type, f"{name}{class_name(names.singular(field.name))}")
            yield type, name
        case _:
            pass


def names_entity(type: Type) -> bool:
    """Whether callers name entities in it."""
    match type:
        case t.EntityType():
            return True
        case t.OptionalType(of=of) | t.ListType(of=of) | t.SetType(of=of):
            return names_entity(of)
        case RecordType(fields=fields):
            return any(names_entity(field.type) for field in fields)
        case _:
            return False


def has_addresses(type: Type, blueprint: Blueprint) -> bool:
    """Whether callers name something in it by another field than its id."""
    match type:
        case t.EntityType(name=name):
            return blueprint.entity(name).address != "id"
        case t.OptionalType(of=of) | t.ListType(of=of) | t.SetType(of=of):
            return has_addresses(of, blueprint)
        case RecordType(fields=fields):
            return any(has_addresses(field.type, blueprint) for field in fields)
        case _:
            return False


class _DecisionBody(Body):
    """A body whose returns answer with all that changes."""

    def __init__(self, writer: _Writer, plan: Plan, module: Module, reasons: Reasons) -> None:
        super().__init__(plan, module, reasons, writer.printer, writer.rows)
        self._writer = writer

    def returned(self, value: Expression | None) -> list[str]:
        return self._writer.returned(value)


class _Writer:
    def __init__(self, operation: Operation, plan: Plan, reasons: Reasons) -> None:
        package = plan.blueprint.service.name
        path = f"src/{package}/domain/{operation.name}.py"
        self.operation = operation
        self.plan = plan
        self._reasons = reasons
        self.module = Module(path, f"{_sentence(operation.title)}: the decision.", spans=[operation.span])
        self.records = input_records(operation) | _block_records(operation, plan)
        self.rows = Rows(plan)
        self.printer = DecisionPrinter(self.module, plan, self.rows, self.records)
        self.annotations = Annotations(plan.blueprint, self.module, self.records)
        self.members = plan.members()
        self.relations = relations_in(plan.body)
        self.answer = self._answer_type()
        self.says_events = any(
            isinstance(node, e.Action) and node.action in {"emit", "call"} for node in nodes_in(plan.body)
        )
        for entity in plan.tables:
            if self._copies(entity) == "changed":
                self.rows.tables[entity] = f"changed_{plan.tables[entity]}"
        self.body = _DecisionBody(self, plan, self.module, reasons)

    def written(self) -> Decision:
        self._write_records()
        ends = not self.plan.body or not isinstance(self.plan.body[-1], e.Return)
        ending = self.returned(None) if ends and self._count else []
        lines = self.body.lines(self.plan.body, ending)
        lines = [*self._beginnings(), *(_shortened(lines) or [docstring("Nothing stands in the way.")])]
        self._reasons.write(self.module)
        if self._count > 1:
            self._write_changes()
        first, rest = self._parameters()
        self._write_decide(first, rest, lines)
        return Decision(
            plan=self.plan,
            module=self.module,
            first=tuple(first),
            rest=tuple(rest),
            members=tuple(self.members),
            relations=self.relations,
            says_events=self.says_events,
            answer=self.answer,
            helpers=tuple(self.printer.helpers),
        )

    @property
    def _count(self) -> int:
        return len(self.members) + len(self.relations) + self.says_events + (self.answer is not None)

    def returned(self, value: Expression | None) -> list[str]:
        """`return Changes(...)` or the one changed thing."""
        parts = {member.name: self._member(member) for member in self.members}
        parts |= {name: f"tuple({name})" for name in self.relations}
        if self.says_events:
            parts[EVENTS] = f"tuple({EVENTS})"
        if self.answer is not None and value is not None and self.plan.answers() == "row":
            parts["answer"] = self.printer.row(value)
        elif self.answer is not None and value is not None:
            parts["answer"] = self.printer.field(value, self.answer)
        elif self.answer is not None:
            parts["answer"] = "None"
        if not parts:
            return ["return"] if value is None and self.plan.returns_early else []
        if len(parts) == 1:
            return [f"return {next(iter(parts.values()))}"]
        return [f"return Changes({', '.join(f'{name}={text}' for name, text in parts.items())})"]

    def _answer_type(self) -> Type | None:
        return self.operation.answer.type if self.plan.answers() in {"decided", "row"} else None

    def _member(self, member: Member) -> str:
        entity = self.plan.blueprint.entity(member.entity)
        one = names.one(member.entity)
        checked = needs_check(entity, self.plan.blueprint)
        if checked:
            self.module.use(f"{self.plan.blueprint.service.name}.domain.{one}", check_function(member.entity))
        if not member.several:
            return (
                f"{check_function(member.entity)}({member.name})"
                if checked and member.effect != "remove"
                else member.name
            )
        self.rows.used[member.entity] = None
        each = f"{check_function(member.entity)}({one})" if checked else one
        before, now = self.plan.tables[member.entity], self.rows.tables[member.entity]
        match self._copies(member.entity), member.effect:
            case "none", _:
                return f"tuple({each} for {one} in {now}.values())" if checked else f"tuple({now}.values())"
            case "all", _:
                return f"tuple({each} for {one} in {now}.values())" if checked else f"tuple({now}.values())"
            case _, "remove":
                return f"tuple(id for id in {before} if id not in {now})"
            case _, "add":
                return f"tuple({each} for id, {one} in {now}.items() if id not in {before})"
            case _:
                return f"tuple({each} for id, {one} in {now}.items() if id in {before} and {one} is not {before}[id])"

    def _copies(self, entity: str) -> Literal["none", "all", "changed", "read"]:
        """How the dictionary of an entity is kept: only filled here, changed as a whole, changed in part, only read."""
        if not any(one.entity == entity and one.several for one in self.members):
            return "read"
        if not self.plan.reaches(entity):
            return "none"
        return "all" if self.plan.changes_all(entity) else "changed"

    def _beginnings(self) -> list[str]:
        """The dictionaries that the decision changes, and what it collects."""
        lines: list[str] = []
        for entity, table in self.plan.tables.items():
            match self._copies(entity):
                case "none":
                    self.module.use("uuid", "UUID")
                    self._use_entity(entity)
                    lines.append(f"{table}: dict[UUID, {entity}] = {{}}")
                case "all":
                    lines.append(f"{table} = dict({table})")
                case "changed":
                    lines.append(f"{self.rows.tables[entity]} = dict({table})")
                case "read":
                    pass
        lines += [
            f"{read.name} = dict({read.name})"
            for read in self.plan.facts.reads
            if isinstance(read, Lookup) and read.loops and self._fills(read)
        ]
        for member in self.members:
            if member.effect == "remove" and not member.several:
                self.module.use("uuid", "UUID")
                lines.append(f"{member.name}: UUID | None = None")
        for name in self.relations:
            self.module.use("uuid", "UUID")
            lines.append(f"{name}: list[tuple[UUID, UUID]] = []")
        if self.says_events:
            self.module.use("krepis", "Event")
            lines.append(f"{EVENTS}: list[Event] = []")
        return lines

    def _fills(self, read: Lookup) -> bool:
        """Whether a `put` adds to what was looked up."""
        return any(
            isinstance(node, e.Action)
            and node.action == "put"
            and isinstance(node.of, e.Action)
            and isinstance(node.of.of, e.Name)
            and node.of.of.name == read.name
            for node in nodes_in(self.plan.body)
        )

    def _write_records(self) -> None:
        used = set(_records_made(self.plan.body))
        inputs = input_records(self.operation)
        for type, name in self.records.items():
            assert isinstance(type, RecordType)
            if type in inputs or type in used:
                self._write_record(type, name, given=type in inputs)

    def _write_record(self, type: RecordType, name: str, *, given: bool) -> None:
        self.module.use("krepis", "Value")
        limited = given and not has_addresses(type, self.plan.blueprint)
        lines = [f"class {name}(Value):"]
        doc = self._record_doc(type) if given else ""
        if doc:
            lines += [f"    {docstring(doc, 4)}", ""]
        for field in type.fields:
            written = self.annotations.message(field.type) if limited else self.annotations.domain(field.type)
            lines.append(f"    {field.name}: {written}")
        self.module.add(name, "\n".join(lines), spans=[self.operation.span])

    def _record_doc(self, type: RecordType) -> str:
        said = [
            f"`{field.name}` is the id of {names.a(names.words(inner.name))}."
            for field in type.fields
            if isinstance(inner := plain(field.type), t.EntityType)
        ]
        owners = [
            one.name for one in self.operation.inputs if any(found == type for found, _ in _records_in(one.type, ""))
        ]
        return " ".join([f"One of the `{owners[0]}` that are given.", *said]) if owners else " ".join(said)

    def _write_changes(self) -> None:
        self.module.use("krepis", "Value")
        lines = [
            "class Changes(Value):",
            f'    """All that changes with "{self.operation.title}"."""'.replace('"""All', '"""All'),
            "",
        ]
        lines[1] = f"    {docstring(f'All that changes: {self.operation.title}.', 4)}"
        for member in self.members:
            self._use_entity(member.entity)
            annotation = member.entity
            if member.effect == "remove":
                self.module.use("uuid", "UUID")
                annotation = "UUID" if member.several else "UUID | None"
            lines.append(f"    {member.name}: {f'tuple[{annotation}, ...]' if member.several else annotation}")
        lines += [f"    {name}: tuple[tuple[UUID, UUID], ...]" for name in self.relations]
        if self.says_events:
            lines.append(f"    {EVENTS}: tuple[Event, ...]")
        if self.answer is not None:
            lines.append(f"    answer: {self._answer_annotation(self.answer)}")
        self.module.add("Changes", "\n".join(lines), spans=[self.operation.span])

    def _result(self) -> str:
        if self._count > 1:
            return "Changes"
        if self.members:
            member = self.members[0]
            self._use_entity(member.entity)
            one = "UUID" if member.effect == "remove" else member.entity
            return f"tuple[{one}, ...]" if member.several else one
        if self.relations:
            return "tuple[tuple[UUID, UUID], ...]"
        if self.says_events:
            return "tuple[Event, ...]"
        return "None" if self.answer is None else self._answer_annotation(self.answer)

    def _answer_annotation(self, type: Type) -> str:
        if self.plan.answers() == "row":
            entity = entity_of(type)
            self._use_entity(entity)
            return entity
        return self.annotations.domain(type)

    def _use_entity(self, entity: str) -> None:
        self.module.use(f"{self.plan.blueprint.service.name}.domain.{names.one(entity)}", entity)

    def _parameters(self) -> tuple[list[Parameter], list[Parameter]]:
        thing = thing_of(self.plan.blueprint, self.operation)
        first: list[Parameter] = []
        rest: list[Parameter] = []
        for entity, local in self.plan.locals.items():
            if entity in self.rows.used and self.plan.reaches(entity) and not self._is_put(entity):
                self._use_entity(entity)
                root = self.plan.reaches(entity)[0]
                may_lack = isinstance(self._type_of_root(entity), t.OptionalType)
                annotation = f"{entity} | None" if may_lack else entity
                parameter = Parameter(local, "row", entity, annotation)
                is_thing = thing is not None and not root.steps and root.root == thing.name
                (first if is_thing else rest).append(parameter)
        rows = {one.name for one in (*first, *rest)} | {self._root_name(one.of) for one in (*first, *rest)}
        rest += [one for one in self._named() if one.name not in rows]
        for entity, table in self.plan.tables.items():
            if self._copies(entity) != "none" and self.plan.reaches(entity) and entity in self.rows.used:
                self._use_entity(entity)
                self.module.use("uuid", "UUID")
                self.module.use("collections.abc", "Mapping")
                rest.append(Parameter(table, "table", entity, f"Mapping[UUID, {entity}]"))
        rest += self._made_by_the_world()
        return first, rest

    def _is_put(self, entity: str) -> bool:
        return any(node.action == "put" for node, _ in self.plan.creations(entity))

    def _root_name(self, entity: str) -> str:
        ways = self.plan.reaches(entity)
        return ways[0].root if ways and not ways[0].steps else ""

    def _type_of_root(self, entity: str) -> Type:
        way = self.plan.reaches(entity)[0]
        if not way.steps:
            return self.plan.facts.roots[way.root]
        last = way.steps[-1]
        owner = type_at(type(way)(way.root, way.steps[:-1]), self.plan.facts.roots, self.plan.blueprint)
        if isinstance(owner, t.EntityType):
            fields = self.plan.blueprint.entity(owner.name).fields
            return next(field.type for field in fields if field.name == last)
        return t.EntityType(entity)

    def _named(self) -> list[Parameter]:
        """Inputs and facts, in the order of the spec."""
        inputs = {one.name: one for one in self.operation.inputs}
        reads = [read.name for read in self.plan.facts.reads]
        order = [*inputs, *reads, "actor", "tenant"]
        found = [name for name in self.printer.given if name != "now"]
        found.sort(key=lambda name: order.index(name) if name in order else len(order))
        actor_last = [one for one in found if one not in {"actor", "tenant"}]
        actor_last += [one for one in found if one in {"actor", "tenant"}]
        return [Parameter(name, "name", name, self._annotation(name, inputs.get(name))) for name in actor_last]

    def _annotation(self, name: str, given: Input | None) -> str:
        type = self.plan.facts.roots[name]
        looped = next(
            (one for one in self.plan.facts.reads if isinstance(one, Lookup) and one.name == name and one.loops), None
        )
        if looped is not None:
            self.module.use("collections.abc", "Mapping")
            self.module.use("uuid", "UUID")
            fields = self.plan.blueprint.entity(looped.entity).fields
            key = next((field.type for field in fields if field.name == looped.fields[0]), t.UuidType())
            return f"Mapping[{self.annotations.domain(key)}, UUID]"
        row = plain(type)
        if isinstance(row, t.EntityType) and self._is_put(row.name) and self.plan.single(row.name):
            self._use_entity(row.name)
            return f"{row.name} | None"
        written = self.annotations.domain(type)
        if isinstance(self._read_of(name), Numbering) and isinstance(type, t.ListType):
            self.module.use("collections.abc", "Iterator")
            return "Iterator[int]"
        if isinstance(type, t.ListType):
            self.module.use("collections.abc", "Sequence")
            written = f"Sequence[{self.annotations.domain(type.of)}]"
        if given is not None and given.may_be_absent:
            self.module.use("krepis.types", "Absent")
            none = isinstance(type, t.OptionalType)
            return f"{written.removesuffix(' | None')} | Absent{' | None' if none else ''}"
        return written

    def _read_of(self, name: str) -> object:
        return next((one for one in self.plan.facts.reads if one.name == name), None)

    def _made_by_the_world(self) -> Iterator[Parameter]:
        if self.body.ids or self.body.takes_ids:
            self.module.use("uuid", "UUID")
        for id in self.body.ids:
            yield Parameter(id, "id", id, "UUID")
        if self.body.takes_ids:
            self.module.use("collections.abc", "Iterator")
            yield Parameter(NEW_IDS, "ids", NEW_IDS, "Iterator[UUID]")
        if "now" in self.printer.given:
            self.module.use("datetime", "datetime")
            yield Parameter("now", "now", "now", "datetime")

    def _write_decide(self, first: Sequence[Parameter], rest: Sequence[Parameter], lines: Sequence[str]) -> None:
        parameters = [f"{one.name}: {one.annotation}" for one in first]
        if rest:
            parameters += ["*", *(f"{one.name}: {one.annotation}" for one in rest)]
        doc = docstring(self.operation.doc.split("\n\n")[0], 4)
        text = "\n".join([*([doc] if doc else []), *lines])
        self.module.add(
            "decide",
            f"def decide({', '.join(parameters)}) -> {self._result()}:\n{indented(text)}",
            spans=[self.operation.span, *(statement.span for statement in self.operation.body or ())],
        )


def _shortened(lines: list[str]) -> list[str]:
    """What is returned as soon as it is made needs no name."""
    if len(lines) < 2:
        return lines
    found = re.fullmatch(r"return ((?:checked_\w+\()?)(\w+)(\)?)", lines[-1])
    if found is None or not lines[-2].startswith(f"{found[2]} = "):
        return lines
    return [*lines[:-2], f"return {found[1]}{lines[-2].removeprefix(f'{found[2]} = ')}{found[3]}"]


def _block_records(operation: Operation, plan: Plan) -> dict[Type, str]:
    """The classes of records that the block makes: called after the name that holds one, or the answer."""
    found: dict[Type, str] = {}
    for node in nodes_in(plan.facts.body):
        if isinstance(node, e.Let) and len(node.names) == 1:
            for inner in _records_made(node.value):
                found.setdefault(inner, class_name(names.singular(node.names[0])))
        elif isinstance(node, e.Return):
            for number, inner in enumerate(_records_made(node.value)):
                found.setdefault(inner, f"{class_name(operation.name)}Answer{number + 1 if number else ''}")
    return dict(reversed(found.items()))


def _records_made(value: object) -> Iterator[Type]:
    """The types of the records that an expression makes, groups among them."""
    for node in nodes_in(value):
        if isinstance(node, e.Record):
            yield node.type
        elif isinstance(node, e.Call) and node.function == "group" and isinstance(node.type, t.ListType):
            yield node.type.of


def _sentence(title: str) -> str:
    return title[:1].upper() + title[1:]
