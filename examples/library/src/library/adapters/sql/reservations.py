"""Reservations on SQL."""

from datetime import datetime
from uuid import UUID

from krepis import Context
from krepis.sql import Sql, statement
from msgspec.structs import asdict
from sqlalchemy import bindparam, func, select

from library.adapters.sql.rows import adding, saving
from library.adapters.sql.tables import reservations
from library.application.ports import WritableReservations
from library.domain.reservation import Reservation

_WAITING = (reservations.c.isbn == bindparam("isbn"), reservations.c.status == "waiting")
_READY = reservations.c.status == "ready"

_FIND = statement(select(reservations).where(reservations.c.id == bindparam("id")), into=Reservation)
_OPEN = statement(
    select(reservations)
    .where(reservations.c.member == bindparam("member"), reservations.c.status.in_(["waiting", "ready"]))
    .order_by(reservations.c.placed_at, reservations.c.id),
    into=Reservation,
)
_COUNT_WAITING = statement(select(func.count()).select_from(reservations).where(*_WAITING), into=int)
_FIRST_WAITING = statement(
    select(reservations).where(*_WAITING).order_by(reservations.c.placed_at, reservations.c.id).limit(1),
    into=Reservation,
)
_READY_FOR = statement(select(reservations).where(reservations.c.copy == bindparam("copy"), _READY), into=Reservation)
_UNCOLLECTED = statement(
    select(reservations)
    .where(_READY, reservations.c.pickup_until < bindparam("at"))
    .order_by(reservations.c.pickup_until, reservations.c.id)
    .limit(bindparam("limit")),
    into=Reservation,
)
_ADD = adding(reservations)
_SAVE = saving(reservations)


class SqlReservations(WritableReservations):
    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def find(self, ctx: Context, reservation: UUID) -> Reservation | None:
        return await self._sql.first(_FIND, id=reservation)

    async def open_of(self, ctx: Context, member: UUID) -> list[Reservation]:
        return await self._sql.all(_OPEN, member=member)

    async def count_waiting(self, ctx: Context, isbn: str) -> int:
        return await self._sql.one(_COUNT_WAITING, isbn=isbn)

    async def first_waiting(self, ctx: Context, isbn: str) -> Reservation | None:
        return await self._sql.first(_FIRST_WAITING, isbn=isbn)

    async def ready_for(self, ctx: Context, copy: UUID) -> Reservation | None:
        return await self._sql.first(_READY_FOR, copy=copy)

    async def uncollected(self, ctx: Context, at: datetime, limit: int) -> list[Reservation]:
        return await self._sql.all(_UNCOLLECTED, at=at, limit=limit)

    async def add(self, ctx: Context, reservation: Reservation) -> None:
        await self._sql.run(_ADD, **asdict(reservation))

    async def save(self, ctx: Context, reservation: Reservation) -> None:
        await self._sql.run(_SAVE, **asdict(reservation))
