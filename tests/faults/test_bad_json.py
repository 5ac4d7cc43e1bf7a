"""JSON that is broken, hostile or of the wrong type, at every position of a nested body: refused by path, nothing stored."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest

from faults.orders import BODY_BYTES_MAX
from faults.shop import LONG, Reply, Shop, an_order, drawn, encoded, refused

GOOD: dict[str, Any] = {
    "reference": "r",
    "customer": "Ada",
    "address": {"street": "1 Main St", "city": "London"},
    "lines": [{"sku": "tea", "quantity": 1, "note": "warm"}, {"sku": "cake", "quantity": 2, "note": None}],
    "gift": True,
    "discount": 0.5,
}
MUTATIONS = 3000 if LONG else 150
DEPTH_MAX = 64

Path = tuple[str | int, ...]

MALFORMED = {
    "spaces": b" \n\t",
    "half an object": b'{"reference": "r"',
    "half a text": b'{"reference": "r',
    "no quotes": b"{reference: 1}",
    "single quotes": b"{'reference': 1}",
    "a comma too many": b'{"reference": "r",}',
    "two documents": b"{}{}",
    "something after it": b'{"reference": "r"} x',
    "a comment": b"{/* */}",
    "a byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": "{}".encode("utf-16"),
    "a control character": b'{"reference": "a\x01b"}',
    "a raw NUL": b'{"reference": "a\x00b"}',
    "an escape that is none": rb'{"reference": "\x41"}',
    "half of a surrogate pair": rb'{"reference": "\ud800"}',
    "a surrogate pair the wrong way round": rb'{"reference": "\udc00\ud800"}',
    "bytes that are not UTF-8": b'{"reference": "\xff\xfe"}',
    "a letter in too many bytes": b'{"reference": "\xc0\xaf"}',
    "a surrogate in UTF-8": b'{"reference": "\xed\xa0\x80"}',
    "the end of a letter is missing": b'{"reference": "\xe2\x82"}',
    "NaN": b'{"discount": NaN}',
    "Infinity": b'{"discount": Infinity}',
    "-Infinity": b'{"discount": -Infinity}',
    "a leading zero": b'{"discount": 01}',
    "a plus sign": b'{"discount": +1}',
    "a hexadecimal number": b'{"discount": 0x10}',
    "a number without digits": b'{"discount": .5}',
    "Python": b"{'a': None}",
    "XML": b"<order/>",
    "a form": b"reference=r&customer=Ada",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_not_json_is_400_and_says_where(shop: Shop, name: str):
    document = refused(shop, shop.ask("POST", "/lines/count", MALFORMED[name]), 400, "malformed")
    assert set(document["facts"]) == {"line", "column", "byte"}
    refused(shop, shop.ask("POST", "/orders", MALFORMED[name]), 400, "malformed")


def test_no_body_at_all_lacks_every_field(shop: Shop):
    assert len(refused(shop, shop.ask("POST", "/lines/count", b""), 422, "invalid")["errors"]) == 1
    assert len(refused(shop, shop.ask("POST", "/orders", b""), 422, "invalid")["errors"]) == 4


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":[', b'{"lines":[', b'{"lines":[{"sku":[', b'{"extra":['])
@pytest.mark.parametrize("depth", [DEPTH_MAX + 1, 10_000])
def test_json_that_is_nested_too_deep_is_400(shop: Shop, opening: bytes, depth: int):
    bodies = [(opening * depth)[:60_000], closed(opening, depth)]
    for body in bodies:
        refused(shop, shop.ask("POST", "/lines/count", body), 400, "malformed")
        refused(shop, shop.ask("POST", "/orders", body), 400, "malformed")


def test_json_at_the_limit_of_depth_is_read(shop: Shop):
    inside = DEPTH_MAX - 1
    body = b'{"lines":[],"extra":' + b"[" * inside + b"]" * inside + b"}"
    assert shop.ask("POST", "/lines/count", body).json == {"count": 0}
    one_more = b'{"lines":[],"extra":' + b"[" * DEPTH_MAX + b"]" * DEPTH_MAX + b"}"
    refused(shop, shop.ask("POST", "/lines/count", one_more), 400, "malformed")


def test_a_body_at_the_limit_of_size_is_read_and_one_byte_more_is_413(shop: Shop):
    whole = encoded(GOOD | {"reference": "exactly"})
    fits = whole + b" " * (BODY_BYTES_MAX - len(whole))
    assert shop.ask("POST", "/orders", fits).status == 201
    document = refused(shop, shop.ask("POST", "/orders", fits + b" "), 413, "too_large")
    assert document["facts"] == {"bytes_max": BODY_BYTES_MAX}


@pytest.mark.parametrize("chunked", [False, True])
def test_a_caller_who_sends_all_of_a_body_that_is_far_too_large_reads_the_413(shop: Shop, chunked: bool):
    """A connection that is closed while its caller still sends is reset, and the answer is lost."""
    trace = "4bf92f3577b34da6a3ce929d0e0e4704"
    connection = http.client.HTTPConnection("127.0.0.1", shop.served.port, timeout=20)
    headers = {"content-type": "application/json", "traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    body = b" " * 5_000_000
    try:
        connection.request("POST", "/orders", [body] if chunked else body, headers, encode_chunked=chunked)
        reply = connection.getresponse()
        refused(shop, Reply(reply.status, dict(reply.getheaders()), reply.read(), trace), 413, "too_large")
    finally:
        connection.close()


def test_a_thousand_failing_fields_are_listed_up_to_a_hundred(shop: Shop):
    lines = [{"sku": 5}] * 1000
    document = refused(shop, shop.ask("POST", "/orders", encoded(GOOD | {"lines": lines})), 422, "invalid")
    assert len(document["errors"]) == 100
    assert len(encoded(document)) < 30_000


def test_huge_texts_and_numbers_are_not_repeated_to_their_caller(shop: Shop):
    for field, value in {"customer": "x" * 60_000, "discount": 10**4000, "lines": ["y" * 60_000]}.items():
        reply = shop.ask("POST", "/orders", encoded(GOOD | {field: value}))
        refused(shop, reply, 422, "invalid")
        assert len(reply.body) < 2000


def test_a_thousand_unknown_fields_are_refused(shop: Shop):
    document = refused(
        shop, shop.ask("POST", "/orders", encoded(GOOD | {f"x{n}": n for n in range(1000)})), 422, "invalid"
    )
    assert {error["code"] for error in document["errors"]} == {"unknown"}


def test_of_duplicate_keys_the_last_counts(shop: Shop):
    body = encoded(GOOD | {"reference": "twice"}).replace(b'"customer": "Ada"', b'"customer": "Eve", "customer": "Ada"')
    assert shop.ask("POST", "/orders", body).json["order"]["customer"] == "Ada"


def test_of_duplicate_keys_each_must_have_the_right_type(shop: Shop):
    for first, last in ((b"5", b'"Ada"'), (b'"Ada"', b"5")):
        body = encoded(GOOD).replace(b'"customer": "Ada"', b'"customer": %s, "customer": %s' % (first, last))
        document = refused(shop, shop.ask("POST", "/orders", body), 422, "invalid")
        assert [error["path"] for error in document["errors"]] == ["/customer"]


WRONG: dict[str, list[Any]] = {
    "text": [None, True, 0, -1.5, 10**30, [], ["a"], {}, {"a": 1}],
    "text or null": [True, 0, -1.5, 10**30, [], {}],
    "int": [None, True, "1", 1.5, 1e300, 2**63, -(2**63) - 1, 10**30, 10**4000, [], [1], {}],
    "float": [None, False, "0.5", 2, -1, 10**30, 10**400, [], {}],
    "bool": [None, 0, 1, "true", "", [], {}],
    "array": [None, True, 0, "tea", {}, {"0": {}}],
    "object": [None, True, 0, 1.5, "tea", [], [{}]],
}
TEXTS = ["", "a\0b", "\0", "x" * 3000]
"""Wrong for every text: each has at least one character, none has NUL, none so many."""


def kind_at(path: Path) -> str:
    name = path[-1] if path else ""
    if name == "note":
        return "text or null"
    value = value_at(GOOD, path)
    kinds: dict[type, str] = {str: "text", bool: "bool", int: "int", float: "float", list: "array", dict: "object"}
    return kinds[type(value)]


def positions(value: Any, path: Path = ()) -> Iterator[Path]:
    """Every position of a value, itself included."""
    yield path
    inside: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        inside = list(value.items())
    elif isinstance(value, list):
        inside = list(enumerate(value))
    for name, part in inside:
        yield from positions(part, (*path, name))


def value_at(value: Any, path: Path) -> Any:
    for part in path:
        value = value[part]
    return value


def with_value(path: Path, wrong: Any) -> Any:
    """The good body with one value replaced."""
    if not path:
        return wrong
    body = json.loads(encoded(GOOD))
    value_at(body, path[:-1])[path[-1]] = wrong
    return body


def pointer(path: Path) -> str:
    return "".join(f"/{part}" for part in path)


POSITIONS = list(positions(GOOD))


@pytest.mark.parametrize("path", POSITIONS, ids=lambda path: pointer(path) or "/")
def test_a_wrong_value_is_refused_by_its_path(shop: Shop, path: Path):
    kind = kind_at(path)
    for wrong in [*WRONG[kind], *(TEXTS if kind.startswith("text") else [])]:
        reply = shop.ask("POST", "/orders", encoded(with_value(path, wrong)))
        document = refused(shop, reply, 422, "invalid")
        assert all(error["path"].startswith(pointer(path)) for error in document["errors"]), (wrong, document)


@pytest.mark.parametrize("path", POSITIONS[1:], ids=pointer)
@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity", "1e", "undefined", '"\\ud800"'])
def test_no_position_takes_what_is_no_json(shop: Shop, path: Path, word: str):
    body = encoded(with_value(path, "@@")).replace(b'"@@"', word.encode())
    refused(shop, shop.ask("POST", "/orders", body), 400, "malformed")


@pytest.mark.parametrize("path", [path for path in POSITIONS if kind_at(path) in {"int", "float"}], ids=pointer)
@pytest.mark.parametrize(
    "number", ["9" * 5000, "-" + "9" * 60_000, "1e999", "1e99999999999", "0." + "9" * 5000 + "e400"]
)
def test_a_number_without_end_is_refused_by_its_path(shop: Shop, path: Path, number: str):
    body = encoded(with_value(path, "@@")).replace(b'"@@"', number.encode())
    document = refused(shop, shop.ask("POST", "/orders", body), 422, "invalid")
    assert [error["path"] for error in document["errors"]] == [pointer(path)]


@pytest.mark.parametrize("path", [path for path in POSITIONS if isinstance(path[-1:] and path[-1], str)], ids=pointer)
def test_a_field_that_is_left_out_is_missing_unless_it_has_a_default(shop: Shop, path: Path):
    body = with_value(path, None)
    del value_at(body, path[:-1])[path[-1]]
    body["reference"] = body.get("reference") and f"without {pointer(path)}"
    if body["reference"] is None:
        del body["reference"]
    reply = shop.ask("POST", "/orders", encoded(body))
    if path[-1] in {"gift", "discount", "note"}:
        assert reply.status == 201
    else:
        errors = refused(shop, reply, 422, "invalid")["errors"]
        assert [(error["path"], error["code"]) for error in errors] == [(pointer(path), "missing")]


@drawn
def test_every_wrong_position_of_a_body_is_listed_at_once(shop: Shop, seed: int):
    chance = Random(seed)
    leaves = [path for path in POSITIONS if kind_at(path) not in {"array", "object"}]
    for _ in range(20):
        chosen = chance.sample(leaves, chance.randint(2, len(leaves)))
        body: Any = json.loads(encoded(GOOD))
        for path in chosen:
            value_at(body, path[:-1])[path[-1]] = chance.choice(WRONG[kind_at(path)])
        errors = refused(shop, shop.ask("POST", "/orders", encoded(body)), 422, "invalid")["errors"]
        assert {error["path"] for error in errors} == {pointer(path) for path in chosen}, body


def cut(chance: Random, body: bytearray) -> None:
    at = chance.randrange(len(body))
    del body[at : at + chance.randint(1, 20)]


def flip(chance: Random, body: bytearray) -> None:
    body[chance.randrange(len(body))] ^= 1 << chance.randrange(8)


def insert(chance: Random, body: bytearray) -> None:
    at = chance.randrange(len(body))
    body[at:at] = chance.choice(
        [b"\0", b'"', b"{", b"}", b"[", b",", b":", b"\\", b"\\u0000", b"\xff", b"9" * 400, b"-"]
    )


def repeat(chance: Random, body: bytearray) -> None:
    at = chance.randrange(len(body))
    body[at:at] = body[at : at + chance.randint(1, 40)] * chance.randint(1, 50)


MUTATORS: list[Callable[[Random, bytearray], None]] = [cut, flip, insert, repeat]


@drawn
def test_no_mutation_of_a_good_body_is_a_bug(shop: Shop, seed: int):
    chance = Random(seed)
    for number in range(MUTATIONS):
        body = bytearray(encoded(GOOD | {"reference": f"mutation {seed} {number}"}))
        for _ in range(chance.randint(1, 3)):
            chance.choice(MUTATORS)(chance, body)
        reply = shop.ask("POST", "/orders", bytes(body))
        if reply.status != 201:
            code = {400: "malformed", 422: "invalid", 413: "too_large", 409: "conflict", 404: "no_such_product"}
            refused(shop, reply, reply.status, code.get(reply.status, "?"))


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1", ""]
)
def test_a_body_of_another_type_is_415(shop: Shop, media_type: str):
    reply = shop.ask("POST", "/orders", encoded(an_order("typed", "tea")), content_type=media_type)
    refused(shop, reply, 415, "unsupported_media_type")


def closed(opening: bytes, depth: int) -> bytes:
    """`opening` again and again, and every bracket closed, within the limit of size."""
    depth = min(depth, 20_000 // len(opening))
    ends = {b"[": b"]", b"{": b"}"}
    closing = b"".join(ends[bytes([letter])] for letter in reversed(opening) if bytes([letter]) in ends)
    return opening * depth + b"1" + closing * depth
