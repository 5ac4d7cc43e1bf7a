"""CORS as a browser would read it, at doors, at errors, at what is no door, and before all of them."""

from __future__ import annotations

import random

import pytest
from _limited import app

from krepis import KrepisError
from krepis.limits import Concurrency, Cors, Rates, rate
from krepis.limits.cors import vary
from krepis.testing import Reply, TestService, start

SHOP = "https://shop.example.org"
STRANGERS = (
    "https://evil.example.org",
    "https://shop.example.org.evil.example",
    "https://shop.example.org:8443",
    "http://shop.example.org",
    "https://SHOP.example.org",
    "https://shop.example.org/",
    "https://shop.example.orgx",
    "null",
    "",
    "*",
    "https://shop.example.org, https://evil.example.org",
)


async def preflight(service: TestService, path: str, origin: str = SHOP, method: str = "POST") -> Reply:
    return await service.request("OPTIONS", path, headers={"Origin": origin, "Access-Control-Request-Method": method})


def shown(reply: Reply) -> dict[str, str]:
    return {name: value for name, value in reply.headers.items() if name.startswith("access-control")}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/greet", 200),
        ("GET", "/nowhere", 404),
        ("DELETE", "/greet", 405),
        ("POST", "/join", 422),
        ("GET", "/docs", 200),
    ],
)
async def test_a_page_may_read_every_kind_of_answer(method: str, path: str, status: int) -> None:
    async with start(app(Cors(origins=(SHOP,)))) as service:
        body = {} if method == "POST" else None
        reply = await service.request(method, path, json=body, headers={"Origin": SHOP})
    assert reply.status == status
    assert shown(reply)["access-control-allow-origin"] == SHOP
    assert "retry-after" in shown(reply)["access-control-expose-headers"]
    assert reply.headers["vary"] == "Origin"


async def test_a_page_may_read_that_it_asks_too_often() -> None:
    async with start(app(Cors(origins=(SHOP,)), Rates(per_address=rate(1, 60)))) as service:
        await service.get("/greet")
        reply = await service.get("/greet", headers={"Origin": SHOP})
    assert (reply.status, shown(reply)["access-control-allow-origin"]) == (429, SHOP)


@pytest.mark.parametrize("origin", STRANGERS)
async def test_a_stranger_gets_no_word_but_caches_are_told(origin: str) -> None:
    async with start(app(Cors(origins=(SHOP,), credentials=True))) as service:
        for reply in (
            await service.get("/greet", headers={"Origin": origin}),
            await preflight(service, "/join", origin),
        ):
            assert shown(reply) == {}
            assert reply.headers["vary"] == "Origin"


async def test_without_an_origin_nothing_is_said_but_vary() -> None:
    async with start(app(Cors(origins=(SHOP,)))) as service:
        reply = await service.get("/greet")
    assert shown(reply) == {}
    assert reply.headers["vary"] == "Origin"


async def test_a_browser_that_asks_first_hears_what_the_path_has() -> None:
    async with start(app(Cors(origins=(SHOP,), max_age_s=5, headers=("Authorization", "X-Own")))) as service:
        reply = await preflight(service, "/join")
    assert reply.status == 204
    assert shown(reply) == {
        "access-control-allow-origin": SHOP,
        "access-control-allow-methods": "POST",
        "access-control-allow-headers": "authorization, x-own",
        "access-control-max-age": "5",
    }


async def test_a_method_that_is_not_listed_is_not_allowed() -> None:
    async with start(app(Cors(origins=(SHOP,), methods=("GET",)))) as service:
        assert shown(await preflight(service, "/join"))["access-control-allow-methods"] == ""
        assert shown(await preflight(service, "/greet"))["access-control-allow-methods"] == "GET"


async def test_asking_first_about_what_is_not_there_is_404() -> None:
    async with start(app(Cors(origins=(SHOP,)))) as service:
        reply = await preflight(service, "/nowhere")
    assert reply.status == 404
    assert "access-control-allow-methods" not in shown(reply)


async def test_options_without_a_question_is_answered_as_ever() -> None:
    async with start(app(Cors(origins=(SHOP,)))) as service:
        reply = await service.request("OPTIONS", "/greet", headers={"Origin": SHOP})
    assert (reply.status, reply.headers["allow"]) == (204, "GET, HEAD, OPTIONS")
    assert "access-control-allow-methods" not in shown(reply)


async def test_credentials_come_with_the_origins_name() -> None:
    async with start(app(Cors(origins=(SHOP,), credentials=True))) as service:
        for reply in (await service.get("/greet", headers={"Origin": SHOP}), await preflight(service, "/join")):
            assert shown(reply)["access-control-allow-credentials"] == "true"
            assert shown(reply)["access-control-allow-origin"] == SHOP


async def test_every_page_means_every_page_and_needs_no_vary() -> None:
    async with start(app(Cors(origins=("*",)))) as service:
        reply = await service.get("/greet", headers={"Origin": "null"})
    assert shown(reply)["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in shown(reply)
    assert "vary" not in reply.headers


async def test_pages_without_an_origin_have_to_be_named() -> None:
    async with start(app(Cors(origins=("null", SHOP)))) as service:
        reply = await service.get("/greet", headers={"Origin": "null"})
    assert shown(reply)["access-control-allow-origin"] == "null"


async def test_no_origin_that_anybody_can_think_of_gets_through() -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    chance = random.Random(seed)
    async with start(app(Cors(origins=(SHOP, "http://localhost:3000")))) as service:
        for _ in range(300):
            letters = list(chance.choice((SHOP, "http://localhost:3000")))
            for _ in range(chance.randint(1, 3)):
                at = chance.randrange(len(letters))
                letters[at] = chance.choice(("", letters[at].upper(), "\xe9", " ", "\t", "%", ".", "a", "@evil"))
            origin = "".join(letters)
            reply = await service.get("/greet", headers={"Origin": origin})
            allowed = shown(reply).get("access-control-allow-origin")
            assert allowed is None or origin in (SHOP, "http://localhost:3000"), origin


@pytest.mark.parametrize(
    "options",
    [
        {"origins": ()},
        {"origins": SHOP},
        {"origins": ("*",), "credentials": True},
        {"origins": ("null",), "credentials": True},
        {"origins": ("https://shop.example.org/",)},
        {"origins": ("https://shop.example.org/path",)},
        {"origins": ("https://Shop.example.org",)},
        {"origins": ("https://*.example.org",)},
        {"origins": ("shop.example.org",)},
        {"origins": ("https://shop.example.org:443",)},
        {"origins": ("http://shop.example.org:80",)},
        {"origins": ("https://shop.example.org\r\nx: y",)},
        {"origins": (SHOP,), "headers": ("*",)},
        {"origins": (SHOP,), "headers": ("a\r\nb",)},
        {"origins": (SHOP,), "expose": ("a, b",)},
        {"origins": (SHOP,), "methods": ("GET POST",)},
        {"origins": (SHOP,), "max_age_s": -1},
    ],
)
def test_what_would_not_work_or_not_be_safe_is_refused_where_it_is_written(options: dict[str, object]) -> None:
    with pytest.raises(KrepisError):
        Cors(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([], [(b"vary", b"Origin")]),
        ([(b"vary", b"Accept")], [(b"vary", b"Accept, Origin")]),
        ([(b"vary", b"accept, origin")], [(b"vary", b"accept, origin")]),
        ([(b"vary", b"*")], [(b"vary", b"*")]),
    ],
)
def test_vary_keeps_what_is_there(before: list[tuple[bytes, bytes]], after: list[tuple[bytes, bytes]]) -> None:
    vary(before, b"Origin")
    assert before == after


async def test_cors_stands_outside_of_what_refuses() -> None:
    with pytest.raises(KrepisError, match="`Cors` stands after `Concurrency`"):
        async with start(app(Concurrency(), Cors(origins=("*",)))):
            pass
