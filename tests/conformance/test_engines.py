"""Every engine answers every request alike: the ASGI engine behind a real socket, and the testing kit without one.

Both serve an app of their own, from sources of the same seed, so that ids and traces are equal, too. What belongs to
one connection (`date`, `connection`) is left out. The seed stands in the test's name: `KREPIS_SEED=... pytest`.
"""

from __future__ import annotations

import http.client
import importlib.util
import json
import os
import socket
import sys
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest
import uvicorn

from krepis import App, Service, bind
from krepis._server import GuardedConfig
from krepis.context import Sources
from krepis.testing import MemoryStore, TestService, TestSources, start
from serving import wait_until

SEED = int(os.environ["KREPIS_SEED"])
DRAWN = 5000 if os.environ.get("KREPIS_LONG") else 400
OF_THE_CONNECTION = {"date", "connection"}
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
STALL = Path(__file__).parents[2] / "packages/core/tests/http/_stall.py"


class Request(NamedTuple):
    method: str
    target: str
    body: bytes | None = None
    headers: Mapping[str, str] = {}


class Reply(NamedTuple):
    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Seeded(App):
    """An app that starts with seeded sources wherever it is served."""

    @asynccontextmanager
    async def start(self, sources: Sources | None = None, *, by_hand: bool = False) -> AsyncGenerator[Service]:
        async with super().start(sources or TestSources(seed=7), by_hand=by_hand) as service:
            yield service


def an_app() -> App:
    """The stall whose doors use everything that a door can do, with an empty store."""
    spec = importlib.util.spec_from_file_location("_engines_stall", STALL)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    adapters = (bind(module.Stock, module.MemoryGoods),)
    return Seeded("stall", handlers=module.HANDLERS, adapters=adapters, doors=module.declared(), store=MemoryStore())


class Asgi:
    """The ASGI engine: uvicorn as `krepis run` configures it, on a socket."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._server = uvicorn.Server(GuardedConfig(an_app()))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._listener]})
        self._thread.start()
        assert wait_until(lambda: self._server.started, 10)
        self._connection = http.client.HTTPConnection(*self._listener.getsockname(), timeout=10)

    def ask(self, request: Request) -> Reply:
        sent = self._connection
        sent.putrequest(request.method, request.target, skip_accept_encoding=True)
        for name, value in request.headers.items():
            sent.putheader(name, value.encode("latin-1"))
        if request.body is not None:
            sent.putheader("content-length", str(len(request.body)))
        sent.endheaders(request.body)
        reply = sent.getresponse()
        return Reply(reply.status, compared(reply.getheaders()), reply.read())

    def close(self) -> None:
        self._connection.close()
        self._server.should_exit = True
        self._thread.join()
        self._listener.close()


@pytest.fixture
def asgi() -> Iterator[Asgi]:
    engine = Asgi()
    yield engine
    engine.close()


@pytest.fixture
async def kit() -> AsyncIterator[TestService]:
    async with start(an_app(), TestSources(seed=7)) as service:
        yield service


async def compare(asgi: Asgi, kit: TestService, requests: Iterable[Request]) -> dict[int, int]:
    """Send each request to both; answers with how often each status was seen."""
    seen: dict[int, int] = {}
    for number, request in enumerate(requests):
        answer = await kit.request(request.method, request.target, body=request.body, headers=request.headers)
        expected = Reply(answer.status, compared(answer.headers.items()), answer.body)
        assert asgi.ask(request) == expected, f"request {number}: {request!s:.500}"
        seen[expected.status] = seen.get(expected.status, 0) + 1
    return seen


def compared(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return sorted((name, value) for name, value in headers if name not in OF_THE_CONNECTION)


def in_json(value: Any) -> bytes:
    return json.dumps(value).encode()


JSON = {"content-type": "application/json"}
GOOD = {"slug": "dune", "title": "Dune", "price": {"amount": "9.50", "currency": "EUR"}}
WEIGHED: dict[str, Any] = {
    "paid": {"type": "Card", "number": "1234"},
    "tree": {"name": "root", "leaves": [{"name": "a"}, {"name": "b", "leaves": []}]},
    "mail": "ada@example.org",
    "site": "https://example.org/a?b=c",
    "shelf": [3, "c"],
    "prices": {"x": "1.50"},
    "days": ["2030-01-01", "2030-01-02"],
    "blob": "AAEC",
    "wait": "PT1H",
}
ADD = Request("POST", "/api/goods", in_json({"good": GOOD}), JSON)

CHOSEN = [
    ADD,
    ADD,  # it is taken now
    Request("GET", "/api/goods"),
    Request("GET", "/api/goods?text=Du&kinds=fruit&kinds=bread&limit=1&offset=0"),
    Request("GET", "/api/goods?limit=0&offset=-1&kinds=stone&text="),
    Request("GET", "/api/goods?limit=1&limit=2"),
    Request("GET", "/api/goods?text=%FF"),
    Request("GET", "/api/goods?text=%00"),
    Request("GET", "/api/goods?text=a+b%20c%2B"),
    Request("GET", "/api/goods?" + "&".join(f"x{number}=1" for number in range(300))),
    Request("GET", "/api/goods", None, {"x-locale": "de-AT", "cookie": "a=b; basket=3f0d6b0e-0000-7000-8000-000000000000"}),
    Request("GET", "/api/goods", None, {"x-locale": "german", "cookie": "basket=none"}),
    Request("GET", "/api/goods", None, {"x-locale": "\u00ff"}),
    Request("GET", "/api/newest?limit=2&cursor=abc"),
    Request("GET", "/api/goods/dune"),
    Request("HEAD", "/api/goods/dune"),
    Request("GET", "/api/goods/dune", None, {"if-none-match": "*"}),
    Request("GET", "/api/goods/dune", None, {"if-match": '"other"'}),
    Request("GET", "/api/goods/dune/revision"),
    Request("HEAD", "/api/goods/dune/revision", None, {"if-none-match": '"1"'}),
    Request("GET", "/api/goods/none"),
    Request("HEAD", "/api/goods/none"),
    Request("GET", "/api/goods/NOT%20A%20SLUG"),
    Request("GET", "/api/goods/%FF"),
    Request("GET", "/api/goods/du%6Ee"),
    Request("GET", "/api/goods/a%2Fb"),
    Request("GET", "/api/goods/"),
    Request("GET", "/api/goods/dune/?a=b"),
    Request("GET", "/api//goods"),
    Request("GET", "/"),
    Request("GET", "/api/goods/" + "a" * 9000),
    Request("POST", "/api/goods/" + "a" * 9000, b"{}", JSON),
    Request("PUT", "/api/goods/dune", in_json({"title": "New"}), JSON),
    Request("PUT", "/api/goods/dune", in_json({"title": "New"}), JSON | {"if-match": '"7"'}),
    Request("PUT", "/api/goods/dune", in_json({"title": "New"}), JSON | {"if-match": '"x"'}),
    Request("PUT", "/api/goods/dune", in_json({"title": "New"}), JSON | {"if-match": '"1"'}),
    Request("PATCH", "/api/goods/dune/note", in_json({"note": "read it"}), JSON),
    Request("PATCH", "/api/goods/dune/note", in_json({"note": None}), JSON),
    Request("PATCH", "/api/goods/dune/note", in_json({}), JSON),
    Request("PATCH", "/api/goods/dune/note"),
    Request("POST", "/api/closing", in_json({"pin": "1234"}), JSON),
    Request("POST", "/api/closing", in_json({"pin": "9999"}), JSON),
    Request("POST", "/api/closing", in_json({"pin": 1234}), JSON),
    Request("GET", "/api/motto"),
    Request("GET", "/api/motto", None, {"accept": "text/html, application/json;q=0.5"}),
    Request("GET", "/api/motto", None, {"accept": "text/*;q=0.1"}),
    Request("GET", "/api/measures/2030-01-01?count=3&ratio=0.25&weight=1.25&open=false&numbers=1&numbers=2"),
    Request("GET", "/api/measures/yesterday?count=9&ratio=NaN&weight=1.255&open=yes&numbers=x", None, {"x-at": "noon"}),
    Request("POST", "/api/scales", in_json(WEIGHED), JSON),
    Request("POST", "/api/scales", in_json(WEIGHED | {"paid": {"type": "Gold"}, "more": 1}), JSON),
    Request("POST", "/api/scales", b"", JSON),
    Request("POST", "/api/scales"),
    Request("POST", "/api/scales", b"{", JSON),
    Request("POST", "/api/scales", b"[" * 5000, JSON),
    Request("POST", "/api/scales", b'{"mail": "\xff"}', JSON),
    Request("POST", "/api/scales", in_json(WEIGHED), {"content-type": "text/plain"}),
    Request("POST", "/api/scales", in_json(WEIGHED)),
    Request("POST", "/api/scales", b" " * 1_048_577, JSON),
    Request("POST", "/api/scales", in_json(WEIGHED) + b" " * 1_000_000, JSON),
    Request("DELETE", "/api/goods/dune"),
    Request("DELETE", "/api/goods/dune"),
    Request("DELETE", "/api/goods"),
    Request("OPTIONS", "/api/goods"),
    Request("OPTIONS", "/api/nothing"),
    Request("TRACE", "/api/goods"),
    Request("HEAD", "/api/closing"),
    Request("GET", "/api/nothing", None, {"traceparent": TRACE}),
    Request("GET", "/api/nothing", None, {"traceparent": "00-0-0-0"}),
    Request("GET", "/api/nothing", None, {"request-timeout": "0.001", "baggage": "a=b", "krepis-context": "AAAA"}),
    Request("GET", "/api/openapi.json"),
    Request("HEAD", "/api/openapi.json"),
    Request("GET", "/api/docs"),
    Request("GET", "/api/docs", None, {"if-none-match": "*"}),
    Request("GET", "/api/docs", None, {"if-match": '"another"'}),
]  # fmt: skip


async def test_both_engines_answer_chosen_requests_alike(asgi: Asgi, kit: TestService):
    seen = await compare(asgi, kit, CHOSEN)
    assert set(seen) >= {200, 201, 204, 304, 308, 400, 403, 404, 405, 406, 409, 412, 413, 414, 415, 422, 428}


@pytest.mark.slow
@pytest.mark.parametrize("seed", [SEED])
async def test_both_engines_answer_drawn_requests_alike(asgi: Asgi, kit: TestService, seed: int):
    chance = Random(seed)
    seen = await compare(asgi, kit, [drawn(chance) for _ in range(DRAWN)])
    assert len(seen) > 8, seen


def drawn(chance: Random) -> Request:
    """A chosen request with up to three changes; one in five stays as it is."""
    request = chance.choice([choice for choice in CHOSEN if len(choice.body or b"") < 10_000])
    for _ in range(chance.choice([0, 1, 1, 2, 3])):
        request = chance.choice(CHANGES)(chance, request)
    return request


def other_method(chance: Random, request: Request) -> Request:
    method = chance.choice(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
    return request._replace(method=method)


def other_segment(chance: Random, request: Request) -> Request:
    path, question, query = request.target.partition("?")
    parts = path.split("/")
    parts[chance.randrange(1, len(parts))] = chance.choice(
        ["", "goods", "dune", "%00", "%FF", "%E2%82%AC", "..", ".", "a%2Fb", "%", "%zz", "'--", "+", "a;b=c", "x" * 200]
    )
    return request._replace(target="/".join(parts) + question + query)


def more_query(chance: Random, request: Request) -> Request:
    name = chance.choice(["text", "kinds", "limit", "offset", "cursor", "count", "numbers", "open", "%FF", "", "a&&b"])
    value = chance.choice(
        ["1", "-1", "", "%00", "%FF", "true", "fruit", "9" * 30, "1e9", "a+b", "=", "%", "';--", "NaN"]
    )
    return request._replace(target=f"{request.target}{'&' if '?' in request.target else '?'}{name}={value}")


def other_header(chance: Random, request: Request) -> Request:
    name, values = chance.choice(
        [
            ("accept", ["*/*", "text/plain", "application/*;q=0", "", ";;;", "application/json;q=x", "\u00ff"]),
            ("content-type", ["", "text/plain", "application/json; charset=utf-8", "application/merge-patch+json"]),
            ("if-match", ["*", '"1"', 'W/"1"', '"2", "1"', "", "1"]),
            ("if-none-match", ["*", '"1"', 'W/"x", "y"', ""]),
            ("x-locale", ["en", "de-AT", "DE", "", "\u00ff"]),
            ("cookie", ["basket=1", "basket=3f0d6b0e-0000-7000-8000-000000000000", ";;=;", "basket"]),
            ("x-at", ["2030-01-01T12:00:00Z", "2030-01-01T12:00:00", "now"]),
            ("traceparent", [TRACE, "ff" + TRACE[2:], TRACE + "-more", "x"]),
            ("request-timeout", ["5", "0", "-1", "soon"]),
            ("idempotency-key", ["a", "x" * 300]),
            ("baggage", ["a=1,b=2;c", "%FF=%FF", "=" * 100]),
        ]
    )
    return request._replace(headers={**request.headers, name: chance.choice(values)})


def other_body(chance: Random, request: Request) -> Request:
    body = bytearray(request.body or b"{}")
    at = chance.randrange(len(body))
    match chance.randrange(4):
        case 0:
            del body[at : at + chance.randint(1, 9)]
        case 1:
            body[at] ^= 1 << chance.randrange(8)
        case 2:
            body[at:at] = chance.choice([b"\0", b'"', b"{", b"[", b"null", b"\\u0000", b"\xff", b"9" * 30, b"NaN"])
        case _:
            body[at:at] = body[at : at + 20] * chance.randint(1, 5)
    return request._replace(body=bytes(body))


CHANGES: list[Callable[[Random, Request], Request]] = [
    other_method,
    other_segment,
    more_query,
    other_header,
    other_header,
    other_body,
]
