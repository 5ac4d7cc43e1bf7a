"""The shop that these tests watch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, Protocol

from krepis import App, Command, Context, OutboundPort, Query, ReadPort, Rejection, bind
from krepis.http import Doors
from krepis.http.facts import Facts, StreamedAnswer
from krepis.part import Part
from krepis.propagation import outgoing
from krepis.testing import MemoryStore


class Show(Query[str]):
    id: str


class Order(Command[str]):
    id: str


class SoldOut(Rejection):
    message = "sold out"


class Books(ReadPort, Protocol):
    async def find(self, ctx: Context, id: str) -> str: ...


class Mail(OutboundPort, Protocol):
    async def send(self, ctx: Context, id: str) -> dict[str, str]: ...


class OwnBooks(Books):
    async def find(self, ctx: Context, id: str) -> str:
        if id == "none":
            raise SoldOut
        if id == "bug":
            raise LookupError("password=hunter2")
        if id == "slow":
            await asyncio.sleep(3600)
        ctx.log.info("looked")
        return id


class OwnMail(Mail):
    async def send(self, ctx: Context, id: str) -> dict[str, str]:
        return outgoing(ctx)


async def show(ctx: Context, query: Show, *, books: Books) -> str:
    return await books.find(ctx, query.id)


async def order(ctx: Context, command: Order, *, mail: Mail) -> str:
    return (await mail.send(ctx, command.id))["traceparent"]


class Streaming(Part):
    """A page that is streamed."""

    def pages(self, service: Any) -> Any:
        async def chunks() -> AsyncGenerator[bytes]:
            yield b"one"
            yield b"three"

        async def page(facts: Facts) -> Any:
            return StreamedAnswer(200, [], b"", chunks())

        return (("/stream", page),)


def an_app(*parts: Part, **options: Any) -> App:
    doors = Doors()
    doors.get("/books/{id}", Show, timeout=options.pop("timeout", 30.0))
    doors.post("/orders", Order)
    return App(
        "shop",
        handlers=(show, order),
        adapters=(bind(Books, OwnBooks, scope="app"), bind(Mail, OwnMail, scope="app")),
        doors=doors,
        store=MemoryStore(),
        parts=(*parts, Streaming()),
        **options,
    )
