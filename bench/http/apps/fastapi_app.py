"""FastAPI as its tutorial teaches it: pydantic models in and out."""

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from models_pydantic import Item, Order, Summary
from tags import TAGS

app = FastAPI()


@app.get("/", response_class=PlainTextResponse)
async def root():
    return "ok"


@app.get("/items/{id}")
async def item(id: int, q: str) -> Item:
    return Item(id=id, q=q, tags=TAGS)


@app.post("/orders")
async def order(body: Order) -> Summary:
    return Summary(lines=len(body.lines), total_cents=body.total_cents())
