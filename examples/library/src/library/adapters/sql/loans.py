"""Loans on SQL."""

from datetime import datetime
from uuid import UUID

from krepis import Context
from krepis.sql import Instant, Sql, statement
from krepis.types import Cursor, Offset, Page, read_cursor, write_cursor
from msgspec.structs import asdict
from sqlalchemy import Uuid, bindparam, func, select, tuple_

from library.adapters.sql.rows import adding, saving
from library.adapters.sql.tables import books, copies, loans, members
from library.application.ports import BEFORE_ALL, OverduePlace, WritableLoans
from library.application.views import LoanView, OverdueView
from library.domain.loan import Loan

_IS_OPEN = loans.c.returned_at.is_(None)
_OF_MEMBER = loans.c.member == bindparam("member")
_VIEW = select(loans, copies.c.isbn).join(copies, copies.c.id == loans.c.copy).where(_OF_MEMBER)
_BEHIND = tuple_(loans.c.due_at, loans.c.id) > tuple_(
    bindparam("last_due_at", type_=Instant()), bindparam("last_id", type_=Uuid())
)

_FIND = statement(select(loans).where(loans.c.id == bindparam("id")), into=Loan)
_COUNT_OPEN = statement(select(func.count()).select_from(loans).where(_OF_MEMBER, _IS_OPEN), into=int)
_OPEN = statement(_VIEW.where(_IS_OPEN).order_by(loans.c.due_at, loans.c.id), into=LoanView)
_PAGE = statement(
    _VIEW.order_by(loans.c.lent_at.desc(), loans.c.id.desc()).limit(bindparam("limit")).offset(bindparam("offset")),
    into=LoanView,
)
_COUNT = statement(select(func.count()).select_from(loans).where(_OF_MEMBER), into=int)
_OVERDUE = statement(
    select(loans.c.id, loans.c.due_at, books.c.title, loans.c.member, members.c.name, members.c.email)
    .join(copies, copies.c.id == loans.c.copy)
    .join(books, books.c.isbn == copies.c.isbn)
    .join(members, members.c.id == loans.c.member)
    .where(_IS_OPEN, loans.c.due_at < bindparam("at"), _BEHIND)
    .order_by(loans.c.due_at, loans.c.id)
    .limit(bindparam("limit")),
    into=OverdueView,
)
_ADD = adding(loans)
_SAVE = saving(loans)


class SqlLoans(WritableLoans):
    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def find(self, ctx: Context, loan: UUID) -> Loan | None:
        return await self._sql.first(_FIND, id=loan)

    async def count_open(self, ctx: Context, member: UUID) -> int:
        return await self._sql.one(_COUNT_OPEN, member=member)

    async def open_of(self, ctx: Context, member: UUID) -> list[LoanView]:
        return await self._sql.all(_OPEN, member=member)

    async def page_of(self, ctx: Context, member: UUID, page: Offset) -> Page[LoanView]:
        return Page(
            items=await self._sql.all(_PAGE, member=member, limit=page.limit, offset=page.offset),
            total=await self._sql.one(_COUNT, member=member),
        )

    async def page_overdue(self, ctx: Context, at: datetime, page: Cursor) -> Page[OverdueView]:
        last_due_at, last_id = read_cursor(page.cursor, OverduePlace) or BEFORE_ALL
        found = await self._sql.all(_OVERDUE, at=at, last_due_at=last_due_at, last_id=last_id, limit=page.limit + 1)
        items = found[: page.limit]
        more = len(found) > len(items)
        return Page(items=items, next=write_cursor((items[-1].due_at, items[-1].id)) if more else None)

    async def add(self, ctx: Context, loan: Loan) -> None:
        await self._sql.run(_ADD, **asdict(loan))

    async def save(self, ctx: Context, loan: Loan) -> None:
        await self._sql.run(_SAVE, **asdict(loan))
