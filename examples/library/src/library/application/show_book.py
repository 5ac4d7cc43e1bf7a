"""Show a book."""

from krepis import Context, Query

from library.application.ports import Books
from library.application.views import BookView, book_view
from library.domain.book import Isbn, NoSuchBook


class ShowBook(Query[BookView]):
    """One title's entry in the catalogue."""

    isbn: Isbn


async def show_book(ctx: Context, query: ShowBook, *, books: Books) -> BookView:
    book = await books.find(ctx, query.isbn)
    if book is None:
        raise NoSuchBook(isbn=query.isbn)
    return book_view(book)
