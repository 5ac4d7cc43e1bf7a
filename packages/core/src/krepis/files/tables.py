"""The tables of the file store, for the service's metadata.

```python
include_tables(metadata, *files.tables.TABLES)                                    # with blobs in a folder
include_tables(metadata, *files.tables.TABLES, *files.tables.BLOB_TABLES)         # with `DatabaseBlobs`
```
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, LargeBinary, MetaData, Table, Uuid

from krepis.sql import Instant

_metadata = MetaData()

loose_files = Table(
    "krepis_loose_files",
    _metadata,
    Column("id", Uuid(), primary_key=True),
    Column("since", Instant(), nullable=False),
    Column("condemned", Boolean, nullable=False),
    Index("ix_krepis_loose_files_since", "since"),
)

blobs = Table(
    "krepis_blobs",
    _metadata,
    Column("id", Uuid(), primary_key=True),
    Column("size", BigInteger, nullable=False),
)
"""Only finished ones."""

blob_chunks = Table(
    "krepis_blob_chunks",
    _metadata,
    Column("blob", Uuid(), primary_key=True),
    Column("start", BigInteger, primary_key=True, autoincrement=False),
    Column("content", LargeBinary, nullable=False),
)

TABLES = (loose_files,)
BLOB_TABLES = (blobs, blob_chunks)
