"""Rejections state a fact; what is missing from them is told to the one who raises."""

import pytest

from krepis import KrepisError, Rejection


class OutOfStock(Rejection):
    message = "only {left} of `{isbn}` are left"


class HTTPGone(Rejection):
    code = "gone"


def test_a_rejection_has_a_stable_code_a_sentence_and_facts() -> None:
    refusal = OutOfStock(left=2, isbn="1")
    assert (refusal.code, str(refusal)) == ("out_of_stock", "only 2 of `1` are left")
    assert refusal.facts == {"left": 2, "isbn": "1"}


def test_a_code_can_be_set_and_a_sentence_can_be_given() -> None:
    assert (HTTPGone.code, str(HTTPGone()), str(HTTPGone("moved on"))) == ("gone", "gone", "moved on")


def test_a_fact_that_the_sentence_needs_is_asked_for() -> None:
    with pytest.raises(TypeError, match=r"raise OutOfStock\(isbn=\.\.\.\)"):
        OutOfStock(left=2)


def test_a_hint_stands_on_a_line_of_its_own() -> None:
    assert str(KrepisError("no.", hint="do this")) == "no.\n  hint: do this"
