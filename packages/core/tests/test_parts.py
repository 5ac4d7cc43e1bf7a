"""Parts stand around handlers, units of work and doors, and what they leave alone is left as it was."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from krepis import Command, Context, Event, KrepisError
from krepis.app import App, Service
from krepis.errors import WiringError
from krepis.handler import Handler, offload
from krepis.http import Doors
from krepis.http.facts import Answer, Facts, answer
from krepis.http.table import CompiledDoor
from krepis.part import Invoke, Part, Run, Start
from krepis.testing import MemoryStore, MemoryUnit, start


class Greet(Command[str]):
    name: str


class Greeted(Event):
    name: str


def greet(ctx: Context, command: Greet) -> str:
    return f"hello {command.name}"


async def on_greeted(ctx: Context, event: Greeted) -> None:
    return None


class Noting(Part):
    """Notes what happens around it, under a name."""

    def __init__(self, name: str, notes: list[str]) -> None:
        self.name = name
        self.notes = notes

    def around(self, handler: Handler, proceed: Run) -> Run:
        async def noting(ctx: Context, message: Any, render: Any) -> Any:
            self.notes.append(f"{self.name} around {handler.message.__name__}")
            return await proceed(ctx, message, render)

        return noting

    def inside(self, handler: Handler, proceed: Invoke) -> Invoke:
        async def noting(ctx: Context, message: Any, unit: Any) -> Any:
            self.notes.append(f"{self.name} inside {type(unit).__name__}")
            return await proceed(ctx, message, unit)

        return noting

    def door(self, door: CompiledDoor | None, proceed: Start) -> Start:
        async def noting(facts: Facts) -> Answer:
            self.notes.append(f"{self.name} door {door.pattern if door else None}")
            return await proceed(facts)

        return noting

    def pages(self, service: Service) -> Sequence[tuple[str, Start]]:
        async def page(facts: Facts) -> Answer:
            return answer(200, b"text/plain", service.app.name.encode())

        return ((f"/{self.name}", page),)

    def running(self, service: Service) -> AbstractAsyncContextManager[Any]:
        @asynccontextmanager
        async def running() -> AsyncGenerator[None]:
            self.notes.append(f"{self.name} up")
            yield
            self.notes.append(f"{self.name} down")

        return running()


def an_app(*parts: Part, handler: Callable[..., Any] = greet, **options: Any) -> App:
    options.setdefault("store", MemoryStore())
    doors = Doors()
    doors.post("/greet", Greet)
    return App("test", handlers=(handler,), doors=doors, parts=parts, **options)


async def test_the_first_part_is_the_outermost() -> None:
    notes: list[str] = []
    async with start(an_app(Noting("one", notes), Noting("two", notes))) as service:
        reply = await service.post("/greet", json={"name": "Ann"})
    assert reply.json == "hello Ann"
    assert notes == [
        "one up",
        "two up",
        "one door /greet",
        "two door /greet",
        "one around Greet",
        "two around Greet",
        f"one inside {MemoryUnit.__name__}",
        f"two inside {MemoryUnit.__name__}",
        "two down",
        "one down",
    ]


async def test_a_part_has_pages_and_stands_around_what_is_no_door() -> None:
    notes: list[str] = []
    async with start(an_app(Noting("one", notes))) as service:
        assert (await service.get("/one")).text == "test"
        assert (await service.get("/nowhere")).status == 404
    assert notes == ["one up", "one door None", "one door None", "one down"]


async def test_an_offloaded_handler_has_parts_too() -> None:
    notes: list[str] = []

    @offload
    def shout(ctx: Context, command: Greet) -> str:
        return command.name.upper()

    async with start(an_app(Noting("one", notes), handler=shout)) as service:
        assert await service.dispatch(Greet(name="Ann")) == "ANN"


async def test_a_part_that_needs_a_unit_needs_a_store() -> None:
    with pytest.raises(KrepisError, match="needs a unit of work for `Greet`, and the app has no store"):
        async with start(an_app(Noting("one", []), store=None)):
            pass


def test_reactions_without_a_part_that_delivers_stop_the_start() -> None:
    with pytest.raises(WiringError, match="no part delivers events"):
        an_app(reactions=(on_greeted,)).check()


def test_a_reaction_among_the_handlers_stops_the_start() -> None:
    with pytest.raises(WiringError, match="is a reaction among the handlers"):
        an_app(handler=on_greeted).check()


def test_a_handler_among_the_reactions_stops_the_start() -> None:
    with pytest.raises(WiringError, match="is no reaction"):
        an_app(reactions=(greet,)).check()


class Wrapping(Part):
    """Counts how often it is asked what it puts around what is no door."""

    def __init__(self) -> None:
        self.asked = 0
        self.answered: list[str] = []

    def door(self, door: CompiledDoor | None, proceed: Start) -> Start:
        self.asked += door is None

        async def noting(facts: Facts) -> Answer:
            reply = await proceed(facts)
            self.answered.append(f"{facts.method} {facts.path} {reply.status}")
            return reply

        return noting


async def test_what_is_no_door_is_surrounded_once_for_each_reason() -> None:
    part = Wrapping()
    doors = Doors()
    doors.post("/greet", Greet)
    async with start(App("x", handlers=(greet,), doors=doors, parts=(part,))) as service:
        before = part.asked
        for number in range(20):
            assert (await service.get(f"/nowhere/{number}")).status == 404
            assert (await service.get("/greet")).headers["allow"] == "OPTIONS, POST"
            assert (await service.request("DELETE", "/openapi.json")).headers["allow"] == "GET, HEAD, OPTIONS"
            assert (await service.post("/greet/")).headers["location"] == "/greet"
        assert part.asked - before == 4
        assert len(part.answered) == 80
        assert part.answered[-4:] == [
            "GET /nowhere/19 404",
            "GET /greet 405",
            "DELETE /openapi.json 405",
            "POST /greet/ 308",
        ]
