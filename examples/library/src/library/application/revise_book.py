"""Revise a book."""

from krepis import Command, Context

from library.application.ports import WritableBooks
from library.application.views import BookView, book_view
from library.domain.book import Author, Isbn, NoSuchBook, Title, Year, revise


class ReviseBook(Command[BookView]):
    """Staff correct a title's entry; refused when it is not the version that they have seen."""

    isbn: Isbn
    version: int
    title: Title
    author: Author
    published: Year | None = None


async def revise_book(ctx: Context, command: ReviseBook, *, books: WritableBooks) -> BookView:
    book = await books.find(ctx, command.isbn)
    if book is None:
        raise NoSuchBook(isbn=command.isbn)
    revised = revise(
        book, seen=command.version, title=command.title, author=command.author, published=command.published
    )
    await books.save(ctx, revised)
    return book_view(revised)
