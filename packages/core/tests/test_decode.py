"""Messages out of bytes and texts: what is taken, and what a caller hears when it is not."""

from __future__ import annotations

from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Annotated, Any

import _schemas as made
import msgspec
import pytest

from krepis.errors import Invalid, Malformed
from krepis.message import Command, Event, Query, Value
from krepis.schema.check import ERRORS_MAX
from krepis.schema.decode import Decoder
from krepis.schema.jsontext import DEPTH_MAX
from krepis.types import Secret, between, decimals, length, secret_length


class Line(Value):
    isbn: Annotated[str, length(10, 13)]
    count: Annotated[int, between(1, 99)] = 1


class Order(Command[None]):
    lines: Annotated[list[Line], length(1, 3)]
    note: str | None = None
    due: datetime | None = None
    discount: Annotated[Decimal, decimals(2), between(Decimal(0), Decimal(50))] = Decimal(0)


class Noted(Event):
    name: str
    extra: Any = None


class Search(Query[None]):
    words: list[str] = []
    most: int | None = None
    exact: bool = False
    since: datetime | None = None
    price: Decimal | None = None
    share: float = 0.5


ORDER, SEARCH, NOTED = Decoder(Order), Decoder(Search), Decoder(Noted)


def failing(decoder: Decoder[Any], body: str | bytes) -> dict[str, str]:
    """Path and code of every failing field."""
    with pytest.raises(Invalid) as refusal:
        decoder.decode(body.encode() if isinstance(body, str) else body)
    return {".".join(map(str, error.path)): error.code for error in refusal.value.errors}


def failing_texts(source: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(Invalid) as refusal:
        SEARCH.convert(source)
    return {".".join(map(str, error.path)): error.code for error in refusal.value.errors}


def malformed(body: bytes, decoder: Decoder[Any] = ORDER) -> Malformed:
    with pytest.raises(Malformed) as refusal:
        decoder.decode(body)
    return refusal.value


def test_what_fits_becomes_a_message() -> None:
    order = ORDER.decode(b'{"lines": [{"isbn": "9783161484"}], "discount": "1.50", "due": "2026-05-31T10:00:00Z"}')
    assert order == Order(
        lines=[Line(isbn="9783161484")], discount=Decimal("1.50"), due=datetime(2026, 5, 31, 10, tzinfo=UTC)
    )


def test_every_failing_field_is_told_at_once() -> None:
    body = '{"lines": [{"isbn": "1", "count": 100}, {"count": "1"}, 5], "note": 3, "discount": "50.01", "x": 1}'
    assert failing(ORDER, body) == {
        "lines.0.isbn": "length",
        "lines.0.count": "range",
        "lines.1.isbn": "missing",
        "lines.1.count": "type",
        "lines.2": "type",
        "note": "type",
        "discount": "range",
        "x": "unknown",
    }


def test_sentences_show_the_value_and_what_was_expected() -> None:
    with pytest.raises(Invalid) as refusal:
        ORDER.decode(b'{"lines": [{"isbn": "9783161484", "cuont": 2}], "discount": 9.5, "note": ["a"]}')
    assert [error.message for error in refusal.value.errors] == [
        "is not known here; did you mean `count`?",
        'the number `9.5` was given, a decimal in quotes like `"9.99"` was expected',
        "an array was given, text or null was expected",
    ]


def test_long_and_strange_values_are_shown_short_and_escaped() -> None:
    with pytest.raises(Invalid) as refusal:
        ORDER.decode(b'{"lines": [], "due": "\\u001b[31m`' + b"x" * 100 + b'"}')
    error = list(refusal.value.errors)[1]
    assert error.message.startswith("`\\x1b[31m'xxx")
    assert len(error.message) < 120


class Login(Command[None]):
    password: Annotated[Secret, secret_length(12, 128)]
    pin: Secret | None = None


@pytest.mark.parametrize(
    "body", ['{"password": "hunter2"}', '{"password": "hunter2hunter2", "pin": 7253}', '{"password": ["hunter2"]}']
)
def test_a_secret_is_never_shown(body: str) -> None:
    with pytest.raises(Invalid) as refusal:
        Decoder(Login).decode(body.encode())
    assert "hunter2" not in str(refusal.value.errors)
    assert "7253" not in str(refusal.value.errors)
    assert refusal.value.__cause__ is None


@pytest.mark.parametrize("given", ["1", "1.5", "true", "null", '"a"', "[]", "{}", '[{"lines": []}]'])
@pytest.mark.parametrize(
    "frame",
    ["{}", '{{"lines": {}}}', '{{"lines": [{}]}}', '{{"lines": [{{"isbn": {}}}]}}', '{{"lines": [], "due": {}}}'],
)
def test_wrong_types_at_every_position_are_told(frame: str, given: str) -> None:
    assert failing(ORDER, frame.format(given))


@pytest.mark.parametrize(
    ("body", "line", "column", "byte", "expected"),
    [
        (b"", 1, 1, 0, "empty"),
        (b" \n\t", 1, 1, 0, "empty"),
        (b"\xef\xbb\xbf{}", 1, 1, 0, "byte order mark"),
        (b'{"a": \xff}', 1, 7, 6, "not UTF-8"),
        (b'{"\xc3\xa9": \xc3}', 1, 7, 7, "not UTF-8"),
        (b'{"a":\n  nope}', 2, 3, 8, "a value was expected"),
        (b'{"a" 1}', 1, 6, 5, "a `:` was expected"),
        (b'{"a": 1 "b": 2}', 1, 9, 8, "a `,` or the end"),
        (b"{a: 1}", 1, 2, 1, "a key in double quotes"),
        (b'{"a": "x', 1, 7, 6, "has no end"),
        (b'{"a": "\x01"}', 1, 8, 7, "control character"),
        (b'{"a": "\\x"}', 1, 8, 7, "escape that JSON knows"),
        (b'{"a": NaN}', 1, 7, 6, "`NaN` is not a JSON number"),
        (b'{"a": "NaN", "b": -Infinity}', 1, 19, 18, "`-Infinity` is not a JSON number"),
        (b'{"lines": []} x', 1, 15, 14, "should end here"),
        (b'{"a": "\\ud800"}', 1, 8, 7, "surrogate pair stands alone"),
        (b'{"a": 01}', 1, 8, 7, "a `,` or the end"),
    ],
)
def test_broken_json_is_told_with_its_place(body: bytes, line: int, column: int, byte: int, expected: str) -> None:
    refusal = malformed(body)
    assert refusal.facts == {"line": line, "column": column, "byte": byte}
    assert expected in refusal.sentence


def nested(depth: int) -> bytes:
    return b'{"name": "a", "extra": ' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


def test_nesting_ends_at_the_limit() -> None:
    assert NOTED.decode(nested(DEPTH_MAX)).name == "a"
    assert malformed(nested(DEPTH_MAX + 1), NOTED).facts == {"limit": DEPTH_MAX}


def test_nesting_in_a_part_that_is_skipped_ends_there_too() -> None:
    assert malformed(nested(DEPTH_MAX + 1).replace(b"extra", b"other"), NOTED).facts == {"limit": DEPTH_MAX}


@pytest.mark.parametrize("depth", [DEPTH_MAX + 1, 1_000, 100_000])
def test_deep_nesting_is_refused_for_every_type(depth: int) -> None:
    assert malformed(b'{"lines": ' + b"[" * depth).facts == {"limit": DEPTH_MAX}


def test_brackets_within_texts_do_not_count() -> None:
    assert NOTED.decode(b'{"name": "' + b'[{\\"' * 200 + b'"}').name == '[{"' * 200


def test_invalid_utf8_in_a_part_that_is_skipped_is_refused() -> None:
    assert malformed(b'{"name": "a", "other": "\xff"}', NOTED).facts["byte"] == 24


class Whole(Value):
    n: int
    m: Annotated[int, between(5, None)] = 5


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63)])
def test_whole_numbers_have_64_bits(number: int) -> None:
    assert Decoder(Whole).decode(b'{"n": %d}' % number).n == number


@pytest.mark.parametrize("digits", ["9223372036854775808", "-9223372036854775809", "9" * 30, "9" * 5000])
def test_whole_numbers_of_more_bits_are_refused(digits: str) -> None:
    assert failing(Decoder(Whole), f'{{"n": {digits}, "m": {digits}}}') == {"n": "range", "m": "range"}


def test_the_last_of_duplicate_keys_is_taken() -> None:
    assert Decoder(Whole).decode(b'{"n": 1, "n": 2}').n == 2


def test_all_of_duplicate_keys_must_have_the_type() -> None:
    assert failing(Decoder(Whole), '{"n": "1", "n": 2}') == {"n": "type"}


@pytest.mark.parametrize(
    "where",
    ['{"name": "a\\u0000"}', '{"name": "a", "extra": {"x": ["\\u0000"]}}', '{"name": "a", "extra": {"\\u0000": 1}}'],
)
def test_nul_in_text_is_refused(where: str) -> None:
    assert list(failing(NOTED, where).values()) == ["nul"]


def test_an_escaped_backslash_before_u0000_is_no_nul() -> None:
    assert NOTED.decode(rb'{"name": "\\u0000"}').name == r"\u0000"


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1e5", " 1", "1_0", "\uff11", "", "1.234", "-1", "9" * 40])
def test_decimals_have_one_form(text: str) -> None:
    assert "discount" in failing(ORDER, f'{{"lines": [], "discount": "{text}"}}')


@pytest.mark.parametrize(("price", "fits"), [("2", True), ("2.5", False)])
def test_decimals_in_a_type_within_itself(price: str, fits: bool) -> None:
    body = f'{{"price": "1", "parts": [{{"price": {price!r}}}]}}'.replace("'", '"').replace('"2.5"', "2.5")
    decoder = Decoder(made.Priced)
    assert decoder.decode(body.encode()).parts[0].price == 2 if fits else failing(decoder, body)


def test_instants_need_an_offset_and_times_have_none() -> None:
    kind = msgspec.defstruct("Times", [("at", datetime), ("opens", time)])
    assert failing(Decoder(kind), '{"at": "2026-05-31T10:00:00", "opens": "10:00:00Z"}') == {
        "at": "format",
        "opens": "format",
    }


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ("{}", {"type": "missing"}),
        ('{"type": "Cheque"}', {"type": "tag"}),
        ('{"type": 1}', {"type": "tag"}),
        ('{"type": "cash", "amount": "x", "number": "1"}', {"amount": "type", "number": "unknown"}),
        ('{"type": "cash", "amount": 1, "type": "Card"}', {"type": "tag"}),
    ],
)
def test_tagged_values(body: str, errors: dict[str, str]) -> None:
    assert failing(Decoder(made.Card | made.Cash), body) == errors


def test_the_list_of_errors_has_an_end() -> None:
    body = '{"lines": [' + ",".join(["1"] * (ERRORS_MAX + 50)) + "]}"
    with pytest.raises(Invalid) as refusal:
        ORDER.decode(body.encode())
    assert len(refusal.value.errors) == ERRORS_MAX


def test_texts_become_values() -> None:
    source: dict[str, Any] = {"words": ["a", "b"], "most": "5", "exact": "true", "price": "9.99", "share": "1e-2"}
    assert SEARCH.convert(source) == Search(words=["a", "b"], most=5, exact=True, price=Decimal("9.99"), share=0.01)


def test_one_text_is_a_list_of_one() -> None:
    assert SEARCH.convert({"words": "a"}).words == ["a"]


def test_null_is_nothing_where_nothing_is_allowed() -> None:
    assert SEARCH.convert({"most": "null"}).most is None


@pytest.mark.parametrize(
    ("source", "errors"),
    [
        ({"most": "x"}, {"most": "format"}),
        ({"most": ["1", "2"]}, {"most": "type"}),
        ({"most": "9" * 20}, {"most": "range"}),
        ({"exact": "yes"}, {"exact": "format"}),
        ({"since": "1700000000"}, {"since": "format"}),
        ({"since": "2026-05-31T10:00:00"}, {"since": "format"}),
        ({"price": " 1_0"}, {"price": "format"}),
        ({"share": "nan"}, {"share": "format"}),
        ({"share": "1e999"}, {"share": "format"}),
        ({"words": ["a\0", "\ud800"]}, {"words.0": "nul", "words.1": "text"}),
        ({"wrods": "a", "most": ""}, {"wrods": "unknown", "most": "format"}),
    ],
)
def test_texts_that_do_not_fit(source: dict[str, Any], errors: dict[str, str]) -> None:
    assert failing_texts(source) == errors


def test_a_lenient_message_ignores_strange_texts_that_it_does_not_know() -> None:
    assert NOTED.convert({"name": "a", "other": "\ud800"}) == Noted(name="a")


def test_named_texts_can_only_become_objects() -> None:
    with pytest.raises(Invalid):
        Decoder(list[int]).convert({"a": "1"})
