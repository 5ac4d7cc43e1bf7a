"""What blocks become."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from _bookshop import EUR, expression, problems_of, statements
from _good_blocks import GOOD

from krepis_spec.blocks.scope import Mode
from krepis_spec.document import Span
from krepis_spec.expressions import Attribute, Name, Require, Return, Set
from krepis_spec.fitting import words
from krepis_spec.problems import Problems
from krepis_spec.types import EntityType, IntType
from terminal import compare

SNAPSHOTS = Path(__file__).parent / "snapshots"


def _without_places(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _without_places(value) for key, value in node.items() if key != "span"}
    return [_without_places(one) for one in node] if isinstance(node, list) else node


def _lines(mode: Mode, text: str) -> str:
    found = [_without_places(msgspec.to_builtins(one)) for one in statements(text, mode)]
    return f"# {mode}\n{text}\n" + "".join(f"=> {json.dumps(one)}\n" for one in found)


@pytest.mark.parametrize(("mode", "text"), GOOD)
def test_a_right_block_has_no_mistake(mode, text):
    assert problems_of(text, mode) == []


@pytest.mark.parametrize(("mode", "text"), GOOD)
def test_everything_in_a_right_block_has_a_type(mode, text):
    assert b'"any"' not in msgspec.json.encode(statements(text, mode))


def test_blocks_become_these_statements():
    compare(SNAPSHOTS / "blocks_build.txt", "\n".join(_lines(mode, text) for mode, text in GOOD))


def test_restocking_becomes_a_change_and_an_answer():
    book = EntityType("Book")
    assert statements("book.stock += quantity\nreturn book") == (
        Set(
            span=Span(11, 3, 11, 25),
            of=Name(type=book, span=Span(11, 3, 11, 7), name="book", source="path"),
            field="stock",
            operator="+",
            value=Name(type=IntType(min=1), span=Span(11, 17, 11, 25), name="quantity", source="input"),
        ),
        Return(
            span=Span(12, 3, 12, 14),
            value=Name(type=book, span=Span(12, 10, 12, 14), name="book", source="path"),
        ),
    )


def test_a_field_of_an_invariant_stands_for_itself():
    found = expression("stock >= 0", "invariant", fields_of="Book")
    assert found is not None
    assert msgspec.to_builtins(found)["left"]["source"] == "field"


def test_the_thing_of_an_invariant_is_its_own_source():
    found = expression("count(o for o in order.lines) > 0 and version > 0", "invariant", fields_of="Order")
    assert b'"source":"thing"' in msgspec.json.encode(found)


def test_the_event_of_a_reaction_is_its_source():
    found = expression("order.total", "reaction", fields_of="OrderPlaced")
    assert isinstance(found, Attribute)
    assert found.type == EUR


def test_an_expression_that_does_not_fit_is_a_problem():
    problems = Problems()
    expression("1", "always", problems, expected="bool")
    assert [one.message for one in problems.sorted()] == ["bool is expected here; this is int"]


@pytest.mark.parametrize(
    ("text", "code", "status"),
    [
        ('require(gift, "out of stock")', "out_of_stock", 409),
        ('require(gift, "Not yours!", status=403)', "not_yours", 403),
        ('require(gift, "ausverkauft: später", code="sold_out")', "sold_out", 409),
    ],
)
def test_a_reason_has_a_code_and_a_status(text, code, status):
    (found,) = statements(text)
    assert isinstance(found, Require)
    assert (found.code, found.status) == (code, status)


@pytest.mark.parametrize(
    ("text", "type"),
    [
        ("1 + 2", "int"),
        ("1 / 2", "decimal(12)"),
        ("7 // 2", "int"),
        ("2 ** 8", "int"),
        ("9.99", "decimal(2)"),
        ("1.5 + 0.25", "decimal(2)"),
        ("rate * 0.5", "decimal(5)"),
        ("book.price + 1", "money(EUR)"),
        ("book.price * 3", "money(EUR)"),
        ("3 * book.price", "money(EUR)"),
        ("book.price * rate", "money(EUR) with 6 places"),
        ("round(book.price * rate, 2)", "money(EUR)"),
        ("book.price / 3", "money(EUR) with 12 places"),
        ("book.price / book.price", "decimal(12)"),
        ("-book.price", "money(EUR)"),
        ("now + days(3)", "datetime"),
        ("now - now", "duration"),
        ("day - day", "duration"),
        ('day + "P1D"', "date"),
        ("days(3) * 2", "duration"),
        ("waited // hours(1)", "int"),
        ("span.end - span.start", "duration"),
        ('"a" + book.title', "text"),
        ("book.tags + ['x']", "list of text"),
        ("lines[-1].quantity", "int 1..100"),
        ('lines[0]["book"]', "Book"),
        ("(1, book)", "(int, Book)"),
        ("(1, book)[1]", "Book"),
        ("{1, 2}", "set of int"),
        ("{'a': 1}", "{a: int}"),
        ("1 if gift else 2.5", "decimal(1)"),
        ("book if gift else None", "Book?"),
        ("text if text is not None else 'x'", "text"),
        ("[b.title for b in Book for t in b.tags if t == b.title]", "list of text(1..200)"),
        ("{b.title for b in Book}", "set of text(1..200)"),
        ("book.colours['red']", "json?"),
        ("1 < 2 < 3", "bool"),
        ("book in Book", "bool"),
        ("now in span", "bool"),
        ("status in ('paid', 'placed')", "bool"),
        ("'a' in book.title", "bool"),
        ("order.status == status", "bool"),
        ("book.sale == span", "bool"),
        ("key == book.id", "bool"),
        ("Order[0].customer.email", "email"),
    ],
)
def test_the_type_of(text, type):
    problems = Problems()
    found = expression(text, "command", problems)
    assert problems.sorted() == []
    assert found is not None
    assert words(found.type) == type


@pytest.mark.parametrize(
    "text",
    [
        "if text is not None:\n    book.title = text",
        "if text is None:\n    return book\nbook.title = text",
        'require(text is not None, "none")\nbook.title = text',
        "if text is None or text.lower() == 'x':\n    return book\nbook.title = text",
        "if not (text is None):\n    book.title = text",
        "x = text.lower() if text is not None else ''",
        "x = [text.lower() for b in Book if text is not None]",
        "x = [b.sale.start for b in Book if b.sale is not None]",
        "if text == 'x':\n    book.title = text",
        "actor.bio = 'x'\nx = actor.bio.lower()",
        "if bio is absent:\n    return book\nactor.bio = bio",
        "if gift:\n    x = 1\nelse:\n    x = 2\nbook.stock = x",
        "if gift:\n    return book\nelse:\n    x = 2\nbook.stock = x",
        "for line in lines:\n    delete(line.book)\nfor line in order.lines:\n    delete(line.book)",
        "x = find(User, email=email)\nx = actor\nactor.bio = x.email",
    ],
)
def test_what_was_ruled_out_is_known_afterwards(text):
    assert problems_of(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "if text is not None or gift:\n    book.title = text",
        "if text is not None:\n    x = 1\nbook.title = text",
        "if actor.bio is not None:\n    update(actor, bio=None)\n    x = actor.bio.lower()",
        "if actor.bio is not None:\n    actor.bio = None\n    x = actor.bio.lower()",
        "if actor.bio is not None:\n    order.customer.bio = None\n    x = actor.bio.lower()",
        "if actor.bio is not None:\n    for line in lines:\n        x = actor.bio.lower()\n        actor.bio = None",
        "if bio is absent:\n    actor.bio = bio",
        "x = [text for b in Book if text is not None]\nbook.title = text",
        "if not (text is None and gift):\n    book.title = text",
    ],
)
def test_what_was_not_ruled_out_is_not_known(text):
    assert len(problems_of(text)) == 1
