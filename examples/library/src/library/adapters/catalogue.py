"""The catalogue of all libraries over HTTP: `GET /books/{isbn}` is answered with JSON, or with 404.

How long one waits, asks again and gives up is said in `app.py`.
"""

from krepis import Context, Value
from krepis.client import HttpClient

from library.application.ports import Catalogue
from library.domain.book import Author, Book, Title, Year


class _Record(Value, forbid_unknown_fields=False):
    """What we read of an answer, and take only if it fits our own rules; there may be more in it."""

    title: Title
    author: Author
    published: Year | None = None


class HttpCatalogue(HttpClient, Catalogue):
    async def look_up(self, ctx: Context, isbn: str) -> Book | None:
        answer = (await self.get(ctx, "/books/{isbn}", path={"isbn": isbn})).expect(200, 404)
        if answer.status == 404:
            return None
        record = answer.read(_Record)
        return Book(isbn=isbn, title=record.title, author=record.author, published=record.published)
