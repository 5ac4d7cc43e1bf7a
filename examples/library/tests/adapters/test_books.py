import pytest
from krepis import replace
from krepis.types import Offset

from library.domain.book import Book

EMMA = Book(isbn="9780141439587", title="Emma", author="Jane Austen")
ODD = Book(isbn="9783150000014", title="100% Straße_", author="Ü. Ähm")


@pytest.fixture
async def three_books(shelf, ctx, stock):
    async def add(ports):
        await ports.books.add(ctx, EMMA)
        await ports.books.add(ctx, ODD)

    await shelf.write(add)


async def titles(shelf, ctx, text, **page):
    found = await shelf.read(lambda ports: ports.books.search(ctx, text, Offset(**{"limit": 20} | page)))
    return [book.title for book in found.items], found.total


async def test_a_book_is_found_by_isbn_as_it_was_added(shelf, ctx, stock):
    assert await shelf.read(lambda ports: ports.books.find(ctx, stock.dune.isbn)) == stock.dune


async def test_a_saved_book_replaces_the_one_before_and_is_searched_by_its_new_words(shelf, ctx, stock):
    revised = replace(stock.dune, title="Dune Messiah", published=None, version=2)
    await shelf.write(lambda ports: ports.books.save(ctx, revised))
    assert await shelf.read(lambda ports: ports.books.find(ctx, stock.dune.isbn)) == revised
    assert await titles(shelf, ctx, "messiah") == (["Dune Messiah"], 1)


async def test_a_search_without_text_finds_all_books_by_title(shelf, ctx, three_books):
    assert await titles(shelf, ctx, "") == (["100% Straße_", "Dune", "Emma"], 3)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("dun", ["Dune"]),
        ("AUSTEN", ["Emma"]),
        ("STRASSE", ["100% Straße_"]),
        ("ähm", ["100% Straße_"]),
        ("%", ["100% Straße_"]),
        ("_", ["100% Straße_"]),
        ("\\", []),
        ("nothing like it", []),
    ],
)
async def test_a_search_takes_the_text_as_it_is_in_either_case_of_letters(shelf, ctx, three_books, text, found):
    assert await titles(shelf, ctx, text) == (found, len(found))


async def test_a_page_holds_its_part_of_what_was_found(shelf, ctx, three_books):
    assert await titles(shelf, ctx, "", limit=1, offset=1) == (["Dune"], 3)
    assert await titles(shelf, ctx, "", limit=5, offset=3) == ([], 3)


async def test_a_search_tells_how_many_copies_stand_on_the_shelf(shelf, ctx, stock):
    await shelf.write(lambda ports: ports.copies.save(ctx, replace(stock.first, status="lent")))
    found = await shelf.read(lambda ports: ports.books.search(ctx, "dune", Offset(limit=1)))
    assert found.items[0].available == 1
