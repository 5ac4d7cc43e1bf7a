"""The field types: what they take, what they refuse, and what they never show."""

from __future__ import annotations

import copy
import json
import logging
import pickle
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krepis.errors import Invalid, KrepisError
from krepis.message import Value
from krepis.schema.decode import Decoder
from krepis.schema.encode import UnencodableError, encode
from krepis.types import (
    ABSENT,
    Absent,
    CurrenciesMixedError,
    Cursor,
    Email,
    InexactMoneyError,
    Money,
    Offset,
    Page,
    Secret,
    Slug,
    Url,
    between,
    decimals,
    length,
    matches,
    paged,
)
from krepis.types.pattern import excludes_nul, portable, python_form


def takes(kind: Any, text: str) -> bool:
    try:
        Decoder(list[kind]).decode(json.dumps([text]).encode())
    except Invalid:
        return False
    return True


@pytest.mark.parametrize(
    "text", ["a@b.co", "first.last+tag@sub.example.org", "o'neill@example.com", "x@" + "a" * 63 + ".de"]
)
def test_mail_addresses_are_taken(text: str) -> None:
    assert takes(Email, text)


@pytest.mark.parametrize(
    "text", ["", "a", "a@b", "@b.co", "a@-b.co", "a@b..co", "a b@c.de", "a@b.co\n", "a@b.co\0", "é@b.co"]
)
def test_what_is_no_mail_address_is_refused(text: str) -> None:
    assert not takes(Email, text)


def test_a_mail_address_has_at_most_254_characters() -> None:
    domain = ".".join(["a" * 63] * 3)
    assert takes(Email, "x" * (254 - len(domain) - 5) + "@" + domain + ".abc")
    assert not takes(Email, "x" * (255 - len(domain) - 5) + "@" + domain + ".abc")


@pytest.mark.parametrize(
    "text", ["http://a", "https://example.org:8080/a/b?c=d&e#f", "https://[::1]/", "https://a.b/%20"]
)
def test_web_addresses_are_taken(text: str) -> None:
    assert takes(Url, text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.org",
        "ftp://a",
        "javascript:alert(1)",
        "https://user:pw@a",
        "https://",
        "https://a b",
        "https://a\n",
    ],
)
def test_what_is_no_web_address_is_refused(text: str) -> None:
    assert not takes(Url, text)


@pytest.mark.parametrize(
    ("text", "fits"), [("a", True), ("war-and-peace-2", True), ("-a", False), ("a--b", False), ("A", False)]
)
def test_slugs(text: str, fits: bool) -> None:
    assert takes(Slug, text) is fits


def test_a_pattern_is_asked_of_the_whole_text() -> None:
    kind = Annotated[str, matches(r"\d+|x")]
    assert [takes(kind, text) for text in ("12", "x", "12a", "12\n", "٣", "xx", "")] == [True, True] + [False] * 5


def test_a_plain_pattern_means_what_openapi_shows() -> None:
    from msgspec import Meta

    kind = Annotated[str, Meta(pattern=r"^\w$")]
    assert [takes(kind, text) for text in ("a", "a\n", "é")] == [True, False, False]


@pytest.mark.parametrize("source", [r"(a+)+", r"(a|a)*b", r"(\w+\s?)*", r"(x+x+)+y", r"(a*)*", r"(?:a?b?)*$"])
def test_patterns_that_can_explode_are_refused(source: str) -> None:
    with pytest.raises(KrepisError, match="exponentially"):
        matches(source)


@pytest.mark.parametrize("source", [r"(?=a)", r"(a)\1", r"\bfoo", r"(?i)a", r"\p{L}", r"a**", "[", "(", "a)", r"[z-a]"])
def test_patterns_without_a_common_meaning_are_refused(source: str) -> None:
    with pytest.raises(KrepisError):
        matches(source)


@given(st.text(alphabet="ab1\n.-", max_size=6))
def test_a_pattern_reads_the_same_after_its_way_through_the_tree(text: str) -> None:
    both = portable(r"[ab]+(?:-[ab.]+)*|\d?.", whole=True)
    assert bool(python_form(both.ecma).search(text)) == bool(python_form(both.python.replace(r"\Z", "$")).search(text))


def test_which_patterns_refuse_nul() -> None:
    assert [excludes_nul(pattern) for pattern in ("^[a-z]+$", "^a|b$", "^(?:a|b)$", "^[^x]$", "a")] == [
        True,
        False,
        True,
        False,
        False,
    ]


def test_money_is_exact() -> None:
    assert Money.of("9.99", "EUR") * 3 - Money.of("0.01", "EUR") == Money.of("29.96", "EUR")


def test_money_compares_within_a_currency() -> None:
    assert Money.of(1, "EUR") < Money.of("1.01", "EUR") <= Money.of("1.010", "EUR")


@pytest.mark.parametrize("mix", ["__add__", "__sub__", "__lt__", "__ge__"])
def test_money_of_two_currencies_does_not_mix(mix: str) -> None:
    with pytest.raises(CurrenciesMixedError, match="`1 EUR` and `1 USD`"):
        getattr(Money.of(1, "EUR"), mix)(Money.of(1, "USD"))


@pytest.mark.parametrize("amount", [0.1, True, "x", "NaN", "Infinity"])
def test_what_is_no_exact_amount_is_refused(amount: Any) -> None:
    with pytest.raises(KrepisError):
        Money.of(amount, "EUR")


def test_money_rounds_only_when_asked() -> None:
    assert (Money.of("0.125", "EUR")).rounded() == Money.of("0.12", "EUR")
    assert (Money.of("0.125", "EUR")).rounded(2, ROUND_HALF_UP) == Money.of("0.13", "EUR")


def test_money_never_loses_digits_silently() -> None:
    with pytest.raises(InexactMoneyError):
        assert Money.of("1e100", "EUR") + Money.of("1e-100", "EUR")


@given(
    st.decimals(allow_nan=False, allow_infinity=False, places=4),
    st.decimals(allow_nan=False, allow_infinity=False, places=4),
)
def test_adding_and_taking_away_gives_the_same_money(left: Decimal, right: Decimal) -> None:
    one, other = Money(amount=left, currency="EUR"), Money(amount=right, currency="EUR")
    assert one + other - other == one


@pytest.mark.parametrize(
    "show", [str, repr, "{}".format, "{:>20}".format, lambda s: f"{s!r} {[s]}", lambda s: "".join(("", str(s)))]
)
def test_a_secret_never_prints(show: Any) -> None:
    assert "hunter2" not in show(Secret("hunter2"))
    assert "***" in show(Secret("hunter2"))


def test_a_secret_is_not_pickled_logged_or_encoded(caplog: pytest.LogCaptureFixture) -> None:
    secret = Secret("hunter2")
    logging.getLogger("test").warning("it is %s", secret)
    assert "hunter2" not in caplog.text
    assert b"hunter2" not in pickle.dumps(secret)
    with pytest.raises(UnencodableError):
        encode({"password": secret})
    with pytest.raises(TypeError):
        json.dumps(secret)


def test_a_secret_shows_itself_on_demand_and_survives_copying() -> None:
    assert copy.deepcopy([Secret("hunter2")])[0].reveal() == "hunter2"


def test_secrets_compare_by_their_text() -> None:
    assert Secret("a") == Secret("a") != Secret("b")
    assert Secret("a") != "a"


class Listing(Value):
    page: Annotated[Offset, paged(20, 100)]


class Browsing(Value):
    page: Annotated[Cursor, paged(5, 7)] = Cursor()
    word: str = ""


def test_a_page_has_the_limit_of_its_annotation_when_nobody_says() -> None:
    assert Decoder(Browsing).convert({}).page == Cursor(limit=5)
    assert Decoder(Browsing).decode(b"{}").page == Cursor(limit=5)


def test_the_shared_default_of_a_page_is_never_changed() -> None:
    Decoder(Browsing).decode(b"{}")
    assert Cursor().limit == 20


def test_the_fields_of_a_page_stand_beside_the_others_in_a_query() -> None:
    read = Decoder(Listing).convert({"limit": "100", "offset": "7"})
    assert read.page == Offset(limit=100, offset=7)


@pytest.mark.parametrize("limit", ["0", "101", "-1", "x"])
def test_a_limit_out_of_range_is_refused(limit: str) -> None:
    with pytest.raises(Invalid) as refusal:
        Decoder(Listing).convert({"limit": limit})
    assert refusal.value.errors[0].path == ("limit",)


def test_a_page_is_given_by_its_parts_and_not_by_its_own_name() -> None:
    with pytest.raises(Invalid) as refusal:
        Decoder(Browsing).convert({"cursor": "a", "page": "x"})
    assert [(error.path, error.code) for error in refusal.value.errors] == [(("page",), "unknown")]


def test_a_page_of_answers_is_generic() -> None:
    assert encode(Page(items=[1, 2], total=2)) == b'{"items":[1,2],"total":2,"next":null}'


class Change(Value):
    name: str | Absent | None = ABSENT


def test_absent_is_not_null() -> None:
    assert Decoder(Change).decode(b"{}").name is ABSENT
    assert Decoder(Change).decode(b'{"name": null}').name is None
    assert encode(Change()) == b"{}"


@pytest.mark.parametrize("amount", ["0.00000001", "1E-8", "1E+2", "0E-18"])
def test_decimals_are_written_in_digits(amount: str) -> None:
    assert encode([Decimal(amount)]) == f'["{Decimal(amount):f}"]'.encode()


def test_text_that_looks_like_a_decimal_stays_as_it_is() -> None:
    assert encode(["1E-8", Decimal("1E-8")]) == b'["1E-8","0.00000001"]'


@pytest.mark.parametrize(
    "make",
    [
        lambda: length(2, 1),
        lambda: between(2, 1),
        lambda: between(None, None),
        lambda: decimals(38),
        lambda: paged(9, 3),
    ],
)
def test_annotations_that_fit_nothing_are_refused(make: Any) -> None:
    with pytest.raises(KrepisError):
        make()
