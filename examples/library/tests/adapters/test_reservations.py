from datetime import timedelta
from uuid import UUID

import pytest
from krepis import replace

from library.domain.reservation import Reservation


@pytest.fixture
async def queue(shelf, ctx, stock):
    """Three who wait for Dune, added in another order than they came: Alice, Bob, and Alice again."""
    last = Reservation(
        id=UUID(int=33), member=stock.alice.id, isbn=stock.dune.isbn, placed_at=stock.noon + timedelta(hours=1)
    )
    second = replace(last, id=UUID(int=32), member=stock.bob.id, placed_at=stock.noon)
    first = replace(last, id=UUID(int=31), placed_at=stock.noon)

    async def add(ports):
        for reservation in (last, second, first):
            await ports.reservations.add(ctx, reservation)

    await shelf.write(add)
    return first, second, last


async def test_a_reservation_is_found_by_id(shelf, ctx, queue):
    first, *_ = queue
    assert await shelf.read(lambda ports: ports.reservations.find(ctx, first.id)) == first


async def test_the_first_in_the_queue_came_first(shelf, ctx, stock, queue):
    first, *_ = queue
    assert await shelf.read(lambda ports: ports.reservations.first_waiting(ctx, stock.dune.isbn)) == first
    assert await shelf.read(lambda ports: ports.reservations.count_waiting(ctx, stock.dune.isbn)) == 3


async def test_nobody_waits_for_another_book(shelf, ctx, stock, queue):
    assert await shelf.read(lambda ports: ports.reservations.first_waiting(ctx, "9780000000000")) is None


async def test_a_members_open_reservations_are_those_that_wait_or_are_ready(shelf, ctx, stock, queue):
    first, _, last = queue
    await shelf.write(lambda ports: ports.reservations.save(ctx, replace(last, status="cancelled")))
    assert await shelf.read(lambda ports: ports.reservations.open_of(ctx, stock.alice.id)) == [first]


async def test_a_ready_reservation_is_found_by_its_copy_and_waits_no_longer(shelf, ctx, stock, queue):
    first, second, _ = queue
    ready = replace(first, status="ready", copy=stock.first.id, pickup_until=stock.noon)
    await shelf.write(lambda ports: ports.reservations.save(ctx, ready))
    assert await shelf.read(lambda ports: ports.reservations.ready_for(ctx, stock.first.id)) == ready
    assert await shelf.read(lambda ports: ports.reservations.ready_for(ctx, stock.second.id)) is None
    assert await shelf.read(lambda ports: ports.reservations.first_waiting(ctx, stock.dune.isbn)) == second


async def test_what_was_not_collected_in_time_comes_in_order_and_no_more_than_asked_for(shelf, ctx, stock, queue):
    first, second, _ = queue
    late = replace(first, status="ready", copy=stock.first.id, pickup_until=stock.noon + timedelta(days=2))
    later = replace(second, status="ready", copy=stock.second.id, pickup_until=stock.noon + timedelta(days=1))

    async def save(ports):
        await ports.reservations.save(ctx, late)
        await ports.reservations.save(ctx, later)

    await shelf.write(save)
    at = stock.noon + timedelta(days=2)
    assert await shelf.read(lambda ports: ports.reservations.uncollected(ctx, at, 9)) == [later]
    after = at + timedelta(microseconds=1)
    assert await shelf.read(lambda ports: ports.reservations.uncollected(ctx, after, 9)) == [later, late]
    assert await shelf.read(lambda ports: ports.reservations.uncollected(ctx, after, 1)) == [later]
