"""Litestar with msgspec structs, its fastest own form."""

from litestar import Litestar, MediaType, get, post
from models_msgspec import Item, Order, Summary
from tags import TAGS


@get("/", media_type=MediaType.TEXT)
async def root() -> str:
    return "ok"


@get("/items/{id:int}")
async def item(id: int, q: str) -> Item:
    return Item(id=id, q=q, tags=TAGS)


@post("/orders", status_code=200)
async def order(data: Order) -> Summary:
    return Summary(lines=len(data.lines), total_cents=data.total_cents())


app = Litestar([root, item, order], openapi_config=None)
