"""FastAPI with SQLAlchemy's async ORM, as both their documentations teach it: a session per request by `Depends`."""

import os
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException
from models_pydantic import Order, Stored, StoredOrder
from sqlalchemy import ForeignKey, event
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship, selectinload

URL = os.environ["BENCH_DB"].replace("sqlite:", "sqlite+aiosqlite:").replace("postgresql:", "postgresql+asyncpg:")
engine = create_async_engine(URL, pool_size=8, max_overflow=0)
Session = async_sessionmaker(engine, expire_on_commit=False)


class Base(DeclarativeBase):
    pass


class OrderRow(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    customer: Mapped[str]
    total_cents: Mapped[int]
    lines: Mapped[list["LineRow"]] = relationship(order_by="LineRow.id")


class LineRow(Base):
    __tablename__ = "order_lines"
    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), index=True)
    sku: Mapped[str]
    quantity: Mapped[int]
    price_cents: Mapped[int]


def set_pragmas(connection, _record):
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout = 5000")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.close()


if engine.dialect.name == "sqlite":
    event.listen(engine.sync_engine, "connect", set_pragmas)


@asynccontextmanager
async def lifespan(_app):
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield
    await engine.dispose()


async def open_session():
    async with Session() as session:
        yield session


Db = Annotated[AsyncSession, Depends(open_session)]
app = FastAPI(lifespan=lifespan)


@app.post("/orders")
async def create(body: Order, db: Db) -> Stored:
    total = body.total_cents()
    lines = [LineRow(sku=line.sku, quantity=line.quantity, price_cents=line.price_cents) for line in body.lines]
    row = OrderRow(customer=body.customer, total_cents=total, lines=lines)
    db.add(row)
    await db.commit()
    return Stored(id=row.id, lines=len(lines), total_cents=total)


@app.get("/orders/{id}")
async def read(id: int, db: Db) -> StoredOrder:
    row = await db.get(OrderRow, id, options=[selectinload(OrderRow.lines)])
    if row is None:
        raise HTTPException(404)
    return row
