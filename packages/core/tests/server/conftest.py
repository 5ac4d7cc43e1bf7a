"""A project in a temporary folder, served by `krepis run` as a real process."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from serving import Served

APP = """
import asyncio
import os

from krepis import Command, Context, Query
from krepis.app import App
from krepis.http import Doors

class Greet(Query[str]):
    name: str = "you"

class Sleep(Query[str]):
    seconds: float

class Store(Command[int]):
    text: str

class Who(Query[str]):
    pass

async def greet(ctx: Context, query: Greet) -> str:
    return "hello " + query.name

async def sleep(ctx: Context, query: Sleep) -> str:
    try:
        ctx.log.info("sleeping")
        await asyncio.sleep(query.seconds)
    except asyncio.CancelledError:
        ctx.log.info("rolled_back")
        raise
    return "slept"

async def store(ctx: Context, command: Store) -> int:
    return len(command.text)

def who(ctx: Context, query: Who) -> str:
    return str(os.getpid())

doors = Doors()
doors.get("/greet/{name}", Greet, media_type="text/plain")
doors.get("/sleep/{seconds}", Sleep, media_type="text/plain", timeout=5)
doors.post("/store", Store, body_max=100_000, timeout=1)
doors.get("/who", Who, media_type="text/plain")

app = App("greeter", handlers=(greet, sleep, store, who), doors=doors)
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("greeter")
    (folder / "src").mkdir()
    (folder / "src" / "greeter.py").write_text(APP, encoding="utf-8")
    (folder / "krepis.toml").write_text('app = "greeter:app"\n', encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def served(project: Path) -> Iterator[Served]:
    server = Served(project)
    yield server
    server.kill()
