"""Expressions of the language as SQLAlchemy expressions, in code: values, and conditions.

The databases must answer as the language does: `==` between what may be none is `IS NOT DISTINCT FROM`, `not` goes down to the
comparisons, so that NULL is never the answer of a condition that is turned around. What they would answer differently is unsupported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from krepis_generator import names
from krepis_generator.python.code import ATOM, COMPARISON, PRODUCT, SUM, UNARY
from krepis_generator.python.constants import literal
from krepis_generator.quoting import text_literal
from krepis_generator.source import Module
from krepis_generator.sql.layout import Kind, Layout, Table, kind_of, plain
from krepis_generator.sql.queries import Aliases, Query, Row, UnsupportedError, attribute
from krepis_generator.sql.tables import kind_text
from krepis_spec import expressions as e
from krepis_spec import types as t
from krepis_spec.blueprint import Blueprint
from krepis_spec.expressions import Expression
from krepis_spec.types import Type

_OPPOSITE = MappingProxyType({"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"})
OWN_SOURCES = frozenset(("field", "thing"))
"""Where the names of a view come from that are about its own entity."""


class Sql(Struct, frozen=True):
    """A SQL expression in code. `is_value` is whether its type is not known to SQLAlchemy: a parameter, a literal."""

    text: str
    level: int = ATOM
    nullable: bool = False
    is_value: bool = False

    def at(self, level: int) -> str:
        return self.text if self.level >= level else f"({self.text})"


class Tables:
    """What one generated module of SQL knows: the tables, the module itself, aliases, parameters of the statement at hand."""

    def __init__(self, blueprint: Blueprint, tables: tuple[Table, ...], module: Module) -> None:
        self.blueprint = blueprint
        self.layout = Layout(blueprint)
        self.module = module
        self.aliases = Aliases()
        self._tables = {table.name: table for table in tables}

    def entity(self, name: str) -> Table:
        return self._tables[names.rows(name)]

    def of_field(self, entity: str, field: str) -> Table:
        return self._tables[self.layout.child_table(entity, field)]

    def field_type(self, entity: str, name: str) -> Type:
        if name == "id":
            return t.UuidType()
        if name == "version":
            return t.IntType()
        return next(field.type for field in self.blueprint.entity(entity).fields if field.name == name)

    def has_field(self, entity: str, name: str) -> bool:
        return name in {"id", "version"} or any(field.name == name for field in self.blueprint.entity(entity).fields)


class Scope(Struct, frozen=True):
    """What names mean at one place of an expression. `this` is the row of a view's entity, whose fields are named alone."""

    query: Query
    rows: Mapping[str, Row]
    this: Row | None = None

    def inside(self, query: Query) -> Scope:
        return replace(self, query=query)

    def with_row(self, name: str, row: Row) -> Scope:
        return replace(self, rows={**self.rows, name: row})


class Place(Struct, frozen=True):
    """Where a value is kept: the row, the beginning of its columns' names, the type of the field."""

    row: Row
    prefix: str
    type: Type


class Scalars:
    """Compiles expressions for one statement. `parameters` are those that were used, in the order of their first use."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.module = tables.module
        self.parameters: dict[str, str] = {}
        """By their names in SQL the values that the code gives."""

    # ------------------------------------------------------------------ values

    def value(self, node: Expression, scope: Scope) -> Sql:
        """The value of an expression; an entity is its id."""
        match node:
            case e.Constant(value=None):
                self.module.use("sqlalchemy", "null")
                return Sql("null()", nullable=True)
            case e.Constant(value=bool() as known):
                name = "true" if known else "false"
                self.module.use("sqlalchemy", name)
                return Sql(f"{name}()")
            case e.Constant():
                code = literal(node, self.module)
                return Sql(code.text, code.level, is_value=True)
            case e.Name() | e.Attribute() if self.is_stored(node, scope):
                return self.column(node, scope)
            case e.Name():
                return self.parameter(node)
            case e.Arithmetic():
                return self._arithmetic(node, scope)
            case e.Negative(of=of):
                inner = self.value(of, scope)
                return Sql(f"-{inner.at(UNARY)}", UNARY, inner.nullable)
            case e.Conditional():
                return self._conditional(node, scope)
            case e.Call():
                return self.function(node, scope)
            case e.Not() | e.Logic() | e.Compare() | e.IsAbsent():
                return self.truth(node, scope)
            case e.Format():
                return self._format(node, scope)
            case _:
                raise UnsupportedError(node.span, "no statement can answer this", "ask for what it is made of")

    def truth(self, node: Expression, scope: Scope) -> Sql:
        """A condition as a value that is never NULL."""
        condition = self.condition(node, scope)
        if not condition.nullable:
            return condition
        self.module.use("sqlalchemy", "case", "false", "true")
        return Sql(f"case(({condition.text}, true()), else_=false())")

    def is_stored(self, node: Expression, scope: Scope) -> bool:
        """Whether it is a row, or a part of one."""
        match node:
            case e.Name(name=name):
                return name in scope.rows or (scope.this is not None and node.source in OWN_SOURCES)
            case e.Attribute(of=of):
                return self.is_stored(of, scope)
            case _:
                return False

    def place(self, node: Expression, scope: Scope) -> Place:
        """Where what an expression names is kept."""
        match node:
            case e.Name(name=name) if name in scope.rows:
                row = scope.rows[name]
                return Place(row, "id" if row.entity else "", node.type)
            case e.Name(source="thing") if scope.this is not None:
                return Place(scope.this, "id", node.type)
            case e.Name(name=name, source="field") if scope.this is not None:
                return Place(scope.this, name, self.tables.field_type(scope.this.entity, name))
            case e.Attribute(of=of, name=name) if isinstance(plain(of.type), t.EntityType):
                if name == "id":
                    return replace(self.place(of, scope), type=t.UuidType())
                row = self.row(of, scope)
                return Place(row, name, self.tables.field_type(row.entity, name))
            case e.Attribute(of=of, name=name):
                inner = self.place(of, scope)
                return Place(inner.row, f"{inner.prefix}_{name}" if inner.prefix else name, node.type)
            case _:
                raise UnsupportedError(node.span, "this is kept nowhere", "name a field")

    def row(self, node: Expression, scope: Scope) -> Row:
        """The row of the entity that an expression stands for, joined where it is on the other side of a reference."""
        type = plain(node.type)
        assert isinstance(type, t.EntityType), "only an entity has a row"
        if not self.is_stored(node, scope):
            raise UnsupportedError(node.span, "this names no row", "give what is asked of it a name before")
        place = self.place(node, scope)
        if place.prefix == "id" and place.row.entity == type.name:
            return place.row
        column = place.prefix or "item"
        return place.row.query.referred(place.row, column, self.tables.entity(type.name), type.name)

    def column(self, node: Expression, scope: Scope) -> Sql:
        """The one column that keeps it."""
        place = self.place(node, scope)
        name = place.prefix or "item"
        if all(column.name != name for column in place.row.table.columns):
            raise UnsupportedError(
                node.span,
                "what is kept in several columns, or in another table, is no single value",
                "ask for a part of it",
            )
        return self.column_of(place.row, name, scope)

    def column_of(self, row: Row, name: str, scope: Scope) -> Sql:
        scope.query.note(row)
        return Sql(attribute(row.text, name), nullable=row.outer or row.column(name).nullable)

    def parameter(self, node: e.Name) -> Sql:
        """What the caller of the statement gives."""
        self.module.use("sqlalchemy", "bindparam")
        self.parameters[node.name] = node.name
        optional = isinstance(node.type, t.OptionalType)
        return Sql(f'bindparam("{node.name}")', nullable=optional, is_value=True)

    def typed(self, node: Expression, scope: Scope) -> Sql:
        """A value whose type SQLAlchemy knows."""
        found = self.value(node, scope)
        if not found.is_value:
            return found
        return self.with_kind(found, kind_of(plain(node.type)))

    def with_kind(self, found: Sql, kind: Kind) -> Sql:
        text = kind_text(self.module, kind, self.tables.blueprint)
        if found.text.startswith("bindparam("):
            return replace(found, text=f"{found.text[:-1]}, type_={text})", is_value=False)
        self.module.use("sqlalchemy", "literal")
        return Sql(f"literal({found.text}, {text})", nullable=found.nullable)

    def _arithmetic(self, node: e.Arithmetic, scope: Scope) -> Sql:
        left_type, right_type = plain(node.left.type), plain(node.right.type)
        if isinstance(node.type, t.TextType) and node.operator == "+":
            return self._joined(node.left, node.right, scope)
        if not all(isinstance(one, t.IntType | t.DecimalType) for one in (left_type, right_type)):
            raise UnsupportedError(
                node.span,
                f"`{node.operator}` is not done in the database here",
                "compare with a value that is worked out before",
            )
        if isinstance(node.type, t.DecimalType):
            return self._exact(node, left_type, right_type, scope)
        left, right = self.typed(node.left, scope), self.typed(node.right, scope)
        nullable = left.nullable or right.nullable
        match node.operator:
            case "+" | "-":
                return Sql(f"{left.at(SUM)} {node.operator} {right.at(PRODUCT)}", SUM, nullable)
            case "*":
                return Sql(f"{left.at(PRODUCT)} * {right.at(UNARY)}", PRODUCT, nullable)
            case "%":
                return self._modulo(left, right, nullable=nullable)
            case "//":
                rest = self._modulo(left, right, nullable=nullable)
                return Sql(f"({left.at(SUM)} - {rest.at(PRODUCT)}) // {right.at(UNARY)}", PRODUCT, nullable)
            case _:
                raise UnsupportedError(
                    node.span, f"`{node.operator}` of whole numbers is not exact in a database", "divide what was read"
                )

    def _modulo(self, left: Sql, right: Sql, *, nullable: bool) -> Sql:
        """As Python has it: with the sign of the divisor."""
        one, other = left.at(PRODUCT), right.at(UNARY)
        return Sql(f"({one} % {other} + {other}) % {other}", PRODUCT, nullable)

    def _exact(self, node: e.Arithmetic, left_type: Type, right_type: Type, scope: Scope) -> Sql:
        """Decimals are whole units on SQLite: sums need the same number of places, products have those of both."""
        places = [one.places if isinstance(one, t.DecimalType) else 0 for one in (left_type, right_type)]
        left, right = self.typed(node.left, scope), self.typed(node.right, scope)
        nullable = left.nullable or right.nullable
        if node.operator in {"+", "-"} and places[0] == places[1]:
            return Sql(f"{left.at(SUM)} {node.operator} {right.at(PRODUCT)}", SUM, nullable)
        if node.operator == "*":
            product = f"{left.at(PRODUCT)} * {right.at(UNARY)}"
            self.module.use("sqlalchemy", "type_coerce")
            kind = kind_text(self.module, Kind("Exact", sum(places)), self.tables.blueprint)
            return Sql(f"type_coerce({product}, {kind})", nullable=nullable)
        raise UnsupportedError(
            node.span, f"`{node.operator}` of such decimals is not exact in a database", "do it with what was read"
        )

    def _joined(self, left: Expression, right: Expression, scope: Scope) -> Sql:
        one, other = self.typed(left, scope), self.typed(right, scope)
        return Sql(f"{one.at(SUM)} + {other.at(PRODUCT)}", SUM, one.nullable or other.nullable)

    def _format(self, node: e.Format, scope: Scope) -> Sql:
        parts: list[Sql] = []
        for part in node.parts:
            if part.value is None:
                parts.append(self.with_kind(Sql(text_literal(part.text or ""), is_value=True), Kind("Text")))
            elif part.specification or not isinstance(part.value.type, t.TextType | t.ChoiceType | t.IntType):
                raise UnsupportedError(
                    node.span, "a database does not write this as Python does", "format what was read"
                )
            else:
                found = self.typed(part.value, scope)
                if isinstance(part.value.type, t.IntType):
                    self.module.use("sqlalchemy", "cast", "Text")
                    found = Sql(f"cast({found.text}, Text())", nullable=found.nullable)
                parts.append(found)
        return Sql(" + ".join(part.at(SUM) for part in parts), SUM, any(part.nullable for part in parts))

    def _conditional(self, node: e.Conditional, scope: Scope) -> Sql:
        if is_guard(node):
            return replace(self.value(node.then, scope), nullable=True)
        self.module.use("sqlalchemy", "case")
        test = self.condition(node.test, scope)
        then, otherwise = self.typed(node.then, scope), self.typed(node.otherwise, scope)
        nullable = then.nullable or otherwise.nullable
        return Sql(f"case(({test.text}, {then.text}), else_={otherwise.text})", nullable=nullable)

    def begins_with(self, row: Row) -> None:
        """All of an entity is read now; called before any condition on it."""

    # ------------------------------------------------------------------ conditions

    def require(self, node: Expression, scope: Scope) -> None:
        """Adds a condition to the query."""
        if isinstance(node, e.Logic) and node.operator == "and":
            for operand in node.operands:
                self.require(operand, scope)
        else:
            scope.query.where.append(self.condition(node, scope).text)

    def condition(self, node: Expression, scope: Scope, *, negated: bool = False) -> Sql:
        """What must hold, or must not. `nullable`: it may be NULL where it does not hold."""
        match node:
            case e.Not(of=of):
                return self.condition(of, scope, negated=not negated)
            case e.Logic(operator=operator, operands=operands):
                parts = [self.condition(one, scope, negated=negated) for one in operands]
                name = "and_" if (operator == "and") != negated else "or_"
                self.module.use("sqlalchemy", name)
                listed = ", ".join(part.text for part in parts)
                return Sql(f"{name}({listed})", nullable=any(part.nullable for part in parts))
            case e.Compare():
                return self._compare(node, scope, negated=negated)
            case e.Constant(value=bool() as known):
                return self.value(replace(node, value=known is not negated), scope)
            case e.Conditional(test=test, then=then, otherwise=otherwise):
                both = e.Logic(type=t.BoolType(), span=node.span, operator="and", operands=(test, then))
                opposite = e.Not(type=t.BoolType(), span=node.span, of=test)
                other = e.Logic(type=t.BoolType(), span=node.span, operator="and", operands=(opposite, otherwise))
                either = e.Logic(type=t.BoolType(), span=node.span, operator="or", operands=(both, other))
                return self.condition(either, scope, negated=negated)
            case e.Call():
                return self.predicate(node, scope, negated=negated)
            case _:
                return self._flag(node, scope, negated=negated)

    def negation(self, text: str, *, negated: bool) -> str:
        if not negated:
            return text
        self.module.use("sqlalchemy", "not_")
        return f"not_({text})"

    def _flag(self, node: Expression, scope: Scope, *, negated: bool) -> Sql:
        """A column or a parameter that is true or false."""
        found = self.typed(node, scope)
        if found.nullable:
            return Sql(f"{found.at(ATOM)}.{'is_not' if negated else 'is_'}(True)")
        return Sql(self.negation(found.text, negated=negated))

    def _compare(self, node: e.Compare, scope: Scope, *, negated: bool) -> Sql:
        match node.operator:
            case "in" | "not in":
                return self.membership(node, scope, negated=negated != (node.operator == "not in"))
            case "is" | "is not":
                return self._is_none(node.left, scope, negated=negated != (node.operator == "is not"))
            case operator:
                operator = _OPPOSITE[operator] if negated else operator
        for one, other in ((node.left, node.right), (node.right, node.left)):
            if operator in {"==", "!="} and isinstance(other, e.Constant) and other.value is None:
                return self._is_none(one, scope, negated=operator == "!=")
        if operator in {"==", "!="} and isinstance(node.right, e.Collection) and not node.right.items:
            return self.emptiness(node.left, scope, negated=operator == "!=")
        self._refuse_scales(node)
        left, right = self.value(node.left, scope), self.value(node.right, scope)
        if left.is_value and right.is_value:
            left = self.typed(node.left, scope)
        if left.is_value:
            return self._compared(right, _MIRROR[operator], left)
        return self._compared(left, operator, right)

    def _compared(self, left: Sql, operator: str, right: Sql) -> Sql:
        nullable = left.nullable or right.nullable
        if nullable and operator == "!=":
            return Sql(f"{left.at(ATOM)}.is_distinct_from({right.text})")
        if left.nullable and right.nullable and operator == "==":
            return Sql(f"{left.at(ATOM)}.is_not_distinct_from({right.text})")
        return Sql(f"{left.at(SUM)} {operator} {right.at(SUM)}", COMPARISON, nullable)

    def _refuse_scales(self, node: e.Compare) -> None:
        left, right = plain(node.left.type), plain(node.right.type)
        if not isinstance(left, t.DecimalType | t.IntType) or not isinstance(right, t.DecimalType | t.IntType):
            return
        if any(isinstance(one, e.Constant) for one in (node.left, node.right)):
            return
        places = [one.places if isinstance(one, t.DecimalType) else 0 for one in (left, right)]
        if places[0] != places[1]:
            raise UnsupportedError(
                node.span, "these numbers have different numbers of places", "give both the same, as in `decimal(2)`"
            )

    def _is_none(self, node: Expression, scope: Scope, *, negated: bool) -> Sql:
        found = self.typed(self.first_part(node, scope), scope)
        return Sql(f"{found.at(ATOM)}.{'is_not' if negated else 'is_'}(None)")

    def first_part(self, node: Expression, scope: Scope) -> Expression:
        """A part that is none exactly where all is, of what has several columns."""
        type = plain(node.type)
        if self.is_stored(node, scope) and isinstance(type, t.PeriodType):
            return e.Attribute(type=t.DatetimeType(), span=node.span, of=node, name="start")
        if self.is_stored(node, scope) and isinstance(type, t.ValueType):
            fields = self.tables.layout.parts(type.name)
            first = next(field for field in fields if not isinstance(field.type, t.OptionalType))
            return e.Attribute(type=first.type, span=node.span, of=node, name=first.name)
        return node

    # ------------------------------------------------------------------ what others compile

    def function(self, node: e.Call, scope: Scope) -> Sql:
        from krepis_generator.sql import functions

        return functions.value(self, node, scope)

    def predicate(self, node: e.Call, scope: Scope, *, negated: bool) -> Sql:
        from krepis_generator.sql import functions

        return functions.predicate(self, node, scope, negated=negated)

    def emptiness(self, node: Expression, scope: Scope, *, negated: bool) -> Sql:
        from krepis_generator.sql import functions

        return functions.emptiness(self, node, scope, negated=negated)

    def membership(self, node: e.Compare, scope: Scope, *, negated: bool) -> Sql:
        from krepis_generator.sql import functions

        return functions.membership(self, node, scope, negated=negated)


_MIRROR = MappingProxyType({"==": "==", "!=": "!=", "<": ">", ">": "<", "<=": ">=", ">=": "<="})

Compiler = Callable[[Expression, Scope], Sql]


def is_guard(node: e.Conditional) -> bool:
    """`x.name if x is not None else None`: the join that finds nothing says so itself."""
    if not isinstance(node.otherwise, e.Constant) or node.otherwise.value is not None:
        return False
    test = node.test
    if not isinstance(test, e.Compare) or test.operator not in {"is not", "!="}:
        return False
    if not isinstance(test.right, e.Constant) or test.right.value is not None:
        return False
    inner: Expression = node.then
    while isinstance(inner, e.Attribute):
        inner = inner.of
        if _same(inner, test.left):
            return isinstance(plain(node.then.type), t.EntityType) or not isinstance(
                plain(node.then.type), t.ListType | t.SetType | t.ValueType | t.PeriodType
            )
    return _same(node.then, test.left) and not isinstance(
        plain(node.then.type), t.ListType | t.SetType | t.ValueType | t.PeriodType
    )


def _same(one: Expression, other: Expression) -> bool:
    match one, other:
        case e.Name(name=name), e.Name(name=same):
            return name == same
        case e.Attribute(of=of, name=name), e.Attribute(of=same_of, name=same):
            return name == same and _same(of, same_of)
        case _:
            return False
