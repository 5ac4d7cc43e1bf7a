"""The tables of the outbox. Put them into the app's metadata, and so into its migrations:

```python
include_tables(metadata, *krepis.outbox.TABLES)
```

- `krepis_events`: every event, kept for a while after its delivery. `number` is the order of emitting, `position` the
  order of commits; the second is given after the commit (`krepis.outbox.sequencer`) and is what everybody reads by.
- `krepis_deliveries`: what is still to be delivered, a row for each reaction. `stream` is the reaction and the aggregate;
  the deliveries of one stream happen one after the other. `owner` is the worker that delivers it now.
- `krepis_dead_letters`: what was given up.
- `krepis_event_counter`: one row with the last position.
- `krepis_event_workers`: the processes that deliver; `beat` rises while one is `busy`, and stands still when it is dead.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, MetaData, Table, Text, Uuid, text

from krepis.sql import Instant, Json

_metadata = MetaData()

events = Table(
    "krepis_events",
    _metadata,
    # SQLite numbers rows by itself only where the type is INTEGER; it has 64 bits there all the same.
    Column("number", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True),
    Column("position", BigInteger, nullable=True),
    Column("id", Uuid(), nullable=False),
    Column("name", Text, nullable=False),
    Column("about", Text, nullable=False),
    Column("tenant", Text, nullable=True),
    Column("body", Text, nullable=False),
    Column("context", LargeBinary, nullable=False),
    Column("reactions", Json(list[str]), nullable=False),
    Column("at", Instant(), nullable=False),
    Index("krepis_events_position", "position", unique=True),
    # Nearly empty at all times: what waits for its position is found without looking at what has one.
    Index(
        "krepis_events_unnumbered",
        "number",
        postgresql_where=text("position IS NULL"),
        sqlite_where=text("position IS NULL"),
    ),
)

deliveries = Table(
    "krepis_deliveries",
    _metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("reaction", Text, primary_key=True),
    Column("stream", Text, nullable=False),
    Column("owner", BigInteger, nullable=True),
    Column("attempts", Integer, nullable=False),
    Column("due", Instant(), nullable=True),
    Column("error", Text, nullable=True),
    Index("krepis_deliveries_stream", "stream", "position"),
    Index("krepis_deliveries_reaction", "reaction", "position"),
)

dead_letters = Table(
    "krepis_dead_letters",
    _metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("reaction", Text, primary_key=True),
    Column("attempts", Integer, nullable=False),
    Column("error", Text, nullable=False),
    Column("died_at", Instant(), nullable=False),
)

counter = Table(
    "krepis_event_counter",
    _metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("last", BigInteger, nullable=False),
)

workers = Table(
    "krepis_event_workers",
    _metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("beat", BigInteger, nullable=False),
    Column("busy", Boolean, nullable=False),
)

TABLES = (events, deliveries, dead_letters, counter, workers)
