"""Krepis as its users write it: messages, plain handlers, one line a door. Context and deadline are on."""

from typing import Annotated

from tags import TAGS

from krepis import App, Command, Context, Query, Value
from krepis.http import Doors
from krepis.types import between


class Line(Value):
    sku: str
    quantity: Annotated[int, between(1, 1_000_000)]
    price_cents: int


class Item(Value):
    id: int
    q: str
    tags: list[str]


class Summary(Value):
    lines: int
    total_cents: int


class Greet(Query[str]):
    pass


class ShowItem(Query[Item]):
    id: int
    q: str


class PlaceOrder(Command[Summary]):
    customer: str
    lines: list[Line]


async def greet(ctx: Context, query: Greet) -> str:
    return "ok"


async def show_item(ctx: Context, query: ShowItem) -> Item:
    return Item(id=query.id, q=query.q, tags=TAGS)


async def place_order(ctx: Context, command: PlaceOrder) -> Summary:
    lines = command.lines
    return Summary(lines=len(lines), total_cents=sum(line.quantity * line.price_cents for line in lines))


doors = Doors()
doors.get("/", Greet, media_type="text/plain")
doors.get("/items/{id}", ShowItem)
doors.post("/orders", PlaceOrder)

app = App("bench", handlers=(greet, show_item, place_order), doors=doors)
