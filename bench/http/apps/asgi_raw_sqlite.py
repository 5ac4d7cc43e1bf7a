"""A bare ASGI callable that calls sqlite3 on the event loop, one connection: what can be had on uvicorn at all.

It blocks the loop while it stores, so nobody should write servers like this either.
"""

import msgspec
import sqlite_store
from asgi_raw import decode_order, encode, live, read, reply
from models_msgspec import Line, Stored, StoredOrder

sqlite_store.create_schema()
connection = sqlite_store.connect()


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await live(receive, send)
    elif scope["method"] == "POST":
        await create(receive, send)
    else:
        await show(scope["path"].removeprefix("/orders/"), send)


async def create(receive, send):
    try:
        body = decode_order(await read(receive))
    except msgspec.DecodeError:
        await reply(send, 422, b"{}")
    else:
        id = sqlite_store.insert_order(connection, body)
        await reply(send, 200, encode(Stored(id, len(body.lines), body.total_cents())))


async def show(id: str, send):
    found = sqlite_store.read_order(connection, int(id)) if id.isdecimal() else None
    if found is None:
        await reply(send, 404, b"{}")
    else:
        customer, total, lines = found
        await reply(send, 200, encode(StoredOrder(int(id), customer, total, [Line(*line) for line in lines])))
