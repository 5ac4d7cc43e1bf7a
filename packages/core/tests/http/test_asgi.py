"""A Krepis app is an ordinary ASGI application: it can be wrapped, mounted, and can mount others."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import httpx
import pytest

from krepis import Command, Context, Query
from krepis.app import App
from krepis.http import Doors

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]


class Greet(Query[str]):
    name: str


class Shout(Command[str]):
    text: str


def greet(ctx: Context, query: Greet) -> str:
    return f"hello {query.name}"


def shout(ctx: Context, command: Shout) -> str:
    return command.text.upper()


async def echo_path(scope: Message, receive: Any, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": f"{scope['root_path']} {scope['path']}".encode()})


def an_app(**more: Any) -> App:
    doors = Doors(**more)
    doors.get("/greet/{name}", Greet)
    doors.post("/shout", Shout)
    doors.mount("/mounted", echo_path)
    return App("greeter", handlers=(greet, shout), doors=doors)


def client(app: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test")


async def test_an_app_answers_without_a_lifespan() -> None:
    async with client(an_app()) as http:
        reply = await http.get("/greet/ada")
    assert (reply.status_code, reply.json()) == (200, "hello ada")


async def test_the_first_requests_share_one_start() -> None:
    app = an_app()
    async with client(app) as http:
        replies = await asyncio.gather(*(http.get(f"/greet/{n}") for n in range(20)))
    assert {reply.status_code for reply in replies} == {200}


async def test_an_app_inside_has_its_own_paths() -> None:
    async with client(an_app()) as http:
        reply = await http.get("/mounted/files/a.txt")
        assert reply.text == "/mounted /mounted/files/a.txt"
        assert (await http.get("/mountedother")).status_code == 404


async def test_middleware_can_wrap_an_app() -> None:
    app = an_app()

    async def wrapped(scope: Message, receive: Any, send: Send) -> None:
        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-wrapped", b"yes")]
            await send(message)

        await app(scope, receive, marked)

    async with client(wrapped) as http:
        reply = await http.get("/greet/ada")
    assert reply.headers["x-wrapped"] == "yes"


async def test_an_app_can_be_mounted_under_a_root_path() -> None:
    transport = httpx.ASGITransport(app=an_app(), root_path="/api")
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        assert (await http.get("/api/greet/ada")).status_code == 200


async def test_a_repeated_header_is_joined() -> None:
    async with client(an_app()) as http:
        reply = await http.get("/greet/ada", headers=[("Accept", "text/html"), ("Accept", "application/json")])
    assert reply.status_code == 200


async def test_a_web_socket_without_a_door_is_closed() -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await an_app()({"type": "websocket", "path": "/x", "raw_path": b"/x"}, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]


async def test_a_start_that_fails_is_told_to_the_server() -> None:
    def wrong(query: Greet) -> str:
        return ""

    app = App("broken", handlers=(wrong,))
    inbox = asyncio.Queue[Message]()
    sent: list[Message] = []
    inbox.put_nowait({"type": "lifespan.startup"})

    async def send(message: Message) -> None:
        sent.append(message)

    await app({"type": "lifespan"}, inbox.get, send)
    assert sent[0]["type"] == "lifespan.startup.failed"
    assert "does not take `ctx: Context` first" in sent[0]["message"]


async def test_a_service_ends_with_its_lifespan() -> None:
    inbox = asyncio.Queue[Message]()
    sent: list[str] = []
    inbox.put_nowait({"type": "lifespan.startup"})
    inbox.put_nowait({"type": "lifespan.shutdown"})

    async def send(message: Message) -> None:
        sent.append(message["type"])

    await an_app()({"type": "lifespan"}, inbox.get, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


@pytest.mark.parametrize("raw", [b"/greet/%FF", b"/greet/\xff"])
async def test_a_path_that_is_not_utf_8_is_refused(raw: bytes) -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/?", "raw_path": raw, "query_string": b"", "headers": []}
    await an_app()(scope, receive, send)
    assert sent[0]["status"] == 400


async def test_a_caller_that_leaves_in_the_middle_of_its_body_gets_no_answer() -> None:
    inbox = asyncio.Queue[Message]()
    inbox.put_nowait({"type": "http.request", "body": b'{"text"', "more_body": True})
    inbox.put_nowait({"type": "http.disconnect"})
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/shout", "query_string": b"", "headers": headers}
    await an_app()(scope, inbox.get, send)
    assert sent == []
