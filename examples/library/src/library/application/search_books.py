"""Search books."""

from typing import Annotated

from krepis import Context, Query
from krepis.types import Offset, Page, length, paged

from library.application.ports import Books
from library.application.views import BookSummary


class SearchBooks(Query[Page[BookSummary]]):
    """The books whose title or author contains the text, by title; without a text, all of them."""

    text: Annotated[str, length(0, 100)] = ""
    page: Annotated[Offset, paged(20, 100)]


async def search_books(ctx: Context, query: SearchBooks, *, books: Books) -> Page[BookSummary]:
    return await books.search(ctx, query.text, query.page)
