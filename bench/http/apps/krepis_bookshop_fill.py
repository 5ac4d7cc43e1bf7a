"""Make the tables of the generated bookshop and put the books there, through its own migrations and repository."""

import asyncio

from bookshop.adapters.sql.books import SqlBooks
from bookshop.app import app
from bookshop.domain.book import Book
from bookshop_books import BOOKS

from krepis.context import root
from krepis.sql import Database, Sql, migrate
from krepis.testing import TestSources


async def fill(store: Database) -> None:
    ctx = root(TestSources())

    async def add_all(sql: Sql) -> None:
        shelf = SqlBooks(sql)
        for book in BOOKS:
            await shelf.add(ctx, Book(id=ctx.new_id(), **book._asdict()))

    await migrate.upgrade(store)
    await store.open()
    await store.transact(ctx, "write", add_all)
    await store.close()


asyncio.run(fill(app.store))
