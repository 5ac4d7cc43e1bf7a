"""What stands in the store before a contract test: members, a manager, and a book with two copies."""

from datetime import UTC, datetime
from types import SimpleNamespace
from uuid import UUID

import pytest
from krepis import replace
from krepis.context import root
from krepis.testing import TestSources

from library.domain.book import Book
from library.domain.copy import Copy
from library.domain.member import Member
from library.domain.staff import StaffMember

NOON = datetime(2030, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
ALICE = Member(id=UUID(int=1), name="Alice", email="alice@example.org", kind="adult", joined_at=NOON)
BOB = replace(ALICE, id=UUID(int=2), name="Bob", email="bob@example.org", kind="child")
MAX = StaffMember(id=UUID(int=3), name="Max", role="manager")
DUNE = Book(isbn="9780441013593", title="Dune", author="Frank Herbert", published=1965)
FIRST = Copy(id=UUID(int=11), isbn=DUNE.isbn)
SECOND = Copy(id=UUID(int=12), isbn=DUNE.isbn)


@pytest.fixture
def ctx():
    return root(TestSources())


@pytest.fixture
async def stock(shelf, ctx):
    async def fill(ports):
        await ports.members.add(ctx, ALICE)
        await ports.members.add(ctx, BOB)
        await ports.staff.add(ctx, MAX)
        await ports.books.add(ctx, DUNE)
        await ports.copies.add(ctx, FIRST)
        await ports.copies.add(ctx, SECOND)

    await shelf.write(fill)
    return SimpleNamespace(noon=NOON, alice=ALICE, bob=BOB, max=MAX, dune=DUNE, first=FIRST, second=SECOND)
