"""The decisions of the bookshop, as they are generated: what a block means."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from domain_kit import EXAMPLES, Loaded, blueprint_of, id_of, loaded, modules_of

from krepis import Invalid

NOW = datetime(2026, 5, 1, tzinfo=UTC)
DUNE, EMMA = id_of(1), id_of(2)


@pytest.fixture(scope="module")
def shop() -> Iterator[Loaded]:
    blueprint = blueprint_of(EXAMPLES / "bookshop.md")
    with loaded(blueprint, modules_of(blueprint)) as modules:
        yield modules


def _books(shop: Loaded, *, dune: int, emma: int = 5) -> dict[Any, Any]:
    book = shop["domain.book"].Book
    return {
        DUNE: book(id=DUNE, isbn="9780441013593", title="Dune", price=Decimal("9.99"), stock=dune),
        EMMA: book(id=EMMA, isbn="9780141439587", title="Emma", price=Decimal("0.10"), stock=emma),
    }


def _placed(shop: Loaded, books: dict[Any, Any], *lines: tuple[Any, int]) -> Any:
    module = shop["domain.place_order"]
    given = [module.LineGiven(book=book, quantity=quantity) for book, quantity in lines]
    return module.decide(lines=given, books=books, actor=id_of(7), order_id=id_of(9), now=NOW)


def test_two_lines_of_one_book_see_each_others_change(shop: Loaded) -> None:
    changes = _placed(shop, _books(shop, dune=5), (DUNE, 2), (DUNE, 3))

    assert {book.id: book.stock for book in changes.books}[DUNE] == 0


def test_two_lines_of_one_book_that_are_too_many_together_are_refused(shop: Loaded) -> None:
    with pytest.raises(shop["domain.book"].OutOfStock, match="out of stock"):
        _placed(shop, _books(shop, dune=4), (DUNE, 2), (DUNE, 3))


def test_sums_are_exact(shop: Loaded) -> None:
    changes = _placed(shop, _books(shop, dune=9), (DUNE, 3), (EMMA, 1))

    assert changes.order.total == Decimal("30.07")


def test_a_new_order_has_its_defaults_and_the_time_of_the_command(shop: Loaded) -> None:
    order = _placed(shop, _books(shop, dune=9), (DUNE, 1)).order

    assert (order.id, order.customer, order.status, order.placed_at) == (id_of(9), id_of(7), "placed", NOW)


def test_a_decision_changes_nothing_that_it_was_given(shop: Loaded) -> None:
    books = _books(shop, dune=5)

    _placed(shop, books, (DUNE, 2))

    assert books == _books(shop, dune=5)


@pytest.mark.parametrize("count", [0, 51])
def test_an_order_with_too_few_or_too_many_lines_is_invalid(shop: Loaded, count: int) -> None:
    with pytest.raises(Invalid) as refused:
        _placed(shop, _books(shop, dune=1, emma=100), *[(EMMA, 1)] * count)

    assert refused.value.errors[0].path == ("lines",)


@pytest.mark.parametrize("count", [1, 50])
def test_an_order_may_have_as_many_lines_as_it_says(shop: Loaded, count: int) -> None:
    changes = _placed(shop, _books(shop, dune=1, emma=100), *[(EMMA, 1)] * count)

    assert len(changes.order.lines) == count


def test_cancelling_puts_every_copy_back(shop: Loaded) -> None:
    order = _placed(shop, _books(shop, dune=9), (DUNE, 3), (EMMA, 1), (DUNE, 1)).order

    changes = shop["domain.cancel_order"].decide(order, books=_books(shop, dune=5, emma=4))

    assert (changes.order.status, [book.stock for book in changes.books]) == ("cancelled", [9, 5])


def test_what_is_cancelled_is_not_cancelled_again(shop: Loaded) -> None:
    order = _placed(shop, _books(shop, dune=9), (DUNE, 3)).order
    cancelled = shop["domain.cancel_order"].decide(order, books=_books(shop, dune=6)).order

    with pytest.raises(shop["domain.order"].WrongOrderStatus, match="whose status is cancelled can't become cancelled"):
        shop["domain.cancel_order"].decide(cancelled, books=_books(shop, dune=9))


def test_an_invariant_is_held_against_what_is_changed(shop: Loaded) -> None:
    book = _books(shop, dune=1)[DUNE]

    with pytest.raises(shop["domain.book"].OutOfStock):
        shop["domain.restock"].decide(book, quantity=-2)


def test_what_is_alone_is_no_dictionary(shop: Loaded) -> None:
    book = _books(shop, dune=1)[DUNE]

    assert shop["domain.restock"].decide(book, quantity=2).stock == 3
