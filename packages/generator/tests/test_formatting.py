"""Code has the form of everybody's formatter, and its places survive that."""

import pytest

from krepis_generator.formatting import Place, formatted, places
from krepis_generator.source import Module
from krepis_spec.document import Span

HERE = Span(7, 1, 9, 4)
THERE = Span(12, 3, 12, 9)


@pytest.fixture
def books() -> Module:
    module = Module("src/shop/domain/book.py", "Books.")
    module.use("uuid", "UUID")
    module.use("krepis", "Value")
    module.use("shop.domain.line", "Line")
    module.use("decimal", "Decimal")
    module.add("Book", "class Book(Value):\n    id: UUID\n    lines: tuple[Line, ...]\n    price: int", spans=[HERE])
    module.add("LIMIT", "LIMIT = {'a': 1}")
    module.add("GET /books", "print( 'x' )", spans=[THERE])
    module.trace("Book.price", [THERE])
    return module


def test_imports_are_sorted_with_the_own_package_last_and_unused_ones_gone(books):
    text = formatted([books], package="shop")[books.path]
    assert text.startswith(
        '"""Books."""\n\nfrom uuid import UUID\n\nfrom krepis import Value\n\n'
        "from shop.domain.line import Line\n\n\nclass Book"
    )


def test_every_definition_is_found_where_formatting_has_put_it(books):
    text = formatted([books], package="shop")[books.path]
    found = {place.name: text.split("\n")[place.first - 1 : place.last] for place in places(books, text)}
    assert found == {
        "Book": ["class Book(Value):", "    id: UUID", "    lines: tuple[Line, ...]", "    price: int"],
        "Book.price": ["    price: int"],
        "LIMIT": ['LIMIT = {"a": 1}'],
        "GET /books": ['print("x")'],
    }


def test_a_place_has_the_spans_of_its_definition(books):
    text = formatted([books], package="shop")[books.path]
    assert Place("Book", 10, 13, (HERE,)) in places(books, text)


def test_decorators_belong_to_what_they_decorate():
    module = Module("src/shop/a.py", "A.")
    module.add("f", "@print\n@print\ndef f() -> None:\n    return", spans=[HERE])
    text = formatted([module], package="shop")[module.path]
    assert places(module, text) == (Place("f", 4, 7, (HERE,)),)


def test_the_same_modules_give_the_same_text(books):
    assert formatted([books], package="shop") == formatted([books], package="shop")


def test_settings_of_the_machine_change_nothing(books, tmp_path, monkeypatch):
    expected = formatted([books], package="shop")
    (tmp_path / "ruff.toml").write_text("line-length = 40\n[format]\nquote-style = 'single'\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("RUFF_CONFIG", str(tmp_path / "ruff.toml"))
    assert formatted([books], package="shop") == expected


def test_a_long_line_is_broken():
    module = Module("src/shop/a.py", "A.")
    module.add("xs", f"xs = [{'1000, ' * 30}]")
    text = formatted([module], package="shop")[module.path]
    assert max(map(len, text.split("\n"))) <= 120
