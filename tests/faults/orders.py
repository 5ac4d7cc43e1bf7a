"""A small shop, the service under test: products with a stock, orders with lines. Served from a project's folder.

It protects the stock as a plain service does, with nothing but its transaction: it reads a product, decides, writes the
new stock. No CHECK stands behind it, so a lost update would show. `fault` makes its handler misbehave after everything
is written and before it is committed.

Settings, from the environment: `ORDERS_DB` is the database's url; `ORDERS_PAGES_MAX` names a file that holds how many
pages SQLite may use, read before each unit of work (an empty one is no limit).
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, TypeVar
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Integer,
    MetaData,
    Table,
    Text,
    Uuid,
    bindparam,
    insert,
    select,
    text,
    update,
)

from krepis import App, Command, Context, NotFound, Query, ReadPort, Rejection, Value, WritePort, bind, offload
from krepis.http import Doors, header
from krepis.port import Mode
from krepis.sql import Database, Sql, statement
from krepis.types import between, length

T = TypeVar("T")

DOOR_SECONDS = 10.0
SHORT_SECONDS = 1.0
BODY_BYTES_MAX = 65_536
WAIT_S = 0.7

Fault = Literal["none", "raise", "hang", "wait", "burn", "count"]


class Line(Value):
    sku: Annotated[str, length(1, 40)]
    quantity: Annotated[int, between(1, 1000)]
    note: Annotated[str, length(1, 200)] | None = None


class Address(Value):
    street: Annotated[str, length(1, 200)]
    city: Annotated[str, length(1, 100)]


class Product(Value):
    sku: str
    stock: int


class Order(Value):
    id: UUID
    reference: str
    customer: str
    street: str
    city: str
    discount: float


class Placed(Value):
    order: Order
    lines: list[Line]


class Tally(Value):
    count: int


class PlaceOrder(Command[Placed]):
    reference: Annotated[str, length(1, 200)]
    customer: Annotated[str, length(1, 2000)]
    address: Address
    lines: Annotated[list[Line], length(1, 10)]
    gift: bool = False
    discount: Annotated[float, between(0, 1)] = 0.0
    fault: Fault = "none"


class ShowOrder(Query[Placed]):
    reference: str


class SearchOrders(Query[list[Order]]):
    customer: str = ""


class ShowProduct(Query[Product]):
    sku: str


class CountLines(Query[Tally]):
    """A body that is the whole message, with a place for every kind of value."""

    lines: list[Line]
    extra: Any = None


class Burn(Query[Tally]):
    seconds: float


class NoSuchOrder(NotFound):
    message = "there is no order `{reference}`"


class NoSuchProduct(NotFound):
    message = "there is no product `{sku}`"


class SoldOut(Rejection):
    message = "only {left} of `{sku}` are left"


class Shop(ReadPort, Protocol):
    async def product(self, ctx: Context, sku: str) -> Product | None: ...
    async def order(self, ctx: Context, reference: str) -> Placed | None: ...
    async def by_customer(self, ctx: Context, customer: str) -> list[Order]: ...


class Till(Shop, WritePort, Protocol):
    async def set_stock(self, ctx: Context, sku: str, stock: int) -> None: ...
    async def add(self, ctx: Context, order: Order, lines: list[Line]) -> None: ...
    async def count(self, ctx: Context, up_to: int) -> int: ...


async def place_order(ctx: Context, command: PlaceOrder, *, till: Till) -> Placed:
    order = Order(
        id=ctx.new_id(),
        reference=command.reference,
        customer=command.customer,
        street=command.address.street,
        city=command.address.city,
        discount=command.discount,
    )
    for line in command.lines:
        product = await till.product(ctx, line.sku)
        if product is None:
            raise NoSuchProduct(sku=line.sku)
        if product.stock < line.quantity:
            raise SoldOut(sku=line.sku, left=product.stock)
        await till.set_stock(ctx, line.sku, product.stock - line.quantity)
    await till.add(ctx, order, command.lines)
    await misbehave(ctx, command.fault, till)
    return Placed(order=order, lines=command.lines)


async def misbehave(ctx: Context, fault: Fault, till: Till) -> None:
    match fault:
        case "raise":
            raise LookupError("a secret of the service")
        case "hang":
            ctx.log.info("hanging")
            await asyncio.sleep(3600)
        case "wait":
            ctx.log.info("waiting")
            await asyncio.sleep(WAIT_S)
        case "burn":
            burn_for(0.3)
        case "count":
            await till.count(ctx, 10**10)
        case "none":
            pass


def burn_for(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


async def show_order(ctx: Context, query: ShowOrder, *, shop: Shop) -> Placed:
    placed = await shop.order(ctx, query.reference)
    if placed is None:
        raise NoSuchOrder(reference=query.reference)
    return placed


async def search_orders(ctx: Context, query: SearchOrders, *, shop: Shop) -> list[Order]:
    return await shop.by_customer(ctx, query.customer)


async def show_product(ctx: Context, query: ShowProduct, *, shop: Shop) -> Product:
    product = await shop.product(ctx, query.sku)
    if product is None:
        raise NoSuchProduct(sku=query.sku)
    return product


def count_lines(ctx: Context, query: CountLines) -> Tally:
    return Tally(count=len(query.lines))


@offload
def burn(ctx: Context, query: Burn) -> Tally:
    burn_for(query.seconds)
    return Tally(count=1)


metadata = MetaData()
products = Table(
    "products",
    metadata,
    Column("sku", Text, primary_key=True),
    Column("initial", Integer, nullable=False),
    Column("stock", Integer, nullable=False),
)
orders = Table(
    "orders",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("reference", Text, nullable=False, unique=True),
    Column("customer", Text, nullable=False, index=True),
    Column("street", Text, nullable=False),
    Column("city", Text, nullable=False),
    Column("discount", Double, nullable=False),
    Column("line_count", Integer, nullable=False),
)
order_lines = Table(
    "order_lines",
    metadata,
    Column("order_id", Uuid, ForeignKey("orders.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("sku", Text, ForeignKey("products.sku"), nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("note", Text),
)

_SHOWN = (orders.c.id, orders.c.reference, orders.c.customer, orders.c.street, orders.c.city, orders.c.discount)

PRODUCT = statement(select(products.c.sku, products.c.stock).where(products.c.sku == bindparam("sku")), into=Product)
SET_STOCK = statement(update(products).where(products.c.sku == bindparam("which")).values(stock=bindparam("stock")))
ADD = statement(
    insert(orders).values({c.name: bindparam(c.name, type_=c.type) for c in (*_SHOWN, orders.c.line_count)})
)
ADD_LINE = statement(insert(order_lines).values({c.name: bindparam(c.name, type_=c.type) for c in order_lines.c}))
ORDER = statement(select(*_SHOWN).where(orders.c.reference == bindparam("reference")), into=Order)
BY_CUSTOMER = statement(
    select(*_SHOWN).where(orders.c.customer == bindparam("customer")).order_by(orders.c.id).limit(100), into=Order
)
LINES = statement(
    select(order_lines.c.sku, order_lines.c.quantity, order_lines.c.note)
    .where(order_lines.c.order_id == bindparam("order_id"))
    .order_by(order_lines.c.number),
    into=Line,
)
COUNT = statement(
    text("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :up_to) SELECT count(*) AS n FROM n")
    .bindparams(bindparam("up_to", type_=BigInteger))
    .columns(n=BigInteger),
    into=int,
)


class SqlTill(Till):
    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def product(self, ctx: Context, sku: str) -> Product | None:
        return await self._sql.first(PRODUCT, sku=sku)

    async def set_stock(self, ctx: Context, sku: str, stock: int) -> None:
        await self._sql.run(SET_STOCK, which=sku, stock=stock)

    async def order(self, ctx: Context, reference: str) -> Placed | None:
        order = await self._sql.first(ORDER, reference=reference)
        return None if order is None else Placed(order=order, lines=await self._sql.all(LINES, order_id=order.id))

    async def by_customer(self, ctx: Context, customer: str) -> list[Order]:
        return await self._sql.all(BY_CUSTOMER, customer=customer)

    async def add(self, ctx: Context, order: Order, lines: list[Line]) -> None:
        row = {name: getattr(order, name) for name in order.__struct_fields__}
        await self._sql.run(ADD, **row, line_count=len(lines))
        rows = [
            {"order_id": order.id, "number": number, "sku": line.sku, "quantity": line.quantity, "note": line.note}
            for number, line in enumerate(lines)
        ]
        await self._sql.run_many(ADD_LINE, rows)

    async def count(self, ctx: Context, up_to: int) -> int:
        return await self._sql.one(COUNT, up_to=up_to)


class CrampedDatabase(Database):
    """A database whose disk can be made small and large again while it runs."""

    def transact(
        self, ctx: Context, mode: Mode, work: Callable[[Sql], Awaitable[T]], *, opening: str = ""
    ) -> Coroutine[Any, Any, T]:
        limit = Path(os.environ["ORDERS_PAGES_MAX"]).read_text(encoding="utf-8")
        engine: Any = self._engine
        engine._desks._desks[0].cursor.execute(f"PRAGMA max_page_count={limit or 1_000_000}")
        return super().transact(ctx, mode, work, opening=opening)


doors = Doors()
for pattern, seconds in (("/orders", DOOR_SECONDS), ("/orders/soon", SHORT_SECONDS)):
    doors.post(
        pattern,
        PlaceOrder,
        status=201,
        sources={"fault": header("x-fault")},
        timeout=seconds,
        body_max=BODY_BYTES_MAX,
        rejects=[NoSuchProduct, SoldOut],
    )
doors.get("/orders/{reference}", ShowOrder, rejects=[NoSuchOrder])
doors.get("/orders", SearchOrders)
doors.get("/products/{sku}", ShowProduct, rejects=[NoSuchProduct])
doors.post("/lines/count", CountLines, body_max=BODY_BYTES_MAX)
doors.get("/burn/{seconds}", Burn)

_make = CrampedDatabase if "ORDERS_PAGES_MAX" in os.environ else Database
app = App(
    "orders",
    handlers=(place_order, show_order, search_orders, show_product, count_lines, burn),
    adapters=(bind(Till, SqlTill),),
    doors=doors,
    store=_make(os.environ.get("ORDERS_DB", "sqlite://"), metadata=metadata, pool_max=8),
)
