"""FastAPI with sqlite3 by hand: `def` handlers, which it runs in its thread pool."""

from contextlib import asynccontextmanager

import sqlite_store
from fastapi import FastAPI, HTTPException
from models_pydantic import Line, Order, Stored, StoredOrder


@asynccontextmanager
async def lifespan(app):
    sqlite_store.create_schema()
    app.state.connections = sqlite_store.Connections()
    yield


app = FastAPI(lifespan=lifespan)


@app.post("/orders")
def create(body: Order) -> Stored:
    with app.state.connections.borrow() as connection:
        id = sqlite_store.insert_order(connection, body)
    return Stored(id=id, lines=len(body.lines), total_cents=body.total_cents())


@app.get("/orders/{id}")
def read(id: int) -> StoredOrder:
    with app.state.connections.borrow() as connection:
        found = sqlite_store.read_order(connection, id)
    if found is None:
        raise HTTPException(404)
    customer, total, lines = found
    return StoredOrder(
        id=id,
        customer=customer,
        total_cents=total,
        lines=[Line(sku=sku, quantity=quantity, price_cents=price) for sku, quantity, price in lines],
    )
