"""The table of functions: each is called as its row says."""

import pytest
from _bookshop import expression

from krepis_spec.blocks import table
from krepis_spec.blocks.functions import MEANINGS
from krepis_spec.fitting import words
from krepis_spec.problems import Problems

CALLS = (
    ("len(lines)", "int"),
    ("count(b for b in Book if b.stock > 0)", "int"),
    ("sum(b.price for b in Book)", "money(EUR)"),
    ("average(b.stock for b in Book)", "decimal(12)?"),
    ("min(b.price for b in Book)", "money(EUR) >= 0?"),
    ("min([1, 2], default=0)", "int"),
    ("max(1, 2.5)", "decimal(1)"),
    ("max(Book, key=lambda b: b.price)", "Book?"),
    ("any(b.stock == 0 for b in Book)", "bool"),
    ("all(b.stock == 0 for b in Book)", "bool"),
    ("sorted(Book, key=lambda b: (-b.price, b.title), reverse=True)", "list of Book"),
    ("reversed(lines)", "list of {book: Book, quantity: int 1..100}"),
    ("top(Book, 3, key=lambda b: b.stock)", "list of Book"),
    ("take(book.tags, 3)", "list of text"),
    ("skip(book.tags, 3)", "list of text"),
    ("first(book.tags)", "text?"),
    ("last(book.tags)", "text?"),
    ("distinct(book.tags)", "list of text"),
    ("group(Order, key=lambda o: o.status)", "list of {key: one of placed, paid, cancelled, items: list of Order}"),
    ("list({1})", "list of int"),
    ("set([1])", "set of int"),
    ("range(1, 3)", "list of int"),
    ("enumerate(book.tags)", "list of (int, text)"),
    ("zip(book.tags, [1])", "list of (text, int)"),
    ("abs(-1)", "int"),
    ("round(rate, 2)", "decimal(2)"),
    ("round(rate)", "int"),
    ("int(rate)", "int"),
    ("str(order.status)", "text"),
    ("book.title.lower()", "text"),
    ("upper(book.title)", "text"),
    ("book.title.strip()", "text"),
    ("book.title.startswith('a')", "bool"),
    ("book.title.endswith('a')", "bool"),
    ("book.title.contains('a')", "bool"),
    ("book.title.replace('a', 'b')", "text"),
    ("book.title.split(',')", "list of text"),
    ("', '.join(book.tags)", "text"),
    ("truncate(book.title, 20)", "text"),
    ("slugify(book.title)", "slug"),
    (r"matches(book.title, '[a-z]+')", "bool"),
    ("search(book, 'dune')", "bool"),
    ("link(show_order, order)", "url"),
    ("has(book.colours, 'red')", "bool"),
    ("weeks(1)", "duration"),
    ("days(1)", "duration"),
    ("hours(1)", "duration"),
    ("minutes(1)", "duration"),
    ("seconds(1)", "duration"),
    ("year(now)", "int"),
    ("month(day)", "int"),
    ("day(now, 'Europe/Berlin')", "int"),
    ("weekday(day)", "int"),
    ("hour(now)", "int"),
    ("minute(now)", "int"),
    ("date(now)", "date"),
    ("start_of_day(day)", "datetime"),
    ("add_months(day, 1)", "date"),
    ("period(now, now + days(1))", "period"),
    ("overlaps(span, span)", "bool"),
)


@pytest.mark.parametrize(("text", "type"), CALLS)
def test_a_function_gives(text, type):
    problems = Problems()
    found = expression(text, "command", problems)
    assert problems.sorted() == []
    assert found is not None
    assert words(found.type) == type


def test_every_function_of_the_table_is_called_above():
    called = " ".join(text for text, _ in CALLS)
    assert [one.name for one in table if f"{one.name}(" not in called] == []


def test_no_function_stands_in_the_table_twice():
    assert len({one.name for one in table}) == len(table)


def test_every_parameter_takes_something_that_has_words():
    assert [one.name for one in table for parameter in one.parameters if parameter.takes not in MEANINGS] == []


def test_a_signature_shows_what_may_be_left_out():
    assert [one.signature for one in table if one.name in {"sorted", "round", "zip"}] == [
        "sorted(many, key=..., reverse=...) -> list",
        "zip(*many) -> list of tuples",
        "round(of, places?) -> decimal or int",
    ]
