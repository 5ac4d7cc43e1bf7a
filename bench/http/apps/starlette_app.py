"""Starlette validates nothing itself, so pydantic by hand: the usual pairing."""

from models_pydantic import Order
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route
from tags import TAGS


async def root(_request):
    return PlainTextResponse("ok")


async def item(request):
    q = request.query_params.get("q")
    if q is None:
        return JSONResponse({"error": "q is required"}, 422)
    return JSONResponse({"id": request.path_params["id"], "q": q, "tags": TAGS})


async def order(request):
    try:
        body = Order.model_validate_json(await request.body())
    except ValidationError as e:
        return JSONResponse({"error": e.errors(include_url=False, include_context=False, include_input=False)}, 422)
    return JSONResponse({"lines": len(body.lines), "total_cents": body.total_cents()})


app = Starlette(
    routes=[Route("/", root), Route("/items/{id:int}", item), Route("/orders", order, methods=["POST"])],
)
