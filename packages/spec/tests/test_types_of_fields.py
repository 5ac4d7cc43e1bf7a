"""Type expressions: what each one means, and what is said about one that means nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from _things import said, text
from hypothesis import given
from hypothesis import strategies as st

from krepis_spec.problems import Problems
from krepis_spec.types import (
    AnyType,
    BoolType,
    ChoiceType,
    DatetimeType,
    DateType,
    DecimalType,
    DurationType,
    EntityType,
    FileType,
    IntType,
    JsonType,
    ListType,
    OptionalType,
    PageType,
    PeriodType,
    PropertiesType,
    RecordField,
    RecordType,
    SecretType,
    SetType,
    TextType,
    TokenType,
    UuidType,
    ValueType,
    ViewType,
)
from krepis_spec.typing import Known, type_of
from terminal import compare

SNAPSHOTS = Path(__file__).parent / "snapshots"
KNOWN = Known(frozenset({"Line"}), frozenset({"Book", "User"}), frozenset({"OrderView"}))

RIGHT = (
    ("text", TextType()),
    ("text(1..200)", TextType(1, 200)),
    ("text(..200)", TextType(0, 200)),
    ("text(3..)", TextType(3)),
    (r"text matches `[a,b]{1,3}` 1..3", TextType(1, 3, "[a,b]{1,3}")),
    ("email", TextType(form="email")),
    ("email(..100)", TextType(0, 100, form="email")),
    ("url", TextType(form="url")),
    ("slug", TextType(form="slug")),
    ("int", IntType()),
    ("int 1..100", IntType(1, 100)),
    ("int(1..100)", IntType(1, 100)),
    ("int -5..-1", IntType(-5, -1)),
    ("int >= 0", IntType(0)),
    ("int > 5 < 10", IntType(6, 9)),
    ("decimal(3)", DecimalType(3)),
    ("money(EUR)", DecimalType(2, "EUR")),
    ("money(JPY)", DecimalType(0, "JPY")),
    ("money(KWD)", DecimalType(3, "KWD")),
    ("money(EUR) >= 0 <= 9.99", DecimalType(2, "EUR", min="0", max="9.99")),
    ("money(EUR) > 0 < 10", DecimalType(2, "EUR", above="0", below="10")),
    ("bool", BoolType()),
    ("date", DateType()),
    ("datetime", DatetimeType()),
    ("period", PeriodType()),
    ("duration", DurationType()),
    ("uuid", UuidType()),
    ("secret", SecretType()),
    ("secret(12..)", SecretType(12, 200)),
    ("secret(12..300)", SecretType(12, 300)),
    ("token(7 days)", TokenType(604_800)),
    ("token(1 hour)", TokenType(3600)),
    ("file", FileType()),
    ("json", JsonType()),
    ("properties", PropertiesType()),
    ("one of a, b, c", ChoiceType(("a", "b", "c"))),
    ('one of in use, `to-do`, "a b"', ChoiceType(("in use", "to-do", "a b"))),
    ('one of "don\'t, ever", b', ChoiceType(("don't, ever", "b"))),
    ("one of 1st, 2nd?", OptionalType(ChoiceType(("1st", "2nd")))),
    ("list of text", ListType(TextType())),
    ("list of text(1..20)", ListType(TextType(1, 20))),
    ("list of int 1..9", ListType(IntType(1, 9))),
    ("list(1..9) of int", ListType(IntType(), 1, 9)),
    ("list of Line", ListType(ValueType("Line"))),
    ("list of Book?", OptionalType(ListType(EntityType("Book")))),
    ("list of list of int", ListType(ListType(IntType()))),
    ("set of User", SetType(EntityType("User"))),
    ("set(..3) of one of a, b", SetType(ChoiceType(("a", "b")), 0, 3)),
    ("text?", OptionalType(TextType())),
    ("text(1..200)?", OptionalType(TextType(1, 200))),
    ("Line", ValueType("Line")),
    ("Book?", OptionalType(EntityType("Book"))),
    ("OrderView", ViewType("OrderView")),
    ("page(20, 100)", PageType(20, 100)),
    ("page(20, 100, cursor)", PageType(20, 100, cursor=True)),
    (
        "{book: Book, kind: one of a, b, quantity: int 1..100, note: text?}",
        RecordType(
            (
                RecordField("book", EntityType("Book")),
                RecordField("kind", ChoiceType(("a", "b"))),
                RecordField("quantity", IntType(1, 100)),
                RecordField("note", OptionalType(TextType())),
            )
        ),
    ),
)

WRONG = (
    "",
    "string",
    "Float",
    "Bok",
    "txt",
    "int?? ",
    "text(200)",
    "text(9..1)",
    "text(1.5..3)",
    "text(-1..3)",
    "text >= 3",
    "text(1..2) 1..3",
    "text matches (",
    "text matches `(`",
    "text matches `(a*)*`",
    "text(1..2",
    "email(..255)",
    "slug(..101)",
    "int 5..1",
    "int 0.5..1",
    "int >= x",
    "int matches `1`",
    "decimal",
    "decimal(99)",
    "money",
    "money(eur)",
    "money(EUR) >= 0.001",
    "money(EUR) > 1 < 1",
    "bool >= 1",
    "token",
    "token(0 days)",
    "token(soon)",
    "page(20)",
    "page(100, 20)",
    "page(20, 5000)",
    "page(20, 100)?",
    "list",
    "list Book",
    "list of",
    "list of Line 1..50",
    "list of page(1, 2)",
    "list of secret",
    "list(9..1) of int",
    "set of Line",
    "set of {a: int}",
    "one of",
    "one of a,",
    "one of a, a",
    "one of a; b",
    "one of a -> b",
    "one of 1..5",
    'one of ""',
    "one of 1st, `",
    "{",
    "{a int}",
    "{a: int",
    "{a: int, a: text}",
    "{unitPrice: int, unit_price: int}",
    "{class: text}",
    "{Book: text}",
    "{a: page(1, 2)}",
    "int int",
    "§",
    "list of " * 30 + "int",
)


@pytest.mark.parametrize(("written", "type"), RIGHT, ids=[written for written, _ in RIGHT])
def test_a_type_means_what_the_language_page_says(written, type):
    problems = Problems()
    assert type_of(text(written), KNOWN, problems) == type
    assert problems.sorted() == []


def test_what_is_no_type_is_said_with_what_was_expected():
    pages: list[str] = []
    for written in WRONG:
        problems = Problems()
        type_of(text(written), KNOWN, problems)
        pages.append(said(problems, (written,)))
    compare(SNAPSHOTS / "types_wrong.txt", "\n\n".join(pages) + "\n")


@pytest.mark.parametrize("written", ["Bok", "list of Bok", "list of {a: int", "money(EUR)?!", "one of"])
def test_after_a_mistake_a_type_is_any_so_that_it_is_told_once(written):
    problems = Problems()
    assert type_of(text(written), KNOWN, problems) == AnyType()
    assert len(problems.sorted()) == 1


@given(st.lists(st.sampled_from([*"(){}?:,.`\"'<>= 19x", " of ", "list", "one of", "text", "int", "..", "matches"])))
def test_whatever_is_written_there_is_a_type_or_a_problem_inside_of_it(pieces):
    written = "".join(pieces)
    problems = Problems()
    found = type_of(text(written), KNOWN, problems)
    assert bool(problems) or not isinstance(found, AnyType)
    assert all(1 <= one.span.column <= one.span.end_column <= len(written) + 1 for one in problems.sorted())
