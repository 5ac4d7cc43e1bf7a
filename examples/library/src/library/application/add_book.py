"""Add a book."""

from krepis import Command, Context

from library.application.ports import WritableBooks
from library.application.views import BookView, book_view
from library.domain.book import Author, Book, BookKnown, Isbn, Title, Year


class AddBook(Command[BookView]):
    """Staff take a title into the catalogue; its copies come one by one."""

    isbn: Isbn
    title: Title
    author: Author
    published: Year | None = None


async def add_book(ctx: Context, command: AddBook, *, books: WritableBooks) -> BookView:
    if await books.find(ctx, command.isbn) is not None:
        raise BookKnown(isbn=command.isbn)
    book = Book(isbn=command.isbn, title=command.title, author=command.author, published=command.published)
    await books.add(ctx, book)
    return book_view(book)
