"""Where everything is kept: the tables that a blueprint needs, as plain data, from which code and migrations are written.

- Each entity has a table, named in the plural; its key is `id`. A column has the name of the field that it keeps.
- A reference is a foreign key with what the spec says about deletion, and an index.
- A period is two columns. A value is a column for each of its fields, where all of those are plain; else it is JSON.
- A list of values, and a list or a set of anything plain, is a table of its own: owner, position, columns. Choices are JSON.
- A set of entities is a table of links.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import MappingProxyType
from typing import Literal

from msgspec import Struct

from krepis_generator import names
from krepis_spec import expressions as e
from krepis_spec import types as t
from krepis_spec.blueprint import Blueprint, Entity, Field
from krepis_spec.document import Span
from krepis_spec.types import Type

KindName = Literal[
    "Uuid", "by_code_point", "Text", "String", "BigInteger", "Integer", "Boolean", "Date", "Exact", "Instant", "Json", "Duration"
]  # fmt: skip

TENANT = "tenant"
EMAIL_CHARACTERS_MAX = 254
URL_CHARACTERS_MAX = 2048
CHOICE_CHARACTERS_MAX = 64
TENANT_CHARACTERS_MAX = 255
ON_DELETE = MappingProxyType({"delete": "CASCADE", "keep": "SET NULL", "forbid": None})
"""Without an action a database refuses, at the end of the statement, when what goes along is gone."""


class Kind(Struct, frozen=True):
    """The type of a column. `size` is a length or a number of places; `of` is what JSON holds."""

    name: KindName
    size: int | None = None
    of: Type | None = None


class Reference(Struct, frozen=True):
    """A foreign key to the `id` of a table."""

    table: str
    on_delete: str | None = None


class Column(Struct, frozen=True):
    name: str
    kind: Kind
    nullable: bool = False
    unique: bool = False
    primary: bool = False
    reference: Reference | None = None


class Check(Struct, frozen=True):
    """A condition on one column, or on two: written as SQL by whoever knows how names are quoted."""

    name: str
    parts: tuple[tuple[Literal["column", "sql"], str], ...]


class Table(Struct, frozen=True):
    """`own` is the entity whose rows it keeps, and `field` the field of that entity which is this table, if it is one's."""

    name: str
    own: str
    columns: tuple[Column, ...]
    spans: tuple[Span, ...]
    field: str = ""
    uniques: tuple[tuple[str, ...], ...] = ()
    checks: tuple[Check, ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()
    tenanted: bool = False

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


Form = Literal["column", "parts", "period", "children", "links"]


class Layout:
    """The tables of a blueprint."""

    def __init__(self, blueprint: Blueprint) -> None:
        self.blueprint = blueprint

    def form(self, type: Type) -> Form:
        """How a field of that type is kept."""
        match plain(type):
            case t.PeriodType():
                return "period"
            case t.ValueType(name=name) if self._is_flat(name, optional=isinstance(type, t.OptionalType)):
                return "parts"
            case t.SetType(of=t.EntityType()):
                return "links"
            case t.ListType(of=of) | t.SetType(of=of) if isinstance(type, t.ListType | t.SetType):
                return "children" if self._is_child(of) else "column"
            case _:
                return "column"

    def parts(self, name: str) -> tuple[Field, ...]:
        """The fields of a value that is kept in columns."""
        return self.blueprint.value(name).fields

    def columns_of(self, name: str, type: Type, *, nullable: bool = False) -> Iterator[Column]:
        """The columns of a field in its owner's table; none for what has a table of its own."""
        inner, nullable = plain(type), nullable or isinstance(type, t.OptionalType)
        match self.form(type):
            case "period":
                for end in ("start", "end"):
                    yield Column(f"{name}_{end}", Kind("Instant"), nullable)
            case "parts":
                assert isinstance(inner, t.ValueType)
                for field in self.parts(inner.name):
                    yield from self.columns_of(f"{name}_{field.name}", field.type, nullable=nullable)
            case "column":
                reference = Reference(names.rows(inner.name)) if isinstance(inner, t.EntityType) else None
                yield Column(name, kind_of(inner), nullable, reference=reference)
            case "children" | "links":
                pass

    def entity_columns(self, entity: Entity) -> tuple[Column, ...]:
        """Those that keep the fields of the struct, in its order; no `tenant` and no `search_text`."""
        found = [Column("id", Kind("Uuid"), primary=True)]
        for field in entity.fields:
            found += self.columns_of(field.name, field.type)
        if entity.versioned:
            found.append(Column("version", Kind("BigInteger")))
        return tuple(found)

    def child_table(self, entity: str, field: str) -> str:
        return f"{names.one(entity)}_{field}"

    def owner_column(self, entity: str) -> str:
        """The column of a child or link table that names the owner."""
        return names.one(entity)

    def other_column(self, entity: str, field: str) -> str:
        """The column of a table of links that names the other side."""
        other = names.singular(field)
        return other if other != names.one(entity) else "other"

    def item_columns(self, of: Type) -> tuple[Column, ...]:
        """The columns of one item in a child table; `item` for one that is no value."""
        inner = plain(of)
        if isinstance(inner, t.ValueType):
            return tuple(
                column for field in self.parts(inner.name) for column in self.columns_of(field.name, field.type)
            )
        return tuple(self.columns_of("item", of))

    def _is_flat(self, name: str, *, optional: bool) -> bool:
        fields = self.blueprint.value(name).fields
        if not all(self._is_plain(field.type) for field in fields):
            return False
        return not optional or any(not isinstance(field.type, t.OptionalType) for field in fields)

    def _is_plain(self, type: Type) -> bool:
        return not isinstance(
            plain(type),
            t.ListType | t.SetType | t.ValueType | t.RecordType | t.PeriodType,
        )

    def _is_child(self, of: Type) -> bool:
        inner = plain(of)
        if isinstance(inner, t.ValueType):
            return all(self._is_plain(field.type) for field in self.blueprint.value(inner.name).fields)
        return self._is_plain(of) and not isinstance(inner, t.ChoiceType)


def plain(type: Type) -> Type:
    """Without the `?`."""
    return type.of if isinstance(type, t.OptionalType) else type


def kind_of(type: Type) -> Kind:  # noqa: C901 - one branch a type
    """The type of the column that keeps one value."""
    match type:
        case t.TextType(form="email"):
            return Kind("by_code_point", EMAIL_CHARACTERS_MAX)
        case t.TextType(form="url"):
            return Kind("by_code_point", URL_CHARACTERS_MAX)
        case t.TextType(max=most):
            return Kind("by_code_point", most)
        case t.SecretType() | t.TokenType():
            return Kind("Text")
        case t.ChoiceType():
            return Kind("String", CHOICE_CHARACTERS_MAX)
        case t.IntType():
            return Kind("BigInteger")
        case t.DecimalType(places=places):
            return Kind("Exact", places)
        case t.BoolType():
            return Kind("Boolean")
        case t.DateType():
            return Kind("Date")
        case t.DatetimeType():
            return Kind("Instant")
        case t.DurationType():
            return Kind("Duration")
        case t.UuidType() | t.EntityType():
            return Kind("Uuid")
        case _:
            return Kind("Json", of=type)


def tables_of(blueprint: Blueprint, asked: Iterable[tuple[str, tuple[str, ...]]] = ()) -> tuple[Table, ...]:
    """All tables; one stands behind those that it refers to. `asked` are entities, each with the columns of an index that some
    question needs.
    """
    layout, wanted = Layout(blueprint), list(asked)
    found: list[Table] = []
    for entity in _ordered(blueprint):
        indexes = [columns for name, columns in wanted if name == entity.name]
        found.append(_entity_table(entity, layout, indexes))
    for entity in blueprint.entities:
        for field in entity.fields:
            form = layout.form(field.type)
            if form == "children":
                found.append(_child_table(entity, field, layout))
            elif form == "links":
                found.append(_link_table(entity, field, layout))
    return tuple(found)


def _entity_table(entity: Entity, layout: Layout, asked: list[tuple[str, ...]]) -> Table:
    fields = {field.name: field for field in entity.fields}
    keys = [(name,) for name, field in fields.items() if field.unique or name == entity.address]
    keys += [key for key in entity.unique if key not in keys]
    columns = [
        _ruled(column, fields.get(column.name), unique=(column.name,) in keys and not entity.per_tenant)
        for column in layout.entity_columns(entity)
    ]
    before = (TENANT,) if entity.per_tenant else ()
    if entity.per_tenant:
        columns.insert(1, Column(TENANT, Kind("String", TENANT_CHARACTERS_MAX)))
    if any(field.searchable for field in entity.fields):
        columns.append(Column("search_text", Kind("Text")))
    uniques = tuple((*before, *key) for key in keys if len(key) > 1 or entity.per_tenant)
    known = {column.name for column in columns}
    asked = [*[_kept(index, fields, layout) for index in entity.indexes], *asked]
    indexes = [(*before, *index) for index in asked if known.issuperset(index)]
    indexes += [(column.name,) for column in columns if column.reference is not None]
    covered = [("id",), *uniques, *[(column.name,) for column in columns if column.unique]]
    return Table(
        names.rows(entity.name),
        entity.name,
        tuple(columns),
        (entity.span, *(field.span for field in entity.fields)),
        uniques=uniques,
        checks=tuple(_checks(entity, layout)),
        indexes=tuple(_needed(indexes, covered)),
        tenanted=entity.per_tenant,
    )


def _ruled(column: Column, field: Field | None, *, unique: bool) -> Column:
    reference = column.reference
    if reference is not None and field is not None and field.on_delete is not None:
        reference = Reference(reference.table, ON_DELETE[field.on_delete])
    return Column(column.name, column.kind, column.nullable, unique, column.primary, reference)


def _kept(index: tuple[str, ...], fields: dict[str, Field], layout: Layout) -> tuple[str, ...]:
    """The columns of the fields of an index."""
    return tuple(
        column.name
        for name in index
        for column in (layout.columns_of(name, fields[name].type) if name in fields else (Column(name, Kind("Uuid")),))
    )


def _needed(indexes: Iterable[tuple[str, ...]], covered: list[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    """Each once, without those with which another one begins."""
    all_of = list(dict.fromkeys(indexes))
    for index in all_of:
        longer = [other for other in (*all_of, *covered) if other != index and other[: len(index)] == index]
        if not longer and index not in covered:
            yield index


def _child_table(entity: Entity, field: Field, layout: Layout) -> Table:
    type = plain(field.type)
    assert isinstance(type, t.ListType | t.SetType)
    owner = layout.owner_column(entity.name)
    before = (Column(TENANT, Kind("String", TENANT_CHARACTERS_MAX), primary=True),) if entity.per_tenant else ()
    items = tuple(
        _free(column, {owner, "position"} | ({TENANT} if before else set())) for column in layout.item_columns(type.of)
    )
    columns = (
        *before,
        Column(owner, Kind("Uuid"), primary=True, reference=Reference(names.rows(entity.name), "CASCADE")),
        Column("position", Kind("Integer"), primary=True),
        *items,
    )
    inner = plain(type.of)
    searched = [] if isinstance(inner, t.ValueType) else [("item", owner)]
    checks: list[Check] = []
    if isinstance(inner, t.ValueType):
        for one in layout.parts(inner.name):
            checks += _limits(one.name, one.type)
    references = [(column.name,) for column in items if column.reference is not None]
    return Table(
        layout.child_table(entity.name, field.name),
        entity.name,
        columns,
        (field.span,),
        field=field.name,
        checks=tuple(_numbered(checks)),
        indexes=tuple(_needed([*searched, *references], [])),
        tenanted=entity.per_tenant,
    )


def _free(column: Column, taken: set[str]) -> Column:
    assert column.name not in taken, f"a value of a list can't have the field `{column.name}`"
    return column


def _link_table(entity: Entity, field: Field, layout: Layout) -> Table:
    type = plain(field.type)
    assert isinstance(type, t.SetType)
    assert isinstance(type.of, t.EntityType)
    owner, other = layout.owner_column(entity.name), layout.other_column(entity.name, field.name)
    before = (Column(TENANT, Kind("String", TENANT_CHARACTERS_MAX), primary=True),) if entity.per_tenant else ()
    return Table(
        layout.child_table(entity.name, field.name),
        entity.name,
        (
            *before,
            Column(owner, Kind("Uuid"), primary=True, reference=Reference(names.rows(entity.name), "CASCADE")),
            Column(other, Kind("Uuid"), primary=True, reference=Reference(names.rows(type.of.name), "CASCADE")),
        ),
        (field.span,),
        field=field.name,
        indexes=((other, owner),),
        tenanted=entity.per_tenant,
    )


def _checks(entity: Entity, layout: Layout) -> Iterator[Check]:
    found: list[Check] = []
    for field in entity.fields:
        if layout.form(field.type) == "column":
            found += _limits(field.name, field.type)
    for invariant in entity.invariants:
        check = _comparison(invariant.condition)
        if check is not None:
            found.append(check)
    yield from _numbered(found)


def _numbered(checks: Iterable[Check]) -> Iterator[Check]:
    """Each condition once, under a name that no other has."""
    seen: dict[tuple[tuple[str, str], ...], Check] = {}
    for check in checks:
        seen.setdefault(check.parts, check)
    count: dict[str, int] = {}
    for check in seen.values():
        count[check.name] = count.get(check.name, 0) + 1
        number = count[check.name]
        yield check if number == 1 else Check(f"{check.name}_{number}", check.parts)


def _limits(name: str, type: Type) -> Iterator[Check]:
    """What both databases can say about one column. Limits of decimals other than zero would be units on one of them."""
    match plain(type):
        case t.IntType(min=low, max=high):
            if low is not None and high is not None:
                yield Check(name, (("column", name), ("sql", f" BETWEEN {low} AND {high}")))
            elif low is not None or high is not None:
                limit = f" >= {low}" if low is not None else f" <= {high}"
                yield Check(name, (("column", name), ("sql", limit)))
        case t.DecimalType(min=low, max=high, above=above, below=below):
            for operator, limit in ((">=", low), (">", above), ("<=", high), ("<", below)):
                if limit is not None and float(limit) == 0:
                    yield Check(name, (("column", name), ("sql", f" {operator} 0")))
        case t.ChoiceType(choices=choices):
            listed = ", ".join("'" + choice.replace("'", "''") + "'" for choice in choices)
            yield Check(name, (("column", name), ("sql", f" IN ({listed})")))
        case _:
            return


def _comparison(condition: object) -> Check | None:
    """An invariant that compares a column with zero, with a whole number, or with another column of the same type."""
    if not isinstance(condition, e.Compare) or not _is_own(condition.left):
        return None
    operator = {"==": "=", "!=": "<>"}.get(condition.operator, condition.operator)
    if operator not in {"=", "<>", "<", "<=", ">", ">="}:
        return None
    assert isinstance(condition.left, e.Name)
    left, right = condition.left, condition.right
    if isinstance(right, e.Constant) and isinstance(left.type, t.IntType) and isinstance(right.value, int):
        return Check(left.name, (("column", left.name), ("sql", f" {operator} {right.value}")))
    if isinstance(right, e.Constant) and isinstance(left.type, t.DecimalType) and float(str(right.value)) == 0:
        return Check(left.name, (("column", left.name), ("sql", f" {operator} 0")))
    if isinstance(right, e.Name) and _is_own(right) and _comparable(left.type, right.type):
        return Check(left.name, (("column", left.name), ("sql", f" {operator} "), ("column", right.name)))
    return None


def _is_own(node: object) -> bool:
    return (
        isinstance(node, e.Name)
        and node.source == "field"
        and isinstance(
            node.type,
            t.IntType | t.DecimalType | t.DateType | t.DatetimeType | t.EntityType | t.UuidType,
        )
    )


def _comparable(one: Type, other: Type) -> bool:
    if isinstance(one, t.DecimalType) and isinstance(other, t.DecimalType):
        return one.places == other.places
    return type(one) is type(other)


def _ordered(blueprint: Blueprint) -> list[Entity]:
    """Users first, then in the order of the spec, each behind those that it refers to."""
    found: dict[str, Entity] = {}

    def add(entity: Entity, above: tuple[str, ...]) -> None:
        if entity.name in found or entity.name in above:
            return
        for field in entity.fields:
            inner = plain(field.type)
            if isinstance(inner, t.EntityType):
                add(blueprint.entity(inner.name), (*above, entity.name))
        found[entity.name] = entity

    for entity in (*(one for one in blueprint.entities if one.user), *blueprint.entities):
        add(entity, ())
    return list(found.values())
