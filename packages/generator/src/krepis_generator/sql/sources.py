"""What a comprehension goes over: all of an entity, a list that a row owns, a relation, or such a thing sorted or filtered."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from krepis_generator.python.code import ATOM
from krepis_generator.sql.layout import plain
from krepis_generator.sql.queries import Query, Row, UnsupportedError, attribute
from krepis_generator.sql.scalars import Scalars, Scope
from krepis_spec import expressions as e
from krepis_spec import types as t
from krepis_spec.expressions import Expression

OWN = "\0source"
"""Stands for rows that are read already."""

_CUT = "cut off what was found, not what it is made of"


class Ordering(Struct, frozen=True):
    """`sorted(..., key=..., reverse=...)`: the keys, each with whether it goes down."""

    keys: tuple[tuple[Expression, bool], ...]
    scope: Scope


class Found(Struct, frozen=True):
    """The rows of a source. `scope` knows them by the names of the comprehension; `element` is what it gives of each."""

    scope: Scope
    rows: tuple[Row, ...]
    element: Expression
    order: Ordering | None = None
    reverse: bool = False
    limit: Expression | None = None
    skip: Expression | None = None


def read(scalars: Scalars, node: Expression, scope: Scope) -> Found:
    """Adds to the scope's query what the expression goes over. Raises `UnsupportedError`."""
    match node:
        case e.Comprehension(clauses=clauses, element=element):
            return _comprehension(scalars, clauses, element, scope)
        case e.Call(function="sorted", arguments=(of,), keywords=keywords):
            return _sorted(scalars, of, keywords, scope, node)
        case e.Call(function="list" | "set" | "distinct" as name, arguments=(of,)) if name != "distinct":
            return read(scalars, of, scope)
        case e.Call(function="reversed", arguments=(of,)):
            return _reversed(read(scalars, of, scope))
        case e.Call(function="top", arguments=(of, count), keywords=keywords):
            down = e.Keyword("reverse", e.Constant(type=t.BoolType(), span=node.span, value=True))
            found = _sorted(scalars, of, (*keywords, down), scope, node)
            return _cut(found, limit=count)
        case e.Call(function="take", arguments=(of, count)):
            return _cut(read(scalars, of, scope), limit=count)
        case e.Call(function="skip", arguments=(of, count)):
            return _cut(read(scalars, of, scope), skip=count)
        case _:
            return _rows(scalars, node, scope)


def _cut(found: Found, *, limit: Expression | None = None, skip: Expression | None = None) -> Found:
    if found.limit is not None or (found.skip is not None and skip is not None):
        raise UnsupportedError((limit or skip or found.element).span, "this is cut off twice", "cut it off once")
    return _changed(found, limit=limit or found.limit, skip=skip or found.skip)


def _changed(found: Found, **changes: object) -> Found:
    given = {name: getattr(found, name) for name in found.__struct_fields__}
    return Found(**(given | changes))  # pyright: ignore[reportArgumentType]


def _reversed(found: Found) -> Found:
    if found.limit is not None or found.skip is not None:
        raise UnsupportedError(found.element.span, "what is cut off can't be turned around", _CUT)
    return _changed(found, reverse=not found.reverse)


def _comprehension(scalars: Scalars, clauses: tuple[e.Clause, ...], element: Expression, scope: Scope) -> Found:
    rows: list[Row] = []
    order: Ordering | None = None
    reverse = False
    for number, clause in enumerate(clauses):
        found = read(scalars, clause.source, scope)
        if found.limit is not None or found.skip is not None:
            raise UnsupportedError(clause.source.span, "this goes over a part that was cut off", _CUT)
        if len(clause.variables) != 1 or not isinstance(found.element, e.Name):
            raise UnsupportedError(
                clause.source.span, "a question goes over rows, not over what is made of them", "name the rows"
            )
        if number == 0:
            order, reverse = found.order, found.reverse
        rows += found.rows
        scope = scope.with_row(clause.variables[0], found.scope.rows[found.element.name])
        for condition in clause.conditions:
            scalars.require(condition, scope)
    return Found(scope, tuple(rows), element, order, reverse)


def _sorted(scalars: Scalars, of: Expression, keywords: tuple[e.Keyword, ...], scope: Scope, node: Expression) -> Found:
    found = read(scalars, of, scope)
    if found.limit is not None or found.skip is not None:
        raise UnsupportedError(node.span, "what is cut off can't be sorted", "sort first, then cut off")
    given = {one.name: one.value for one in keywords}
    reverse = False
    if "reverse" in given:
        known = given["reverse"]
        if not isinstance(known, e.Constant):
            raise UnsupportedError(known.span, "`reverse` is `True` or `False`", "write two queries")
        reverse = bool(known.value)
    key = given.get("key")
    inner = found.scope
    body: Expression = found.element
    if isinstance(key, e.Lambda):
        if not isinstance(found.element, e.Name):
            raise UnsupportedError(
                node.span, "what is sorted by a key are rows", "sort the rows, then say what is shown of each"
            )
        inner = inner.with_row(key.parameter, inner.rows[found.element.name])
        body = key.body
    elif isinstance(plain(body.type), t.EntityType):
        return _changed(found, order=None, reverse=reverse)
    keys = tuple((one, False) for one in _parts(body))
    return _changed(found, order=Ordering(keys, inner), reverse=reverse)


def _parts(body: Expression) -> Iterator[Expression]:
    if isinstance(body, e.Collection) and body.form == "tuple":
        for item in body.items:
            yield from _parts(item)
    else:
        yield body


def over(scalars: Scalars, node: Expression, row: Row, scope: Scope) -> Found:
    """Adds what the expression asks of rows that the query reads already; `OWN` in it are those rows."""
    return read(scalars, node, scope.with_row(OWN, row))


def _rows(scalars: Scalars, node: Expression, scope: Scope) -> Found:
    """All of an entity, or what a row owns."""
    tables, query = scalars.tables, scope.query
    type = plain(node.type)
    if isinstance(node, e.Name) and node.name == OWN:
        assert isinstance(type, t.ListType | t.SetType)
        return Found(scope, (scope.rows[OWN],), e.Name(type=type.of, span=node.span, name=OWN, source="row"))
    if isinstance(node, e.Name) and node.source == "entity":
        assert isinstance(type, t.ListType | t.SetType)
        assert isinstance(type.of, t.EntityType)
        row = query.read_from(tables.entity(type.of.name), type.of.name)
        scalars.begins_with(row)
        return _single(row, type.of, node, scope)
    if not scalars.is_stored(node, scope) or not isinstance(type, t.ListType | t.SetType):
        raise UnsupportedError(
            node.span, "a question goes over entities, their lists and their relations", "begin with an entity"
        )
    place = scalars.place(node, scope)
    form = tables.layout.form(node.type)
    if not place.row.entity or form not in {"children", "links"}:
        raise UnsupportedError(node.span, "the database can't look into this", "make it a list of values")
    owner = tables.layout.owner_column(place.row.entity)
    table = tables.of_field(place.row.entity, place.prefix)
    row = query.read_from(table)
    key = scalars.column_of(place.row, "id", scope)
    query.where.append(f"{attribute(row.text, owner)} == {key.text}")
    if form == "links":
        row = linked(scalars, row, place.row.entity, place.prefix)
    return _single(row, type.of, node, scope)


def linked(scalars: Scalars, row: Row, entity: str, field: str) -> Row:
    """The other side of a row of links."""
    tables = scalars.tables
    other = tables.layout.other_column(entity, field)
    type = plain(tables.field_type(entity, field))
    assert isinstance(type, t.SetType)
    assert isinstance(type.of, t.EntityType)
    return row.query.join(tables.entity(type.of.name), type.of.name, f"{{}}.c.id == {attribute(row.text, other)}")


def _single(row: Row, type: t.Type, node: Expression, scope: Scope) -> Found:
    element = e.Name(type=type, span=node.span, name="\0row", source="row")
    return Found(scope.with_row("\0row", row), (row,), element)


class Key(Struct, frozen=True):
    """One thing that rows are sorted by, in code, and of which type; `falls` where the greatest comes first."""

    text: str
    type: t.Type
    falls: bool
    nullable: bool = False

    @property
    def ordered(self) -> str:
        """As `order_by` has it. None comes first where the least does."""
        if not self.falls:
            return f"{self.text}.nulls_first()" if self.nullable else self.text
        return f"{self.text}.desc(){'.nulls_last()' if self.nullable else ''}"


def order_keys(scalars: Scalars, found: Found) -> list[Key]:
    """What the rows are sorted by; the last ones make it total."""
    keys: list[Key] = []
    if found.order is not None:
        for node, down in found.order.keys:
            falls, inner = down != found.reverse, node
            if isinstance(inner, e.Negative):
                falls, inner = not falls, inner.of
            value = scalars.typed(inner, found.order.scope)
            keys.append(Key(value.at(ATOM), inner.type, falls, value.nullable))
    for row in found.rows:
        for column in row.table.columns:
            if column.primary and column.name != "tenant":
                type = t.IntType() if column.name == "position" else t.UuidType()
                keys.append(Key(attribute(row.text, column.name), type, found.reverse))
    return list({key.text: key for key in reversed(keys)}.values())[::-1]


def order_by(scalars: Scalars, found: Found) -> list[str]:
    """The same, as `order_by` has it."""
    return [key.ordered for key in order_keys(scalars, found)]


def subquery(scalars: Scalars, scope: Scope) -> Scope:
    """A scope whose query is a new one inside of the given one."""
    return scope.inside(Query(scalars.tables.aliases, scope.query))
