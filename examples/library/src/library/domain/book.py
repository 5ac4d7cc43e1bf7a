"""Books: titles that the library has, in any number of copies."""

from typing import Annotated

from krepis import NotFound, Rejection, Stale, Value, replace
from krepis.types import between, length, matches

Isbn = Annotated[str, matches(r"\d{13}")]
Title = Annotated[str, length(1, 200)]
Author = Annotated[str, length(1, 200)]
Year = Annotated[int, between(1000, 2999)]


class Book(Value):
    """A title. `version` counts its revisions, so that no one overwrites a revision that they have not seen."""

    isbn: Isbn
    title: Title
    author: Author
    published: Year | None = None
    version: int = 1


class NoSuchBook(NotFound):
    message = "there is no book `{isbn}`"


class BookKnown(Rejection):
    message = "the book `{isbn}` is in the catalogue already"


class NotInCatalogue(NotFound):
    message = "the catalogue does not know `{isbn}`; add the book by hand"


class BookRevised(Stale):
    message = "the book is at version {current}, not {seen}; read it again"


def search_text(book: Book) -> str:
    """What a search looks into; searched with `text.casefold()`, it finds letters of either case in every script."""
    return f"{book.title}\n{book.author}".casefold()


def revise(book: Book, *, seen: int, title: str, author: str, published: int | None) -> Book:
    """The next version of the book, by someone who has seen version `seen`."""
    if seen != book.version:
        raise BookRevised(seen=seen, current=book.version)
    return replace(book, title=title, author=author, published=published, version=book.version + 1)
