"""List overdue loans."""

from typing import Annotated

from krepis import Context, Query
from krepis.types import Cursor, Page, paged

from library.application.ports import Loans
from library.application.views import OverdueView


class ListOverdue(Query[Page[OverdueView]]):
    """The loans that should have ended, the longest overdue first, with whom to remind."""

    page: Annotated[Cursor, paged(20, 100)] = Cursor()


async def list_overdue(ctx: Context, query: ListOverdue, *, loans: Loans) -> Page[OverdueView]:
    return await loans.page_overdue(ctx, ctx.now(), query.page)
