"""Names as Python and SQL take them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krepis_spec.naming import class_name, is_field_name, is_usable, plural, snake


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("place order", "place_order"),
        ("unitPrice", "unit_price"),
        ("OrderPlaced", "order_placed"),
        ("VATRate", "vat_rate"),
        ("can't be empty!", "cant_be_empty"),
        ("Größe", "grosse"),
        ("本", ""),
    ],
)
def test_snake_case_keeps_the_words(written, name):
    assert snake(written) == name


@pytest.mark.parametrize(
    ("written", "name"), [("place order", "PlaceOrder"), ("unitPrice", "UnitPrice"), ("out of stock", "OutOfStock")]
)
def test_a_class_has_the_words_capitalised(written, name):
    assert class_name(written) == name


@pytest.mark.parametrize(
    ("one", "many"),
    [
        ("Book", "books"),
        ("Category", "categories"),
        ("Day", "days"),
        ("Address", "addresses"),
        ("Box", "boxes"),
        ("Branch", "branches"),
        ("OrderLine", "order_lines"),
        ("Analysis", "analyses"),
        ("Person", "people"),
        ("News", "news"),
    ],
)
def test_the_name_of_many_is_english(one, many):
    assert plural(one) == many


@pytest.mark.parametrize("name", ["class", "lambda", "len", "now", "actor", "self", "Query", "_x"])
def test_a_name_that_means_something_else_is_not_usable(name):
    assert not is_usable(name)


@pytest.mark.parametrize("name", ["title", "text", "date", "page", "Book", "place_order", "count"])
def test_other_names_are_usable(name):
    assert is_usable(name)


@given(st.text(max_size=80))
def test_snake_case_of_anything_is_words_joined_by_underscores(written):
    name = snake(written)
    assert snake(name) == name
    assert name == "" or is_field_name(f"a{name}"[:40].rstrip("_"))
