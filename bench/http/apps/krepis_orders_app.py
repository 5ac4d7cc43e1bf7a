"""Orders as Krepis' users write them: a port, its SQL adapter, two handlers. One program for SQLite and PostgreSQL."""

import os
from typing import Annotated, Protocol

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    bindparam,
    insert,
    select,
)

from krepis import App, Command, Context, NotFound, Query, ReadPort, Value, WritePort, bind
from krepis.http import Doors
from krepis.sql import Database, Sql, statement
from krepis.types import between


class Line(Value):
    sku: str
    quantity: Annotated[int, between(1, 1_000_000)]
    price_cents: int


class Order(Value):
    id: int
    customer: str
    total_cents: int
    lines: list[Line]


class Stored(Value):
    id: int
    lines: int
    total_cents: int


class OrderRow(Value):
    customer: str
    total_cents: int


class PlaceOrder(Command[Stored]):
    customer: str
    lines: list[Line]


class ShowOrder(Query[Order]):
    id: int


class NoSuchOrder(NotFound):
    message = "there is no order {id}"


class Orders(ReadPort, Protocol):
    async def find(self, ctx: Context, id: int) -> Order | None: ...


class OrderBook(Orders, WritePort, Protocol):
    async def add(self, ctx: Context, customer: str, total_cents: int, lines: list[Line]) -> int: ...


async def place_order(ctx: Context, command: PlaceOrder, *, orders: OrderBook) -> Stored:
    total = sum(line.quantity * line.price_cents for line in command.lines)
    order_id = await orders.add(ctx, command.customer, total, command.lines)
    return Stored(id=order_id, lines=len(command.lines), total_cents=total)


async def show_order(ctx: Context, query: ShowOrder, *, orders: Orders) -> Order:
    order = await orders.find(ctx, query.id)
    if order is None:
        raise NoSuchOrder(id=query.id)
    return order


metadata = MetaData()
Key = BigInteger().with_variant(Integer, "sqlite")
orders = Table(
    "orders",
    metadata,
    Column("id", Key, Identity(), primary_key=True),
    Column("customer", Text, nullable=False),
    Column("total_cents", BigInteger, nullable=False),
)
order_lines = Table(
    "order_lines",
    metadata,
    Column("id", Key, Identity(), primary_key=True),
    Column("order_id", BigInteger, ForeignKey("orders.id"), nullable=False),
    Column("sku", Text, nullable=False),
    Column("quantity", BigInteger, nullable=False),
    Column("price_cents", BigInteger, nullable=False),
    Index("order_lines_by_order", "order_id"),
)

ADD = statement(
    insert(orders).values(customer=bindparam("customer"), total_cents=bindparam("total_cents")).returning(orders.c.id),
    into=int,
)
ADD_LINE = statement(
    insert(order_lines).values(
        order_id=bindparam("order_id"),
        sku=bindparam("sku"),
        quantity=bindparam("quantity"),
        price_cents=bindparam("price_cents"),
    )
)
FIND = statement(select(orders.c.customer, orders.c.total_cents).where(orders.c.id == bindparam("id")), into=OrderRow)
LINES = statement(
    select(order_lines.c.sku, order_lines.c.quantity, order_lines.c.price_cents)
    .where(order_lines.c.order_id == bindparam("id"))
    .order_by(order_lines.c.id),
    into=Line,
)


class SqlOrders(OrderBook):
    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def find(self, ctx: Context, id: int) -> Order | None:
        row = await self._sql.first(FIND, id=id)
        if row is None:
            return None
        lines = await self._sql.all(LINES, id=id)
        return Order(id=id, customer=row.customer, total_cents=row.total_cents, lines=lines)

    async def add(self, ctx: Context, customer: str, total_cents: int, lines: list[Line]) -> int:
        order_id = await self._sql.one(ADD, customer=customer, total_cents=total_cents)
        rows = [
            {"order_id": order_id, "sku": line.sku, "quantity": line.quantity, "price_cents": line.price_cents}
            for line in lines
        ]
        await self._sql.run_many(ADD_LINE, rows)
        return order_id


class FreshDatabase(Database):
    """A database that is empty at the start gets its tables then; a real service migrates."""

    async def open(self) -> None:
        await super().open()
        await self.create_tables()


doors = Doors()
doors.post("/orders", PlaceOrder)
doors.get("/orders/{id}", ShowOrder)

app = App(
    "orders",
    handlers=(place_order, show_order),
    adapters=(bind(OrderBook, SqlOrders),),
    doors=doors,
    store=FreshDatabase(os.environ["BENCH_DB"], metadata=metadata, pool_max=8),
)
