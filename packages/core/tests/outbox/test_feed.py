"""The feed shows stored events by position, from any process, and wakes whoever waits."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from _bank import Paid, Pay, an_app, metadata, on_paid, stored
from sqlalchemy import bindparam, insert, select

from krepis import App, Context, Event, KrepisError
from krepis._system import SystemSources
from krepis.context import root
from krepis.events import Events, Feed, Recorded
from krepis.outbox import Outbox
from krepis.outbox.feed import WINDOW_POSITIONS
from krepis.outbox.tables import events
from krepis.sql import Database, Sql, statement
from krepis.testing import TestService, start
from krepis.wire import pack

PAID = frozenset({"Paid"})


def feed_of(service: TestService) -> Feed:
    feed = service.service.feed
    assert feed is not None
    return feed


async def test_events_are_read_by_position(url: str):
    async with start(an_app(url, on_paid)) as service:
        feed = feed_of(service)
        assert (await feed.last(), await feed.first()) == (0, 1)
        await service.dispatch(Pay(account="a", steps=[1, 2, 3]))
        assert (await feed.last(), await feed.first()) == (3, 1)
        found = await feed.read(1, PAID, None, 10)
        at = service.sources.now()
        assert found == [
            Recorded(position=2, event=Paid(account="a", step=2), about="a", at=at),
            Recorded(position=3, event=Paid(account="a", step=3), about="a", at=at),
        ]
        assert len(await feed.read(0, PAID, None, 2)) == 2
        assert await feed.read(0, frozenset({"Jotted"}), None, 10) == []
        assert await feed.read(0, frozenset(), None, 10) == []
        assert await feed.read(3, PAID, None, 10) == []


async def test_a_tenant_reads_its_own_events_alone(url: str):
    async with start(an_app(url)) as service:
        await service.dispatch(Pay(account="n", steps=[1]), service.context(tenant="north"))
        await service.dispatch(Pay(account="s", steps=[2]), service.context(tenant="south"))
        await service.dispatch(Pay(account="-", steps=[3]))
        feed = feed_of(service)
        read = [await feed.read(0, PAID, tenant, 10) for tenant in ("north", "south", None, "west")]
    assert [[recorded.about for recorded in some] for some in read] == [["n"], ["s"], ["-"], []]


async def test_thousands_of_waiters_are_woken_and_one_that_goes_takes_nobody_along(url: str):
    async with start(an_app(url)) as service:
        feed = feed_of(service)
        waiters = [asyncio.create_task(feed.wait(0)) for _ in range(3000)]
        await asyncio.sleep(0)
        waiters[7].cancel()
        await asyncio.sleep(0)
        assert sum(waiter.done() for waiter in waiters) == 1
        await service.dispatch(Pay(account="a", steps=[1]))
        await asyncio.wait_for(asyncio.gather(*waiters, return_exceptions=True), 5)
        await asyncio.wait_for(feed.wait(0), 1)
        late = asyncio.create_task(feed.wait(1))
        await asyncio.sleep(0.01)
        assert not late.done()
        late.cancel()


async def test_rare_events_are_found_far_behind(url: str):
    async with start(an_app(url, outbox=Outbox(batch_max=5000))) as service:
        await fill(service.service.app, WINDOW_POSITIONS + 10, "Other")
        await service.dispatch(Pay(account="a", steps=[1]))
        feed = feed_of(service)
        assert [found.position for found in await feed.read(0, PAID, None, 5)] == [WINDOW_POSITIONS + 11]


async def fill(app: App, count: int, name: str) -> None:
    """That many events, as if commands had stored them."""
    ctx = root(SystemSources())
    row: dict[str, Any] = {"name": name, "about": "x", "tenant": None, "body": "{}", "context": pack(ctx)}
    rows = [row | {"id": ctx.new_id(), "position": None, "reactions": [], "at": ctx.now()} for _ in range(count)]
    columns = [column for column in events.c if column.name != "number"]
    add = statement(insert(events).values({c.name: _parameter(c) for c in columns}))

    async def filled(sql: Sql) -> None:
        await sql.run_many(add, rows)

    assert isinstance(app.store, Database)
    await app.store.transact(ctx, "write", filled)


def _parameter(column: Any) -> Any:
    return bindparam(column.name, type_=column.type)


async def test_an_event_that_no_longer_fits_is_passed_over_and_said(url: str):
    async with start(an_app(url)) as service:
        await fill(service.service.app, 1, "Paid")
        await service.dispatch(Pay(account="a", steps=[1]))
        found = await feed_of(service).read(0, PAID, None, 10)
        assert [recorded.position for recorded in found] == [2]
        assert service.sources.lines[-1]["event"] == "event_unreadable"


async def test_what_is_forgotten_moves_the_first_position(url: str):
    outbox = Outbox(keep=timedelta(hours=1), batch_max=3)
    app = an_app(url, on_paid, outbox=outbox)
    async with start(app) as service:
        await service.dispatch(Pay(account="a", steps=list(range(7))))
        await service.settle()
        service.sources.advance(timedelta(hours=2))
        await service.dispatch(Pay(account="a", steps=[8]))
        courier = outbox._courier
        assert courier is not None
        await courier._clean()
        feed = feed_of(service)
        assert (await feed.first(), await feed.last()) == (8, 8)
        assert [found.position for found in await feed.read(0, PAID, None, 10)] == [8]
        service.sources.advance(timedelta(hours=2))
        await courier._clean()
        assert (await feed.first(), await feed.last()) == (8, 8), "it is not delivered yet"
        await service.settle()
        await courier._clean()
        assert (await feed.first(), await feed.last()) == (9, 8)


async def test_positions_come_in_the_order_of_commits_and_none_is_passed(postgres: Any):
    """A transaction that emits early and commits late gets its position late; a reader never misses it."""
    url = postgres.empty_database("postgres")
    database = Database(url, metadata=metadata)
    await database.open()
    await database.create_tables()
    await database.close()
    held = asyncio.Event()
    emitted = asyncio.Event()

    async def pay_slowly(ctx: Context, command: Pay, *, events: Events) -> None:
        for step in command.steps:
            await events.emit(ctx, Paid(account=command.account, step=step))
        if command.account == "slow":
            emitted.set()
            await held.wait()

    async with start(an_app(url, handlers=(pay_slowly,))) as service:
        feed = feed_of(service)
        slow = asyncio.create_task(service.dispatch(Pay(account="slow", steps=[1])))
        await asyncio.wait_for(emitted.wait(), 5)
        await service.dispatch(Pay(account="fast", steps=[2]))
        first = await feed.read(0, PAID, None, 10)
        assert [(found.position, found.about) for found in first] == [(1, "fast")]
        held.set()
        await slow
        second = await feed.read(first[-1].position, PAID, None, 10)
        assert [(found.position, found.about) for found in second] == [(2, "slow")]
        numbers = await stored(service.service.app.store, select(events.c.number).order_by(events.c.position))
        assert numbers == sorted(numbers, reverse=True), "the slow one was stored first"


async def test_a_reader_that_follows_many_writers_sees_every_event_once(shared_url: str):
    app = an_app(shared_url)
    other = an_app(shared_url, outbox=Outbox(events=(Paid,)))  # as another process would have it
    async with app.start() as service, other.start() as second:
        feed = second.feed
        assert feed is not None
        found: list[Recorded] = []

        async def follow() -> None:
            after = 0
            while len(found) < 120:
                await feed.wait(after)
                for recorded in await feed.read(after, PAID, None, 7):
                    found.append(recorded)
                    after = recorded.position

        async def write(name: str) -> None:
            for step in range(15):
                await service.dispatch(service.context(timeout=60), Pay(account=name, steps=[step, step]))

        await asyncio.wait_for(asyncio.gather(follow(), *(write(f"w{n}") for n in range(4))), 120)
    assert [recorded.position for recorded in found] == list(range(1, 121))
    for name in ("w0", "w1", "w2", "w3"):
        steps = [recorded.event.step for recorded in found if recorded.about == name]  # type: ignore[attr-defined]
        assert steps == sorted(steps)


class Unfitting(Event):
    things: list[str]


async def test_an_event_must_be_about_something_that_has_an_id(url: str):
    async def pay_badly(ctx: Context, command: Pay, *, events: Events) -> None:
        await events.emit(ctx, Unfitting(things=[]))

    async with start(an_app(url, handlers=(pay_badly,))) as service:
        with pytest.raises(KrepisError, match="neither text, nor a number, nor an id"):
            await service.dispatch(Pay(account="a", steps=[]))
