"""What a statement answers with, and how its rows become values: entities, views, records, or plain values.

All that one row can hold stands in one statement, also what is on the other side of references. A list in it (what a row owns, a
relation, a question inside of a view) is one more statement for all rows, by their ids.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from krepis_generator import names, shown
from krepis_generator.annotations import Annotations
from krepis_generator.python.code import CONDITIONAL
from krepis_generator.python.constants import literal
from krepis_generator.sql.layout import plain
from krepis_generator.sql.outside import RowPrinter, in_parts
from krepis_generator.sql.queries import Query, Row, UnsupportedError, attribute
from krepis_generator.sql.scalars import Scalars, Scope, Tables, is_guard
from krepis_generator.sql.sources import OWN, Found, linked, order_by, over, read
from krepis_spec import expressions as e
from krepis_spec import types as t
from krepis_spec.blueprint import Field
from krepis_spec.expressions import Expression
from krepis_spec.naming import snake
from krepis_spec.types import RecordType, Type

OWNER = "owner"
"""The column that says to which row an item belongs."""


class Child(Struct, frozen=True):
    """A list inside of a row. `key` is the column of the row whose values are the owners."""

    local: str
    key: str
    selection: Selection
    query: Query
    order: tuple[str, ...]
    owner: str
    element: str
    annotation: str
    guard: str = ""
    """Whether there is an owner at all, where it is on the other side of a reference."""


class Selection:
    """The columns of one statement. `variable` is the name of a row in the code that reads it."""

    def __init__(self, tables: Tables, scalars: Scalars, records: Mapping[Type, str], variable: str = "row") -> None:
        self.tables = tables
        self.scalars = scalars
        self.records = records
        self.variable = variable
        self.columns: dict[str, tuple[str, str]] = {}
        """By their labels the columns in code, and their types."""
        self.children: list[Child] = []
        self._labels: dict[tuple[str, str], str] = {}

    # ------------------------------------------------------------------ columns

    def add(self, text: str, annotation: str, wanted: str) -> str:
        """The value of a column in the code that reads the rows."""
        key = (text, annotation)
        if key not in self._labels:
            wanted = wanted or "value"
            label, number = wanted, 2
            while label in self.columns:
                label, number = f"{wanted}_{number}", number + 1
            self._labels[key] = label
            self.columns[label] = (text, annotation)
        return f"{self.variable}.{self._labels[key]}"

    def labelled(self) -> list[str]:
        """The columns as a select has them."""
        return [
            text if text.endswith((f".c.{label}", f'.c["{label}"]')) else f'{_atom(text)}.label("{label}")'
            for label, (text, _) in self.columns.items()
        ]

    def is_built_by(self, text: str) -> str | None:
        """The class whose fields are exactly the columns, if that is what the code makes of a row."""
        if self.children:
            return None
        name, _, rest = text.partition("(")
        given = ", ".join(f"{label}={self.variable}.{label}" for label in self.columns)
        return name if name.isidentifier() and rest == f"{given})" else None

    # ------------------------------------------------------------------ entities

    def entity(self, row: Row, prefix: str = "") -> str:
        """The struct of an entity, as the domain knows it."""
        entity = self.tables.blueprint.entity(row.entity)
        self.tables.module.use(f"{self._package}.domain.{names.one(entity.name)}", entity.name)
        scope = Scope(row.query, {}, row)
        values = [f"id={self._stored(row, 'id', t.UuidType(), prefix + 'id')}"]
        for field in entity.fields:
            if self.tables.layout.form(field.type) == "children":
                values.append(f"{field.name}={self._owned(row, field, scope)}")
            elif self.tables.layout.form(field.type) != "links":
                values.append(f"{field.name}={self._stored(row, field.name, field.type, prefix + field.name)}")
        if entity.versioned:
            values.append(f"version={self._stored(row, 'version', t.IntType(), prefix + 'version')}")
        return f"{entity.name}({', '.join(values)})"

    def _stored(self, row: Row, column: str, type: Type, wanted: str) -> str:
        """A field that is kept in columns of its row, whole."""
        inner = plain(type)
        form = self.tables.layout.form(type)
        if form == "column":
            return self.add(attribute(row.text, column), self._annotation(type), wanted)
        optional = isinstance(type, t.OptionalType)
        if form == "period":
            self.tables.module.use(f"{self._package}.domain.period", "Period")
            ends = [
                (
                    end,
                    self.add(
                        attribute(row.text, f"{column}_{end}"), self._annotation(t.DatetimeType()), f"{wanted}_{end}"
                    ),
                )
                for end in ("start", "end")
            ]
            made = f"Period({', '.join(f'{end}={text}' for end, text in ends)})"
            return self._if_given(f"{column}_start", row, made, wanted) if optional else made
        assert isinstance(inner, t.ValueType), "a value is kept in columns"
        fields = self.tables.layout.parts(inner.name)
        given = {
            one.name: self._stored(row, f"{column}_{one.name}", one.type, f"{wanted}_{one.name}") for one in fields
        }
        made = self._value(inner.name, given)
        if not optional:
            return made
        first = next(one.name for one in fields if not isinstance(one.type, t.OptionalType))
        return self._if_given(f"{column}_{first}", row, made, wanted)

    def _if_given(self, column: str, row: Row, made: str, wanted: str) -> str:
        """None where that column is."""
        given = self.add(f"{attribute(row.text, column)}.is_not(None)", "bool", f"{wanted}_given")
        return f"({made} if {given} else None)"

    def _value(self, name: str, given: Mapping[str, str]) -> str:
        self.tables.module.use(f"{self._package}.domain.{names.one(name)}", name)
        return f"{name}({', '.join(f'{field}={text}' for field, text in given.items())})"

    # ------------------------------------------------------------------ expressions

    def output(self, node: Expression, scope: Scope, wanted: str) -> str:
        """The code that makes a value of a row. Raises `UnsupportedError`."""
        match node:
            case e.Constant():
                return literal(node, self.tables.module).text
            case e.Record(type=type, fields=fields):
                name = self._record(type)
                given = (
                    f"{snake(one.name)}={self.output(one.value, scope, _under(wanted, one.name))}" for one in fields
                )
                return f"{name}({', '.join(given)})"
            case e.Construct(type=t.ViewType(name=name), arguments=(of,)):
                return self.view(name, self.scalars.row(of, scope), wanted)
            case e.Construct(type=t.ValueType(name=name), keywords=keywords):
                return self._value(
                    name, {one.name: self.output(one.value, scope, _under(wanted, one.name)) for one in keywords}
                )
            case e.Conditional() if self._has_parts(node) or not is_guard(node):
                return self._conditional(node, scope, wanted)
            case _ if self._is_list(node, scope):
                return self._child(node, scope, wanted)
            case _ if self.scalars.is_stored(node, scope) and self.tables.layout.form(node.type) in {"period", "parts"}:
                place = self.scalars.place(node, scope)
                return self._stored(place.row, place.prefix, node.type, wanted)
            case _:
                return self._single(node, scope, wanted)

    def _single(self, node: Expression, scope: Scope, wanted: str) -> str:
        """One value: a column, or, where databases would answer otherwise than the language, made of columns in Python."""
        try:
            return self.add(self.scalars.typed(node, scope).text, self._annotation(node.type), wanted)
        except UnsupportedError:
            printer = RowPrinter(self.tables.module, self.tables.blueprint, self.records)
            number = 0

            def column(part: Expression) -> Expression | None:
                nonlocal number
                try:
                    text = self.scalars.typed(part, scope).text
                except UnsupportedError:
                    return None
                number += 1
                name = f"part_{number}"
                printer.names[name] = self.add(
                    text, self._annotation(part.type), f"{wanted}_{name}" if wanted else name
                )
                return e.Name(type=part.type, span=part.span, name=name, source="local")

            return printer.code(in_parts(node, column, self.tables.blueprint)).at(CONDITIONAL)

    def view(self, name: str, row: Row, wanted: str = "") -> str:
        """What callers see of a row."""
        view = self.tables.blueprint.view(name)
        self.tables.module.use(f"{self._package}.application.views", name)
        before = self.records
        self.records = {**before, **shown.record_names(view, self.tables.blueprint)}
        scope = Scope(row.query, {}, row)
        given = [
            f"{shown.attribute(field.name)}={self.output(field.value, scope, _under(wanted, field.name))}"
            for field in view.fields
        ]
        self.records = before
        return f"{name}({', '.join(given)})"

    @property
    def _package(self) -> str:
        return self.tables.blueprint.service.name

    def _record(self, type: Type) -> str:
        name = self.records[type]
        place = "ports" if "Answer" in name and type in self.records and name not in self._view_records() else "views"
        self.tables.module.use(f"{self._package}.application.{place}", name)
        return name

    def _view_records(self) -> set[str]:
        blueprint = self.tables.blueprint
        return {name for view in blueprint.views for name in shown.record_names(view, blueprint).values()}

    def _annotation(self, type: Type) -> str:
        return Annotations(self.tables.blueprint, self.tables.module).domain(type)

    def _has_parts(self, node: e.Conditional) -> bool:
        type = plain(node.type)
        return isinstance(type, t.ViewType | RecordType | t.ListType | t.SetType | t.ValueType | t.PeriodType)

    def _conditional(self, node: e.Conditional, scope: Scope, wanted: str) -> str:
        if not self._has_parts(node):
            return self.add(self.scalars.value(node, scope).text, self._annotation(node.type), wanted)
        test = self._test(node.test, scope, wanted)
        then, otherwise = (
            self.output(node.then, scope, wanted),
            self.output(node.otherwise, scope, f"{wanted}_otherwise"),
        )
        return f"({then} if {test} else {otherwise})"

    def _test(self, node: Expression, scope: Scope, wanted: str) -> str:
        text = self.scalars.truth(node, scope).text
        return self.add(text, "bool", f"{wanted}_given" if text.endswith(".is_not(None)") else f"{wanted}_so")

    # ------------------------------------------------------------------ lists

    def _is_list(self, node: Expression, scope: Scope) -> bool:
        if not isinstance(plain(node.type), t.ListType | t.SetType):
            return False
        return not (self.scalars.is_stored(node, scope) and self.tables.layout.form(node.type) == "column")

    def _owned(self, row: Row, field: Field, scope: Scope) -> str:
        """A list of the entity itself."""
        name = e.Name(type=field.type, span=field.span, name=field.name, source="field")
        return self._child(name, scope, field.name)

    def _child(self, node: Expression, scope: Scope, wanted: str) -> str:
        """A list, read by one more statement."""
        type = plain(node.type)
        assert isinstance(type, t.ListType | t.SetType)
        local = wanted or "items"
        while any(child.local == local for child in self.children) or local in {"rows", "row", "viewer", "self"}:
            local = f"{local}_found"
        query = Query(self.tables.aliases)
        inner = Selection(self.tables, self.scalars, self.records, _item(local))
        root = self._root(node, scope)
        found, owner = self._read(node, root, query, scope)
        if found.limit is not None or found.skip is not None:
            raise UnsupportedError(node.span, "a list of each row can't be cut off in one statement", "show all of it")
        element = inner._element(found, type.of)
        order = tuple(order_by(self.scalars, found))
        key = self.add(attribute(root.text, "id"), self._annotation(t.UuidType()), "id")
        guard = ""
        if root.outer:
            guard = self.add(f"{attribute(root.text, 'id')}.is_not(None)", "bool", f"{wanted}_given")
        self.children.append(Child(local, key, inner, query, order, owner, element, inner._made_of(type.of), guard))
        kind = "frozenset" if isinstance(type, t.SetType) else "tuple"
        return f"{kind}({local}[{key}])"

    def _root(self, node: Expression, scope: Scope) -> Row:
        """The row whose list it is: the one whose field it goes over, or the one that the question speaks of."""
        source = _source(node)
        if self.scalars.is_stored(source, scope):
            return self.scalars.place(source, scope).row
        if scope.this is not None:
            return scope.this
        rows = list(scope.rows.values())
        if len(rows) != 1 or not rows[0].entity:
            raise UnsupportedError(node.span, "a list inside of a list belongs to one row", "begin with one entity")
        return rows[0]

    def _read(self, node: Expression, root: Row, query: Query, scope: Scope) -> tuple[Found, str]:
        """The rows of a list, for any owner: through the owner's own table where it is not simply what a row owns."""
        source = _source(node)
        if self.scalars.is_stored(source, scope):
            place = self.scalars.place(source, scope)
            table = self.tables.of_field(root.entity, place.prefix)
            row = query.read_from(table)
            owner = attribute(row.text, self.tables.layout.owner_column(root.entity))
            if self.tables.layout.form(source.type) == "links":
                row = linked(self.scalars, row, root.entity, place.prefix)
            inner = Scope(query, {})
            return over(self.scalars, _replaced(node, source), row, inner), owner
        mine = query.read_from(root.table, root.entity)
        names_of = {name: mine if row is root else row for name, row in scope.rows.items()}
        inner = Scope(query, names_of, mine if scope.this is root else scope.this)
        return read(self.scalars, node, inner), attribute(mine.text, "id")

    def _element(self, found: Found, type: Type) -> str:
        row = _row_of(found)
        if row is not None and not row.entity and isinstance(plain(type), t.ValueType):
            inner = plain(type)
            assert isinstance(inner, t.ValueType)
            fields = self.tables.layout.parts(inner.name)
            return self._value(
                inner.name, {one.name: self._stored(row, one.name, one.type, one.name) for one in fields}
            )
        return self.output(found.element, found.scope, "")

    def _made_of(self, type: Type) -> str:
        match type:
            case RecordType():
                return self.records[type]
            case t.ViewType(name=name):
                return name
            case t.OptionalType(of=of):
                return f"{self._made_of(of)} | None"
            case t.ListType(of=of):
                return f"tuple[{self._made_of(of)}, ...]"
            case _:
                return self._annotation(type)


def _row_of(found: Found) -> Row | None:
    return found.scope.rows.get(found.element.name) if isinstance(found.element, e.Name) else None


def _source(node: Expression) -> Expression:
    """What a list begins with."""
    match node:
        case e.Comprehension(clauses=clauses):
            return _source(clauses[0].source)
        case e.Call(arguments=(of, *_)):
            return _source(of)
        case _:
            return node


def _replaced(node: Expression, source: Expression) -> Expression:
    """The same over rows that are there already."""
    if node is source:
        return e.Name(type=source.type, span=source.span, name=OWN, source="row")
    match node:
        case e.Comprehension(clauses=(first, *rest)):
            return replace(node, clauses=(replace(first, source=_replaced(first.source, source)), *rest))
        case e.Call(arguments=(of, *rest)):
            return replace(node, arguments=(_replaced(of, source), *rest))
        case _:
            return node


def _under(wanted: str, name: str) -> str:
    return f"{wanted}_{snake(name)}" if wanted else snake(name)


def _item(local: str) -> str:
    found = names.singular(local)
    return found if found not in {local, "row"} else f"one_{local}"


def _atom(text: str) -> str:
    """What a method can be called on."""
    depth = 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        if character == " " and depth == 0:
            return f"({text})"
    return f"({text})" if text.startswith("-") else text
