"""An app with a few doors, for the tests of limits: `app(parts)`."""

from __future__ import annotations

import asyncio
from typing import Any

from krepis import Actor, Command, Context, Query
from krepis.app import App
from krepis.http import Doors
from krepis.identity import Caller, Identify
from krepis.part import Part


class Greet(Query[str]):
    name: str = "you"


class Search(Query[str]):
    text: str = ""


class Join(Command[str]):
    name: str


class Page(Query[str]):
    pass


class Hold(Query[str]):
    pass


class Gates:
    """What `Hold` waits for."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.inside = 0


def app(*parts: Part, gates: Gates | None = None, **options: Any) -> App:
    async def hold(ctx: Context, query: Hold) -> str:
        assert gates is not None
        gates.inside += 1
        try:
            await gates.open.wait()
        finally:
            gates.inside -= 1
        return "held"

    doors = Doors(**options)
    doors.get("/greet", Greet)
    doors.get("/search", Search)
    doors.post("/join", Join)
    doors.get("/page", Page, media_type="text/html")
    doors.get("/hold", Hold)
    handlers = (greet, search, join, page, hold, identify)
    return App("club", handlers=handlers, doors=doors, parts=parts)


def greet(ctx: Context, query: Greet) -> str:
    return "hello " + query.name


def search(ctx: Context, query: Search) -> str:
    return query.text


def join(ctx: Context, command: Join) -> str:
    return command.name


def page(ctx: Context, query: Page) -> str:
    return "<h1>club</h1>"


async def identify(ctx: Context, query: Identify) -> Caller:
    """Whoever says so: `ann` or `ann@tenant`."""
    name, _, tenant = query.credential.reveal().partition("@")
    return Caller(actor=Actor(name), tenant=tenant or None)
