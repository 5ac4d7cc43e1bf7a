"""Values for tests: plausible ones fit their types, those beyond a limit do not."""

import os
import re
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, seed
from hypothesis import strategies as st

from krepis_generator.proofs import values
from krepis_generator.proofs.patterns import places
from krepis_spec import read
from krepis_spec import types as t

SEED = int(os.environ["KREPIS_SEED"])
TODO = read(Path(__file__).parents[3] / "examples" / "todo.md")


def wholes() -> st.SearchStrategy[t.IntType]:
    limits = st.none() | st.integers(-1000, 1000)
    return st.builds(t.IntType, limits, limits).filter(
        lambda one: one.min is None or one.max is None or one.min <= one.max
    )


def fits(type: t.IntType, value: int) -> bool:
    return (type.min is None or value >= type.min) and (type.max is None or value <= type.max)


@seed(SEED)
@given(wholes())
def test_plausible_numbers_and_those_at_a_limit_fit_and_those_beyond_do_not(type: t.IntType):
    kept = [values.plausible(type, "count", TODO), *values.inside(type, "count", TODO)]
    broken = [one.value for one in values.beyond(type, "count", TODO)]
    assert all(fits(type, one) for one in kept)
    assert not any(fits(type, one) for one in broken)


@seed(SEED)
@given(st.integers(0, 40), st.integers(0, 40))
def test_plausible_texts_have_a_length_within_their_limits(low: int, more: int):
    text = values.plausible(t.TextType(min=low, max=low + more), "title", TODO)
    assert low <= len(text) <= low + more


@pytest.mark.parametrize(
    "pattern", [r"\d{13}", "[A-Z]{2}-[0-9]+", "a|b", "(ab)?c*", "[^x]{3}", r"\w+@\w+", r"[\d-]{4}", "x{2,5}"]
)
def test_what_is_made_for_a_pattern_fits_it(pattern: str):
    made = "".join(one[0] for one in places(pattern))
    assert re.fullmatch(pattern, made, re.ASCII)


def test_there_is_nothing_for_a_pattern_that_looks_around():
    assert places(r"(?=a)b") == []


def test_what_is_beyond_a_pattern_does_not_fit_it():
    beyond = [one.value for one in values.beyond(t.TextType(pattern=r"\d{3}"), "code", TODO)]
    assert beyond == ["", "00", "000!"]


@pytest.mark.parametrize(
    ("type", "expected"),
    [
        (t.DecimalType(places=2, min="0"), [Decimal("-0.01"), Decimal("1.001")]),
        (t.DecimalType(places=2, above="0", max="5"), [Decimal("0.00"), Decimal("5.01"), Decimal("1.001")]),
        (t.DecimalType(places=0), [Decimal("1.1")]),
    ],
)
def test_amounts_beyond_their_limits_are_one_step_away(type: t.DecimalType, expected: list[Decimal]):
    assert [one.value for one in values.beyond(type, "price", TODO)] == expected


def test_an_amount_above_a_limit_begins_one_step_above_it():
    assert values.inside(t.DecimalType(places=2, above="0"), "price", TODO) == [Decimal("0.01")]
