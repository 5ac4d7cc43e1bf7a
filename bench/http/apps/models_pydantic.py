"""The bodies of S2 and S3 as pydantic models, with what stored orders answer."""

from pydantic import BaseModel, ConfigDict, Field


class Line(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    sku: str
    quantity: int = Field(gt=0)
    price_cents: int


class Order(BaseModel):
    customer: str
    lines: list[Line]

    def total_cents(self) -> int:
        return sum(line.quantity * line.price_cents for line in self.lines)


class Item(BaseModel):
    id: int
    q: str
    tags: list[str]


class Summary(BaseModel):
    lines: int
    total_cents: int


class Stored(Summary):
    id: int


class StoredOrder(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    customer: str
    total_cents: int
    lines: list[Line]
