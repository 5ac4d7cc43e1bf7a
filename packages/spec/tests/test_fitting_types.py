"""Which type fits which, what two have in common, and how they are called."""

import pytest
from _bookshop import EUR, LINE, SHOP, STATUS

from krepis_spec.fitting import bare, fits, items_of, joined, tuple_of, words
from krepis_spec.types import (
    AnyType,
    BoolType,
    ChoiceType,
    DatetimeType,
    DateType,
    DecimalType,
    EntityType,
    IntType,
    JsonType,
    ListType,
    NothingType,
    OptionalType,
    PageType,
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

TEXT, INT = TextType(), IntType()
BOOK, LINE_VALUE = EntityType("Book"), ValueType("Line")
USD = DecimalType(places=2, currency="USD")


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (TextType(max=500), TextType(min=1, max=200, form="email")),
        (IntType(min=1), IntType(max=0)),
        (INT, DecimalType(places=2)),
        (DecimalType(places=1), DecimalType(places=2)),
        (EUR, EUR),
        (ChoiceType(("paid",)), STATUS),
        (NothingType(), OptionalType(BOOK)),
        (BOOK, OptionalType(BOOK)),
        (OptionalType(BOOK), OptionalType(BOOK)),
        (ListType(INT), ListType(DecimalType(places=2), max=3)),
        (SetType(BOOK), SetType(BOOK)),
        (LINE, LINE),
        (LINE, RecordType((*LINE.fields, RecordField("note", OptionalType(TEXT))))),
        (ListType(LINE), ListType(AnyType())),
        (AnyType(), BOOK),
        (TokenType(60), TEXT),
        (ListType(RecordType((RecordField("a", OptionalType(INT)),))), JsonType()),
        (RecordType((RecordField("a", INT),)), PropertiesType()),
        (ViewType("OrderView"), ViewType("OrderView")),
    ],
)
def test_it_fits(given, wanted):
    assert fits(given, wanted, SHOP)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (TEXT, INT),
        (INT, EUR),
        (INT, BoolType()),
        (BoolType(), INT),
        (DecimalType(places=3), DecimalType(places=2)),
        (DecimalType(places=2), EUR),
        (EUR, DecimalType(places=2)),
        (EUR, USD),
        (TEXT, STATUS),
        (STATUS, TEXT),
        (STATUS, ChoiceType(("paid",))),
        (OptionalType(BOOK), BOOK),
        (NothingType(), BOOK),
        (ListType(INT), SetType(INT)),
        (ListType(OptionalType(INT)), ListType(INT)),
        (LINE, LINE_VALUE),
        (LINE, RecordType(LINE.fields[:1])),
        (RecordType(LINE.fields[:1]), LINE),
        (BOOK, EntityType("Order")),
        (DateType(), DatetimeType()),
        (BOOK, JsonType()),
        (SecretType(), TEXT),
        (TEXT, SecretType()),
        (TEXT, UuidType()),
        (ViewType("OrderView"), EntityType("Order")),
    ],
)
def test_it_does_not_fit(given, wanted):
    assert not fits(given, wanted, SHOP)


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (INT, INT, INT),
        (IntType(min=1), IntType(max=3), INT),
        (INT, DecimalType(places=2), DecimalType(places=2)),
        (DecimalType(places=1), DecimalType(places=3), DecimalType(places=3)),
        (EUR, USD, None),
        (INT, EUR, None),
        (TextType(max=3), TextType(form="email"), TEXT),
        (BOOK, NothingType(), OptionalType(BOOK)),
        (NothingType(), OptionalType(BOOK), OptionalType(BOOK)),
        (OptionalType(INT), INT, OptionalType(INT)),
        (OptionalType(INT), TEXT, None),
        (ChoiceType(("a",)), ChoiceType(("b", "a")), ChoiceType(("a", "b"))),
        (ListType(INT, max=3), ListType(DecimalType(places=1)), ListType(DecimalType(places=1))),
        (ListType(INT), SetType(INT), None),
        (AnyType(), BOOK, BOOK),
        (BOOK, EntityType("Order"), None),
        (tuple_of(INT, TEXT), tuple_of(INT, TextType(max=3)), tuple_of(INT, TEXT)),
        (tuple_of(INT, TEXT), tuple_of(INT), None),
        (tuple_of(INT), tuple_of(TEXT), None),
    ],
)
def test_what_two_have_in_common(one, other, both):
    assert joined(one, other) == both


@pytest.mark.parametrize(
    ("type", "called"),
    [
        (TEXT, "text"),
        (TextType(min=1, max=200), "text(1..200)"),
        (TextType(form="email"), "email"),
        (TextType(pattern=r"\d{13}"), r"text matches \d{13}"),
        (IntType(min=1, max=100), "int 1..100"),
        (IntType(min=0), "int >= 0"),
        (IntType(max=9), "int <= 9"),
        (EUR, "money(EUR)"),
        (DecimalType(places=12, currency="EUR"), "money(EUR) with 12 places"),
        (DecimalType(places=2, above="0", max="9.50"), "decimal(2) > 0 <= 9.5"),
        (STATUS, "one of placed, paid, cancelled"),
        (ListType(LINE_VALUE, min=1, max=50), "list of Line 1..50"),
        (SetType(BOOK), "set of Book"),
        (OptionalType(EUR), "money(EUR)?"),
        (LINE, "{book: Book, quantity: int 1..100}"),
        (tuple_of(INT, BOOK), "(int, Book)"),
        (PageType(20, 100), "page(20, 100)"),
        (PageType(20, 100, cursor=True), "page(20, 100, cursor)"),
        (TokenType(604800), "token(7 days)"),
        (TokenType(3600), "token(1 hour)"),
        (TokenType(90), "token(90 seconds)"),
        (NothingType(), "none"),
        (DatetimeType(), "datetime"),
    ],
)
def test_a_type_is_called_as_the_page_writes_it(type, called):
    assert words(type) == called


def test_a_type_without_its_limits_is_bare():
    assert bare(OptionalType(DecimalType(places=2, currency="EUR", min="0"))) == EUR


def test_a_record_is_no_tuple():
    assert items_of(LINE) is None
