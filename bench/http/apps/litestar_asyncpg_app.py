"""Litestar with asyncpg by hand."""

import postgres_store
from litestar import Litestar, get, post
from litestar.datastructures import State
from litestar.exceptions import NotFoundException
from models_msgspec import Line, Order, Stored, StoredOrder


async def open_store(app: Litestar):
    app.state.pool = await postgres_store.open_pool()


async def close_store(app: Litestar):
    await app.state.pool.close()


@post("/orders", status_code=200)
async def create(data: Order, state: State) -> Stored:
    id = await postgres_store.insert_order(state.pool, data)
    return Stored(id, len(data.lines), data.total_cents())


@get("/orders/{id:int}")
async def read(id: int, state: State) -> StoredOrder:
    found = await postgres_store.read_order(state.pool, id)
    if found is None:
        raise NotFoundException
    customer, total, lines = found
    return StoredOrder(id, customer, total, [Line(*line) for line in lines])


app = Litestar([create, read], openapi_config=None, on_startup=[open_store], on_shutdown=[close_store])
