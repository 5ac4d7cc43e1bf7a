"""Text that is made to break out of where it stands: it is stored and found as data, or refused."""

from __future__ import annotations

import http.client
import json
import string
from base64 import urlsafe_b64encode
from random import Random
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from faults.shop import LONG, Shop, an_order, drawn, encoded, refused

DRAWN = 300 if LONG else 12
NASTY = [
    "'; DROP TABLE orders; --",
    "' OR '1'='1",
    '" OR ""="',
    "1; UPDATE products SET stock = -1",
    "$1 ? :customer %(customer)s {customer} $$",
    "% _ \\ \\' \\\\",
    "/* x */ -- # \x1a",
    "../../../etc/passwd",
    "..",
    "%2e%2e%2f%00%ZZ",
    "a/b?c=d&e=f#g;h",
    "a\r\nSet-Cookie: evil=1",
    '{"trace": "forged", "event": "refused"}\n{"trace": "forged"}',
    "<script>alert(1)</script>",
    "${jndi:ldap://x} {{7*7}} #{7*7}",
    "\u202eevil \u200b \ufeff \U0001f4a3 e\u0301",
    "\x01\x1b[31m\x7f\x85\u2028",
    "a" * 190,
    " leading and trailing ",
    "+ + %20",
]
META = "'\"`;-\\%_*?:$()[]{}<>=&|#/.,+~^!@ \t\r\n\x01\x7f" + string.ascii_letters + "äß€😀\u2028\u0301"


def nasty(seed: int) -> list[str]:
    """Half chosen, half drawn."""
    chance = Random(seed)
    return [*NASTY, *("".join(chance.choices(META, k=chance.randint(1, 60))) for _ in range(DRAWN))]


@drawn
def test_metacharacters_are_stored_and_found_as_data(shop: Shop, seed: int):
    for text in nasty(seed):
        order = an_order(text, "tea")
        order["lines"][0]["note"] = order["customer"] = text
        reply = shop.ask("POST", "/orders", encoded(order))
        assert reply.status == 201, (text, reply)
        assert reply.json["order"]["reference"] == text
        shown = shop.ask("GET", "/orders/" + quote(text, safe=""))
        assert (shown.status, shown.json) == (200, reply.json), text
        found = shop.ask("GET", "/orders?" + urlencode({"customer": text}))
        assert [order["reference"] for order in found.json] == [text]
        again = shop.ask("POST", "/orders", encoded(order))
        refused(shop, again, 409, "conflict")
    stored = {json.dumps(text) for text in shop.references()}
    assert stored >= {json.dumps(text) for text in nasty(seed)}


@drawn
def test_metacharacters_that_name_nothing_find_nothing(shop: Shop, seed: int):
    for text in nasty(seed):
        gone = shop.ask("GET", "/orders/" + quote(text + " not there", safe=""))
        assert refused(shop, gone, 404, "no_such_order")["facts"] == {"reference": text + " not there"}
        assert shop.ask("GET", "/orders?" + urlencode({"customer": text + " not there"})).json == []
        refused(shop, shop.ask("GET", "/products/" + quote(text, safe="")), 404, "no_such_product")
        refused(shop, shop.order("of nothing", text[:40]), 404, "no_such_product")


@drawn
def test_what_a_caller_writes_stays_on_one_line_of_the_log(shop: Shop, seed: int):
    for text in nasty(seed):
        reply = shop.ask("POST", "/orders", encoded(an_order(text, "tea") | {text: 1}))
        refused(shop, reply, 422, "invalid")
    lines = shop.served.log.splitlines()
    assert not any(line.startswith(("Set-Cookie", '{"trace"')) for line in lines)


@pytest.mark.parametrize("place", ["reference", "customer"])
def test_nul_in_a_body_is_refused(shop: Shop, place: str):
    for text in ("\0", "a\0", "a\0b'; --"):
        errors = refused(
            shop, shop.ask("POST", "/orders", encoded(an_order("nul", "tea") | {place: text})), 422, "invalid"
        )
        assert [(error["path"], error["code"]) for error in errors["errors"]] == [(f"/{place}", "nul")]


@pytest.mark.parametrize(
    ("path", "place"),
    [("/orders/a%00b", "path"), ("/orders?customer=%00", "query"), ("/products/%00", "path"), ("/burn/1%00", "path")],
)
def test_nul_in_a_path_or_query_is_refused(shop: Shop, path: str, place: str):
    errors = refused(shop, shop.ask("GET", path), 422, "invalid")["errors"]
    assert [error["in"] for error in errors] == [place]


@pytest.mark.parametrize(
    "path",
    [
        "/orders/%FF",
        "/orders/%C0%AF",
        "/orders/%ED%A0%80",
        "/orders?customer=%FF",
        "/orders?customer=%E2%82",
        "/orders?%FF=1",
        "/%FF",
    ],
)
def test_a_path_or_query_that_is_not_utf_8_is_400(shop: Shop, path: str):
    refused(shop, shop.ask("GET", path), 400, "malformed")


@pytest.mark.parametrize(
    "path", ["/burn/NaN", "/burn/inf", "/burn/1e999", "/burn/0x10", "/burn/" + "9" * 400, "/burn/1_0"]
)
def test_a_number_in_a_path_that_is_none_is_refused(shop: Shop, path: str):
    refused(shop, shop.ask("GET", path), 422, "invalid")


@pytest.mark.parametrize("value", ["none'; --", "NONE", "", "raise, hang", "\u00e9"])
def test_a_header_that_is_no_choice_is_refused(shop: Shop, value: str):
    reply = shop.order("header", "tea", x_fault=value)
    code = "malformed" if value == "\u00e9" else "invalid"
    refused(shop, reply, 400 if code == "malformed" else 422, code)


@pytest.mark.parametrize("query", ["customer=a&customer=b", "customer=a&customer="])
def test_a_field_that_is_given_twice_is_refused(shop: Shop, query: str):
    errors = refused(shop, shop.ask("GET", f"/orders?{query}"), 422, "invalid")["errors"]
    assert [(error["in"], error["code"]) for error in errors] == [("query", "repeated")]


def test_a_query_of_too_many_fields_is_400(shop: Shop):
    assert shop.ask("GET", "/orders?" + "&".join(f"x{n}=1" for n in range(256))).status == 200
    refused(shop, shop.ask("GET", "/orders?" + "&".join(f"x{n}=1" for n in range(257))), 400, "malformed")


def test_a_path_that_is_too_long_is_414(shop: Shop):
    refused(shop, shop.ask("GET", "/orders/" + "a" * 8_185), 414, "path_too_long")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/orders/a/b", 404, "no_such_path"),
        ("GET", "//orders", 404, "no_such_path"),
        ("GET", "/ORDERS", 404, "no_such_path"),
        ("GET", "/../../etc/passwd", 404, "no_such_path"),
        ("GET", "/%6frders/../x", 404, "no_such_path"),
        ("DELETE", "/orders", 405, "method_not_allowed"),
        ("TRACE", "/orders", 405, "method_not_allowed"),
    ],
)
def test_a_path_that_leads_nowhere_is_refused(shop: Shop, method: str, path: str, status: int, code: str):
    refused(shop, shop.ask(method, path), status, code)


@pytest.mark.parametrize(
    "traceparent", ["", "x", "00-" + "0" * 32 + "-00f067aa0ba902b7-01", "00-" + "g" * 32 + "-1-1", "\u00e9" * 99]
)
def test_a_trace_that_is_none_is_replaced(shop: Shop, traceparent: str):
    reply = shop.ask("GET", "/orders/none", traceparent=traceparent)
    trace = reply.json["trace"]
    assert len(trace) == 32
    assert set(trace) != {"0"}
    assert shop.served.wait_log(trace)


@pytest.mark.parametrize("wanted", ["-1", "nan", "inf", "1e9", "", "1.2.3", "\u00b2", "999999999999999999"])
def test_a_deadline_that_is_none_is_ignored(shop: Shop, wanted: str):
    assert shop.ask("GET", "/products/tea", request_timeout=wanted).status == 200


@drawn
def test_a_context_that_is_none_is_ignored(shop: Shop, seed: int):
    chance = Random(seed)
    for _ in range(40):
        packed = urlsafe_b64encode(chance.randbytes(chance.randint(0, 60))).decode()
        assert shop.ask("GET", "/products/tea", krepis_context=packed).status == 200, packed


@drawn
def test_headers_that_nobody_understands_are_no_bug(shop: Shop, seed: int):
    chance = Random(seed)
    names = ["accept", "baggage", "cookie", "if-match", "if-none-match", "krepis-context", "idempotency-key", "tracestate",
             "traceparent", "request-timeout", "content-type", "range", "expect-ct", "forwarded", "x-fault"]  # fmt: skip
    letters = [chr(code) for code in range(32, 256) if code != 127]
    for _ in range(60):
        headers: dict[str, Any] = {
            name: "".join(chance.choices(letters, k=chance.randint(0, 40))) for name in chance.sample(names, 4)
        }
        try:
            reply = shop.ask("GET", "/products/tea", **headers)
        except (http.client.HTTPException, ValueError):
            continue  # this client does not send it
        assert reply.status in {200, 406, 504}, headers
