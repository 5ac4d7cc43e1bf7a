"""The outbox in memory does what the real one does: stored with the change, delivered after it, in order, once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from _bank import Book, Paid, Pay, pay

from krepis import App, Context, bind
from krepis.errors import WiringError
from krepis.sql import Database
from krepis.testing import MemoryOutbox, MemoryStore, MemoryUnit, start

Line = tuple[str, str, int]


class MemoryBook(Book):
    def __init__(self, unit: MemoryUnit) -> None:
        self._lines = unit.table("lines", tuple)

    async def add(self, ctx: Context, who: str, account: str, step: int) -> None:
        self._lines.put(len(self._lines), (who, account, step))

    async def all(self, ctx: Context) -> list[Line]:
        return list(self._lines)


def an_app(*reactions: Any) -> App:
    return App(
        "bank",
        handlers=(pay,),
        reactions=reactions,
        adapters=(bind(Book, MemoryBook),),
        store=MemoryStore(),
        parts=(MemoryOutbox(),),
    )


async def lines(app: App) -> list[Any]:
    assert isinstance(app.store, MemoryStore)
    async with app.store.unit(writable=False) as unit:
        return list(unit.table("lines", tuple))


async def on_paid(ctx: Context, event: Paid, *, book: Book) -> None:
    await book.add(ctx, "on_paid", event.account, event.step)


async def test_events_are_recorded_and_delivered_when_settled():
    app = an_app(on_paid)
    async with start(app) as service:
        feed = service.service.feed
        assert feed is not None
        waiter = asyncio.create_task(feed.wait(0))
        await asyncio.sleep(0)
        await service.dispatch(Pay(account="a", steps=[1, 2]))
        await asyncio.wait_for(waiter, 1)
        found = await feed.read(0, frozenset({"Paid"}), None, 1)
        assert [(recorded.position, recorded.event) for recorded in found] == [(1, Paid(account="a", step=1))]
        assert (await feed.first(), await feed.last()) == (1, 2)
        assert await lines(app) == []
        assert await service.settle() == 2
        assert await lines(app) == [("on_paid", "a", 1), ("on_paid", "a", 2)]
        assert await service.settle() == 0


async def test_a_command_that_fails_emits_nothing():
    async with start(an_app(on_paid)) as service:
        with pytest.raises(LookupError):
            await service.dispatch(Pay(account="a", steps=[1], fail=True))
        assert await service.settle() == 0


async def test_a_failed_reaction_is_undone_and_holds_up_its_aggregate_alone():
    failing = True

    async def on_paid_badly(ctx: Context, event: Paid, *, book: Book) -> None:
        await book.add(ctx, "bad", event.account, event.step)
        if failing and event.account == "a":
            raise LookupError("no")

    app = an_app(on_paid_badly)
    async with start(app) as service:
        await service.dispatch(Pay(account="a", steps=[1, 2]))
        await service.dispatch(Pay(account="b", steps=[1]))
        with pytest.raises(LookupError):
            await service.settle()
        assert await lines(app) == [("bad", "b", 1)]
        failing = False
        assert await service.settle() == 2
        assert await lines(app) == [("bad", "b", 1), ("bad", "a", 1), ("bad", "a", 2)]


def test_it_needs_a_store_in_memory():
    app = App("bank", handlers=(), store=Database("sqlite://"), parts=(MemoryOutbox(),))
    with pytest.raises(WiringError, match="needs a store in memory"):
        app.check()
