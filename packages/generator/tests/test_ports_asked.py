"""Ports have the methods that somebody asked for, and no others."""

from pathlib import Path

import pytest

import krepis_spec
from krepis_generator import ports
from krepis_generator.repositories import Repositories

BOOKSHOP = Path(__file__).parents[3] / "examples" / "bookshop.md"


@pytest.fixture
def repositories():
    return Repositories(krepis_spec.read(BOOKSHOP))


def written(repositories):
    return {one.name: one.text for one in ports.write(repositories.blueprint, repositories).definitions}


def test_an_entity_that_nobody_asks_for_has_no_port(repositories):
    repositories.find("Book")
    assert sorted(written(repositories)) == ["Books", "Mail", "WritableBooks"]


def test_a_query_can_not_reach_what_writes(repositories):
    repositories.find("Book")
    repositories.write("Book", "save")
    found = written(repositories)
    assert ("def save" in found["Books"], "def save" in found["WritableBooks"]) == (False, True)


def test_several_values_of_a_key_are_called_after_it(repositories):
    repositories.find_many_by("Book", "isbn")
    declared = "async def find_many_by_isbn(self, ctx: Context, isbns: Collection[str]) -> dict[str, Book]:"
    assert declared in written(repositories)["Books"]


def test_a_port_says_what_writing_may_raise(repositories):
    repositories.write("Book", "add")
    assert "Raises `BookIsbnTaken`." in written(repositories)["WritableBooks"]


def test_outbound_operations_take_their_inputs_by_name(repositories):
    declared = "async def send(self, ctx: Context, *, to: Email, subject: str, text: str) -> None: ..."
    assert declared in written(repositories)["Mail"]
