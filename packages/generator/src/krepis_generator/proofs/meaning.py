"""What a block means, by running it on rows in memory: how the tests of a project know what to expect, without asking its code.

Rows have an identity: two names of one row see each other's change. What this does not know raises `NotKnown`; then there is no such test.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any, cast

from krepis_generator.python.printer import plain
from krepis_spec import expressions as e
from krepis_spec import types as t
from krepis_spec.blueprint import Blueprint, Entity
from krepis_spec.expressions import Expression, Statement


class NotKnown(Exception):
    """Something that is not interpreted here."""


class Refused(Exception):
    """The block refuses, with that code and status."""

    def __init__(self, code: str, message: str, status: int) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


class Row:
    """One row. `name` is how a test calls it."""

    def __init__(self, entity: str, name: str, fields: Mapping[str, Any]) -> None:
        self.entity = entity
        self.name = name
        self.fields = dict(fields)

    def __repr__(self) -> str:
        return f"{self.entity}({self.name})"


class Returned(Exception):
    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value


class Meaning:
    """One run. `rows` are all that there are, those that are created are added to them."""

    def __init__(self, blueprint: Blueprint, rows: Sequence[Row], now: datetime) -> None:
        self.blueprint = blueprint
        self.rows = list(rows)
        self.now = now
        self.changed: dict[int, Row] = {}
        self.created: list[Row] = []
        self.deleted: list[Row] = []
        self.emitted: list[tuple[str, dict[str, Any]]] = []
        self.called: list[tuple[str, dict[str, Any]]] = []

    def run(self, body: Sequence[Statement], names: Mapping[str, Any]) -> Any:
        """What the block returns. Raises `Refused`."""
        try:
            self._statements(body, dict(names))
        except Returned as returned:
            self._check()
            return returned.value
        self._check()
        return None

    def value(self, node: Expression, names: Mapping[str, Any]) -> Any:  # noqa: C901 - one branch a node
        """The value of an expression."""
        match node:
            case e.Constant():
                return constant(node)
            case e.Name(source="entity", name=name):
                return [row for row in self.rows if row.entity == name]
            case e.Name(source="now"):
                return self.now
            case e.Name(name=name):
                if name not in names:
                    raise NotKnown(name)
                return names[name]
            case e.Attribute():
                return self._attribute(node, names)
            case e.Index():
                return self.value(node.of, names)[self.value(node.index, names)]
            case e.Arithmetic():
                return _arithmetic(node.operator, self.value(node.left, names), self.value(node.right, names))
            case e.Negative():
                return -self.value(node.of, names)
            case e.Not():
                return not self.value(node.of, names)
            case e.Logic(operator="and"):
                return all(self.value(one, names) for one in node.operands)
            case e.Logic():
                return any(self.value(one, names) for one in node.operands)
            case e.Compare():
                return self._compare(node, names)
            case e.Conditional():
                taken = node.then if self.value(node.test, names) else node.otherwise
                return self.value(taken, names)
            case e.Comprehension():
                found = [self.value(node.element, one) for one in self._loops(node.clauses, dict(names))]
                return found if node.form != "set" else list(dict.fromkeys(found))
            case e.Collection():
                return [self.value(one, names) for one in node.items]
            case e.Record(fields=fields) | e.Construct(keywords=fields, type=t.ValueType()):
                return {one.name: self.value(one.value, names) for one in fields}
            case e.Format():
                return "".join(self._part(one, names) for one in node.parts)
            case e.Call():
                return self._call(node, names)
            case e.Action():
                return self._action(node, names)
            case _:
                raise NotKnown(type(node).__name__)

    def _attribute(self, node: e.Attribute, names: Mapping[str, Any]) -> Any:
        of = self.value(node.of, names)
        if isinstance(of, Row):
            if node.name not in of.fields:
                raise NotKnown(node.name)
            return of.fields[node.name]
        if isinstance(of, dict):
            return cast(dict[str, Any], of)[node.name]
        if isinstance(of, tuple) and node.name in {"start", "end"}:
            return cast(tuple[Any, Any], of)[node.name == "end"]
        raise NotKnown(node.name)

    def _part(self, part: e.FormatPart, names: Mapping[str, Any]) -> str:
        if part.value is None:
            return part.text or ""
        value = self.value(part.value, names)
        if isinstance(value, Row):
            raise NotKnown("the text of a row")
        return format(value, part.specification)

    def _compare(self, node: e.Compare, names: Mapping[str, Any]) -> bool:
        return _COMPARISONS[node.operator](self.value(node.left, names), self.value(node.right, names))

    def _loops(self, clauses: Sequence[e.Clause], names: dict[str, Any]) -> Iterator[dict[str, Any]]:
        if not clauses:
            yield names
            return
        clause, *rest = clauses
        for one in self.value(clause.source, names):
            inner = names | dict(_bound(clause.variables, one))
            if all(self.value(condition, inner) for condition in clause.conditions):
                yield from self._loops(rest, inner)

    def _call(self, node: e.Call, names: Mapping[str, Any]) -> Any:
        given = [self.value(one, names) for one in node.arguments]
        keys = {one.name: one.value for one in node.keywords}
        if node.function in {"sorted", "min", "max"}:
            return self._ordered(node, given, keys, names)
        if node.function not in _FUNCTIONS or keys:
            raise NotKnown(node.function)
        found = _FUNCTIONS[node.function](*given)
        return Decimal(found) if node.function == "sum" and isinstance(plain(node.type), t.DecimalType) else found

    def _ordered(self, node: e.Call, given: list[Any], keys: dict[str, Expression], names: Mapping[str, Any]) -> Any:
        by = self._key(keys.get("key"), names)
        many = given[0] if len(given) == 1 else given
        if node.function == "sorted":
            return sorted(many, key=by, reverse="reverse" in keys and self.value(keys["reverse"], names))
        default = self.value(keys["default"], names) if "default" in keys else None
        return (min if node.function == "min" else max)(many, key=by, default=default)

    def _key(self, key: Expression | None, names: Mapping[str, Any]) -> Callable[[Any], Any]:
        """What is sorted by: the thing itself, unless a lambda says otherwise."""
        if not isinstance(key, e.Lambda):
            return lambda one: one
        return lambda one: self.value(key.body, {**names, key.parameter: one})

    def _action(self, node: e.Action, names: Mapping[str, Any]) -> Any:
        given = {one.name: self.value(one.value, names) for one in node.keywords}
        match node.action:
            case "create":
                return self._create(self.blueprint.entity(node.subject), given)
            case "get" | "find":
                return self._found(node, given)
            case "update":
                assert node.of is not None
                self._update(self.value(node.of, names), given)
            case "delete":
                assert node.of is not None
                row = self.value(node.of, names)
                self.rows = [one for one in self.rows if one is not row]
                self.deleted.append(row)
            case "emit":
                self.emitted.append((node.subject, given))
            case "add" | "discard":
                self._relate(node, names)
            case "call" if isinstance(node.type, t.NothingType):
                self.called.append((node.subject, given))
            case _:
                raise NotKnown(node.action)
        return None

    def _create(self, entity: Entity, given: Mapping[str, Any]) -> Row:
        fields: dict[str, Any] = {}
        for field in entity.fields:
            if field.name in given:
                fields[field.name] = given[field.name]
            elif field.now or field.now_on_change:
                fields[field.name] = self.now.date() if isinstance(field.type, t.DateType) else self.now
            elif field.default is not None:
                fields[field.name] = self.value(field.default, {})
            elif isinstance(field.type, t.OptionalType):
                fields[field.name] = None
            elif isinstance(field.type, t.SetType | t.ListType):
                fields[field.name] = []
        row = Row(entity.name, "created", fields)
        self.rows.append(row)
        self.created.append(row)
        return row

    def _found(self, node: e.Action, given: Mapping[str, Any]) -> Row | None:
        for row in self.rows:
            if row.entity == node.subject and all(row.fields.get(name) == value for name, value in given.items()):
                return row
        if node.action == "get":
            raise Refused(f"no_such_{node.subject}", "", 404)
        return None

    def _relate(self, node: e.Action, names: Mapping[str, Any]) -> None:
        assert isinstance(node.of, e.Attribute)
        row, other = self.value(node.of.of, names), self.value(node.arguments[0], names)
        members = [one for one in row.fields.get(node.of.name, []) if one is not other]
        row.fields[node.of.name] = [*members, other] if node.action == "add" else members

    def _update(self, row: Row, given: Mapping[str, Any]) -> None:
        for name, value in given.items():
            self._set(row, name, value)

    def _set(self, row: Row, name: str, value: Any) -> None:
        entity = self.blueprint.entity(row.entity)
        for steps in entity.transitions:
            if steps.field == name and (row.fields[name], value) not in steps.allowed:
                raise Refused("", "", 409)
        row.fields[name] = value
        for field in entity.fields:
            if field.now_on_change:
                row.fields[field.name] = self.now
        self.changed[id(row)] = row

    def _statements(self, body: Sequence[Statement], names: dict[str, Any]) -> None:
        for statement in body:
            self._statement(statement, names)

    def _statement(self, statement: Statement, names: dict[str, Any]) -> None:
        match statement:
            case e.Let(names=bound, value=value):
                names.update(_bound(bound, self.value(value, names)))
            case e.Set():
                row = self.value(statement.of, names)
                value = self.value(statement.value, names)
                if statement.operator:
                    value = _arithmetic(statement.operator, row.fields[statement.field], value)
                self._set(row, statement.field, value)
            case e.Do(action=action):
                self.value(action, names)
            case e.Require():
                if not self.value(statement.condition, names):
                    raise Refused(statement.code, statement.reason, statement.status)
            case e.For():
                for one in self.value(statement.source, names):
                    self._statements(statement.body, names | dict(_bound(statement.variables, one)))
            case e.If():
                taken = statement.body if self.value(statement.test, names) else statement.otherwise
                self._statements(taken, names)
            case e.Return(value=value):
                raise Returned(None if value is None else self.value(value, names))

    def _check(self) -> None:
        """Invariants of everything that was created or changed."""
        for row in (*self.changed.values(), *self.created):
            for invariant in self.blueprint.entity(row.entity).invariants:
                if not self.value(invariant.condition, row.fields):
                    raise Refused(invariant.code, invariant.message, 409)


def constant(node: e.Constant) -> Any:
    """The value of a constant, of the type that it took."""
    value = node.value
    match plain(node.type):
        case _ if value is None or isinstance(value, bool):
            return value
        case t.DecimalType():
            return Decimal(str(value))
        case t.DateType():
            return date.fromisoformat(str(value))
        case t.DatetimeType():
            return datetime.fromisoformat(str(value))
        case t.DurationType():
            raise NotKnown("duration")
        case _:
            return value


def _bound(variables: Sequence[str], value: Any) -> Iterable[tuple[str, Any]]:
    return [(variables[0], value)] if len(variables) == 1 else zip(variables, value, strict=True)


def _arithmetic(sign: str, left: Any, right: Any) -> Any:
    if sign == "/" or (isinstance(left, str) and sign != "+"):
        raise NotKnown(sign)
    return _ARITHMETIC[sign](left, right)


def _days(count: int) -> timedelta:
    return timedelta(days=count)


def _hours(count: int) -> timedelta:
    return timedelta(hours=count)


def _minutes(count: int) -> timedelta:
    return timedelta(minutes=count)


def _member(one: Any, many: Iterable[Any]) -> bool:
    return one in many


_ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = MappingProxyType(
    {
        "+": lambda one, other: one + other,
        "-": lambda one, other: one - other,
        "*": lambda one, other: one * other,
        "//": lambda one, other: one // other,
        "%": lambda one, other: one % other,
        "**": lambda one, other: one**other,
    }
)
_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = MappingProxyType(
    {
        "==": operator.eq,
        "!=": operator.ne,
        "<": operator.lt,
        "<=": operator.le,
        ">": operator.gt,
        ">=": operator.ge,
        "in": _member,
        "not in": lambda one, many: not _member(one, many),
        "is": operator.is_,
        "is not": operator.is_not,
    }
)
_FUNCTIONS: Mapping[str, Callable[..., Any]] = MappingProxyType[str, Callable[..., Any]](
    {
        "abs": abs,
        "all": all,
        "any": any,
        "count": len,
        "days": _days,
        "hours": _hours,
        "len": len,
        "lower": str.lower,
        "minutes": _minutes,
        "range": range,
        "strip": str.strip,
        "sum": sum,
        "upper": str.upper,
    }
)
