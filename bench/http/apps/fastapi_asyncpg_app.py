"""FastAPI with asyncpg by hand."""

from contextlib import asynccontextmanager

import postgres_store
from fastapi import FastAPI, HTTPException
from models_pydantic import Line, Order, Stored, StoredOrder


@asynccontextmanager
async def lifespan(app):
    app.state.pool = await postgres_store.open_pool()
    yield
    await app.state.pool.close()


app = FastAPI(lifespan=lifespan)


@app.post("/orders")
async def create(body: Order) -> Stored:
    id = await postgres_store.insert_order(app.state.pool, body)
    return Stored(id=id, lines=len(body.lines), total_cents=body.total_cents())


@app.get("/orders/{id}")
async def read(id: int) -> StoredOrder:
    found = await postgres_store.read_order(app.state.pool, id)
    if found is None:
        raise HTTPException(404)
    customer, total, lines = found
    return StoredOrder(
        id=id,
        customer=customer,
        total_cents=total,
        lines=[Line(sku=sku, quantity=quantity, price_cents=price) for sku, quantity, price in lines],
    )
