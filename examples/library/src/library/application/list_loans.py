"""List a member's loans."""

from typing import Annotated
from uuid import UUID

from krepis import Context, Query
from krepis.types import Offset, Page, paged

from library.application.ports import Loans
from library.application.views import LoanView
from library.domain.member import Member


class ListLoans(Query[Page[LoanView]]):
    """A member's loans, open and past, the latest first."""

    member: UUID
    page: Annotated[Offset, paged(20, 100)]


async def list_loans(ctx: Context, query: ListLoans, member: Member, *, loans: Loans) -> Page[LoanView]:
    return await loans.page_of(ctx, member.id, query.page)
