"""Each limit of the outbox, at it and one beyond."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from _bank import Mail, Paid, Pay, an_app, on_paid, stored
from sqlalchemy import select

from krepis import App, Context, Event, KrepisError, bind
from krepis.errors import DeadlinePassed, WiringError
from krepis.events import Events
from krepis.outbox import Outbox
from krepis.outbox.emitting import CHAIN_MAX
from krepis.outbox.kinds import ABOUT_CHARACTERS_MAX
from krepis.outbox.tables import events
from krepis.testing import start


async def test_a_body_is_as_long_as_it_may_be_and_no_longer(url: str):
    fitting = len('{"step":1,"account":"é"}'.encode())
    async with start(an_app(url, on_paid, outbox=Outbox(body_max=fitting))) as service:
        await service.dispatch(Pay(account="é", steps=[1]))
        with pytest.raises(KrepisError, match=f"has {fitting + 1} bytes, and an event may have {fitting}"):
            await service.dispatch(Pay(account="éa", steps=[1]))
        assert await service.settle() == 1


async def test_an_aggregates_id_is_as_long_as_it_may_be_and_no_longer(url: str):
    async with start(an_app(url, on_paid)) as service:
        await service.dispatch(Pay(account="x" * ABOUT_CHARACTERS_MAX, steps=[1]))
        with pytest.raises(KrepisError, match=f"has {ABOUT_CHARACTERS_MAX + 1} characters"):
            await service.dispatch(Pay(account="x" * (ABOUT_CHARACTERS_MAX + 1), steps=[1]))
        assert await service.settle() == 1


async def test_reactions_that_set_each_other_off_come_to_an_end(url: str):
    count = 0

    async def on_paid_again(ctx: Context, event: Paid, *, events: Events) -> None:
        nonlocal count
        count += 1
        await events.emit(ctx, event)

    app = an_app(url, on_paid_again, outbox=Outbox(attempts_max=1))
    async with start(app) as service:
        await service.dispatch(Pay(account="a", steps=[1]))
        with pytest.raises(KrepisError, match="set each other off"):
            await service.settle()
        assert count == CHAIN_MAX - 1
        assert len(await stored(app.store, select(events.c.number))) == CHAIN_MAX - 1


async def test_no_more_reactions_run_at_a_time_than_may(url: str):
    running, most = 0, 0

    class Counting(Mail):
        async def send(self, ctx: Context, text: str) -> None:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.05)
            running -= 1

    async def on_paid_mail(ctx: Context, event: Paid, *, mail: Mail) -> None:
        await mail.send(ctx, event.account)

    outbox = Outbox(running_max=3)
    app = an_app(url, on_paid_mail, adapters=(bind(Mail, Counting, scope="app"),), outbox=outbox)
    async with app.start() as service:
        for number in range(12):
            await service.dispatch(service.context(timeout=60), Pay(account=f"a{number}", steps=[1]))
        lane = outbox._courier.lanes[0] if outbox._courier else None
        assert lane is not None
        async with asyncio.timeout(60):
            while most < 3 or lane.running:  # noqa: ASYNC110 - what is waited for has no event
                await asyncio.sleep(0.01)
    assert most == 3


async def test_an_attempt_ends_at_its_deadline(url: str):
    class Endless(Mail):
        async def send(self, ctx: Context, text: str) -> None:
            await asyncio.sleep(3600)

    async def on_paid_mail(ctx: Context, event: Paid, *, mail: Mail) -> None:
        await mail.send(ctx, event.account)

    outbox = Outbox(attempt_max_s=0.05)
    async with start(an_app(url, on_paid_mail, adapters=(bind(Mail, Endless, scope="app"),), outbox=outbox)) as service:
        await service.dispatch(Pay(account="a", steps=[1]))
        with pytest.raises(DeadlinePassed):
            await service.settle()


async def test_what_is_kept_is_forgotten_when_its_time_is_over_and_not_before(url: str):
    outbox = Outbox(keep=timedelta(hours=1))
    app = an_app(url, outbox=outbox)
    async with start(app) as service:
        await service.dispatch(Pay(account="a", steps=[1]))
        assert outbox._courier is not None
        service.sources.advance(timedelta(hours=1))
        await outbox._courier._clean()
        assert len(await stored(app.store, select(events.c.number))) == 1
        service.sources.advance(timedelta(microseconds=1))
        await outbox._courier._clean()
        assert await stored(app.store, select(events.c.number)) == []


@pytest.mark.parametrize(("length", "fits"), [(255, True), (256, False)])
def test_the_name_of_a_reaction_is_as_long_as_it_may_be(length: int, fits: bool):
    async def on_paid_long(ctx: Context, event: Paid) -> None:
        return None

    on_paid_long.__qualname__ = "x" * (length - len(on_paid_long.__module__) - 1)
    app = an_app("sqlite://", on_paid_long)
    if fits:
        app.check()
        return
    with pytest.raises(WiringError, match="has more than 255 characters"):
        app.check()


class Strange(Event):
    name: str
    aggregate = "nam"


def test_an_aggregate_that_is_no_field_stops_the_start():
    async def on_strange(ctx: Context, event: Strange) -> None:
        return None

    with pytest.raises(WiringError, match=r"`Strange\.aggregate` is `nam`, which is none of its fields"):
        an_app("sqlite://", on_strange).check()


def test_two_events_of_one_name_stop_the_start():
    class Same(Event):
        name: str

    other = type("Same", (Event,), {"__module__": "elsewhere", "__annotations__": {"name": str}})
    with pytest.raises(WiringError, match="two events are named `Same`"):
        an_app("sqlite://", outbox=Outbox(events=(Same, other))).check()


async def test_an_app_that_runs_already_does_not_start_again(url: str):
    app: App = an_app(url)
    async with start(app):
        with pytest.raises(KrepisError, match="the app runs already"):
            async with start(app):
                pass


async def test_a_stop_under_load_ends(shared_url: str):
    """A cancellation that a commit swallows must not keep the delivery going."""
    for _ in range(5):
        app: Any = an_app(shared_url, on_paid, outbox=Outbox(running_max=2))
        async with app.start() as service:
            for number in range(20):
                await service.dispatch(service.context(timeout=60), Pay(account=f"a{number}", steps=[1]))
            stopping = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - stopping < 30
