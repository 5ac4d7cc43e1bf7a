"""BlackSheep: typed binders with pydantic models."""

from blacksheep import Application, FromJSON, FromQuery, json, text
from models_pydantic import Order
from tags import TAGS

app = Application()


@app.router.get("/")
async def root():
    return text("ok")


@app.router.get("/items/{int:id}")
async def item(id: int, q: FromQuery[str]):
    return json({"id": id, "q": q.value, "tags": TAGS})


@app.router.post("/orders")
async def order(data: FromJSON[Order]):
    body = data.value
    return json({"lines": len(body.lines), "total_cents": body.total_cents()})
