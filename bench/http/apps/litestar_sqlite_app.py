"""Litestar with sqlite3 by hand, in its thread pool."""

import sqlite_store
from litestar import Litestar, get, post
from litestar.datastructures import State
from litestar.exceptions import NotFoundException
from models_msgspec import Line, Order, Stored, StoredOrder


def open_store(app: Litestar):
    sqlite_store.create_schema()
    app.state.connections = sqlite_store.Connections()


@post("/orders", status_code=200, sync_to_thread=True)
def create(data: Order, state: State) -> Stored:
    with state.connections.borrow() as connection:
        id = sqlite_store.insert_order(connection, data)
    return Stored(id, len(data.lines), data.total_cents())


@get("/orders/{id:int}", sync_to_thread=True)
def read(id: int, state: State) -> StoredOrder:
    with state.connections.borrow() as connection:
        found = sqlite_store.read_order(connection, id)
    if found is None:
        raise NotFoundException
    customer, total, lines = found
    return StoredOrder(id, customer, total, [Line(*line) for line in lines])


app = Litestar([create, read], openapi_config=None, on_startup=[open_store])
