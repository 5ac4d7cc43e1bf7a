"""What a block means when it is run on rows."""

from pathlib import Path
from typing import Any

import pytest

from krepis_generator.proofs.meaning import Meaning, NotKnown, Refused, Row
from krepis_generator.proofs.values import NOON
from krepis_spec import read
from krepis_spec.blueprint import Blueprint

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture(scope="module")
def bookshop() -> Blueprint:
    return read(EXAMPLES / "bookshop.md")


@pytest.fixture
def dune() -> Row:
    return Row("Book", "dune", {"price": 10, "stock": 3})


@pytest.fixture
def alice() -> Row:
    return Row("User", "alice", {"email": "alice@example.org", "roles": []})


def place(bookshop: Blueprint, rows: list[Row], alice: Row, *lines: tuple[Row, int]) -> tuple[Meaning, Any]:
    meaning = Meaning(bookshop, rows, NOON)
    given = [{"book": book, "quantity": quantity} for book, quantity in lines]
    body = bookshop.operation("place_order").body
    assert body is not None
    return meaning, meaning.run(body, {"lines": given, "actor": alice})


def test_two_names_of_one_row_see_each_others_change(bookshop: Blueprint, dune: Row, alice: Row):
    _, order = place(bookshop, [dune], alice, (dune, 1), (dune, 2))
    assert (dune.fields["stock"], order.fields["total"]) == (0, 30)


def test_what_is_created_has_its_defaults_and_the_time(bookshop: Blueprint, dune: Row, alice: Row):
    meaning, order = place(bookshop, [dune], alice, (dune, 1))
    assert meaning.created == [order]
    assert (order.fields["status"], order.fields["placed_at"], order.fields["customer"]) == ("placed", NOON, alice)


def test_a_requirement_that_does_not_hold_refuses(bookshop: Blueprint, dune: Row, alice: Row):
    with pytest.raises(Refused) as refusal:
        place(bookshop, [dune], alice, (dune, 4))
    assert (refusal.value.code, refusal.value.status) == ("out_of_stock", 409)


def test_what_is_emitted_is_kept(bookshop: Blueprint, dune: Row, alice: Row):
    meaning, order = place(bookshop, [dune], alice, (dune, 1))
    assert meaning.emitted == [("OrderPlaced", {"order": order})]


def test_a_reaction_calls_the_ports_that_it_names(bookshop: Blueprint, dune: Row, alice: Row):
    meaning, order = place(bookshop, [dune], alice, (dune, 1))
    meaning.run(bookshop.reactions[0].body, {"order": order})
    letter = {"to": "alice@example.org", "subject": "Your order", "text": "Thank you. Total: 10."}
    assert meaning.called == [("Mail.send", letter)]


def test_a_step_that_is_not_allowed_refuses(bookshop: Blueprint, dune: Row, alice: Row):
    order = Row("Order", "order", {"status": "paid", "lines": []})
    body = bookshop.operation("cancel_order").body
    assert body is not None
    with pytest.raises(Refused):
        Meaning(bookshop, [order], NOON).run(body, {"order": order})


def test_a_field_that_a_row_does_not_say_is_not_known(bookshop: Blueprint, alice: Row):
    with pytest.raises(NotKnown):
        place(bookshop, [], alice, (Row("Book", "odd", {}), 1))
