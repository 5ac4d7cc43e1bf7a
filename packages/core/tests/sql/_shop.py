"""The tables and statements that these tests share: a shop's stock and its orders."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    Uuid,
    bindparam,
    func,
    insert,
    literal_column,
    select,
    text,
    update,
)

from krepis.context import Context
from krepis.message import Value
from krepis.sql import Database, Exact, Instant, Sql, statement

metadata = MetaData()

books = Table(
    "books",
    metadata,
    Column("isbn", String(20), primary_key=True),
    Column("title", String(200), nullable=False, unique=True),
    Column("stock", Integer, CheckConstraint("stock >= 0", name="stock_not_negative"), nullable=False),
    Column("price", Exact(2)),
    Column("added", Instant()),
    Column("lent", Boolean),
)
orders = Table(
    "orders",
    metadata,
    Column("id", Uuid(), primary_key=True),
    Column("isbn", ForeignKey("books.isbn"), nullable=False),
    Column("count", Integer, nullable=False),
)


class Book(Value):
    isbn: str
    title: str
    stock: int
    price: Decimal | None
    added: datetime | None
    lent: bool | None


class Order(Value):
    id: UUID
    isbn: str
    count: int


ADD = statement(insert(books).values(isbn=bindparam("isbn"), title=bindparam("title"), stock=bindparam("stock")))
ADD_BOOK = statement(insert(books))
FIND = statement(select(books).where(books.c.isbn == bindparam("isbn")), into=Book)
FIND_MANY = statement(
    select(books).where(books.c.isbn.in_(bindparam("isbns", expanding=True))).order_by(books.c.isbn), into=Book
)
FIND_OTHERS = statement(
    select(books.c.isbn).where(books.c.isbn.not_in(bindparam("isbns", expanding=True))).order_by(books.c.isbn), into=str
)
STOCK = statement(select(books.c.stock).where(books.c.isbn == bindparam("isbn")), into=int)
SET_STOCK = statement(update(books).where(books.c.isbn == bindparam("book")).values(stock=bindparam("count")))
TAKE = statement(
    update(books)
    .where(books.c.isbn == bindparam("book"))
    .values(stock=books.c.stock - bindparam("count"))
    .returning(books.c.stock),
    into=int,
)
COUNT = statement(select(func.count()).select_from(books), into=int)
ORDER = statement(insert(orders))
ORDERS = statement(select(orders).order_by(orders.c.id), into=Order)
RAW_INSERT = statement(text("INSERT INTO books (isbn, title, stock) VALUES ('raw', 'Raw', 1)"))
DROP = statement(text("DROP TABLE orders"))
SLOW = {
    "sqlite": statement(
        text("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000000) SELECT max(i) FROM n")
    ),
    "postgresql": statement(text("SELECT pg_sleep(30)")),
}
ONE = statement(select(literal_column("1")), into=int)


async def add(sql: Sql, isbn: str, stock: int = 1) -> None:
    await sql.run(ADD, isbn=isbn, title=f"The book {isbn}", stock=stock)


async def stored(database: Database, ctx: Context) -> int:
    """How many books there are."""
    return await database.transact(ctx, "read", lambda sql: sql.one(COUNT))
