"""Import a book."""

from krepis import Command, Context

from library.application.ports import Catalogue, WritableBooks
from library.application.views import BookView, book_view
from library.domain.book import BookKnown, Isbn, NotInCatalogue


class ImportBook(Command[BookView]):
    """Staff take a title into the catalogue by its ISBN alone; the catalogue of all libraries knows the rest."""

    isbn: Isbn


async def import_book(ctx: Context, command: ImportBook, *, books: WritableBooks, catalogue: Catalogue) -> BookView:
    if await books.find(ctx, command.isbn) is not None:
        raise BookKnown(isbn=command.isbn)
    book = await catalogue.look_up(ctx, command.isbn)
    if book is None:
        raise NotInCatalogue(isbn=command.isbn)
    await books.add(ctx, book)
    return book_view(book)
