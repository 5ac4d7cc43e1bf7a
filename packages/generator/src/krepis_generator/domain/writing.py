"""Writes the body of a decision: statements of the language as statements of Python, over rows that are replaced, never changed.

One module because every statement asks the same three things: which local or dictionary holds a row now, what is used of what the
decision is given, and which names are taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from msgspec.structs import replace

from krepis_generator import names
from krepis_generator.domain.plan import Plan, changes_in, entity_of, event_class, is_creation, walked
from krepis_generator.domain.rejections import Reasons
from krepis_generator.domain.things import step_function
from krepis_generator.python import Printer
from krepis_generator.python.code import Code
from krepis_generator.python.printer import plain
from krepis_generator.source import Module, indented
from krepis_spec import expressions as e
from krepis_spec import types as t
from krepis_spec.blueprint import Entity, Field
from krepis_spec.expressions import Expression, Statement
from krepis_spec.facts import key_of
from krepis_spec.facts.trees import mapped
from krepis_spec.showing import nodes_in
from krepis_spec.types import Type

NEW_IDS = "new_ids"
EVENTS = "events"


class Rows:
    """Rows of the decision: a local where there is one, else by id from a dictionary, or from a local that holds that row for now."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.held: dict[tuple[str, str], str] = {}
        self.used: dict[str, None] = {}
        self.tables = dict(plan.tables)

    def holds_row(self, name: e.Name) -> bool:
        type = plain(name.type)
        assert isinstance(type, t.EntityType)
        local = self.plan.single(type.name)
        if local is None:
            return False
        ways = self.plan.reaches(type.name)
        return name.name == local or (bool(ways) and not ways[0].steps and name.name == ways[0].root)

    def row(self, entity: str, id: str) -> str:
        self.used[entity] = None
        local = self.plan.single(entity)
        if local is not None:
            return local
        if (entity, id) in self.held:
            return self.held[entity, id]
        assert entity in self.tables, f"the rows of {entity} were not asked for"
        return f"{self.tables[entity]}[{id}]"


class DecisionPrinter(Printer):
    """Prints expressions of a decision, and keeps which of the names that it begins with it uses."""

    def __init__(self, module: Module, plan: Plan, rows: Rows, records: Mapping[Type, str]) -> None:
        renamed = {
            ways[0].root: local
            for entity, local in plan.locals.items()
            if (ways := plan.reaches(entity)) and not ways[0].steps and not plan.creations(entity)
        }
        super().__init__(module, plan.blueprint.service.name, rows, renamed, records)
        self.plan = plan
        self.given: dict[str, None] = {}
        self.decision_rows = rows

    def row(self, node: Expression) -> str:
        if isinstance(node, e.Name):
            self.note(node.name)
            self._note_row(node)
        return super().row(node)

    def _note_row(self, node: e.Name) -> None:
        type = plain(node.type)
        if isinstance(type, t.EntityType) and self.decision_rows.holds_row(node):
            self.decision_rows.used[type.name] = None

    def variables(self, variables: tuple[str, ...], source: Expression) -> list[str]:
        """Of entities that are known by ids, a loop gives ids."""
        inner = plain(source.type)
        row = plain(inner.of) if isinstance(inner, t.ListType | t.SetType) else None
        found = super().variables(variables, source)
        if len(variables) != 1 or not isinstance(row, t.EntityType) or self.plan.table(row.name) is None:
            return found
        id = f"{found[0]}_id"
        if id not in self._taken():
            self.names[variables[0]] = id
        return [self.names.get(variables[0], variables[0])]

    def note(self, name: str) -> None:
        """That name of the block is used."""
        if name in self.plan.facts.roots:
            self.given[name] = None

    def raw(self, node: Expression) -> str:
        assert isinstance(node, e.Name)
        self.note(node.name)
        self._note_row(node)
        return super().raw(node)

    def code(self, node: Expression) -> Code:
        if isinstance(node, e.Name):
            self.note(node.name)
        if isinstance(node, e.Action) and node.action in {"get", "find"} and node.of is not None:
            return self._known(node)
        return super().code(node)

    def _known(self, node: e.Action) -> Code:
        """What was looked up for all rounds of a loop; or, behind a condition, for this one."""
        assert node.of is not None
        if not isinstance(node.of.type, t.ListType):
            return self.code(node.of)
        table, key = self.code(node.of).text, self.text(node.keywords[0].value)
        return Code(f"{table}[{key}]" if node.action == "get" else f"{table}.get({key})")


class Body:
    """The statements of a decision, in Python. After `lines`, the attributes say what it needs to be given."""

    def __init__(self, plan: Plan, module: Module, reasons: Reasons, printer: DecisionPrinter, rows: Rows) -> None:
        self.plan = plan
        self.module = module
        self.reasons = reasons
        self.printer = printer
        self.rows = rows
        self.ids: list[str] = []
        self.takes_ids = False
        self.says_events = False
        self._depth = 0
        self._taken = {*plan.facts.roots, *plan.locals.values(), *plan.tables.values()}

    def lines(self, body: Sequence[Statement], ending: Sequence[str] = ()) -> list[str]:
        """The statements; `ending` stands where the block ends."""
        found: list[str] = []
        position = 0
        while position < len(body):
            found += self._held_rows(body, position)
            merged = self._merged(body, position)
            found += self._changed(merged) if len(merged) > 1 else self._statement(body[position])
            position += len(merged) or 1
        self.rows.held.clear()
        return [*found, *ending]

    def _statement(self, statement: Statement) -> list[str]:
        match statement:
            case e.Let():
                return self._let(statement)
            case e.Set():
                return self._changed([statement])
            case e.Do(action=action):
                return self._action(action, None)
            case e.Require(condition=condition, code=code, reason=reason):
                refusal = self.reasons.use(code, reason, self.module)
                return [
                    *self._found_first(condition),
                    f"if {self.printer.negated(condition).text}:",
                    f"    raise {refusal}",
                ]
            case e.For():
                return self._for(statement)
            case e.If():
                return self._if(statement)
            case e.Return(value=value):
                return self.returned(value)

    def _let(self, statement: e.Let) -> list[str]:
        value = statement.value
        if is_creation(value):
            assert isinstance(value, e.Action)
            return self._action(value, statement.names[0])
        before = self._found_first(value)
        if (
            isinstance(value, e.Action)
            and value.action == "get"
            and not isinstance(value.of and value.of.type, t.ListType)
        ):
            assert isinstance(value.of, e.Name)
            self.printer.names[statement.names[0]] = value.of.name
            return before
        text = f"{', '.join(statement.names)} = {self.printer.text(value)}"
        self._forget(statement.names)
        return [*before, text]

    def _found_first(self, value: Expression) -> list[str]:
        """The refusal of what a `get` behind a condition did not find."""
        if not isinstance(value, e.Action) or value.action != "get" or not isinstance(value.of, e.Name):
            return []
        if isinstance(value.of.type, t.ListType):
            return []
        missing = names.missing(value.subject)
        self.module.use(f"{self.printer.package}.domain.{names.one(value.subject)}", missing)
        self.printer.note(value.of.name)
        key = self.printer.text(value.keywords[0].value)
        return [f"if {value.of.name} is None:", f"    raise {missing}({names.one(value.subject)}={key})"]

    def _for(self, statement: e.For) -> list[str]:
        source = self.printer.code(statement.source)
        before = dict(self.printer.names)
        variables = self.printer.variables(statement.variables, statement.source)
        self._depth += 1
        self.rows.held.clear()
        body = self.lines(statement.body)
        self._depth -= 1
        self.printer.names = before
        return [f"for {', '.join(variables)} in {source.text}:", *_block(body)]

    def _if(self, statement: e.If) -> list[str]:
        test = self.printer.text(statement.test)
        self._depth += 1
        held = dict(self.rows.held)
        body = self.lines(statement.body)
        self.rows.held = held
        otherwise = self.lines(statement.otherwise)
        self._depth -= 1
        found = [f"if {test}:", *_block(body)]
        if otherwise and len(statement.otherwise) == 1 and isinstance(statement.otherwise[0], e.If):
            return [*found, f"el{otherwise[0]}", *otherwise[1:]]
        return [*found, "else:", *_block(otherwise)] if otherwise else found

    def _merged(self, body: Sequence[Statement], position: int) -> list[e.Set]:
        """The assignments from here on that can be one: to the same row, none reading what another sets."""
        found: list[e.Set] = []
        for statement in body[position:]:
            if not isinstance(statement, e.Set) or (
                found and statement.of != found[0].of and not _same(statement.of, found[0].of)
            ):
                break
            fields = {one.field for one in found}
            if statement.field in fields or _reads(statement, fields) or self._has_steps(statement):
                break
            found.append(statement)
        return found

    def _has_steps(self, statement: e.Set) -> bool:
        entity = self.plan.blueprint.entity(entity_of(statement.of.type))
        return any(one.field == statement.field for one in entity.transitions)

    def _changed(self, statements: list[e.Set]) -> list[str]:
        of = statements[0].of
        entity = self.plan.blueprint.entity(entity_of(of.type))
        values: dict[str, str] = {}
        for statement in statements:
            values[statement.field] = self._value(statement, _field(entity, statement.field))
        return self._replaced(of, entity, values)

    def _value(self, statement: e.Set, field: Field) -> str:
        if not statement.operator:
            return self.printer.field(statement.value, field.type)
        own = e.Attribute(type=field.type, span=statement.span, of=statement.of, name=statement.field)
        sum_of_both = e.Arithmetic(
            type=field.type, span=statement.span, left=own, operator=statement.operator, right=statement.value
        )
        return self.printer.text(sum_of_both)

    def _replaced(self, of: Expression, entity: Entity, values: dict[str, str]) -> list[str]:
        """`book = replace(book, stock=...)`, by the steps of a field that has them."""
        row = self.printer.row(of)
        target = self._target(of, entity)
        if entity.versioned:
            values["version"] = f"{row}.version + 1"
        for field in entity.fields:
            if field.now_on_change and field.name not in values:
                values[field.name] = "now"
                self.printer.given["now"] = None
        for steps in entity.transitions:
            if steps.field in values:
                step = step_function(entity.name, steps.field)
                self.module.use(f"{self.printer.package}.domain.{names.one(entity.name)}", step)
                row = f"{step}({row}, {values.pop(steps.field)})"
        if values:
            self.module.use("krepis", "replace")
            row = f"replace({row}, {', '.join(f'{name}={value}' for name, value in values.items())})"
        self._forget_rows(entity.name)
        return [f"{target} = {row}"]

    def _target(self, of: Expression, entity: Entity) -> str:
        local = self.plan.single(entity.name)
        if local is not None:
            self.rows.used[entity.name] = None
            return local
        return f"{self.rows.tables[entity.name]}[{self.printer.text(of)}]"

    def _action(self, action: e.Action, name: str | None) -> list[str]:
        match action.action:
            case "create":
                return self._create(action, name)
            case "put":
                return self._put(action, name)
            case "update":
                return self._update(action)
            case "delete":
                return self._delete(action)
            case "emit":
                return [f"{EVENTS}.append({self.event(action)})"]
            case "call":
                return [f"{EVENTS}.append({self.called(action, self._new_id())})"]
            case "add" | "discard":
                return self._relate(action)
            case _:
                raise AssertionError(f"`{action.action}` is no statement of a command")

    def event(self, action: e.Action) -> str:
        """The event that is emitted."""
        self.says_events = True
        self.module.use(f"{self.printer.package}.domain.events", action.subject)
        event = next(one for one in self.plan.blueprint.events if one.name == action.subject)
        types = {field.name: field.type for field in event.fields}
        given = ", ".join(f"{one.name}={self.printer.field(one.value, types[one.name])}" for one in action.keywords)
        return f"{action.subject}({given})"

    def called(self, action: e.Action, id: str) -> str:
        """The event that stands for a call after the commit."""
        self.says_events = True
        port, _, operation = action.subject.partition(".")
        name = event_class(port, operation)
        self.module.use(f"{self.printer.package}.domain.events", name)
        given = "".join(f", {one.name}={self.printer.field(one.value, one.value.type)}" for one in action.keywords)
        return f"{name}(id={id}{given})"

    def _relate(self, action: e.Action) -> list[str]:
        assert isinstance(action.of, e.Attribute)
        member = relation_member(action)
        return [f"{member}.append(({self.printer.text(action.of.of)}, {self.printer.text(action.arguments[0])}))"]

    def _create(self, action: e.Action, name: str | None) -> list[str]:
        entity = self.plan.blueprint.entity(action.subject)
        local = self.plan.single(entity.name)
        if local is not None:
            self.rows.used[entity.name] = None
            return [f"{local} = {self._made(action, entity, self._own_id(entity, local))}"]
        before, id = self._fresh_id(entity, name)
        made = self._made(action, entity, id)
        self._forget_rows(entity.name)
        self.rows.used[entity.name] = None
        return [*before, f"{self.rows.tables[entity.name]}[{id}] = {made}"]

    def _made(self, action: e.Action, entity: Entity, id: str) -> str:
        self.module.use(f"{self.printer.package}.domain.{names.one(entity.name)}", entity.name)
        given = {one.name: one.value for one in action.keywords}
        values = [f"id={id}"]
        for field in entity.fields:
            if names.is_relation(field.type):
                continue
            if field.name in given:
                values.append(f"{field.name}={self.printer.field(given[field.name], field.type)}")
            elif field.now or field.now_on_change:
                self.printer.given["now"] = None
                values.append(f"{field.name}={'now.date()' if isinstance(plain(field.type), t.DateType) else 'now'}")
        return f"{entity.name}({', '.join(values)})"

    def _own_id(self, entity: Entity, local: str) -> str:
        id = f"{local}_id"
        if id not in self.ids:
            self.ids.append(id)
        return id

    def _new_id(self) -> str:
        self.takes_ids = True
        return f"next({NEW_IDS})"

    def _fresh_id(self, entity: Entity, name: str | None) -> tuple[list[str], str]:
        """How a new row of a dictionary gets its id: at the top level as an argument, elsewhere the next of many."""
        if not self._depth:
            wanted = f"{name or names.one(entity.name)}_id"
            id = next(one for one in _numbered(wanted) if one not in self.ids and one not in self._taken)
            self.ids.append(id)
            if name is not None:
                self.printer.names[name] = id
            return [], id
        local = name or self._unused(f"{names.one(entity.name)}_id")
        return [f"{local} = {self._new_id()}"], local

    def _put(self, action: e.Action, name: str | None) -> list[str]:
        entity = self.plan.blueprint.entity(action.subject)
        local = self.plan.single(entity.name)
        if local is None or not isinstance(action.of, e.Name):
            return self._put_in_table(action, entity, name, self._kept(action, entity))
        self.rows.used[entity.name] = None
        self.printer.note(action.of.name)
        known = action.of.name
        made = self._made(_where(action, known, is_none=True), entity, self._own_id(entity, local))
        revised = self._revised(known, entity, self._kept(_where(action, known, is_none=False), entity))
        return [f"{local} = {made} if {known} is None else {revised}"]

    def _kept(self, action: e.Action, entity: Entity) -> dict[str, str]:
        """What a `put` sets on a row that is there: all but its key."""
        key = key_of(entity, (one.name for one in action.keywords))
        return {
            one.name: self.printer.field(one.value, _field(entity, one.name).type)
            for one in action.keywords
            if one.name not in key
        }

    def _put_in_table(self, action: e.Action, entity: Entity, name: str | None, kept: dict[str, str]) -> list[str]:
        assert action.of is not None
        table = self.rows.tables[entity.name]
        self.rows.used[entity.name] = None
        local = name or self._unused(f"{names.one(entity.name)}_id")
        looped = isinstance(action.of, e.Action)
        lines = [f"{local} = {self.printer.text(action.of)}", f"if {local} is None:", f"    {local} = {self._new_id()}"]
        lines.append(f"    {table}[{local}] = {self._made(action, entity, local)}")
        if looped:
            assert isinstance(action.of, e.Action)
            assert isinstance(action.of.of, e.Name)
            key = self.printer.text(action.of.keywords[0].value)
            lines.append(f"    {action.of.of.name}[{key}] = {local}")
        lines += ["else:", f"    {table}[{local}] = {self._revised(f'{table}[{local}]', entity, kept)}"]
        self._forget_rows(entity.name)
        return lines

    def _revised(self, row: str, entity: Entity, values: dict[str, str]) -> str:
        for field in entity.fields:
            if field.now_on_change and field.name not in values:
                values = {**values, field.name: "now"}
                self.printer.given["now"] = None
        if entity.versioned:
            values = {**values, "version": f"{row}.version + 1"}
        if not values:
            return row
        self.module.use("krepis", "replace")
        return f"replace({row}, {', '.join(f'{name}={value}' for name, value in values.items())})"

    def _update(self, action: e.Action) -> list[str]:
        assert action.of is not None
        entity = self.plan.blueprint.entity(entity_of(action.of.type))
        values = {one.name: self._given_or_kept(one, action.of, _field(entity, one.name)) for one in action.keywords}
        return self._replaced(action.of, entity, values)

    def _given_or_kept(self, one: e.Keyword, of: Expression, field: Field) -> str:
        value = self.printer.field(one.value, field.type)
        absent = [name for name in _names_in(one.value) if self._may_be_absent(name)]
        if not absent:
            return value
        self.module.use("krepis.types", "ABSENT")
        return f"{self.printer.row(of)}.{field.name} if {absent[0]} is ABSENT else {value}"

    def _may_be_absent(self, name: str) -> bool:
        return any(one.name == name and one.may_be_absent for one in self.plan.operation.inputs)

    def _delete(self, action: e.Action) -> list[str]:
        assert action.of is not None
        entity = entity_of(action.of.type)
        local = self.plan.single(entity)
        self.rows.used[entity] = None
        if local is not None:
            return [f"removed_{local} = {self.printer.text(action.of)}"]
        self._forget_rows(entity)
        return [f"del {self.rows.tables[entity]}[{self.printer.text(action.of)}]"]

    def returned(self, value: Expression | None) -> list[str]:
        """The end of the decision: all that changes, and the answer where the decision makes it."""
        raise NotImplementedError

    def _held_rows(self, body: Sequence[Statement], position: int) -> list[str]:
        """Locals for rows that are read more than once from here until they change."""
        first = _only_certain(body[position])
        counts = {key: 0 for key in self._reads_of(first) if key not in self.rows.held}
        for statement in body[position:] if counts else ():
            nodes = [*nodes_in(statement), *([statement] if isinstance(statement, e.Set) else [])]
            for key in self._reads_of(nodes):
                if key in counts:
                    counts[key] += 1
            if isinstance(statement, e.For | e.If | e.Let | e.Return) or list(changes_in(statement)):
                break
        lines: list[str] = []
        for (entity, id), count in counts.items():
            if count > 1:
                local = self._unused(_row_name(entity, id))
                lines.append(f"{local} = {self.rows.tables[entity]}[{id}]")
                self.rows.used[entity] = None
                self.rows.held[entity, id] = local
        return lines

    def _reads_of(self, nodes: Sequence[object]) -> list[tuple[str, str]]:
        """The rows of dictionaries that those nodes read, once for each time."""
        found: list[tuple[str, str]] = []
        given, used = dict(self.printer.given), dict(self.rows.used)
        for node in nodes:
            if isinstance(node, e.Attribute) and node.name != "id":
                found += self._table_key(node.of)
            elif isinstance(node, e.Set):
                found += self._table_key(node.of) * (2 if node.operator else 1)
        self.printer.given, self.rows.used = given, used
        return found

    def _table_key(self, of: Expression) -> list[tuple[str, str]]:
        type = plain(of.type)
        if not isinstance(type, t.EntityType) or type.name not in self.rows.tables or self.plan.single(type.name):
            return []
        return [(type.name, self.printer.text(of))]

    def _forget(self, changed: Sequence[str]) -> None:
        for entity, id in list(self.rows.held):
            if any(re.search(rf"\b{name}\b", id) for name in changed):
                del self.rows.held[entity, id]

    def _forget_rows(self, entity: str) -> None:
        for key in [key for key in self.rows.held if key[0] == entity]:
            del self.rows.held[key]

    def _unused(self, wanted: str) -> str:
        used = {*self._taken, *self.printer.names.values(), *self.rows.held.values()}
        return next(one for one in _numbered(wanted) if one not in used)


def relation_member(action: e.Action) -> str:
    """What of the changes tells it: `added_to_friends`, `discarded_from_friends`."""
    assert isinstance(action.of, e.Attribute)
    return f"{'added_to' if action.action == 'add' else 'discarded_from'}_{action.of.name}"


def relations_in(body: Sequence[Statement]) -> dict[str, e.Action]:
    """The relations that the decision changes, by the member that tells it."""
    found: dict[str, e.Action] = {}
    for statement, _ in walked(tuple(body)):
        if isinstance(statement, e.Do) and statement.action.action in {"add", "discard"}:
            found.setdefault(relation_member(statement.action), statement.action)
    return found


def _where(action: e.Action, name: str, *, is_none: bool) -> e.Action:
    """The action where it is known whether that name is none."""

    def change(node: Expression) -> Expression:
        match node:
            case e.Conditional(test=e.Compare(left=e.Name(name=tested), operator="is" | "is not" as operator)) if (
                tested == name
            ):
                return change(node.then if (operator == "is") == is_none else node.otherwise)
            case _:
                return mapped(node, change)

    changed = mapped(replace(action, of=None), change)
    assert isinstance(changed, e.Action)
    return changed


def _row_name(entity: str, id: str) -> str:
    """What the row of that id is called while it stays the same."""
    if not id.isidentifier():
        return names.one(entity)
    if id.endswith("_id"):
        return id.removesuffix("_id")
    return f"{id}_row" if id.endswith(names.one(entity)) else f"{id}_{names.one(entity)}"


def _block(lines: list[str]) -> list[str]:
    return indented("\n".join(lines or ["pass"])).split("\n")


def _field(entity: Entity, name: str) -> Field:
    return next(field for field in entity.fields if field.name == name)


def _numbered(wanted: str) -> Iterator[str]:
    yield wanted
    number = 2
    while True:
        yield f"{wanted}_{number}"
        number += 1


def _names_in(node: Expression) -> list[str]:
    return [one.name for one in _certain_in(node) if isinstance(one, e.Name)]


def _only_certain(statement: Statement) -> list[object]:
    """The nodes of a statement that are evaluated whatever happens, and the assignment that it is."""
    return [*_certain(statement), *([statement] if isinstance(statement, e.Set) else [])]


def _certain(statement: Statement) -> Iterator[Expression]:
    """The nodes of a statement that are evaluated whatever happens."""
    match statement:
        case e.Let(value=value) | e.Set(value=value):
            yield from _certain_in(value)
        case e.Require(condition=condition):
            yield from _certain_in(condition)
        case e.For(source=source):
            yield from _certain_in(source)
        case e.If(test=test):
            yield from _certain_in(test)
        case e.Do(action=action):
            yield from _certain_in(action)
        case e.Return():
            return


def _certain_in(node: Expression) -> Iterator[Expression]:
    yield node
    match node:
        case e.Logic(operands=operands):
            yield from _certain_in(operands[0])
        case e.Conditional(test=test):
            yield from _certain_in(test)
        case e.Comprehension(clauses=clauses):
            yield from _certain_in(clauses[0].source)
        case e.Lambda():
            return
        case _:
            for name in node.__struct_fields__:
                if name not in {"type", "span"}:
                    yield from _each(getattr(node, name))


def _each(value: object) -> Iterator[Expression]:
    if isinstance(value, Expression):
        yield from _certain_in(value)
    elif isinstance(value, tuple):
        for one in cast("tuple[object, ...]", value):
            yield from _each(one)
    elif isinstance(value, e.Keyword | e.FormatPart):
        yield from _each(value.value)


def _same(one: Expression, other: Expression) -> bool:
    """Whether both say the same, wherever they stand."""
    match one, other:
        case e.Name(name=name), e.Name(name=also):
            return name == also
        case e.Attribute(of=of, name=name), e.Attribute(of=also_of, name=also):
            return name == also and _same(of, also_of)
        case _:
            return False


def _reads(statement: e.Set, fields: set[str]) -> bool:
    """Whether a value needs one of those fields, of whatever row."""
    return bool(fields) and any(isinstance(one, e.Attribute) and one.name in fields for one in nodes_in(statement))
