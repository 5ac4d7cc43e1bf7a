from datetime import timedelta
from uuid import UUID

import pytest
from krepis import replace
from krepis.types import Cursor, Offset, UnknownCursor

from library.domain.loan import Loan


@pytest.fixture
async def three_loans(shelf, ctx, stock):
    """Alice's first loan, which has ended, and two open ones: hers, then Bob's, due at the same time."""
    ended = Loan(
        id=UUID(int=21),
        member=stock.alice.id,
        copy=stock.first.id,
        lent_at=stock.noon,
        due_at=stock.noon + timedelta(days=21),
        returned_at=stock.noon + timedelta(days=1),
    )
    hers = replace(ended, id=UUID(int=22), lent_at=stock.noon + timedelta(days=2), returned_at=None)
    his = replace(hers, id=UUID(int=23), member=stock.bob.id, copy=stock.second.id)

    async def add(ports):
        for loan in (ended, hers, his):
            await ports.loans.add(ctx, loan)

    await shelf.write(add)
    return ended, hers, his


async def test_a_loan_is_found_by_id(shelf, ctx, three_loans):
    ended, *_ = three_loans
    assert await shelf.read(lambda ports: ports.loans.find(ctx, ended.id)) == ended


async def test_a_saved_loan_replaces_the_one_before(shelf, ctx, stock, three_loans):
    _, hers, _ = three_loans
    renewed = replace(hers, renewals=1, due_at=hers.due_at + timedelta(days=21))
    await shelf.write(lambda ports: ports.loans.save(ctx, renewed))
    assert await shelf.read(lambda ports: ports.loans.find(ctx, hers.id)) == renewed


async def test_only_open_loans_are_counted_and_shown_as_open(shelf, ctx, stock, three_loans):
    assert await shelf.read(lambda ports: ports.loans.count_open(ctx, stock.alice.id)) == 1
    (view,) = await shelf.read(lambda ports: ports.loans.open_of(ctx, stock.alice.id))
    assert (view.id, view.isbn) == (UUID(int=22), stock.dune.isbn)


async def test_a_page_of_loans_begins_with_the_latest(shelf, ctx, stock, three_loans):
    page = await shelf.read(lambda ports: ports.loans.page_of(ctx, stock.alice.id, Offset(limit=1)))
    assert ([view.id for view in page.items], page.total) == ([UUID(int=22)], 2)


async def test_overdue_pages_follow_each_other_without_gap_or_repetition(shelf, ctx, stock, three_loans):
    later = stock.noon + timedelta(days=22)
    first = await shelf.read(lambda ports: ports.loans.page_overdue(ctx, later, Cursor(limit=1)))
    second = await shelf.read(lambda ports: ports.loans.page_overdue(ctx, later, Cursor(limit=1, cursor=first.next)))
    assert [view.email for view in first.items + second.items] == ["alice@example.org", "bob@example.org"]
    assert second.next is None


async def test_a_loan_is_not_overdue_when_it_is_due(shelf, ctx, stock, three_loans):
    _, hers, _ = three_loans
    page = await shelf.read(lambda ports: ports.loans.page_overdue(ctx, hers.due_at, Cursor(limit=9)))
    assert (page.items, page.next) == ([], None)


@pytest.mark.parametrize("cursor", ["x", "AAAA", "bnVsbA==", "ä", "WyIyMDMwLTAxLTAxVDAwOjAwOjAwIiwgIngiXQ=="])
async def test_a_cursor_that_was_never_given_is_refused(shelf, ctx, stock, cursor):
    with pytest.raises(UnknownCursor):
        await shelf.read(lambda ports: ports.loans.page_overdue(ctx, stock.noon, Cursor(limit=1, cursor=cursor)))
