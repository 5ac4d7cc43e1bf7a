"""Delivery beside a running service: at once, shared by several processes, through failures, in order, once."""

from __future__ import annotations

import asyncio
import os
import tracemalloc
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from _bank import Book, Mail, Paid, Pay, an_app, booked, on_paid, stored
from sqlalchemy import bindparam, insert, select, update

from krepis import App, Context, bind
from krepis._system import SystemSources
from krepis.app import Service
from krepis.context import root
from krepis.outbox import Outbox
from krepis.outbox.ledger import Beat
from krepis.outbox.tables import dead_letters, deliveries, events, workers
from krepis.sql import Database, Sql, statement
from krepis.wire import pack

LONG = "KREPIS_LONG" in os.environ
SEEDS = [1, 2, 3, 4] if LONG else [1]


def fast(*, pause_min_s: float = 0.005, pause_max_s: float = 0.02) -> Outbox:
    """An outbox in a hurry."""
    return Outbox(
        attempts_max=1000, pause_min_s=pause_min_s, pause_max_s=pause_max_s, sweep_s=0.3, lease_s=0.6, poll_s=0.02
    )


async def until(true: Callable[[], Any], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not await true():  # noqa: ASYNC110 - what is waited for happens in a database
            await asyncio.sleep(0.01)


async def pay_from(service: Service, account: str, *steps: int) -> None:
    await service.dispatch(service.context(timeout=60), Pay(account=account, steps=list(steps)))


async def all_delivered(app: App) -> bool:
    waiting = await stored(app.store, select(deliveries.c.position))
    unnumbered = await stored(app.store, select(events.c.number).where(events.c.position.is_(None)))
    return not waiting and not unnumbered


async def test_an_event_is_delivered_at_once_without_a_sweep(url: str):
    app = an_app(url, on_paid, outbox=Outbox(sweep_s=60, poll_s=60))
    async with app.start() as service:
        await asyncio.sleep(0.1)
        for step in range(5):
            await pay_from(service, "a", step)

            async def arrived(step: int = step) -> bool:
                return ("on_paid", "a", step) in await booked(app)

            await until(arrived)


async def test_the_news_reach_another_process_without_a_sweep(shared_url: str):
    emitter = an_app(shared_url, on_paid, outbox=Outbox(sweep_s=60, running_max=1))
    other = an_app(shared_url, on_paid, outbox=Outbox(sweep_s=60, poll_s=0.05))
    async with emitter.start() as service, other.start() as second:
        await asyncio.sleep(0.1)
        assert second.feed is not None
        waiter = asyncio.create_task(second.feed.wait(0))
        await pay_from(service, "a", 1)
        await asyncio.wait_for(waiter, 10)
        await until(lambda: all_delivered(emitter))


async def test_what_is_left_by_a_stop_is_found_by_the_next_start(shared_url: str):
    begun = asyncio.Event()

    async def on_paid_slowly(ctx: Context, event: Paid, *, mail: Mail, book: Book) -> None:
        await mail.send(ctx, "x")
        await book.add(ctx, "slow", event.account, event.step)

    class Slow(Mail):
        async def send(self, ctx: Context, text: str) -> None:
            begun.set()
            await asyncio.sleep(60)

    class Quick(Mail):
        async def send(self, ctx: Context, text: str) -> None:
            return None

    first = an_app(shared_url, on_paid_slowly, adapters=(bind(Mail, Slow, scope="app"),), outbox=Outbox(drain_s=0.05))
    async with first.start() as service:
        await pay_from(service, "a", 1, 2)
        await asyncio.wait_for(begun.wait(), 5)
    second = an_app(shared_url, on_paid_slowly, adapters=(bind(Mail, Quick, scope="app"),))
    async with second.start():
        await until(lambda: all_delivered(second))
        assert await booked(second) == [("slow", "a", 1), ("slow", "a", 2)]


@pytest.mark.parametrize("seed", SEEDS)
async def test_order_and_once_hold_under_random_failures_in_two_processes(shared_url: str, seed: int):
    """Reactions fail at random, before and after they write; two processes emit and deliver."""
    print(f"seed {seed}")
    chance = Random(seed)
    sent: Counter[str] = Counter()

    class Noted(Mail):
        async def send(self, ctx: Context, text: str) -> None:
            sent[str(ctx.idempotency_key)] += 1
            await asyncio.sleep(chance.random() / 200)
            if chance.random() < 0.2:
                raise ConnectionError("the mail server is away")

    async def on_paid_store(ctx: Context, event: Paid, *, book: Book) -> None:
        if chance.random() < 0.15:
            raise LookupError("before")
        await book.add(ctx, "store", event.account, event.step)
        if chance.random() < 0.15:
            raise LookupError("after")

    async def on_paid_mail(ctx: Context, event: Paid, *, mail: Mail, book: Book) -> None:
        await mail.send(ctx, event.account)
        await book.add(ctx, "mail", event.account, event.step)
        if chance.random() < 0.1:
            raise LookupError("after")

    count = 40 if LONG else 12
    accounts = [f"account {number}" for number in range(5)]
    async with AsyncExitStack() as stack:
        apps = [
            an_app(
                shared_url,
                on_paid_store,
                on_paid_mail,
                adapters=(bind(Mail, Noted, scope="app"),),
                outbox=fast(),
            )
            for _ in range(2)
        ]
        services = [await stack.enter_async_context(app.start()) for app in apps]

        async def emit(account: str) -> None:
            for step in range(count):
                await pay_from(chance.choice(services), account, step)

        await asyncio.gather(*(emit(account) for account in accounts))
        await until(lambda: all_delivered(apps[0]), 120)
        rows = await booked(apps[0])
        assert await stored(apps[0].store, select(dead_letters.c.position)) == []
    found: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for who, account, step in rows:
        found[who, account].append(step)
    assert dict(found) == {(who, account): list(range(count)) for who in ("store", "mail") for account in accounts}
    assert len(sent) == count * len(accounts), "each delivery has one key for all its attempts"


async def test_a_worker_that_was_taken_for_dead_changes_nothing(shared_url: str):
    """It stands still in an outbound call, another takes its delivery over, and then it goes on."""
    held, begun = asyncio.Event(), asyncio.Event()

    class Still(Mail):
        async def send(self, ctx: Context, text: str) -> None:
            begun.set()
            await held.wait()

    class Quick(Mail):
        async def send(self, ctx: Context, text: str) -> None:
            return None

    async def on_paid_mail(ctx: Context, event: Paid, *, mail: Mail, book: Book) -> None:
        await mail.send(ctx, event.account)
        await book.add(ctx, "mail", event.account, event.step)

    outbox = Outbox(lease_s=3600)
    first = an_app(shared_url, on_paid_mail, adapters=(bind(Mail, Still, scope="app"),), outbox=outbox)
    second = an_app(
        shared_url, on_paid_mail, adapters=(bind(Mail, Quick, scope="app"),), outbox=Outbox(sweep_s=0.1, lease_s=3600)
    )
    async with first.start() as service:
        await pay_from(service, "a", 1, 2)
        await asyncio.wait_for(begun.wait(), 5)
        courier = outbox._courier
        assert courier is not None
        async with second.start():
            (beat,) = await stored(first.store, select(workers.c.beat).where(workers.c.id == courier.me))
            assert await courier.ledger.inherit(Beat(courier.me, beat - 1, busy=True)) == 0, "it has lived since"
            assert await courier.ledger.inherit(Beat(courier.me, beat, busy=True)) == 1
            await until(lambda: all_delivered(second))
            held.set()
            await asyncio.sleep(0.2)
            assert await booked(second) == [("mail", "a", 1), ("mail", "a", 2)]
            assert await all_delivered(second)


async def test_a_dead_process_is_noticed_and_its_work_taken_over(shared_url: str):
    async def on_paid_book(ctx: Context, event: Paid, *, book: Book) -> None:
        await book.add(ctx, "book", event.account, event.step)

    app = an_app(shared_url, on_paid_book, outbox=fast())
    async with app.start() as service:
        dead, idle = 4711, 4712
        joined = statement(insert(workers))
        owned = statement(
            insert(deliveries).values(
                position=bindparam("position"), reaction=bindparam("reaction"), stream="s", owner=dead, attempts=1
            )
        )

        async def died(sql: Sql) -> None:
            await sql.run(joined, id=dead, beat=5, busy=True)
            await sql.run(joined, id=idle, beat=5, busy=False)

        await pay_from(service, "b", 0)
        await until(lambda: all_delivered(app))
        assert isinstance(app.store, Database)
        await app.store.transact(root(SystemSources()), "write", died)
        reaction = f"{on_paid_book.__module__}.{on_paid_book.__qualname__}"
        await app.store.transact(
            root(SystemSources()), "write", lambda sql: sql.run(owned, position=1, reaction=reaction)
        )
        await until(lambda: all_delivered(app), 20)
        assert await booked(app) == [("book", "b", 0), ("book", "b", 0)]
        assert await stored(app.store, select(workers.c.id).where(workers.c.id.in_([dead, idle]))) == [idle]


class Stepping(SystemSources):
    """The machine, with a wall clock that somebody sets."""

    def __init__(self) -> None:
        super().__init__()
        self.step = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.step


async def test_a_clock_that_steps_back_neither_loses_nor_doubles_nor_delays_for_long(shared_url: str):
    failing = True

    async def on_paid_book(ctx: Context, event: Paid, *, book: Book) -> None:
        await book.add(ctx, "book", event.account, event.step)
        if failing:
            raise LookupError("not yet")

    sources = Stepping()
    app = an_app(shared_url, on_paid_book, outbox=fast(pause_min_s=0.2, pause_max_s=0.3))
    async with app.start(sources) as service:
        await pay_from(service, "a", 1, 2)
        await asyncio.sleep(0.3)
        sources.step = timedelta(hours=-1)
        await pay_from(service, "a", 3)
        failing = False
        await until(lambda: all_delivered(app), 20)
        assert await booked(app) == [("book", "a", 1), ("book", "a", 2), ("book", "a", 3)]
        positions = await stored(app.store, select(events.c.about).order_by(events.c.position))
        assert len(positions) == 3

    far = statement(update(deliveries).values(due=bindparam("at_due", type_=deliveries.c.due.type)))
    failing = True
    async with app.start(sources) as service:
        await pay_from(service, "a", 4)

        async def failed() -> bool:
            return bool(await stored(app.store, select(deliveries.c.due).where(deliveries.c.due.is_not(None))))

        await until(failed, 20)
        failing = False
        assert isinstance(app.store, Database)
        due = SystemSources().now() + timedelta(days=1)
        await app.store.transact(root(SystemSources()), "write", lambda sql: sql.run(far, at_due=due))
        await until(lambda: all_delivered(app), 20)


@pytest.mark.parametrize("count", [100_000] if LONG else [3000])
async def test_a_backlog_stays_in_the_database(shared_url: str, count: int):
    """One aggregate that can't go on, with everything behind it, and one that can: memory is flat, and that one goes on."""

    async def on_paid_stuck(ctx: Context, event: Paid, *, book: Book) -> None:
        if event.account == "stuck":
            raise LookupError("no")
        await book.add(ctx, "book", event.account, event.step)

    outbox = Outbox(pause_min_s=3600, pause_max_s=3600, sweep_s=0.2, batch_max=1000)
    app = an_app(shared_url, on_paid_stuck, outbox=outbox)
    reaction = f"{on_paid_stuck.__module__}.{on_paid_stuck.__qualname__}"
    async with app.start() as service:
        await fill(app, count, reaction)
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            await pay_from(service, "free", 1)

            async def arrived() -> bool:
                return await booked(app) == [("book", "free", 1)]

            await until(arrived, 300)
            grown = tracemalloc.get_traced_memory()[1] - before
        finally:
            tracemalloc.stop()
        assert len(await stored(app.store, select(deliveries.c.position).limit(count + 1))) == count
    assert grown < 12_000_000, f"{grown} bytes"


async def fill(app: App, count: int, reaction: str) -> None:
    """Events of one aggregate that commands have stored and nobody has numbered."""
    ctx = root(SystemSources())
    columns = [column for column in events.c if column.name != "number"]
    add = statement(insert(events).values({c.name: bindparam(c.name, type_=c.type) for c in columns}))
    row: dict[str, Any] = {"name": "Paid", "about": "stuck", "tenant": None, "context": pack(ctx), "position": None}
    row |= {"body": '{"account":"stuck","step":1}', "reactions": [reaction], "at": ctx.now()}
    assert isinstance(app.store, Database)
    for _ in range(count // 1000):
        rows = [row | {"id": ctx.new_id()} for _ in range(1000)]
        await app.store.transact(root(SystemSources()), "write", lambda sql, rows=rows: sql.run_many(add, rows))
