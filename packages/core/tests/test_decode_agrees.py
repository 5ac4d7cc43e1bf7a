"""The fast way and the second look always come to the same verdict: for bodies and for texts, for any type."""

from __future__ import annotations

import os
from typing import Any

import _schemas as made
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from krepis.errors import Invalid, Malformed
from krepis.schema.decode import Decoder
from krepis.schema.encode import UnencodableError, encode

LONG = "KREPIS_LONG" in os.environ
ROUNDS = settings(
    max_examples=3000 if LONG else 40,
    derandomize=not LONG,
    deadline=None,
    suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much),
)


def verdicts(decoder: Decoder[Any], body: bytes) -> tuple[bool, bool]:
    """Whether the fast way takes a body, and whether the second look finds nothing."""
    try:
        decoder.decode(body)
        fast = True
    except (Invalid, Malformed):
        fast = False
    try:
        second = decoder.errors(body) == ()
    except Malformed:
        second = False
    return fast, second


def verdicts_on_strings(decoder: Decoder[Any], source: dict[str, Any]) -> tuple[bool, bool]:
    try:
        decoder.convert(source)
        fast = True
    except Invalid:
        fast = False
    return fast, decoder.errors_of_strings(source) == ()


@ROUNDS
@given(st.data())
def test_documents_that_nearly_fit(data: st.DataObject) -> None:
    decoder = Decoder(data.draw(made.structs(made.types())))
    for _ in range(6):
        body = made.written(data.draw(made.documents(decoder.schema, faults=True))).encode()
        fast, second = verdicts(decoder, body)
        assert fast == second, (body, decoder.errors(body))


@ROUNDS
@given(st.data())
def test_documents_that_fit_are_taken_and_come_back_the_same(data: st.DataObject) -> None:
    decoder = Decoder(data.draw(made.structs(made.types())))
    body = made.written(data.draw(made.documents(decoder.schema, faults=False))).encode()
    try:
        value = decoder.decode(body)
    except Invalid as refusal:
        assume(all(error.code == "length" for error in refusal.errors))  # sets whose items fell together
        return
    try:
        again = encode(value)
    except UnencodableError:
        return
    assert decoder.decode(again) == value


@ROUNDS
@given(st.data())
def test_types_that_are_no_objects(data: st.DataObject) -> None:
    decoder = Decoder(data.draw(made.types()))
    for _ in range(4):
        body = made.written(data.draw(made.documents(decoder.schema, faults=True) | made.junk())).encode()
        fast, second = verdicts(decoder, body)
        assert fast == second, (body, decoder.errors(body))


@ROUNDS
@given(st.data())
def test_texts_with_bytes_changed_anywhere(data: st.DataObject) -> None:
    decoder = Decoder(data.draw(made.structs(made.types())))
    body = bytearray(made.written(data.draw(made.documents(decoder.schema, faults=False))).encode())
    for _ in range(6):
        at = data.draw(st.integers(0, len(body)))
        body[at : at + data.draw(st.integers(0, 2))] = data.draw(
            st.sampled_from(
                [b"", b'"', b",", b"[", b"}", b"\\", b"\\u0000", b"\\ud800", b"\xff", b"\0", b"1", b"-", b" ", b"e5"]
            )
        )
        fast, second = verdicts(decoder, bytes(body))
        assert fast == second, bytes(body)


@ROUNDS
@given(st.data(), st.binary(max_size=12))
def test_bytes_of_any_kind(data: st.DataObject, body: bytes) -> None:
    fast, second = verdicts(Decoder(data.draw(made.types())), body)
    assert fast == second


@ROUNDS
@given(st.data())
def test_strings(data: st.DataObject) -> None:
    field = st.one_of(
        made.texts_types(),
        made.texts_types().map(lambda item: list[item]),
        st.sampled_from(made.HASHABLE).map(lambda item: set[item]),
        made.types(),
    )
    decoder = Decoder(data.draw(made.structs(field)))
    text = st.sampled_from(made.TEXTS + made.NUMBERS) | st.text(max_size=3) | st.just("\ud800")
    for _ in range(6):
        source: dict[str, Any] = {}
        for field_ in decoder.schema.fields(flat_pages=True):
            how = data.draw(st.integers(0, 6))
            if how > 0:
                source[field_.encode_name] = data.draw(text) if how < 5 else data.draw(st.lists(text, max_size=3))
        if data.draw(st.integers(0, 9)) == 0:
            source[data.draw(st.sampled_from(made.NAMES))] = data.draw(text)
        fast, second = verdicts_on_strings(decoder, source)
        assert fast == second, (source, decoder.errors_of_strings(source))
