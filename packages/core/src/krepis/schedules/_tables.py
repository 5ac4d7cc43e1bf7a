"""Where each schedule stands, and the statements over it."""

from __future__ import annotations

from datetime import datetime
from types import MappingProxyType

from msgspec import Struct
from sqlalchemy import Column, Integer, MetaData, String, Table, Uuid, bindparam, null, or_, select, update
from sqlalchemy.dialects.postgresql import insert  # SQLite has the same ON CONFLICT DO NOTHING, and compiles it

from krepis.sql import Instant, statement

NAME_CHARACTERS_MAX = 100

_metadata = MetaData()
schedules = Table(
    "krepis_schedules",
    _metadata,
    Column("name", String(NAME_CHARACTERS_MAX), primary_key=True),
    Column("slot", Instant(), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("wait_until", Instant()),
    Column("lease_owner", Uuid()),
    Column("lease_until", Instant()),
)
TABLES = (schedules,)


class Standing(Struct, frozen=True):
    """The last slot that is done (or given up), and how the next one goes so far."""

    slot: datetime
    attempts: int
    wait_until: datetime | None
    lease_until: datetime | None


_s = schedules.c
_this = (_s.name == bindparam("schedule"), _s.slot < bindparam("until"))
_cleared = MappingProxyType({"attempts": 0, "wait_until": null(), "lease_owner": null(), "lease_until": null()})

BEGIN = statement(
    insert(schedules).values(name=bindparam("name"), slot=bindparam("slot"), attempts=0).on_conflict_do_nothing()
)
READ = statement(
    select(_s.slot, _s.attempts, _s.wait_until, _s.lease_until).where(_s.name == bindparam("name")), into=Standing
)
# Whoever else is at it is not waited for; SQLite has one writer anyway, and leaves the clause out.
TAKE = statement(select(_s.name).where(*_this).with_for_update(skip_locked=True), into=str)
PASS = statement(update(schedules).where(*_this).values(slot=bindparam("until"), **_cleared))
LEASE = statement(
    update(schedules)
    .where(*_this, or_(_s.lease_until.is_(None), _s.lease_until <= bindparam("now")))
    .values(lease_owner=bindparam("owner"), lease_until=bindparam("end"))
)
PASS_LEASED = statement(
    update(schedules).where(*_this, _s.lease_owner == bindparam("owner")).values(slot=bindparam("until"), **_cleared)
)
UNLEASE = statement(
    update(schedules)
    .where(_s.name == bindparam("schedule"), _s.lease_owner == bindparam("owner"))
    .values(lease_owner=null(), lease_until=null())
)
FAIL = statement(
    update(schedules)
    .where(*_this)
    .values(attempts=_s.attempts + 1, wait_until=bindparam("again"), lease_owner=null(), lease_until=null())
)
