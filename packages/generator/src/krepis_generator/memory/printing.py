"""Expressions over the tables in memory as plain Python: the same questions, with loops in place of statements."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from krepis_generator import names, shown
from krepis_generator.links import paths_of
from krepis_generator.python import Printer
from krepis_generator.python.code import ATOM, COMPARISON, NOT, Code
from krepis_generator.python.printer import plain
from krepis_generator.source import Module
from krepis_spec import expressions as e
from krepis_spec import types as t
from krepis_spec.blueprint import Blueprint
from krepis_spec.expressions import Expression
from krepis_spec.naming import snake
from krepis_spec.showing import nodes_in
from krepis_spec.types import Type

OF_ROWS = frozenset(("sorted", "list", "reversed", "top", "take", "skip"))


class HeldRows:
    """Which names are rows themselves: those that go over all of an entity."""

    def __init__(self, printer: MemoryPrinter) -> None:
        self.held: set[str] = set()
        self._printer = printer

    def holds_row(self, name: e.Name) -> bool:
        return name.name in self.held

    def row(self, entity: str, id: str) -> str:
        return self._printer.known(entity, id)


class MemoryPrinter(Printer):
    """Prints expressions in which `unit` is the unit of work."""

    def __init__(self, module: Module, blueprint: Blueprint, unit: str, records: Mapping[Type, str]) -> None:
        self.blueprint = blueprint
        self.unit = unit
        self._held = HeldRows(self)
        self._this: tuple[str, str] | None = None
        super().__init__(module, blueprint.service.name, self._held, {}, records)
        self.doors = paths_of(blueprint)
        self.addresses = {entity.name: entity.address for entity in blueprint.entities}

    def hold(self, node: object) -> None:
        """Notes which variables of an expression are rows."""
        for one in nodes_in(node):
            if isinstance(one, e.Comprehension):
                for clause in one.clauses:
                    if len(clause.variables) == 1 and is_over_rows(clause.source):
                        self._held.held.add(clause.variables[0])
            elif isinstance(one, e.Call) and one.arguments and is_over_rows(one.arguments[0]):
                for keyword in one.keywords:
                    if isinstance(keyword.value, e.Lambda):
                        self._held.held.add(keyword.value.parameter)

    def about(self, entity: str, row: str) -> None:
        """Fields that are named alone are those of this row."""
        self._this = (entity, row)
        self._held.held.add(row)
        for field in self.blueprint.entity(entity).fields:
            if not names.is_relation(field.type):
                self.names[field.name] = f"{row}.{field.name}"
        self.names |= {"id": f"{row}.id", "version": f"{row}.version"}

    def known(self, entity: str, id: str) -> str:
        """The row of an id that a reference names."""
        self._use("rows", "known")
        return f"known({self.table(entity)}, {id})"

    def table(self, entity: str) -> str:
        """All rows of an entity, in the order of their ids."""
        self.module.use(f"{self.package}.adapters.memory", "tables")
        return f"tables.{names.rows(entity)}({self.unit})"

    def related(self, entity: str, field: str, id: str) -> str:
        """The ids that a relation has for one row."""
        self.module.use(f"{self.package}.adapters.memory", "tables")
        return f"tables.{names.one(entity)}_{field}({self.unit}).of({id})"

    def code(self, node: Expression) -> Code:
        match node:
            case e.Name(source="entity") if isinstance(node.type, t.ListType | t.SetType):
                assert isinstance(node.type.of, t.EntityType), "an entity is gone over"
                return Code(f"{self.table(node.type.of.name)}.all()")
            case e.Construct(type=t.ViewType(name=name), arguments=(of,)):
                return Code(self.view(name, self.row(of)))
            case e.Comprehension(element=e.Name() as element) if self._gives_rows(node, element):
                return self._rows_of(node, element)
            case e.Call(function="first" | "last" as function, arguments=(of,)):
                many = self._argument(of, alone=True).text
                return Code(f"next({'iter' if function == 'first' else 'reversed'}({many}), None)")
            case e.Compare(operator="==" | "!=" as operator, left=left, right=e.Collection(items=())):
                return self.code(left) if operator == "!=" else Code(f"not {self.code(left).at(ATOM)}", NOT)
            case e.Call(function="search", arguments=(of, text)):
                return self._search(of, text)
            case e.Call(function="sorted" | "top" as function) if is_over_rows(node.arguments[0]):
                return self._sorted(node, top=function == "top")
            case _:
                return super().code(node)

    def view(self, name: str, row: str) -> str:
        """What callers see of a row."""
        view = self.blueprint.view(name)
        function = names.view_function(name)
        if not shown.needs_rows(view, self.blueprint):
            self.module.use(f"{self.package}.application.views", function)
            return f"{function}({row})"
        if self.module.name != f"{self.package}.adapters.memory.views":
            self.module.use(f"{self.package}.adapters.memory", "views")
            function = f"views.{function}"
        viewer = ", viewer" if shown.needs_viewer(view, self.blueprint) else ""
        return f"{function}({self.unit}, {row}{viewer})"

    def field(self, node: Expression, type: Type) -> str:
        if isinstance(node, e.Name | e.Attribute) and names.is_relation(node.type):
            return f"frozenset({self.text(node)})"
        return super().field(node, type)

    def _use(self, module: str, name: str) -> None:
        self.module.use(f"{self.package}.adapters.memory.{module}", name)

    def _name(self, node: e.Name) -> Code:
        if self._this is not None and node.source == "thing":
            return Code(f"{self._this[1]}.id")
        if self._this is not None and node.source == "field" and names.is_relation(node.type):
            entity, row = self._this
            return Code(self.related(entity, node.name, f"{row}.id"))
        return super()._name(node)

    def _attribute(self, node: e.Attribute) -> Code:
        inner = plain(node.of.type)
        if isinstance(inner, t.EntityType) and names.is_relation(node.type):
            return Code(self.related(inner.name, node.name, self.text(node.of)))
        return super()._attribute(node)

    def row(self, node: Expression) -> str:
        if self._this is not None and isinstance(node, e.Name) and node.source == "thing":
            return self._this[1]
        return super().row(node)

    def _search(self, of: Expression, text: Expression) -> Code:
        type = plain(of.type)
        assert isinstance(type, t.EntityType), "what is searched is an entity"
        module = names.one(type.name)
        self.module.use(f"{self.package}.domain.{module}", f"search_text as {module}_text")
        return Code(f"{self.code(text).at(ATOM)}.casefold() in {module}_text({self.row(of)})", COMPARISON)

    def _gives_rows(self, node: e.Comprehension, element: e.Name) -> bool:
        return self.rows.holds_row(element) and any(element.name in clause.variables for clause in node.clauses)

    def _rows_of(self, node: e.Comprehension, element: e.Name) -> Code:
        """Rows stay rows."""
        marker = e.Name(type=t.AnyType(), span=element.span, name=element.name, source="row")
        return super().code(replace(node, element=marker))

    def _sorted(self, node: e.Call, *, top: bool) -> Code:
        """By the key, then by the id."""
        given = {one.name: one.value for one in node.keywords}
        reverse = given.get("reverse")
        falls = top or (isinstance(reverse, e.Constant) and bool(reverse.value))
        key = given.get("key")
        of = self._argument(node.arguments[0], alone=False).text
        if isinstance(key, e.Lambda):
            before = dict(self.names)
            self.names.pop(key.parameter, None)
            name = key.parameter if len(key.parameter) > 1 else self._word(node)
            self.names[key.parameter] = name
            parts = key.body.items if isinstance(key.body, e.Collection) else (key.body,)
            listed = ", ".join([*(self._key(part) for part in parts), f"{name}.id"])
            self.names = before
            text = f"sorted({of}, key=lambda {name}: ({listed}){', reverse=True' if falls else ''})"
        else:
            name = self._word(node)
            text = f"sorted({of}, key=lambda {name}: {name}.id{', reverse=True' if falls else ''})"
        return Code(f"{text}[:{self.text(node.arguments[1])}]" if top else text)

    def _key(self, part: Expression) -> str:
        text = self.code(part)
        return (
            f"({text.at(COMPARISON)} is not None, {text.text})" if isinstance(part.type, t.OptionalType) else text.text
        )

    def _word(self, node: e.Call) -> str:
        type = plain(node.type)
        inner = plain(type.of) if isinstance(type, t.ListType | t.SetType) else type
        return snake(inner.name) if isinstance(inner, t.EntityType) else "row"


def is_over_rows(node: Expression) -> bool:
    """Whether what an expression gives are rows of an entity, not ids."""
    match node:
        case e.Name(source="entity"):
            return True
        case e.Call(function=function, arguments=(of, *_)) if function in OF_ROWS:
            return is_over_rows(of)
        case e.Comprehension(element=e.Name(name=name), clauses=clauses):
            return any(name in clause.variables and is_over_rows(clause.source) for clause in clauses)
        case _:
            return False
