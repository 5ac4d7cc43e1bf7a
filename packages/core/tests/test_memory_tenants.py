"""Tenants in the store of tests: one tenant's table is another table than the next one's."""

import pytest

from krepis import Command, Context, Query, Value, bind
from krepis.app import App
from krepis.errors import TenantMissingError
from krepis.port import WritePort
from krepis.testing import MemoryStore, MemoryUnit, start


class Book(Value):
    isbn: str


class AddBook(Command[None]):
    isbn: str


class ListBooks(Query[list[str]]):
    pass


class Shelf(WritePort):
    async def add(self, ctx: Context, book: Book) -> None: ...


class MemoryShelf(Shelf):
    def __init__(self, unit: MemoryUnit) -> None:
        self._books = unit.table("books", Book, tenanted=True)

    async def add(self, ctx: Context, book: Book) -> None:
        self._books.put(book.isbn, book)


async def add_book(ctx: Context, command: AddBook, *, shelf: Shelf) -> None:
    await shelf.add(ctx, Book(isbn=command.isbn))


async def test_each_tenant_has_a_table_of_its_own() -> None:
    store = MemoryStore()
    async with start(App("shelf", handlers=(add_book,), adapters=(bind(Shelf, MemoryShelf),), store=store)) as service:
        await service.dispatch(AddBook(isbn="1"), service.context(tenant="north"))
        await service.dispatch(AddBook(isbn="2"), service.context(tenant="south"))
        with pytest.raises(TenantMissingError, match="`books` is for one tenant"):
            await service.dispatch(AddBook(isbn="3"))
    for tenant, isbn in (("north", "1"), ("south", "2")):
        async with store.unit(tenant=tenant) as unit:
            assert [book.isbn for book in unit.table("books", Book, tenanted=True)] == [isbn]
    async with store.unit(tenant="books") as unit:
        assert len(unit.table("books", Book)) == 0
