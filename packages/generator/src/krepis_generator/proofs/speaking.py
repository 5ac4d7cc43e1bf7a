"""Prints what scenarios and `Always` say: expressions over `facts`, all that the service knows at one moment.

An expression of an entity's type is its id, its row is `facts.book(...)`. A local is a person, a thing that was given, or an
answer: each says by itself which row it is about.
"""

from __future__ import annotations

from typing import Literal

from krepis_generator import names
from krepis_generator.python import Printer
from krepis_generator.python.code import Code
from krepis_generator.python.printer import plain
from krepis_generator.source import Module
from krepis_spec import expressions as e
from krepis_spec import types as t
from krepis_spec.blueprint import Blueprint
from krepis_spec.expressions import Expression
from krepis_spec.showing import nodes_in
from krepis_spec.types import Type

Local = Literal["person", "given", "answer", "view"]


class _FactRows:
    """Rows of `facts`, and those that a loop over all of an entity goes through."""

    def __init__(self) -> None:
        self.looped: set[str] = set()

    def holds_row(self, name: e.Name) -> bool:
        return name.source == "row" and name.name in self.looped

    def row(self, entity: str, id: str) -> str:
        return f"facts.{names.one(entity)}({id})"


class FactsPrinter(Printer):
    """`facts` is in scope where `uses_facts` says so afterwards."""

    def __init__(self, module: Module, blueprint: Blueprint) -> None:
        self.fact_rows = _FactRows()
        super().__init__(module, blueprint.service.name, self.fact_rows, {}, {})
        self.blueprint = blueprint
        self.locals: dict[str, Local] = {}
        self.uses_facts = False

    def condition(self, node: Expression) -> str:
        """One condition. Loops over all of an entity go through rows, unless their variable means something else elsewhere in it."""
        loops = [clause for one in nodes_in(node) if isinstance(one, e.Comprehension) for clause in one.clauses]
        over_all = {clause.variables[0] for clause in loops if _is_all(clause.source)}
        others = {name for clause in loops if not _is_all(clause.source) for name in clause.variables}
        keys = {one.parameter for one in nodes_in(node) if isinstance(one, e.Lambda)}
        self.fact_rows.looped = over_all - others - keys
        return self.text(node)

    def row(self, node: Expression) -> str:
        if isinstance(node, e.Name) and node.name in self.locals:
            self.uses_facts = True
            return self.fact_rows.row(self._entity(node.type), self.names.get(node.name, node.name))
        if isinstance(node, e.Name) and self.rows.holds_row(node):
            return self.names.get(node.name, node.name)
        self.uses_facts = True
        return super().row(node)

    def code(self, node: Expression) -> Code:
        match node:
            case e.Name(source="entity"):
                self.uses_facts = True
                return Code(f"facts.{names.rows(node.name)}")
            case e.Name(name=name) if name in self.locals and isinstance(plain(node.type), t.EntityType):
                return Code(f"{self.row(node)}.id" if self.locals[name] == "answer" else f"{name}.id")
            case e.Attribute(of=e.Name(name=name)) if self.locals.get(name) == "view" and not self._is_field(node):
                return Code(read(f"{name}[{_key(node.name)}]", node.type, self.module))
            case e.Attribute() if names.is_relation(node.type):
                self.uses_facts = True
                owner = self._entity(node.of.type)
                id = f"{self.row(node.of)}.id" if isinstance(node.of.type, t.ViewType) else self.text(node.of)
                return Code(f"facts.{names.one(owner)}_{node.name}[{id}]")
            case e.Attribute() if isinstance(node.of.type, t.ViewType):
                return Code(f"{self.row(node.of)}.{node.name}")
            case _:
                return super().code(node)

    def _entity(self, type: Type) -> str:
        """The entity that is meant; a view is one of an entity."""
        inner = plain(type)
        if isinstance(inner, t.ViewType):
            return self.blueprint.view(inner.name).of
        assert isinstance(inner, t.EntityType), "only an entity has rows"
        return inner.name

    def _is_field(self, node: e.Attribute) -> bool:
        """Whether it is read again, from the entity that the answer showed."""
        if not isinstance(node.of.type, t.ViewType):
            return False
        fields = self.blueprint.entity(self._entity(node.of.type)).fields
        return any(field.name == node.name for field in fields)

    def variables(self, variables: tuple[str, ...], source: Expression) -> list[str]:
        found = super().variables(variables, source)
        for name, written in zip(variables, found, strict=True):
            if name in self.fact_rows.looped:
                self.fact_rows.looped.add(written)
        return found

    def _comprehension(self, node: e.Comprehension) -> Code:
        return super()._comprehension(self._through_rows(node))

    def _argument(self, node: Expression, *, alone: bool) -> Code:
        if isinstance(node, e.Comprehension):
            node = self._through_rows(node)
        return super()._argument(node, alone=alone)

    def _through_rows(self, node: e.Comprehension) -> e.Comprehension:
        """Loops over all of an entity go through `facts.books.values()`."""
        clauses = tuple(
            e.Clause(one.variables, _values(one.source), one.conditions)
            if one.variables[0] in self.fact_rows.looped and _is_all(one.source)
            else one
            for one in node.clauses
        )
        return e.Comprehension(type=node.type, span=node.span, form=node.form, element=node.element, clauses=clauses)


def read(code: str, type: Type, module: Module) -> str:
    """What a value of an answer is in Python."""
    match type:
        case t.DecimalType():
            module.use("decimal", "Decimal")
            return f"Decimal({code})"
        case t.DatetimeType():
            module.use("datetime", "datetime")
            return f"datetime.fromisoformat({code})"
        case t.DateType():
            module.use("datetime", "date")
            return f"date.fromisoformat({code})"
        case t.UuidType():
            module.use("uuid", "UUID")
            return f"UUID({code})"
        case _:
            return code


def _key(name: str) -> str:
    return f'"{name}"'


def _is_all(source: Expression) -> bool:
    return isinstance(source, e.Name) and source.source == "entity"


def _values(source: Expression) -> Expression:
    """A stand-in: the rows instead of their ids. `e.Name` prints what it is called."""
    assert isinstance(source, e.Name)
    rows = f"facts.{names.rows(source.name)}.values()"
    return e.Name(type=source.type, span=source.span, name=rows, source="local")
