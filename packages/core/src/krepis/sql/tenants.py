"""Tables of many tenants: every statement on them is narrowed to the tenant of `ctx`, by the compiler and not by people.

```python
books = tenanted(Table("books", metadata, Column("tenant", String(36), primary_key=True), Column("isbn", ...), ...))

FIND = statement(select(books.c.title).where(books.c.isbn == bindparam("isbn")), into=str)
# SELECT books.title FROM (SELECT tenant, isbn, title FROM books WHERE books.tenant = ?) AS books WHERE books.isbn = ?

COUNT_ALL = across_tenants(statement(select(func.count()).select_from(books), into=int), "the figures of the operator")
```

- Wherever such a table is read (joins of every kind, aliases, subqueries, CTEs, EXISTS, unions, UPDATE ... FROM), what is
  read is the tenant's part of it. So no join can meet another tenant's row.
- UPDATE, DELETE and ON CONFLICT DO UPDATE touch the tenant's rows alone; INSERT writes the tenant by itself. A statement
  that names the column as something to write is refused.
- The value comes from the context of the unit of work and from nowhere else: it is no parameter that a caller could give.
  Without a tenant in it, the statement is refused with `TenantMissingError`.
- SQL as text can't be narrowed: in a database with such tables it is refused when it is compiled. `across_tenants` is the
  only way around, for it and for Core; it says why, and it is found by a search.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

from sqlalchemy import ForeignKeyConstraint, MetaData, PrimaryKeyConstraint, String, Table, UniqueConstraint, Uuid

from krepis.errors import KrepisError
from krepis.sql.errors import StatementError
from krepis.sql.statement import Statement

T = TypeVar("T")

TENANT_COLUMN = "tenant"
_KEY = "krepis.tenant"


def tenanted(table: Table, column: str = TENANT_COLUMN) -> Table:
    """Mark `table` as one of many tenants, whose rows say in `column` whose they are; answers with the table.

    Raises `KrepisError` when the column is missing, may be NULL, has a default or is no text.
    """
    hint = f'give it `Column("{column}", String(64), nullable=False)`'
    found = table.c.get(column)
    if found is None:
        raise KrepisError(f"the table `{table.name}` has no column `{column}` for its tenant", hint=hint)
    if found.nullable or not isinstance(found.type, String) or found.default is not None or found.server_default:
        raise KrepisError(
            f"`{table.name}.{column}` can't say whose a row is: it must be a text that is never NULL", hint=hint
        )
    if table.schema is not None:
        raise KrepisError(f"the tenanted table `{table.name}` names its schema", hint="set the search_path of the role")
    table.info[_KEY] = column
    return table


def across_tenants(statement: Statement[T], why: str) -> Statement[T]:
    """`statement` for the rows of all tenants, as it is written. `why` is for those who review it."""
    if not why.strip():
        raise KrepisError("a statement across tenants needs a reason", hint='across_tenants(statement, "why")')
    return Statement(statement.core, statement.into, across=why)


def tenant_column(table: Any) -> str | None:
    """The column of a tenanted table that says whose a row is; `None` for any other table."""
    return getattr(table, "info", {}).get(_KEY)


def tenanted_tables(metadata: MetaData | None) -> frozenset[str]:
    """The names of the tenanted tables in `metadata`."""
    tables = () if metadata is None else metadata.tables.values()
    return frozenset(table.name for table in tables if tenant_column(table))


def shared_keys(metadata: MetaData | None) -> Iterator[StatementError]:
    """Keys of tenanted tables that one tenant could take from another, or point to another's row with.

    A key of one tenant alone begins with the tenant's column. A primary key of one UUID may do without, since
    `ctx.new_id()` can't be guessed.
    """
    for table in () if metadata is None else metadata.sorted_tables:
        column = tenant_column(table)
        if column is None:
            continue
        for names, what in _keys(table):
            if column not in names:
                yield StatementError(
                    f"the {what} of `{table.name}` over {', '.join(names)} is shared by all tenants",
                    hint=f"put `{column}` into it: what one tenant has taken, another must not find taken",
                )


def _keys(table: Table) -> Iterator[tuple[list[str], str]]:
    for constraint in sorted(table.constraints, key=lambda one: (type(one).__name__, str(one.name))):
        if isinstance(constraint, PrimaryKeyConstraint):
            if constraint.columns and not _is_uuid(table):
                yield [column.name for column in constraint.columns], "primary key"
        elif isinstance(constraint, UniqueConstraint):
            yield [column.name for column in constraint.columns], "unique key"
        elif isinstance(constraint, ForeignKeyConstraint):
            target = constraint.referred_table
            if tenant_column(target) and not _is_uuid(target):
                yield [column.name for column in constraint.columns], "foreign key"
    for index in sorted(table.indexes, key=lambda one: str(one.name)):
        if index.unique:
            yield [column.name for column in index.columns], "unique index"


def _is_uuid(table: Table) -> bool:
    key = list(table.primary_key.columns)
    return len(key) == 1 and isinstance(key[0].type, Uuid)
