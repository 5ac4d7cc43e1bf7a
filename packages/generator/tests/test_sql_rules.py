"""What repositories refuse and give out by themselves: overlapping periods, taken keys, numbers, other tenants' rows."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest
from shelf_kit import Shelf, Stored

import krepis_spec
from krepis import Rejection, replace
from krepis.context import root
from krepis.sql import Database
from krepis.testing import MemoryStore, TestSources

EXAMPLES = Path(__file__).parents[3] / "examples"
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def rooms(tmp_path_factory):
    return Shelf(tmp_path_factory.mktemp("rooms"), krepis_spec.read(EXAMPLES / "booking.md"))


@pytest.fixture(params=["Sql", "Memory"])
async def booked(rooms, request):
    """A store with one room that is booked from noon until one."""
    store = Database("sqlite://", metadata=rooms.metadata) if request.param == "Sql" else MemoryStore()
    await store.open()
    stored = Stored(store, rooms.ports_of(request.param))
    booking, user, room = (rooms.module(f"domain.{name}") for name in ("booking", "user", "room"))
    period = rooms.module("domain.period").Period
    ann = user.User(id=UUID(int=1), email="ann@example.org", password="a hash")
    blue = room.Room(id=UUID(int=2), name="Blue", slug="blue", seats=4)
    first = booking.Booking(
        id=UUID(int=3),
        room=blue.id,
        booker=ann.id,
        title="Planning",
        during=period(start=NOON, end=NOON + timedelta(hours=1)),
        people=2,
        booked_at=NOON,
    )

    async def put(ports):
        await ports.users.add(stored.ctx, ann)
        await ports.rooms.add(stored.ctx, blue)
        await ports.bookings.add(stored.ctx, first)

    await stored.write(put)
    yield stored, first, period
    await store.close()


async def refusal(stored, work):
    try:
        await stored.write(work)
    except Rejection as rejection:
        return rejection.code
    return None


@pytest.mark.parametrize(
    ("begins", "ends", "told"),
    [
        (60, 90, None),
        (-30, 0, None),
        (59, 90, "booking_overlaps"),
        (-30, 1, "booking_overlaps"),
        (10, 20, "booking_overlaps"),
    ],
)
async def test_periods_that_share_an_instant_are_refused(booked, begins, ends, told):
    stored, first, period = booked
    during = period(start=NOON + timedelta(minutes=begins), end=NOON + timedelta(minutes=ends))
    other = replace(first, id=UUID(int=4), during=during)
    assert await refusal(stored, lambda ports: ports.bookings.add(stored.ctx, other)) == told


async def test_a_cancelled_booking_is_in_nobodys_way(booked):
    stored, first, _ = booked
    await stored.write(lambda ports: ports.bookings.save(stored.ctx, replace(first, status="cancelled")))
    again = replace(first, id=UUID(int=4))
    assert await refusal(stored, lambda ports: ports.bookings.add(stored.ctx, again)) is None


async def test_a_booking_is_not_in_its_own_way(booked):
    stored, first, _ = booked
    assert await refusal(stored, lambda ports: ports.bookings.save(stored.ctx, replace(first, people=3))) is None


async def test_what_is_taken_is_refused_in_the_words_of_the_domain(booked, rooms):
    stored, _, _ = booked
    second = rooms.module("domain.room").Room(id=UUID(int=9), name="Red", slug="blue", seats=1)
    assert await refusal(stored, lambda ports: ports.rooms.add(stored.ctx, second)) == "room_slug_taken"


async def test_what_is_in_use_stays(booked):
    stored, _, _ = booked
    assert await refusal(stored, lambda ports: ports.rooms.remove(stored.ctx, UUID(int=2))) == "room_in_use"


async def test_what_is_deleted_with_something_goes_with_it(booked):
    stored, first, _ = booked
    await stored.write(lambda ports: ports.users.remove(stored.ctx, first.booker))
    assert await stored.read(lambda ports: ports.bookings.find(stored.ctx, first.id)) is None


@pytest.fixture(scope="module")
def subscriptions(tmp_path_factory):
    return Shelf(
        tmp_path_factory.mktemp("subscriptions"), krepis_spec.read(EXAMPLES / "subscriptions.md"), asks_all=False
    )


@pytest.mark.parametrize("kind", ["Sql", "Memory"])
async def test_no_tenant_sees_what_belongs_to_another(subscriptions, kind):
    store = Database("sqlite://", metadata=subscriptions.metadata) if kind == "Sql" else MemoryStore()
    await store.open()
    made = subscriptions.ports_of(kind)
    plan = subscriptions.module("domain.plan").Plan(id=UUID(int=1), name="Basic", price=Decimal(10), seats=1)
    contexts = [root(TestSources(), timeout=20, tenant=tenant) for tenant in ("acme", "other")]
    for ctx, id in zip(contexts, (1, 2), strict=True):
        await store.transact(
            ctx, "write", lambda unit, ctx=ctx, id=id: made(unit).plans.add(ctx, replace(plan, id=UUID(int=id)))
        )
    found = await store.transact(contexts[0], "read", lambda unit: made(unit).plans.find(contexts[0], UUID(int=2)))
    await store.close()
    assert found is None
