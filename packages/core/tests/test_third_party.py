"""Code that needs context variables, tasks and timeouts of its own keeps working inside a handler."""

import asyncio
from contextvars import ContextVar

import anyio
import pytest

from krepis import Context, Query
from krepis.app import App
from krepis.http import Doors
from krepis.testing import start

current: ContextVar[str] = ContextVar("current", default="nothing")


class Ask(Query[str]):
    name: str


async def keeps_variables(ctx: Context, query: Ask) -> str:
    token = current.set(query.name)
    await asyncio.sleep(0.001)
    seen = await asyncio.create_task(reads_variable())
    current.reset(token)
    return f"{seen} {current.get()}"


async def reads_variable() -> str:
    return current.get()


async def uses_anyio(ctx: Context, query: Ask) -> str:
    names: list[str] = []

    async def add(name: str) -> None:
        await anyio.sleep(0.001)
        names.append(name)

    async with anyio.create_task_group() as group:
        group.start_soon(add, "a")
        group.start_soon(add, "b")
    with anyio.move_on_after(0.001) as scope:
        await anyio.sleep(5)
    return f"{len(names)} {scope.cancelled_caught} {await anyio.to_thread.run_sync(str.upper, query.name)}"


def an_app(handler: object) -> App:
    doors = Doors()
    doors.get("/ask/{name}", Ask)
    return App("third", handlers=(handler,), doors=doors)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("handler", "answer"), [(keeps_variables, "ada nothing"), (uses_anyio, "2 True ADA")], ids=["contextvars", "anyio"]
)
async def test_it_works_when_dispatched_and_through_a_door(handler: object, answer: str) -> None:
    async with start(an_app(handler)) as service:
        assert await service.dispatch(Ask(name="ada")) == answer
        assert (await service.get("/ask/ada")).json == answer


async def test_two_calls_at_once_do_not_see_each_other() -> None:
    async with start(an_app(keeps_variables)) as service:
        answers = await asyncio.gather(*(service.dispatch(Ask(name=str(n))) for n in range(20)))
    assert answers == [f"{n} nothing" for n in range(20)]
