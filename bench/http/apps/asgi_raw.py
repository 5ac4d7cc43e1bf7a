"""A bare ASGI callable with msgspec: what uvicorn costs with no framework. Nobody should write servers like this."""

from urllib.parse import parse_qs

import msgspec
from models_msgspec import Item, Order, Summary
from tags import TAGS

TEXT = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"2")]
decode_order = msgspec.json.Decoder(Order).decode
encode = msgspec.json.Encoder().encode


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await live(receive, send)
        return
    path = scope["path"]
    if path == "/":
        await send({"type": "http.response.start", "status": 200, "headers": TEXT})
        await send({"type": "http.response.body", "body": b"ok"})
    elif path.startswith("/items/"):
        await item(scope, send)
    elif path == "/orders" and scope["method"] == "POST":
        await order(receive, send)
    else:
        await reply(send, 404, b"{}")


async def item(scope, send):
    try:
        id = int(scope["path"].removeprefix("/items/"))
        q = parse_qs(scope["query_string"].decode())["q"][0]
    except (ValueError, KeyError):
        await reply(send, 422, b"{}")
    else:
        await reply(send, 200, encode(Item(id, q, TAGS)))


async def order(receive, send):
    try:
        body = decode_order(await read(receive))
    except msgspec.DecodeError:
        await reply(send, 422, b"{}")
    else:
        await reply(send, 200, encode(Summary(len(body.lines), body.total_cents())))


async def read(receive) -> bytes:
    parts = []
    more = True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


async def reply(send, status: int, body: bytes):
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def live(receive, send):
    ended = False
    while not ended:
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
        ended = kind == "lifespan.shutdown"
