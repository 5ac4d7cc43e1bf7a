"""Where long jobs stand that are not done, and the statements over it."""

from __future__ import annotations

from uuid import UUID

from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    Uuid,
    bindparam,
    delete,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert  # SQLite has the same ON CONFLICT DO NOTHING, and compiles it

from krepis.sql import Instant, statement

NAME_CHARACTERS_MAX = 100

_metadata = MetaData()
jobs = Table(
    "krepis_jobs",
    _metadata,
    Column("name", String(NAME_CHARACTERS_MAX), primary_key=True),
    Column("run", Uuid(), nullable=False),
    Column("message", Text, nullable=False),
    Column("tenant", Text),
    Column("cursor", Text, nullable=False),
    Column("pages", Integer, nullable=False),
    Column("done", BigInteger, nullable=False),
    Column("at", Instant(), nullable=False),
)
TABLES = (jobs,)


class Progress(Struct, frozen=True):
    """A run that is not done: its command as JSON, where the next page begins, how many there were."""

    run: UUID
    message: str
    tenant: str | None
    cursor: str
    pages: int
    done: int


_j = jobs.c
_page = (_j.name == bindparam("job"), _j.run == bindparam("its_run"), _j.pages == bindparam("page"))
_columns = ("name", "run", "message", "tenant", "cursor", "pages", "done", "at")

FIND = statement(
    select(*(_j[name] for name in Progress.__struct_fields__)).where(_j.name == bindparam("job")), into=Progress
)
BEGIN = statement(insert(jobs).values({name: bindparam(name) for name in _columns}).on_conflict_do_nothing())
TURN = statement(
    update(jobs)
    .where(*_page)
    .values(
        cursor=bindparam("next_cursor"),
        pages=_j.pages + 1,
        done=_j.done + bindparam("more", type_=BigInteger()),
        at=bindparam("now"),
    )
)
END = statement(delete(jobs).where(*_page))
FORGET = statement(delete(jobs).where(_j.name == bindparam("job")))
