"""Books on SQL."""

from krepis import Context
from krepis.sql import Sql, statement
from krepis.types import Offset, Page
from msgspec.structs import asdict
from sqlalchemy import bindparam, func, select

from library.adapters.sql.rows import adding, saving
from library.adapters.sql.tables import books, copies
from library.application.ports import WritableBooks
from library.application.views import BookSummary
from library.domain.book import Book, search_text

_BOOK = (books.c.isbn, books.c.title, books.c.author, books.c.published, books.c.version)
_AVAILABLE = (
    select(func.count())
    .select_from(copies)
    .where(copies.c.isbn == books.c.isbn, copies.c.status == "available")
    .scalar_subquery()
)
_MATCHES = books.c.search_text.like(bindparam("pattern"), escape="\\")

_FIND = statement(select(*_BOOK).where(books.c.isbn == bindparam("isbn")), into=Book)
_SEARCH = statement(
    select(books.c.isbn, books.c.title, books.c.author, _AVAILABLE.label("available"))
    .where(_MATCHES)
    .order_by(books.c.search_text, books.c.isbn)
    .limit(bindparam("limit"))
    .offset(bindparam("offset")),
    into=BookSummary,
)
_COUNT = statement(select(func.count()).select_from(books).where(_MATCHES), into=int)
_ADD = adding(books)
_SAVE = saving(books)


class SqlBooks(WritableBooks):
    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def find(self, ctx: Context, isbn: str) -> Book | None:
        return await self._sql.first(_FIND, isbn=isbn)

    async def search(self, ctx: Context, text: str, page: Offset) -> Page[BookSummary]:
        pattern = _containing(text.casefold())
        return Page(
            items=await self._sql.all(_SEARCH, pattern=pattern, limit=page.limit, offset=page.offset),
            total=await self._sql.one(_COUNT, pattern=pattern),
        )

    async def add(self, ctx: Context, book: Book) -> None:
        await self._sql.run(_ADD, **asdict(book), search_text=search_text(book))

    async def save(self, ctx: Context, book: Book) -> None:
        await self._sql.run(_SAVE, **asdict(book), search_text=search_text(book))


def _containing(text: str) -> str:
    """The LIKE pattern for what contains the text, which may itself hold the wildcards."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
