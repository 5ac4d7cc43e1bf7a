"""The tables of the audit log, and the statements on them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    Uuid,
    bindparam,
    delete,
    func,
    insert,
    select,
    text,
    update,
)

from krepis.sql import Instant, statement

BATCH_MAX = 500
"""How many entries the sequencer moves in one transaction."""

PAGE_MAX = 1000
"""How many rows are read at a time."""

_LOCK = 0x6B72657069730A0D  # "krepis", and a number of our own among its locks

_metadata = MetaData()

pending = Table(
    "krepis_audit_pending",
    _metadata,
    Column("id", Uuid(), primary_key=True),
    Column("at", Instant(), nullable=False),
    Column("entry", Text(), nullable=False),
)
audit = Table(
    "krepis_audit",
    _metadata,
    Column("number", BigInteger(), primary_key=True, autoincrement=False),
    Column("at", Instant(), nullable=False),
    Column("command", Text(), nullable=False),
    Column("actor", Text()),
    Column("tenant", Text()),
    Column("entry", Text(), nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)
head = Table(
    "krepis_audit_head",
    _metadata,
    Column("id", Integer(), primary_key=True, autoincrement=False),
    Column("number", BigInteger(), nullable=False),
    Column("hash", String(64), nullable=False),
)

TABLES = (pending, audit, head)


class Pending(Struct, frozen=True):
    """An entry that is stored and not yet in the chain."""

    id: UUID
    at: datetime
    entry: str


class Row(Struct, frozen=True):
    """One row of the chain. `entry` is the line of JSON that was hashed; `at`, `command`, `actor` and `tenant` stand in
    it, too, and are columns to be searched by.
    """

    number: int
    at: datetime
    command: str
    actor: str | None
    tenant: str | None
    entry: str
    previous: str
    hash: str


class Head(Struct, frozen=True):
    """The last row of the chain, as the sequencer knows it."""

    number: int
    hash: str


ADD_PENDING = statement(insert(pending))
PENDING = statement(select(pending).order_by(pending.c.at, pending.c.id).limit(BATCH_MAX), into=Pending)
DROP_PENDING = statement(delete(pending).where(pending.c.id.in_(bindparam("ids", expanding=True))))
COUNT_PENDING = statement(select(func.count()).select_from(pending), into=int)

ADD_ROW = statement(insert(audit))
ROWS_AFTER = statement(
    select(audit).where(audit.c.number > bindparam("after")).order_by(audit.c.number).limit(PAGE_MAX), into=Row
)
ROWS_BEFORE = statement(
    select(audit).where(audit.c.number < bindparam("before")).order_by(audit.c.number.desc()).limit(PAGE_MAX), into=Row
)
LAST = statement(select(func.max(audit.c.number)), into=int)
FOLLOWER = statement(
    select(audit.c.number).where(audit.c.previous == bindparam("previous")).order_by(audit.c.number).limit(1), into=int
)

HEAD = statement(select(head.c.number, head.c.hash).where(head.c.id == 1), into=Head)
ADD_HEAD = statement(
    insert(head).values(id=1, number=bindparam("number", type_=BigInteger), hash=bindparam("hash", type_=String))
)
MOVE_HEAD = statement(
    update(head)
    .where(head.c.id == 1)
    .values(number=bindparam("to_number", type_=BigInteger), hash=bindparam("to_hash", type_=String))
)

# One sequencer at a time. With the level `read committed` each statement sees what was committed before it, and so all
# of what the holder before has done; and no command is refused for a row that the sequencer has read.
READ_COMMITTED = statement(text("SET TRANSACTION ISOLATION LEVEL READ COMMITTED"))
TRY_LOCK = statement(text(f"SELECT pg_try_advisory_xact_lock({_LOCK}) AS locked").columns(locked=Boolean), into=bool)
