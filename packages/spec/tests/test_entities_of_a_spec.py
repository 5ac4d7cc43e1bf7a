"""Values, entities, events and ports as a spec has them, and what is said about those that make no sense."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from _things import checked, entity_with, right
from hypothesis import given
from hypothesis import strategies as st

from krepis_spec.blueprint import Field
from krepis_spec.document import Span
from krepis_spec.types import (
    BoolType,
    ChoiceType,
    DatetimeType,
    DecimalType,
    EntityType,
    IntType,
    ListType,
    NothingType,
    RecordField,
    RecordType,
    TextType,
    ValueType,
)
from terminal import compare

ROOT = Path(__file__).parents[3]
SNAPSHOTS = Path(__file__).parent / "snapshots"
BOOKSHOP = (ROOT / "examples" / "bookshop.md").read_text(encoding="utf-8")
EUR = DecimalType(2, "EUR")
STATES = ChoiceType(("placed", "paid", "cancelled"))
NOWHERE = Span(0, 0, 0, 0)

SLOT = "| room | text | |\n| slot | period | |\n| state | one of open, closed | default open |"

BULLETS = (
    ("- addressed by: title", "address", "title"),
    ("- addressed by: id", "address", "id"),
    ("- unique: room, title", "unique", (("room", "title"),)),
    ("- unique: room, title\n- unique: title, slot", "unique", (("room", "title"), ("title", "slot"))),
    ("- index: room, title\n- index: title", "indexes", (("room", "title"), ("title",))),
    ("- versioned", "versioned", True),
    ("- Per tenant", "per_tenant", True),
    ("- these are for readers", "versioned", False),
)

WRONG = (
    ("| id | int | |", ""),
    ("| version | int | |", ""),
    ("| a | text | |\n| a | int | |", ""),
    ("| a, b, a | text | |", ""),
    ("| a, | text | |", ""),
    ("| unitPrice | int | |", ""),
    ("| class | text | |", ""),
    ("| now | text | |", ""),
    ("| sum | int | |", ""),
    ("| a b | text | |", ""),
    ("| a | page(1, 2) | |", ""),
    ("| a | BookView | |", ""),
    ("| a | list of list of int | |", ""),
    ("| a | list of {b: secret} | |", ""),
    ("| next | Book | |", ""),
    ("| password | secret | |", ""),
    ("| email | email | unique |\n| one | secret | |\n| two | secret | |", ""),
    ("", ""),
    (SLOT, "- adressed by: room"),
    (SLOT, "- addressed by: rom"),
    (SLOT, "- addressed by: slot"),
    ("| a | text? | |", "- addressed by: a"),
    (SLOT, "- addressed by: room\n- addressed by: id"),
    (SLOT, "- unique: slot"),
    (SLOT, "- unique: state"),
    ("| a | text | unique |", "- unique: a"),
    (SLOT, "- unique: room\n- unique: room"),
    (SLOT, "- unique: room, day"),
    (SLOT, "- unique: room, room"),
    (SLOT, "- unique: room, state\n- unique: room, state"),
    ("| a | text | |\n| b | json | |", "- index: a, b"),
    (SLOT, "- index:"),
    (SLOT, "- versioned: yes"),
    (SLOT, "- versioned\n- versioned"),
    (SLOT, "- versoned"),
    (SLOT, "- unique"),
    (SLOT, "- per tenant"),
    (SLOT, "- status: open -> closed"),
    (SLOT, "- room: open -> closed"),
    (SLOT, "- state: open"),
    (SLOT, "- state: open -> close"),
    (SLOT, "- state: open -> closed, open -> closed"),
    (SLOT, "- state: closed -> open"),
    ("| state | one of open, closed | |", "- state: open -> closed"),
    ("| a | one of b, c | default b, immutable |", "- a: b -> c"),
    (SLOT, "- no overlap: room"),
    (SLOT, "- no overlap: slot for room"),
    (SLOT, "- no overlap: slot per rom"),
    (SLOT, "- no overlap: slot where sate == 1"),
    (SLOT, "- invariant: `len(room) > 1`"),
    (SLOT, '- invariant: "a message"'),
    (SLOT, '- invariant: `len(rom) > 1`, "too short"'),
    (SLOT, '- invariant: `room`, "no condition"'),
    (SLOT, '- invariant: `len(room) > 1`, "too short"\n- invariant: `len(room) > 2`, "too short"'),
)

WRONG_SPECS = (
    "## Entity Book",
    "## Entity Book\n\n| name | type |\n|---|---|\n| a | text |",
    "## Entity Book\n\n| field | type | rule |\n|---|---|---|\n| a | text | unique |",
    "## Entity Book\n\n| field | type | type |\n|---|---|---|\n| a | text | text |",
    "## Entity Book\n\n| field | type |\n|---|---|\n| a | text |\n\n| field | type |\n|---|---|\n| b | text |",
    "## Entity Book\n\n| field | type |\n|---|---|\n| a | text |\n\n```krepis\nreturn a\n```",
    "## Entity book\n\n| field | type |\n|---|---|\n| a | text |",
    "## Entity Order line\n\n| field | type |\n|---|---|\n| a | text |",
    "## Entity Query\n\n| field | type |\n|---|---|\n| a | text |",
    "## Entity Book\n\n| field | type |\n|---|---|\n| a | text |\n\n## Value Book\n\n| field | type |\n|---|---|\n| a | text |",
    "## Entity Book\n\n| field | type |\n|---|---|\n| a | text |\n\n## Event BOOK\n\n| field | type |\n|---|---|\n| a | text |",
    "## Entity One\n\n| field | type |\n|---|---|\n| a | Two |\n\n## Entity Two\n\n| field | type |\n|---|---|\n| a | One |",
    "## Value Line\n\n| field | type |\n|---|---|\n| lines | list of Line? |",
    "## Value Line\n\n| field | type | rules |\n|---|---|---|\n| a | text | unique |\n| b | secret | |\n| c | text | from a |",
    "## Value Line\n\n| field | type |\n|---|---|\n| a | text |\n\n- addressed by: a",
    "## Event Paid\n\n| field | type | rules |\n|---|---|---|\n| a | token(1 day) | |",
    "## Event Paid\n\n- unique: a",
    "## Port Mail",
    "## Port Mail\n\n| operation | input |\n|---|---|\n| send | to: email |",
    "## Port Mail\n\n| operation | input | answers |\n|---|---|---|\n| send | to email | nothing |\n| send | - | - |",
    "## Port Mail\n\n| operation | input | answers |\n|---|---|---|\n| send | To: email, by: secret | page(1, 2) |",
    "## Port Mail\n\n| operation | input | answers |\n|---|---|---|\n| ! | a: Bok | nothng |",
)


def plain(field):
    """The field without its place, and without the place of its default."""
    default = field.default and msgspec.structs.replace(field.default, span=NOWHERE)
    return msgspec.structs.replace(field, span=NOWHERE, default=default)


def field(name, type, **facts):
    return Field(name=name, span=NOWHERE, type=type, **facts)


def test_the_entities_of_the_bookshop_have_the_fields_that_it_gives_them():
    blueprint, _ = checked(BOOKSHOP)
    book = blueprint.entity("Book")
    assert [plain(one) for one in book.fields[:3]] == [
        field("isbn", TextType(pattern=r"\d{13}"), unique=True, immutable=True),
        field("title", TextType(1, 200), searchable=True),
        field("price", DecimalType(2, "EUR", min="0")),
    ]
    assert (book.fields[3].type, getattr(book.fields[3].default, "value", None)) == (IntType(), 0)


def test_the_order_of_the_bookshop_begins_as_placed_and_knows_its_ways():
    order = checked(BOOKSHOP)[0].entity("Order")
    assert [(one.name, one.type) for one in order.fields] == [
        ("customer", EntityType("User")),
        ("lines", ListType(ValueType("Line"), 1, 50)),
        ("status", STATES),
        ("total", EUR),
        ("placed_at", DatetimeType()),
    ]
    assert order.transitions[0].allowed == (("placed", "paid"), ("placed", "cancelled"))


def test_the_book_of_the_bookshop_is_addressed_by_its_isbn_and_never_below_zero():
    book = checked(BOOKSHOP)[0].entity("Book")
    (invariant,) = book.invariants
    assert (book.address, invariant.text, invariant.message) == ("isbn", "stock >= 0", "out of stock")
    assert (invariant.code, invariant.span) == ("out_of_stock", Span(22, 1, 22, 42))


def test_the_line_of_the_bookshop_is_a_value_of_three_fields():
    (line,) = checked(BOOKSHOP)[0].values
    assert [plain(one) for one in line.fields] == [
        field("book", EntityType("Book")),
        field("quantity", IntType(1, 100)),
        field("unit_price", EUR, server=True),
    ]


def test_the_event_and_the_port_of_the_bookshop():
    blueprint, wrong = checked(BOOKSHOP)
    (event,), (port,) = blueprint.events, blueprint.ports
    assert [plain(one) for one in event.fields] == [field("order", EntityType("Order"))]
    assert [(one.name, one.type) for one in port.operations[0].inputs] == [
        ("to", TextType(form="email")),
        ("subject", TextType()),
        ("text", TextType()),
    ]
    assert (port.operations[0].name, port.operations[0].answers, wrong) == ("send", NothingType(), "")


def test_names_that_share_a_row_share_what_it_says():
    (book, *_) = right(entity_with("| height, width | int | >= 0 |")).entities
    assert [(one.name, one.type) for one in book.fields] == [("height", IntType(0)), ("width", IntType(0))]


def test_prose_and_the_column_of_meanings_are_documentation():
    source = "# Shop\n\n## Entity Book\n\nWhat we sell.\n\n| field | type | meaning |\n|---|---|---|\n| a | text | Its code |"
    (book, *_) = right(source).entities
    assert (book.doc, book.fields[0].doc) == ("What we sell.", "Its code")


def test_every_field_has_the_place_of_its_row_and_every_entity_that_of_its_heading():
    (book, *_) = right(entity_with("| a, b | int | |")).entities
    assert (book.span, book.fields[0].span, book.fields[1].span) == (
        Span(5, 4, 5, 15),
        Span(9, 1, 9, 17),
        Span(9, 1, 9, 17),
    )


@pytest.mark.parametrize(("bullet", "name", "said"), BULLETS, ids=[bullet for bullet, *_ in BULLETS])
def test_a_bullet_is_a_fact_about_its_entity(bullet, name, said):
    service = "## Service\n\n| setting | value |\n|---|---|\n| tenants | by header X-Shop |"
    (book, *_) = right(entity_with(f"| title | text | |\n{SLOT}", bullet, service)).entities
    assert getattr(book, name) == said


@pytest.mark.parametrize("bullets", ["- unique: title", "- addressed by: title\n- unique: title"])
def test_one_field_may_be_unique_by_a_bullet(bullets):
    (book, *_) = right(entity_with(f"| title | text | |\n{SLOT}", bullets)).entities
    assert ([one.name for one in book.fields if one.unique], book.unique) == (["title"], ())


def test_a_state_may_be_set_again_where_a_step_says_so():
    (book, *_) = right(entity_with(SLOT, "- state: open -> open -> closed")).entities
    assert book.transitions[0].allowed == (("open", "open"), ("open", "closed"))


def test_what_an_entity_is_addressed_by_is_unique():
    (book, *_) = right(entity_with("| title | text | |", "- addressed by: title")).entities
    assert book.fields[0].unique


def test_transitions_are_chains_of_the_states_of_any_field():
    rows = "| phase | one of new, in use, worn, gone | default new |"
    (book, *_) = right(entity_with(rows, "- phase: new -> in use -> worn, in use -> gone")).entities
    assert book.transitions[0].field == "phase"
    assert book.transitions[0].allowed == (("new", "in use"), ("in use", "worn"), ("in use", "gone"))


def test_a_state_in_quotes_is_the_state_without_them():
    rows = '| phase | one of "new, sealed", used | default "new, sealed" |'
    (book, *_) = right(entity_with(rows, '- phase: "new, sealed" -> used')).entities
    assert book.transitions[0].allowed == (("new, sealed", "used"),)


def test_no_overlap_names_its_period_its_fields_and_its_condition():
    (book, *_) = right(entity_with(SLOT, '- no overlap: slot per room, state where state != "closed"')).entities
    (overlap,) = book.no_overlap
    assert (overlap.field, overlap.per) == ("slot", ("room", "state"))
    assert getattr(overlap.where, "type", None) == BoolType()


def test_an_invariant_may_have_commas_and_quotes_of_its_own():
    (book, *_) = right(entity_with(SLOT, '- invariant: `room in ("a, b", "c")`, "no such room, sorry"')).entities
    (invariant,) = book.invariants
    assert (invariant.text, invariant.message) == ('room in ("a, b", "c")', "no such room, sorry")


def test_a_value_has_defaults_and_invariants_as_an_entity_does():
    source = "# Shop\n\n## Value Size\n\n| field | type | rules |\n|---|---|---|\n| low, high | int | default 0 |\n\n"
    (size,) = right(f'{source}- invariant: `low <= high`, "upside down"').values
    assert [getattr(one.default, "value", None) for one in size.fields] == [0, 0]
    assert size.invariants[0].code == "upside_down"


def test_values_may_be_inside_of_values():
    table = "| field | type |\n|---|---|\n"
    source = f"# Shop\n\n## Value Place\n\n{table}| name | text |\n\n## Value Way\n\n{table}| start, end | Place |"
    assert right(source).values[1].fields[0].type == ValueType("Place")


def test_a_port_answers_with_named_values():
    table = "| operation | input | answers | meaning |\n|---|---|---|---|\n"
    rows = "| charge card | amount: money(EUR), by: User | {ok: bool} | Takes money |\n| ping | - | nothing | |"
    (port,) = right(f"# Shop\n\n## Port Bank\n\n{table}{rows}").ports
    assert [(one.name, len(one.inputs), one.answers, one.doc) for one in port.operations] == [
        ("charge_card", 2, RecordType((RecordField("ok", BoolType()),)), "Takes money"),
        ("ping", 0, NothingType(), ""),
    ]


def test_an_event_may_have_no_fields():
    assert right("# Shop\n\n## Event Opened\n\nThe doors are open.").events[0].fields == ()


def test_what_is_wrong_with_a_thing_is_told_in_the_words_of_the_language():
    pages = [checked(entity_with(fields, bullets))[1] for fields, bullets in WRONG]
    pages += [checked(f"# Shop\n\n{source}\n")[1] for source in WRONG_SPECS]
    compare(SNAPSHOTS / "things_wrong.txt", "\n\n".join(pages) + "\n")


@given(st.lists(st.text(st.characters(exclude_characters="|\\\n\r"), max_size=30), min_size=5, max_size=5))
def test_whatever_stands_in_cells_and_bullets_is_understood_or_a_problem(pieces):
    name, type, rules, key, value = pieces
    rows = (
        f"| {name} | text | unique |\n| a | {type} | |\n| b | text | {rules} |\n| c | one of x, y | default {rules} |"
    )
    blueprint, _ = checked(
        entity_with(rows, f"- {key}: {value}\n- invariant: {value}\n- c: {value}\n- no overlap: {value}")
    )
    assert blueprint.service.name == "shop"


@pytest.mark.parametrize(("fields", "bullets"), WRONG)
def test_every_wrong_entity_is_a_problem(fields, bullets):
    assert checked(entity_with(fields, bullets))[1] != ""


@pytest.mark.parametrize("source", WRONG_SPECS)
def test_every_wrong_section_of_a_thing_is_a_problem(source):
    assert checked(f"# Shop\n\n{source}\n")[1] != ""
