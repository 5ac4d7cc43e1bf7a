"""The same bodies as msgspec structs."""

from typing import Annotated

from msgspec import Meta, Struct


class Line(Struct):
    sku: str
    quantity: Annotated[int, Meta(gt=0)]
    price_cents: int


class Order(Struct):
    customer: str
    lines: list[Line]

    def total_cents(self) -> int:
        return sum(line.quantity * line.price_cents for line in self.lines)


class Item(Struct):
    id: int
    q: str
    tags: list[str]


class Summary(Struct):
    lines: int
    total_cents: int


class Stored(Struct):
    id: int
    lines: int
    total_cents: int


class StoredOrder(Struct):
    id: int
    customer: str
    total_cents: int
    lines: list[Line]
