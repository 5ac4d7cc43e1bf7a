"""Show how available a book is."""

from krepis import Context, Query

from library.application.ports import Books, Copies, Reservations
from library.application.views import AvailabilityView
from library.domain.book import Isbn, NoSuchBook


class ShowAvailability(Query[AvailabilityView]):
    """How many copies of a book there are, how many stand on the shelf, and how many members wait."""

    isbn: Isbn


async def show_availability(
    ctx: Context, query: ShowAvailability, *, books: Books, copies: Copies, reservations: Reservations
) -> AvailabilityView:
    if await books.find(ctx, query.isbn) is None:
        raise NoSuchBook(isbn=query.isbn)
    return AvailabilityView(
        isbn=query.isbn,
        copies=await copies.count(ctx, query.isbn),
        available=await copies.count_available(ctx, query.isbn),
        waiting=await reservations.count_waiting(ctx, query.isbn),
    )
