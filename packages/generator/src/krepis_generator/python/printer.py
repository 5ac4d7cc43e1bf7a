"""Prints expressions of the language as Python.

An expression of an entity's type is that entity's id; where a field of it is read, its row is asked for: `Rows` says how one gets
at it (a local, a dictionary by id). Names are printed as they are, unless `names` has another one for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

from krepis_generator import names
from krepis_generator.python import functions
from krepis_generator.python.code import (
    AND,
    ATOM,
    COMPARISON,
    CONDITIONAL,
    LAMBDA,
    NOT,
    OR,
    POWER,
    PRODUCT,
    SUM,
    UNARY,
    Code,
    call,
)
from krepis_generator.python.constants import literal
from krepis_generator.python.library import HELPERS
from krepis_generator.quoting import fstring_part
from krepis_generator.source import Module
from krepis_spec import expressions as e
from krepis_spec import types as t
from krepis_spec.expressions import Expression
from krepis_spec.naming import class_name, snake
from krepis_spec.types import Type

_ARITHMETIC = MappingProxyType(
    {"+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT, "//": PRODUCT, "%": PRODUCT, "**": POWER}
)
_OPPOSITE = MappingProxyType(
    {
        "==": "!=",
        "!=": "==",
        "<": ">=",
        ">=": "<",
        ">": "<=",
        "<=": ">",
        "in": "not in",
        "not in": "in",
        "is": "is not",
        "is not": "is",
    }
)


class Rows(Protocol):
    """How one gets from an expression of an entity's type to its row."""

    def holds_row(self, name: e.Name) -> bool:
        """Whether the Python name of that is the row itself; otherwise it is the id."""
        ...

    def row(self, entity: str, id: str) -> str:
        """The row of that id."""
        ...


class Printer:
    """Prints into a module, where it imports what it needs. `names`: from names of the spec to other Python expressions."""

    def __init__(
        self, module: Module, package: str, rows: Rows, names: Mapping[str, str], records: Mapping[Type, str]
    ) -> None:
        self.module = module
        self.package = package
        self.rows = rows
        self.names = dict(names)
        self.records = records
        self.helpers: dict[str, None] = {}
        self.doors: Mapping[str, tuple[str, ...]] = {}
        """For `link`: the pieces of each door's path, between which what it names stands."""
        self.addresses: Mapping[str, str] = {}
        """For `link`: the field by which each entity is named."""

    def text(self, node: Expression) -> str:
        return self.code(node).text

    def code(self, node: Expression) -> Code:  # noqa: C901 - one branch a node
        match node:
            case e.Constant():
                return literal(node, self.module)
            case e.Name():
                return self._name(node)
            case e.Attribute():
                return self._attribute(node)
            case e.Index():
                return Code(f"{self.code(node.of).at(ATOM)}[{self.text(node.index)}]")
            case e.Arithmetic():
                return self._arithmetic(node)
            case e.Negative():
                return Code(f"-{self.code(node.of).at(UNARY)}", UNARY)
            case e.Not():
                return self.negated(node.of)
            case e.Logic():
                level = AND if node.operator == "and" else OR
                operands = [self.code(one).at(level + 1) for one in node.operands]
                return Code(f" {node.operator} ".join(operands), level)
            case e.Compare():
                return self._comparison(node, node.operator)
            case e.IsAbsent():
                return self._absent(node, "is")
            case e.Conditional():
                return self._conditional(node)
            case e.Format():
                return self._format(node)
            case e.Comprehension():
                return self._comprehension(node)
            case e.Lambda():
                return self._lambda(node)
            case e.Call():
                return self._call(node)
            case e.Construct():
                return self._construct(node)
            case e.Collection():
                return self._collection(node)
            case e.Record():
                return self._record(node)
            case e.Action():
                raise AssertionError(f"`{node.action}` is no value here")

    def row(self, node: Expression) -> str:
        """The row of the entity that the expression stands for."""
        if isinstance(node, e.Name) and self.rows.holds_row(node):
            return self.names.get(node.name, node.name)
        type = plain(node.type)
        assert isinstance(type, t.EntityType), "only an entity has a row"
        return self.rows.row(type.name, self.text(node))

    def negated(self, node: Expression) -> Code:
        """What is true where the expression is not."""
        match node:
            case e.Not():
                return self.code(node.of)
            case e.Compare():
                return self._comparison(node, _OPPOSITE[node.operator])
            case e.IsAbsent():
                return self._absent(node, "is not")
            case _:
                return Code(f"not {self.code(node).at(NOT)}", NOT)

    def field(self, node: Expression, type: Type) -> str:
        """The value as a field of that type holds it: a list is a tuple there."""
        inner = plain(type)
        if isinstance(inner, t.ListType):
            return self._frozen(node, "tuple")
        if isinstance(inner, t.SetType):
            return self._frozen(node, "frozenset")
        return self.text(node)

    def _frozen(self, node: Expression, kind: str) -> str:
        if isinstance(node, e.Comprehension):
            return f"{kind}({self.text(node.clauses[0].source) if _is_whole(node) else self._loops(node)})"
        if isinstance(node, e.Collection):
            items = [self.text(one) for one in node.items]
            if kind == "tuple":
                return f"({', '.join(items)}{',' if len(items) == 1 else ''})"
            return f"{kind}(({', '.join(items)}{',' if len(items) == 1 else ''}))" if items else f"{kind}()"
        is_kept = isinstance(node, e.Attribute) or (isinstance(node, e.Name) and node.source == "field")
        if is_kept or (isinstance(node, e.Constant) and node.value is None):
            return self.text(node)
        if isinstance(node.type, t.OptionalType):
            value = self.code(node)
            return f"None if {value.at(SUM)} is None else {kind}({value.text})"
        return f"{kind}({self.text(node)})"

    def _name(self, node: e.Name) -> Code:
        text = self.names.get(node.name, node.name)
        if isinstance(plain(node.type), t.EntityType) and self.rows.holds_row(node):
            if isinstance(node.type, t.OptionalType):
                return Code(f"{text}.id if {text} is not None else None", CONDITIONAL)
            return Code(f"{text}.id")
        return Code(text)

    def _attribute(self, node: e.Attribute) -> Code:
        if isinstance(node.of.type, t.DatetimeType | t.PeriodType):
            return Code(f"{self.code(node.of).at(ATOM)}.{node.name}")
        if isinstance(plain(node.of.type), t.EntityType):
            if node.name == "id":
                return self.code(node.of)
            return Code(f"{self.row(node.of)}.{node.name}")
        return Code(f"{self.code(node.of).at(ATOM)}.{node.name}")

    def _arithmetic(self, node: e.Arithmetic) -> Code:
        level = _ARITHMETIC[node.operator]
        if node.operator == "/" and isinstance(node.type, t.DecimalType):
            return call(self.help("divided"), self._decimal(node.left), self._decimal(node.right))
        left, right = self.code(node.left), self.code(node.right)
        if node.operator == "**":
            return Code(f"{left.at(level + 1)} ** {right.at(UNARY)}", level)
        return Code(f"{left.at(level)} {node.operator} {right.at(level + 1)}", level)

    def _decimal(self, node: Expression) -> str:
        if isinstance(node.type, t.DecimalType):
            return self.text(node)
        self.module.use("decimal", "Decimal")
        return f"Decimal({self.text(node)})"

    def _comparison(self, node: e.Compare, operator: str) -> Code:
        if self._is_row_or_none(node):
            return Code(f"{self.raw(node.left)} {operator} {self.text(node.right)}", COMPARISON)
        left, right = self.code(node.left), self.code(node.right)
        return Code(f"{left.at(SUM)} {operator} {right.at(SUM)}", COMPARISON)

    def _is_row_or_none(self, node: e.Compare) -> bool:
        return (
            node.operator in {"is", "is not"}
            and isinstance(node.left, e.Name)
            and isinstance(plain(node.left.type), t.EntityType)
        )

    def raw(self, node: Expression) -> str:
        """The Python name of a name, whatever it holds."""
        assert isinstance(node, e.Name)
        return self.names.get(node.name, node.name)

    def _absent(self, node: e.IsAbsent, operator: str) -> Code:
        self.module.use("krepis.types", "ABSENT")
        return Code(f"{self.code(node.of).at(SUM)} {operator} ABSENT", COMPARISON)

    def _conditional(self, node: e.Conditional) -> Code:
        then, test = self.code(node.then).at(OR), self.code(node.test).at(OR)
        return Code(f"{then} if {test} else {self.code(node.otherwise).at(CONDITIONAL)}", CONDITIONAL)

    def _format(self, node: e.Format) -> Code:
        parts: list[tuple[str, str]] = []
        for part in node.parts:
            if part.value is not None:
                parts.append((self.code(part.value).at(OR), part.specification))
            else:
                parts.append(("", part.text or ""))
        if any(value and not _fits_fstring(value) for value, _ in parts):
            return self._formatted(parts)
        inner = "".join(_placed(value, rest) if value else fstring_part(rest) for value, rest in parts)
        return Code(f'f"{inner}"')

    def _formatted(self, parts: list[tuple[str, str]]) -> Code:
        """By `format`: what an f-string of Python 3.11 can't hold, quotes and backslashes, stands outside of the text."""
        text = "".join(_placed("", rest) if value else fstring_part(rest) for value, rest in parts)
        return call(f'"{text}".format', *(value for value, _ in parts if value))

    def _comprehension(self, node: e.Comprehension) -> Code:
        if node.form == "list" and _is_whole(node):
            return call("list", self.text(node.clauses[0].source))
        left, right = {"list": "[]", "set": "{}", "generator": "()"}[node.form]
        return Code(f"{left}{self._loops(node)}{right}")

    def _loops(self, node: e.Comprehension) -> str:
        before = dict(self.names)
        clauses: list[str] = []
        for clause in node.clauses:
            source = self.code(clause.source).at(OR)
            variables = self.variables(clause.variables, clause.source)
            conditions = "".join(f" if {self.code(one).at(OR)}" for one in clause.conditions)
            clauses.append(f" for {', '.join(variables)} in {source}{conditions}")
        text = f"{self.text(node.element)}{''.join(clauses)}"
        self.names = before
        return text

    def variables(self, variables: tuple[str, ...], source: Expression) -> list[str]:
        """The Python names of loop variables; a single letter becomes the word for one of those that it runs over."""
        for name in variables:
            self.names.pop(name, None)
            if len(name) == 1 and len(variables) == 1:
                word = one_of(source)
                self.names[name] = name if word is None or word in self._taken() else word
        return [self.names.get(name, name) for name in variables]

    def _taken(self) -> set[str]:
        return {*self.names, *self.names.values()}

    def _lambda(self, node: e.Lambda) -> Code:
        before = dict(self.names)
        self.names.pop(node.parameter, None)
        text = f"lambda {node.parameter}: {self.code(node.body).at(CONDITIONAL)}"
        self.names = before
        return Code(text, LAMBDA)

    def _call(self, node: e.Call) -> Code:
        if node.function == "sum":
            return self._sum(node)
        if node.function == "group":
            return self._group(node)
        if node.function == "link":
            return self._link(node)
        alone = len(node.arguments) == 1 and not node.keywords
        arguments = [self._argument(one, alone=alone) for one in node.arguments]
        keywords = [(one.name, self.code(one.value)) for one in node.keywords]
        found = functions.written(node, arguments, keywords)
        for module, name in found.imports:
            self.module.use(module, name)
        for name in found.helpers:
            self.help(name)
        return found.code

    def help(self, name: str) -> str:
        """The function of that name in a module of the project's own."""
        self.helpers[name] = None
        self.module.use(f"{self.package}.domain.{HELPERS[name].module}", name)
        return name

    def _argument(self, node: Expression, *, alone: bool) -> Code:
        if alone and isinstance(node, e.Comprehension) and node.form == "generator":
            return Code(self._loops(node))
        return self.code(node)

    def _sum(self, node: e.Call) -> Code:
        start = self._start(plain(node.type))
        summed = node.arguments[0]
        if start is None:
            return call("sum", self._argument(summed, alone=True).text)
        return call("sum", self.code(summed).text, start)

    def _group(self, node: e.Call) -> Code:
        """Those with the same key together, in the order of the keys: `[Group(key=..., items=...) for ...]`."""
        assert isinstance(node.type, t.ListType)
        key = node.keywords[0].value
        self.module.use("itertools", "groupby")
        many, by = self.text(node.arguments[0]), self.text(key)
        record = self.records[node.type.of]
        groups = f"groupby(sorted({many}, key={by}), {by})"
        return Code(f"[{record}(key=key, items=tuple(items)) for key, items in {groups}]")

    def _link(self, node: e.Call) -> Code:
        """The path of a door, with the addresses of what it names."""
        operation, *things = node.arguments
        assert isinstance(operation, e.Constant), "an operation is named"
        first, *rest = self.doors[str(operation.value)]
        pieces = [fstring_part(first)]
        for thing, piece in zip(things, rest, strict=True):
            text = self.address(thing)
            pieces += [f"{{{text}}}", fstring_part(piece)]
        return Code(f'f"{"".join(pieces)}"' if things else f'"{first}"')

    def address(self, thing: Expression) -> str:
        """That thing as a piece of a path."""
        type, text = plain(thing.type), self.code(thing).at(OR)
        if isinstance(type, t.EntityType) and self.addresses.get(type.name, "id") != "id":
            text = f"{self.row(thing)}.{self.addresses[type.name]}"
        elif not isinstance(type, t.TextType):
            return text
        self.module.use("urllib.parse", "quote")
        return f"quote(str({text}), safe='')" if isinstance(type, t.EntityType) else f"quote({text}, safe='')"

    def _start(self, type: Type) -> str | None:
        if isinstance(type, t.DecimalType):
            self.module.use("decimal", "Decimal")
            return "Decimal(0)"
        if isinstance(type, t.DurationType):
            self.module.use("datetime", "timedelta")
            return "timedelta()"
        return None

    def _construct(self, node: e.Construct) -> Code:
        assert isinstance(node.type, t.ValueType), "views are made where answers are written"
        name = class_name(node.type.name)
        self.module.use(f"{self.package}.domain.{snake(name)}", name)
        return call(name, *(f"{one.name}={self.field(one.value, one.value.type)}" for one in node.keywords))

    def _collection(self, node: e.Collection) -> Code:
        items = ", ".join(self.text(one) for one in node.items)
        if node.form == "list":
            return Code(f"[{items}]")
        if node.form == "set":
            return Code(f"{{{items}}}" if items else "set()")
        return Code(f"({items}{',' if len(node.items) == 1 else ''})")

    def _record(self, node: e.Record) -> Code:
        name = self.records[node.type]
        return call(name, *(f"{snake(one.name)}={self.field(one.value, one.value.type)}" for one in node.fields))


def plain(type: Type) -> Type:
    """Without the `?`."""
    return type.of if isinstance(type, t.OptionalType) else type


def one_of(source: Expression) -> str | None:
    """The word for one of those that a loop runs over."""
    inner = plain(source.type)
    if isinstance(inner, t.ListType | t.SetType) and isinstance(inner.of, t.EntityType | t.ValueType):
        return snake(inner.of.name)
    if isinstance(source, e.Name | e.Attribute) and source.name.endswith("s") and not source.name.endswith("ss"):
        return names.singular(source.name)
    return None


def _is_whole(node: e.Comprehension) -> bool:
    """Whether it gives what it runs over, as it is."""
    if len(node.clauses) != 1 or node.clauses[0].conditions or not isinstance(node.element, e.Name):
        return False
    return node.clauses[0].variables == (node.element.name,)


def _fits_fstring(value: str) -> bool:
    return not any(one in value for one in "\"\\'\n{}")


def _placed(value: str, specification: str) -> str:
    return f"{{{value}:{specification}}}" if specification else f"{{{value}}}"
