"""A query holds a reading port; the type checker knows that it has no writes. Checked by `test_typing.py`."""

from typing import Protocol

from krepis import Command, Context, Query, ReadPort, WritePort
from krepis.app import App, Service, bind
from krepis.sql import Sql


class Books(ReadPort, Protocol):
    async def find(self, ctx: Context, isbn: str) -> str | None: ...


class Shelves(Books, WritePort, Protocol):
    async def add(self, ctx: Context, isbn: str) -> None: ...


class SqlBooks(Shelves):
    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def find(self, ctx: Context, isbn: str) -> str | None:
        return isbn

    async def add(self, ctx: Context, isbn: str) -> None:
        return None


class FindBook(Query[str | None]):
    isbn: str


class AddBook(Command[int]):
    isbn: str


async def find_book(ctx: Context, query: FindBook, *, books: Books) -> str | None:
    await books.add(ctx, query.isbn)  # expect: reportAttributeAccessIssue
    return await books.find(ctx, query.isbn)


async def forgets_ctx(ctx: Context, query: FindBook, *, books: Books) -> str | None:
    return await books.find(query.isbn)  # expect: reportCallIssue


async def use(service: Service, ctx: Context) -> None:
    number: int = await service.dispatch(ctx, AddBook(isbn="1"))
    text: str | None = await service.dispatch(ctx, FindBook(isbn="1"))
    wrong: str = await service.dispatch(ctx, AddBook(isbn="1"))  # expect: reportAssignmentType
    await service.dispatch(ctx, AddBook(isbn=1))  # expect: reportArgumentType
    await service.dispatch(ctx, AddBook("1"))  # expect: reportCallIssue
    print(number, text, wrong)


def change(ctx: Context, command: AddBook) -> None:
    command.isbn = "2"  # expect: reportAttributeAccessIssue
    ctx.tenant = "other"  # expect: reportAttributeAccessIssue


app = App(
    "typed",
    handlers=(find_book,),
    adapters=(bind(Shelves, SqlBooks),),
)
