"""Tables that a part of Krepis keeps in the service's own database: they stand in the service's metadata, and so in its
migrations.

```python
metadata = MetaData()
include_tables(metadata, *outbox.TABLES, *idempotency.TABLES)
```
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from sqlalchemy import MetaData, Table

from krepis.errors import KrepisError

if TYPE_CHECKING:
    from krepis.port import Store


def include_tables(metadata: MetaData, *tables: Table) -> None:
    """Put copies of `tables` into `metadata`; those that are there already stay."""
    for table in tables:
        if table.name not in metadata.tables:
            table.to_metadata(metadata)


def missing_tables(store: Store | None, tables: Sequence[Table], part: str) -> Iterator[KrepisError]:
    """What keeps a part from starting on that store: it is no database, or its metadata lacks a table of the part's."""
    from krepis.sql.database import Database

    if not isinstance(store, Database):
        yield KrepisError(
            f"{part} keeps its tables in a database, and the app has none", hint="App(store=Database(...))"
        )
        return
    metadata = store.metadata
    missing = [] if metadata is None else [table.name for table in tables if table.name not in metadata.tables]
    if missing:
        yield KrepisError(
            f"{part} needs the table{'s' if len(missing) > 1 else ''} {', '.join(f'`{name}`' for name in missing)}",
            hint="put them into the metadata with `krepis.sql.include_tables` and write a migration: `krepis db revision`",
        )
