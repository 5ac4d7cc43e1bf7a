"""`adapters/sql/tables.py` of a project, and the same tables as objects, from which the first migration is made."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.base import RESERVED_WORDS as POSTGRES_WORDS
from sqlalchemy.dialects.sqlite.base import SQLiteIdentifierPreparer

from krepis.sql import Exact, Instant, Json, include_tables, tenanted
from krepis_generator.annotations import Annotations
from krepis_generator.frame.parts import table_modules
from krepis_generator.quoting import text_literal
from krepis_generator.source import Module
from krepis_generator.sql.layout import Check, Column, Kind, Table
from krepis_spec.blueprint import Blueprint

CONVENTION = {
    "pk": "%(table_name)s_pk",
    "fk": "%(table_name)s_%(column_0_name)s_fk",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ck": "%(table_name)s_%(constraint_name)s_check",
}

IDENTIFIER_BYTES_MAX = 63
"""What PostgreSQL keeps of a name."""

_BY_CODE_POINT = '''\
def by_code_point(length: int | None = None) -> String:
    """Text that is compared by code point, whatever the database's own language is."""
    return String(length).with_variant(String(length, collation="C"), "postgresql")'''

_DURATION = '''\
class Duration(Exact):
    """A length of time, in microseconds."""

    cache_ok = True

    def __init__(self) -> None:
        super().__init__(0)

    def converters(self, dialect: str) -> tuple[Converter | None, Converter | None]:
        into, out_of = super().converters(dialect)

        def stored(length: timedelta) -> Any:
            units = Decimal(length // timedelta(microseconds=1))
            return into(units) if into is not None else units

        def read(units: Any) -> timedelta:
            return timedelta(microseconds=int(out_of(units) if out_of is not None else units))

        return stored, read'''

_WORDS = frozenset(POSTGRES_WORDS) | frozenset(SQLiteIdentifierPreparer.reserved_words)


def tables_module(blueprint: Blueprint, tables: Sequence[Table]) -> Module:
    """The module of all tables."""
    module = Module(
        f"src/{blueprint.service.name}/adapters/sql/tables.py",
        "The tables. A column has the name of the field that it keeps, so that rows become values without a mapping.\n\n"
        "The conditions that the domain decides on stand here once more as constraints: they say no to what gets past it.",
    )
    module.use("sqlalchemy", "MetaData")
    convention = "".join(f'        "{key}": "{value}",\n' for key, value in CONVENTION.items())
    module.add("metadata", f"metadata = MetaData(\n    naming_convention={{\n{convention}    }}\n)", apart=True)
    kinds = {column.kind.name for table in tables for column in table.columns}
    if "by_code_point" in kinds:
        module.use("sqlalchemy", "String")
        module.add("by_code_point", _BY_CODE_POINT)
    if "Duration" in kinds:
        module.use("datetime", "timedelta")
        module.use("decimal", "Decimal")
        module.use("typing", "Any")
        module.use("krepis.sql", "Converter", "Exact")
        module.add("Duration", _DURATION)
    for table in tables:
        _write(module, table, blueprint)
    included = table_modules(blueprint)
    if included:
        module.use("krepis.sql", "include_tables")
        for name in included:
            module.use_module(name)
        listed = ", ".join(f"*{name}.TABLES" for name in included)
        module.add("included", f"include_tables(metadata, {listed})", apart=True)
    return module


def metadata_of(blueprint: Blueprint, tables: Sequence[Table]) -> sa.MetaData:
    """The metadata that the module of the tables declares."""
    metadata = sa.MetaData(naming_convention=CONVENTION)
    for table in tables:
        made = sa.Table(table.name, metadata, *_items(table))
        if table.tenanted:
            tenanted(made)
    for name in table_modules(blueprint):
        include_tables(metadata, *importlib.import_module(name).TABLES)
    return metadata


def index_name(table: str, columns: Sequence[str]) -> str:
    """The name of an index; where it would be too long, the table's with the first and the number of the columns."""
    meant = [column for column in columns if column not in {"id", "tenant"}] or list(columns)
    name = f"{table}_{'_'.join(meant)}"
    return name if len(name) <= IDENTIFIER_BYTES_MAX else f"{table[:20]}_{meant[0][:20]}_{len(meant)}_{len(name)}"


def quoted(name: str) -> str:
    """A column's name in SQL of both databases."""
    return f'"{name}"' if name in _WORDS else name


def _items(table: Table) -> list[Any]:
    items: list[Any] = [_column(column) for column in table.columns]
    items += [sa.UniqueConstraint(*columns) for columns in table.uniques]
    items += [sa.CheckConstraint(_condition(check), name=check.name) for check in table.checks]
    items += [sa.Index(index_name(table.name, columns), *columns) for columns in table.indexes]
    return items


def _column(column: Column) -> sa.Column[Any]:
    references: list[sa.ForeignKey] = []
    if column.reference is not None:
        references.append(sa.ForeignKey(f"{column.reference.table}.id", ondelete=column.reference.on_delete))
    return sa.Column(
        column.name,
        _type(column.kind),
        *references,
        primary_key=column.primary,
        nullable=column.nullable,
        unique=column.unique or None,
    )


def _type(kind: Kind) -> Any:
    match kind:
        case Kind("by_code_point", size):
            return sa.String(size).with_variant(sa.String(size, collation="C"), "postgresql")
        case Kind("Exact", size):
            return Exact(size or 0)
        case Kind("Duration"):
            return Exact(0)
        case Kind("Instant"):
            return Instant()
        case Kind("Json"):
            return Json(object)
        case Kind("String", size):
            return sa.String(size)
        case Kind(name):
            return getattr(sa, name)()


def _write(module: Module, table: Table, blueprint: Blueprint) -> None:
    module.use("sqlalchemy", "Table", "Column")
    lines = [f'    "{table.name}",', "    metadata,"]
    lines += [f"    {_column_text(module, column, blueprint)}," for column in table.columns]
    for columns in table.uniques:
        module.use("sqlalchemy", "UniqueConstraint")
        lines.append(f"    UniqueConstraint({_listed(columns)}),")
    for check in table.checks:
        module.use("sqlalchemy", "CheckConstraint")
        lines.append(f'    CheckConstraint({text_literal(_condition(check))}, name="{check.name}"),')
    for columns in table.indexes:
        module.use("sqlalchemy", "Index")
        lines.append(f'    Index("{index_name(table.name, columns)}", {_listed(columns)}),')
    body = "\n".join(lines)
    made = f"Table(\n{body}\n)"
    if table.tenanted:
        module.use("krepis.sql", "tenanted")
        made = f"tenanted({made})"
    module.add(table.name, f"{table.name} = {made}", spans=table.spans, apart=True)


def _column_text(module: Module, column: Column, blueprint: Blueprint) -> str:
    given = [f'"{column.name}"', kind_text(module, column.kind, blueprint)]
    if column.reference is not None:
        module.use("sqlalchemy", "ForeignKey")
        rule = f', ondelete="{column.reference.on_delete}"' if column.reference.on_delete is not None else ""
        given.append(f'ForeignKey("{column.reference.table}.id"{rule})')
    if column.primary:
        given.append("primary_key=True")
    elif not column.nullable:
        given.append("nullable=False")
    if column.unique:
        given.append("unique=True")
    return f"Column({', '.join(given)})"


def kind_text(module: Module, kind: Kind, blueprint: Blueprint) -> str:
    """A type as code, imported."""
    tables = f"{blueprint.service.name}.adapters.sql.tables"
    match kind:
        case Kind("by_code_point" | "Duration" as name, size):
            if module.name != tables:
                module.use(tables, name)
            return f"{name}({'' if size is None else size})"
        case Kind("Exact" | "Instant" as name, size):
            module.use("krepis.sql", name)
            return f"{name}({'' if size is None else size})"
        case Kind("Json", of=of):
            module.use("krepis.sql", "Json")
            assert of is not None, "JSON holds something"
            return f"Json({_json_type(module, kind, blueprint)})"
        case Kind(name, size):
            module.use("sqlalchemy", name)
            return f"{name}({'' if size is None else size})"


def _json_type(module: Module, kind: Kind, blueprint: Blueprint) -> str:
    assert kind.of is not None, "JSON holds something"
    annotation = Annotations(blueprint, module).domain(kind.of)
    return "object" if annotation == "Any" else annotation


def _condition(check: Check) -> str:
    return "".join(quoted(text) if what == "column" else text for what, text in check.parts)


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(f'"{column}"' for column in columns)
