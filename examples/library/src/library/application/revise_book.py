"""Revise a book."""

from uuid import UUID

from krepis import Command, Context

from library.application.ports import Staff, WritableBooks
from library.application.views import BookView, book_view
from library.domain.book import Author, Isbn, NoSuchBook, Title, Year, revise
from library.domain.staff import require_staff


class ReviseBook(Command[BookView]):
    """Staff correct a title's entry; refused when it is not the version that they have seen."""

    isbn: Isbn
    version: int
    title: Title
    author: Author
    published: Year | None = None
    by: UUID


async def revise_book(ctx: Context, command: ReviseBook, *, books: WritableBooks, staff: Staff) -> BookView:
    require_staff(await staff.find(ctx, command.by))
    book = await books.find(ctx, command.isbn)
    if book is None:
        raise NoSuchBook(isbn=command.isbn)
    revised = revise(
        book, seen=command.version, title=command.title, author=command.author, published=command.published
    )
    await books.save(ctx, revised)
    return book_view(revised)
