"""Rules of fields: what each one makes of a field, which ones need another type, and which contradict each other."""

from __future__ import annotations

from pathlib import Path

import pytest
from _things import checked, entity_with, field_of, right, text
from hypothesis import given
from hypothesis import strategies as st

from krepis_spec.rules import rules_in
from krepis_spec.types import DecimalType, IntType, ListType, SecretType, TextType
from terminal import compare

SNAPSHOTS = Path(__file__).parent / "snapshots"

FLAGS = (
    ("| isbn | text | unique |", {"unique": True}),
    ("| isbn | text | immutable |", {"immutable": True}),
    ("| isbn | text | server |", {"server": True}),
    ("| number | int | sequence |", {"sequence": True}),
    ("| made | datetime | now |", {"now": True}),
    ("| made | date | server, now |", {"now": True, "server": True}),
    ("| changed | datetime | now on change |", {"now_on_change": True}),
    ("| note | text? | empty is none |", {"empty_is_none": True}),
    ("| note | text? | searchable |", {"searchable": True}),
    ("| tags | list of text | searchable |", {"searchable": True}),
    ("| more | properties | searchable |", {"searchable": True}),
    ("| slug | slug | from title |", {"derived_from": "title"}),
    ("| slug | slug | from title, follows changes |", {"derived_from": "title", "follows_changes": True}),
    ("| owner | User | deleted with it |", {"on_delete": "delete"}),
    ("| owner | User? | kept without it |", {"on_delete": "keep"}),
    ("| owner | User | forbids it |", {"on_delete": "forbid"}),
)

LIMITS = (
    ("| stock | int | >= 0 |", IntType(0)),
    ("| stock | int | > 0, <= 9 |", IntType(1, 9)),
    ("| stock | int | 1..100 |", IntType(1, 100)),
    ("| price | money(EUR) | > 0 |", DecimalType(2, "EUR", above="0")),
    ("| price | decimal(1) | 0.5..1.5 |", DecimalType(1, min="0.5", max="1.5")),
    (r"| isbn | text | matches `\d{13}` |", TextType(pattern=r"\d{13}")),
    (r"| isbn | text | unique, matches \d{10}(,\d{1,3})?, immutable |", TextType(pattern=r"\d{10}(,\d{1,3})?")),
    (r"| isbn | text | matches `a\|b`, 1..3 |", TextType(1, 3, "a|b")),
    ("| tags | list of text | 1..10 |", ListType(TextType(), 1, 10)),
)

DEFAULTS = (
    ("| stock | int | default 0 |", 0),
    ("| stock | int | default -3 |", -3),
    ("| price | money(EUR) | default 1 |", "1.00"),
    ("| price | decimal(1) | default 0.5 |", "0.5"),
    ("| open | bool | default true |", True),
    ("| open | bool | default False |", False),
    ('| country | text | default "DE, at last" |', "DE, at last"),
    ("| state | one of new, in use | default in use |", "in use"),
    ('| state | one of new, in use | default "in use" |', "in use"),
    ("| opened | date | default 2026-01-31 |", "2026-01-31"),
    ("| opened | datetime | default 2026-01-31T12:00:00+01:00 |", "2026-01-31T11:00:00Z"),
    ("| length | duration | default 2 hours |", "PT7200S"),
    ("| note | text? | default none |", None),
)

WRONG = (
    "| a | text | uniqe |",
    "| a | text | required |",
    "| a | text | optional |",
    "| a | text | unique, , server |",
    "| a | text | unique, unique |",
    "| a | text | default |",
    "| a | text | default new |",
    '| a | text(1..2) | default "abc" |',
    '| a | email | default "abc" |',
    '| a | text | matches [a-c]+, default "abd" |',
    "| a | text | matches |",
    "| a | text | matches (?=a) |",
    "| a | text | >= 3 |",
    "| a | text(1..3) | 2..4 |",
    "| a | int | >= x |",
    "| a | int | 9..1 |",
    "| a | int | >= 0, 1..9 |",
    "| a | int | 1..9, default 10 |",
    "| a | int | default ten |",
    "| a | int | default none |",
    "| a | int | searchable |",
    "| a | int? | sequence |",
    "| a | int | sequence, default 1 |",
    "| a | int | now |",
    "| a | money(EUR) | default 0.001 |",
    "| a | money(EUR) | > 0, default 0 |",
    "| a | datetime | now, default 2026-01-01T00:00:00Z |",
    "| a | datetime | default now |",
    "| a | datetime | default 2026-01-01T00:00:00 |",
    "| a | datetime | now on change, immutable |",
    "| a | datetime | now, now on change |",
    "| a | date | default 2026-02-30 |",
    "| a | bool | default yes |",
    "| a | one of new, old | default od |",
    "| a | text | empty is none |",
    "| a | text | follows changes |",
    "| a | text | from titel |",
    "| a | text | from a |",
    "| a | int | from title |",
    "| a | text | from number |",
    "| a | slug | from title, follows changes, immutable |",
    "| a | slug | from title, default `x` |",
    "| a | list of text | unique |",
    "| a | list of int | searchable |",
    "| a | text | deleted with it |",
    "| a | User | kept without it |",
    "| a | set of User | deleted with it |",
    "| a | User? | kept without it, forbids it |",
    "| a | User | default 1 |",
    "| a | Bok | unique, sequence, now |",
)


@pytest.mark.parametrize(("row", "flags"), FLAGS, ids=[row for row, _ in FLAGS])
def test_a_rule_is_a_fact_about_its_field(row, flags):
    plain = field_of(row.rpartition(" | ")[0] + " | |")
    ruled = field_of(row)
    assert {name: getattr(ruled, name) for name in flags} == flags
    assert {name for name in ruled.__struct_fields__ if getattr(ruled, name) != getattr(plain, name)} - {"span"} == set(
        flags
    )


@pytest.mark.parametrize(("row", "type"), LIMITS, ids=[row for row, _ in LIMITS])
def test_a_limit_becomes_part_of_the_type(row, type):
    assert field_of(row).type == type


@pytest.mark.parametrize(("row", "value"), DEFAULTS, ids=[row for row, _ in DEFAULTS])
def test_a_default_has_the_form_of_its_type(row, value):
    assert getattr(field_of(row).default, "value", "no constant") == value


def test_a_default_may_be_an_expression_over_now():
    default = field_of("| due | datetime | default `now + days(14)` |").default
    assert default is not None
    assert default.__struct_config__.tag == "arithmetic"


def test_a_secret_has_limits_of_its_own_in_its_rules():
    rows = "| email | email | unique |\n| password | secret | 12..100 |"
    assert right(entity_with(rows)).entities[0].fields[1].type == SecretType(12, 100)


def test_rules_that_are_none_or_do_not_fit_are_told_with_the_way_out():
    pages = [checked(entity_with(f"| title | text | |\n| number | int | |\n{row}"))[1] for row in WRONG]
    compare(SNAPSHOTS / "rules_wrong.txt", "\n\n".join(pages) + "\n")


@pytest.mark.parametrize("row", WRONG)
def test_every_wrong_rule_is_a_problem(row):
    assert checked(entity_with(f"| title | text | |\n| number | int | |\n{row}"))[1] != ""


def test_commas_separate_rules_but_not_inside_of_quotes_backticks_and_brackets():
    cell = text('unique, matches [a,b]{1,3}(c,d), default "x, y", `a, b`, open( , end')
    assert [one.text for one in rules_in(cell)] == [
        "unique",
        "matches [a,b]{1,3}(c,d)",
        'default "x, y"',
        "a, b",
        "open(",
        "end",
    ]


@given(st.text(alphabet="ab,()[]{}\"'`\\ |", max_size=60))
def test_pieces_are_where_their_places_say(written):
    for piece in rules_in(text(written)):
        assert written[piece.span.column - 1 : piece.span.end_column - 1] == piece.text
