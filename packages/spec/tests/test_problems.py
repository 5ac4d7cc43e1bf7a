"""Mistakes as a person reads them."""

import pytest

from krepis_spec.document import Span
from krepis_spec.problems import LISTED_MAX, Problems, SpecRefused, did_you_mean, nearest


def shown(line, column, end_column, message="wrong", hint=None):
    problems = Problems()
    problems.add(Span(1, column, 1, end_column), message, hint)
    return str(SpecRefused("shop.md", (line,), problems.sorted())).split("\n")


def marked(line, column, end_column):
    """The line as it is shown and the carets below it, without their gutter."""
    text, carets = shown(line, column, end_column)[2:4]
    return text.removeprefix("    1 | "), carets.removeprefix("      | ")


def test_a_problem_shows_its_place_its_line_and_its_hint():
    assert shown("- door: x", 3, 7, "no", "yes") == [
        "`shop.md` has 1 mistake",
        "shop.md:1:3: no",
        "    1 | - door: x",
        "      |   ^^^^",
        "  hint: yes",
    ]


def test_problems_are_told_once_and_in_the_order_of_their_places():
    problems = Problems()
    for line, message in ((2, "b"), (1, "z"), (2, "a"), (2, "b")):
        problems.add(Span(line, 1, line, 1), message)
    assert [(one.span.line, one.message) for one in problems.sorted()] == [(1, "z"), (2, "a"), (2, "b")]


def test_an_empty_place_has_one_caret():
    assert marked("ab", 3, 3) == ("ab", "  ^")


def test_a_place_of_several_lines_is_marked_to_the_end_of_the_first():
    refused = SpecRefused("x", ("abc", "d"), _one(Span(1, 2, 2, 1)))
    assert str(refused).split("\n")[3] == "      |  ^^"


def test_a_place_outside_of_the_spec_is_shown_as_well_as_it_can_be():
    refused = SpecRefused("x", ("abc",), _one(Span(7, 9, 7, 12)))
    assert str(refused).split("\n")[1:] == ["x:7:9: wrong", "    7 |", "      | ^"]


@pytest.mark.parametrize(
    ("line", "column", "end_column", "text", "carets"),
    [
        ("\ta", 2, 3, "    a", "    ^"),
        ("漢字 x", 4, 5, "漢字 x", "     ^"),
        ("漢字 x", 2, 3, "漢字 x", "  ^^"),
        ("e\u0301 x", 4, 5, "e\u0301 x", "  ^"),
        ("e\u0301e\u0301 x", 1, 5, "e\u0301e\u0301 x", "^^"),
        ("\x1b[1mx", 5, 6, "\\x1b[1mx", "       ^"),
        ("\u202ea", 1, 2, "\\u202ea", "^^^^^^"),
    ],
)
def test_carets_stand_below_what_they_mark(line, column, end_column, text, carets):
    assert marked(line, column, end_column) == (text, carets)


def test_a_long_line_is_cut_around_the_place():
    text, carets = marked("a" * 500 + "bcd" + "e" * 500, 501, 504)
    assert (text, carets) == ("..." + "a" * 40 + "bcd" + "e" * 77 + "...", " " * 43 + "^^^")


def test_a_long_line_is_cut_behind_a_place_at_its_beginning():
    assert marked("b" + "e" * 500, 1, 2) == ("b" + "e" * 119 + "...", "^")


def test_a_long_line_is_cut_before_a_place_at_its_end():
    assert marked("a" * 500 + "b", 501, 502) == ("..." + "a" * 40 + "b", " " * 43 + "^")


def test_a_line_that_fits_is_not_cut():
    assert marked("a" * 120, 120, 121) == ("a" * 120, " " * 119 + "^")


def test_a_place_longer_than_what_is_shown_is_marked_as_far():
    assert marked("a" * 500, 1, 501)[1] == "^" * 120


def test_nothing_in_a_problem_steers_a_terminal():
    lines = shown("\x1b[2J", 1, 2, "no `\x1b[2J`\n", "\x07")
    assert [line for line in lines if not line.isprintable()] == []


def test_the_first_hundred_are_listed_and_the_others_counted():
    problems = Problems()
    for column in range(1, 1235):
        problems.add(Span(1, column, 1, column), "wrong")
    lines = str(SpecRefused("x", ("a",), problems.sorted())).split("\n")
    assert (lines[0], len(lines), lines[-1]) == ("`x` has 1,234 mistakes", 302, "... and 1,134 more: mend these first")


def test_a_hundred_are_all_listed():
    problems = Problems()
    for column in range(1, LISTED_MAX + 1):
        problems.add(Span(1, column, 1, column), "wrong")
    assert len(str(SpecRefused("x", ("a",), problems.sorted())).split("\n")) == 301


def test_programs_get_all_of_them():
    refused = SpecRefused("x", ("abc",), _one(Span(1, 2, 1, 3)))
    assert refused.facts == {
        "file": "x",
        "problems": [{"line": 1, "column": 2, "end_line": 1, "end_column": 3, "message": "wrong", "hint": None}],
    }


def _one(span):
    problems = Problems()
    problems.add(span, "wrong")
    return problems.sorted()


@pytest.mark.parametrize(
    ("name", "found"), [("Boook", "Book"), ("book", "Book"), ("odrer", "Order"), ("x", None), ("B" * 100_000, None)]
)
def test_the_nearest_name_is_found(name, found):
    assert nearest(name, ["Order", "Book"]) == found


def test_a_near_name_is_offered():
    assert did_you_mean("Boook", {"Order", "Book"}) == "did you mean `Book`?"


def test_few_names_are_listed_where_none_is_near():
    assert did_you_mean("x", {"Order", "Book"}) == "known here: `Book`, `Order`"


@pytest.mark.parametrize("known", [(), [f"name{number}" for number in range(13)]])
def test_no_and_many_names_are_not(known):
    assert did_you_mean("x", known) is None
