"""Nothing secret gets out, nothing that is given raises, and what comes out is small and plain."""

import os
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import json

from krepis import Command
from krepis.redaction import CHARACTERS_MAX, DEPTH_MAX, SEARCHED_CHARACTERS_MAX, VALUES_MAX, Redaction
from krepis.types import Secret

HIDDEN = "hunter2-and-more"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"


class SignIn(Command[None]):
    email: str
    password: str
    pin: Secret


class Bad:
    def __repr__(self) -> str:
        raise ValueError("no")


class BadMapping(Mapping[str, Any]):
    def __getitem__(self, key: str) -> Any:
        raise KeyError(key)

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    "value",
    [
        Secret(HIDDEN),
        SignIn(email="a@b.c", password=HIDDEN, pin=Secret(HIDDEN)),
        repr(SignIn(email="a@b.c", password=HIDDEN, pin=Secret(HIDDEN))),
        [{"deep": ({"Api-Key": HIDDEN},)}],
        {"X-Access-Token": HIDDEN, "set-cookie": f"session={HIDDEN}", "Authorization": f"Bearer {HIDDEN}"},
        f"Authorization: Bearer {HIDDEN}",
        f"sent Bearer {HIDDEN} to them",
        f"Basic {HIDDEN}==",
        f"Cookie: a=b; session={HIDDEN}; c=d",
        f"postgresql://ann:{HIDDEN}@db/shop",
        f"redis://:{HIDDEN}@host:1",
        f"amqp://ann:p@{HIDDEN}@host",
        f"https://{HIDDEN}@git.example.org/x",
        f"password={HIDDEN}&x=1",
        f'{{"password": "{HIDDEN}"}}',
        f"{{'api_key': '{HIDDEN}'}}",
        f"db_password = {HIDDEN}",
        f"client-secret: {HIDDEN}",
        f"password='it\\'s {HIDDEN}'",
        f"password='{HIDDEN} never closed",
        ValueError(f"password={HIDDEN}"),
        {"token": [HIDDEN]},
        {"credentials": {"user": HIDDEN}},
        {"privateKey": HIDDEN, "sessionId": HIDDEN, "API Key": HIDDEN},
        f"password={'x' * CHARACTERS_MAX}{HIDDEN}",  # its end is behind what is cut out of the middle
        f"postgresql://ann:{'x' * CHARACTERS_MAX}{HIDDEN}@db/shop",
        f"{'x' * SEARCHED_CHARACTERS_MAX} password={HIDDEN}",
        f"{'x' * (CHARACTERS_MAX - 30)} postgresql://ann:{HIDDEN * 4}@db/{'x' * SEARCHED_CHARACTERS_MAX}",
    ],
    ids=range(28),
)
def test_a_secret_is_hidden_wherever_it_stands(value):
    assert HIDDEN not in repr(Redaction().plain(value))


@pytest.mark.parametrize("text", [JWT, f"x{{{JWT}}}", f"token {JWT}", JWT[:30]])
def test_a_web_token_is_hidden_also_when_it_is_cut(text):
    assert "eyJ" not in Redaction().text(text)


@pytest.mark.parametrize(
    "text", ["", "a book", "http://host:8000/path", "x=1", "it takes 3: one, two", "Bearer of news"]
)
def test_what_is_no_secret_stays(text):
    assert Redaction().text(text) == text


def test_a_service_names_more_secrets():
    assert Redaction(["Kassen-Zeichen"]).plain({"kassen_zeichen": "1"}) == {"kassen_zeichen": "***"}


def test_what_is_not_there_is_not_hidden():
    assert Redaction().plain({"password": None, "token": True}) == {"password": None, "token": True}


def test_ordinary_values_stay_as_they_are():
    at = datetime(2030, 1, 1, tzinfo=UTC)
    given = {"count": 3, "price": 1.5, "title": "Faust", "at": at, "tags": ("a", "b"), "none": None}
    assert Redaction().plain(given) == {**given, "at": "2030-01-01T00:00:00+00:00", "tags": ["a", "b"]}


def test_a_repr_that_raises_is_shown_by_its_type():
    assert Redaction().plain([Bad(), BadMapping()]) == [
        "<Bad that can't be shown>",
        "<BadMapping that can't be shown>",
    ]


def test_a_text_at_the_limit_stays_and_one_beyond_is_cut():
    assert Redaction().text("a" * CHARACTERS_MAX) == "a" * CHARACTERS_MAX
    cut = Redaction().text("a" * (CHARACTERS_MAX + 1))
    assert "...[1 characters]..." in cut


def test_a_text_that_is_searched_whole_shows_its_end_and_one_beyond_does_not():
    whole = Redaction().text("a" * (SEARCHED_CHARACTERS_MAX - 3) + "end")
    assert whole.endswith("aend")
    beyond = Redaction().text("a" * (SEARCHED_CHARACTERS_MAX - 2) + "end")
    assert beyond.endswith(f"...[{SEARCHED_CHARACTERS_MAX + 1 - CHARACTERS_MAX} characters]")
    assert len(beyond) < CHARACTERS_MAX + 50


def test_depth_at_the_limit_stays_and_one_beyond_is_cut():
    def nested(depth: int) -> Any:
        return [nested(depth - 1)] if depth else "end"

    assert "end" in repr(Redaction().plain(nested(DEPTH_MAX)))
    assert "too deep" in repr(Redaction().plain(nested(DEPTH_MAX + 1)))


def test_values_at_the_limit_stay_and_one_beyond_is_cut():
    assert Redaction().plain(list(range(VALUES_MAX))) == list(range(VALUES_MAX))
    assert Redaction().plain(list(range(VALUES_MAX + 1)))[-1] == "<1 more>"
    assert len(Redaction().plain({str(n): n for n in range(VALUES_MAX + 1)})) == VALUES_MAX + 1


def test_a_thing_that_holds_itself_ends():
    loop: list[Any] = []
    loop.append(loop)
    assert "too deep" in repr(Redaction().plain(loop))


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), 10**400, -(2**70), b"\xff" * 9, "\ud800", {1: 2}, {None: 1}]
)
def test_odd_values_become_json(value):
    json.encode(Redaction().plain({"value": value}))


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "password",
        "password=",
        "password='",
        "://",
        "://a:",
        "eyJaaaaaaaaaa.",
        "bearer ",
        "Bearer a",
        "cookie: ",
        "\\'",
    ],
)
def test_no_text_takes_long(piece):
    start = time.perf_counter()
    Redaction().text(piece * (CHARACTERS_MAX // len(piece)))
    assert time.perf_counter() - start < 0.25


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.dates() | st.uuids(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None)
@given(values)
def test_anything_becomes_json(value):
    json.encode(Redaction().plain(value))


@pytest.mark.parametrize("seed", [int(os.environ["KREPIS_SEED"])])
def test_a_secret_in_any_surroundings_is_hidden(seed):
    chance = Random(seed)
    for _ in range(300):
        noise = "".join(chance.choice("abc =:'\"{}[],;&\n\\/@") for _ in range(30))
        name = chance.choice(["password", "api_key", "Access-Token", "client_secret"])
        text = f"{noise}{name}={HIDDEN} {noise}"
        assert HIDDEN not in Redaction().text(text), text
