from uuid import UUID

import pytest
from krepis import replace
from krepis.types import Money

from library.domain.fine import Fine
from library.domain.loan import Loan


@pytest.fixture
async def fine(shelf, ctx, stock):
    loan = Loan(id=UUID(int=21), member=stock.alice.id, copy=stock.first.id, lent_at=stock.noon, due_at=stock.noon)
    fine = Fine(
        id=UUID(int=41),
        member=stock.alice.id,
        loan=loan.id,
        amount=Money.of("9.75", "EUR"),
        paid=Money.of("0.05", "EUR"),
        raised_at=stock.noon,
    )

    async def add(ports):
        await ports.loans.add(ctx, loan)
        await ports.fines.add(ctx, fine)

    await shelf.write(add)
    return fine


async def test_a_fine_is_found_with_its_exact_amounts(shelf, ctx, fine):
    found = await shelf.read(lambda ports: ports.fines.find(ctx, fine.id))
    assert found == fine
    assert str(found.owed) == "9.70 EUR"


async def test_an_open_fine_is_the_members_own(shelf, ctx, stock, fine):
    assert await shelf.read(lambda ports: ports.fines.open_of(ctx, stock.alice.id)) == [fine]
    assert await shelf.read(lambda ports: ports.fines.open_of(ctx, stock.bob.id)) == []


async def test_a_settled_fine_is_open_no_longer(shelf, ctx, stock, fine):
    waived = replace(fine, status="waived", waived_by=stock.max.id, waived_because="snowed in")
    await shelf.write(lambda ports: ports.fines.save(ctx, waived))
    assert await shelf.read(lambda ports: ports.fines.find(ctx, fine.id)) == waived
    assert await shelf.read(lambda ports: ports.fines.open_of(ctx, stock.alice.id)) == []
