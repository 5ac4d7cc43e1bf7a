"""Where answers are kept, and the statements over it."""

from __future__ import annotations

from msgspec import Struct
from sqlalchemy import Column, Index, Integer, MetaData, String, Table, Text, bindparam, delete, select, update
from sqlalchemy.dialects.postgresql import insert  # SQLite has the same ON CONFLICT DO NOTHING, and compiles it

from krepis.sql import Instant, statement

_metadata = MetaData()
keys = Table(
    "krepis_idempotency",
    _metadata,
    Column("id", String(64), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("message", Text, nullable=False),
    Column("tenant", Text),
    Column("actor", Text),
    Column("answer", Text),
    Column("at", Instant(), nullable=False),
    Index("krepis_idempotency_at", "at"),  # by a name of its own: the service's naming convention may have none
)
TABLES = (keys,)


class Kept(Struct, frozen=True):
    """What is stored under a key. `answer` is JSON; it is missing when it held a secret."""

    digest: str
    answer: str | None


_STORED = ("id", "digest", "message", "tenant", "actor", "answer", "at")
STORE = statement(insert(keys).values({name: bindparam(name) for name in _STORED}).on_conflict_do_nothing())
FIND = statement(select(keys.c.digest, keys.c.answer).where(keys.c.id == bindparam("id")), into=Kept)
FINISH = statement(update(keys).where(keys.c.id == bindparam("key")).values(answer=bindparam("answer")))
_OLDEST = select(keys.c.id).where(keys.c.at < bindparam("before")).order_by(keys.c.at)
CLEAN = statement(delete(keys).where(keys.c.id.in_(_OLDEST.limit(bindparam("count_max", type_=Integer())))))
