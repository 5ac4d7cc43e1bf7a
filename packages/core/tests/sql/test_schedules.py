"""Scheduled commands run when they are due, once across all services of a database, whatever the clock does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, Text, bindparam, insert, select

from krepis import Command, Context, OutboundPort, Query, Rejection, WritePort, bind
from krepis.access import Policy, may, role
from krepis.app import App, Service
from krepis.errors import Unavailable, WiringError
from krepis.schedules import TABLES, Every, Schedules, every
from krepis.sql import Database, Sql, include_tables, statement
from krepis.testing import MemoryStore, TestSources

metadata = MetaData()
include_tables(metadata, *TABLES)
runs = Table(
    "runs", metadata, Column("id", Text, primary_key=True), Column("label", Text, nullable=False), Column("n", Integer)
)
ADD = statement(insert(runs).values(id=bindparam("id"), label=bindparam("label"), n=0))
LABELS = statement(select(runs.c.label).order_by(runs.c.id), into=str)
SLOT = statement(select(TABLES[0].c.slot), into=datetime)
LOOK_S = 0.005


class Note(Command[None]):
    label: str


class Ring(Command[None]):
    """Calls out."""

    label: str


class Ask(Query[int]):
    pass


class Away(Unavailable):
    message = "it is away"


class NotNow(Rejection):
    message = "not now"


class Notes(WritePort, Protocol):
    async def add(self, ctx: Context, label: str) -> None: ...


class Bell(OutboundPort, Protocol):
    async def ring(self, ctx: Context) -> None: ...


class SqlNotes(Notes):
    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def add(self, ctx: Context, label: str) -> None:
        await self._sql.run(ADD, id=str(ctx.new_id()), label=label)


class World:
    """What the handlers of a test meet: they may be told to wait, or to fail."""

    def __init__(self) -> None:
        self.failures: list[Exception] = []
        self.contexts: list[Context] = []
        self.entered = asyncio.Event()
        self.go = asyncio.Event()
        self.go.set()
        self.at_once = 0
        self.at_once_max = 0

    async def meet(self, ctx: Context) -> None:
        self.contexts.append(ctx)
        self.at_once += 1
        self.at_once_max = max(self.at_once, self.at_once_max)
        self.entered.set()
        try:
            await self.go.wait()
            if self.failures:
                raise self.failures.pop(0)
        finally:
            self.at_once -= 1

    async def ring(self, ctx: Context) -> None:
        await self.meet(ctx)


class Clock(TestSources):
    """A wall clock that can be set; deadlines follow the machine's."""

    def __init__(self, at: datetime) -> None:
        super().__init__(at=at)

    def set(self, at: datetime) -> None:
        self._at = at

    def monotonic(self) -> float:
        return asyncio.get_event_loop().time()


class Town:
    """Services on one database, with one clock."""

    def __init__(self, url: str, *schedules: Every, **options: Any) -> None:
        self.url = url
        self.world = World()
        self.clock = Clock(datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC))
        self.schedules = schedules
        self.options: dict[str, Any] = {"look_s": LOOK_S, "retry_s": 0.0, **options}

    def app(self) -> App:
        world = self.world

        async def note(ctx: Context, command: Note, *, notes: Notes) -> None:
            await notes.add(ctx, command.label)
            await world.meet(ctx)

        async def ring(ctx: Context, command: Ring, *, notes: Notes, bell: Bell) -> None:
            await bell.ring(ctx)
            await notes.add(ctx, command.label)

        return App(
            "town",
            handlers=(note, ring),
            adapters=(bind(Notes, SqlNotes), bind(Bell, lambda: world, scope="app")),
            store=Database(self.url, metadata=metadata),
            policy=Policy(may(role("nobody"), Note, Ring)),
            parts=(Schedules(*self.schedules, **self.options),),
            drain_s=0.2,
        )

    @asynccontextmanager
    async def open(self, count: int = 1) -> AsyncGenerator[Service]:
        async with AsyncExitStack() as stack:
            for _ in range(count):
                service = await stack.enter_async_context(self.app().start(self.clock))
            await self.until(self.registered)
            yield service  # pyright: ignore[reportPossiblyUnboundVariable]

    async def registered(self) -> bool:
        return len(await self.ask(SLOT)) == len(self.schedules)

    async def ask(self, wanted: Any) -> list[Any]:
        database = Database(self.url, metadata=metadata)
        await database.open()
        try:
            ctx = self.app_context()
            return await database.transact(ctx, "read", lambda sql: sql.all(wanted))
        finally:
            await database.close()

    def app_context(self) -> Context:
        from krepis._system import SystemSources
        from krepis.context import root

        return root(SystemSources(), timeout=20)

    async def labels(self) -> list[str]:
        return await self.ask(LABELS)

    async def until(self, true: Callable[[], Any], seconds: float = 5) -> None:
        async with asyncio.timeout(seconds):
            while True:
                result = true()
                if await result if asyncio.iscoroutine(result) else result:
                    return
                await asyncio.sleep(LOOK_S)

    async def settled(self) -> None:
        """Time enough for something that should not happen."""
        await asyncio.sleep(20 * LOOK_S)

    def said(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.clock.lines if line["event"] == event]


@pytest.fixture(params=["file", "postgres"])
async def make_town(request: pytest.FixtureRequest, make_url: Callable[[str], str]) -> Callable[..., Town]:
    url = make_url(request.param)
    database = Database(url, metadata=metadata)
    await database.open()
    await database.create_tables()
    await database.close()
    return lambda *schedules, **options: Town(url, *schedules, **options)


NOTE = Note(label="note")


async def test_a_command_runs_at_each_of_its_slots(make_town: Callable[..., Town]) -> None:
    town = make_town(every("minute", NOTE))
    async with town.open():
        await town.settled()
        assert await town.labels() == []
        for count in (1, 2, 3):
            town.clock.advance(timedelta(minutes=1))
            await town.until(lambda: len(town.said("schedule_done")) == count)  # noqa: B023
            await town.settled()
            assert await town.labels() == ["note"] * count


async def test_its_context_says_who_and_why_and_until_when(make_town: Callable[..., Town]) -> None:
    town = make_town(every("minute", NOTE, name="notes", tenant="north", timeout_s=60))
    async with town.open():
        town.clock.advance(timedelta(minutes=1))
        await town.until(lambda: town.world.contexts)
        (ctx,) = town.world.contexts
        assert ctx.actor is not None
        assert (ctx.actor.id, ctx.tenant, ctx.intents) == ("system", "north", ("schedule notes", "Note"))
        assert ctx.idempotency_key == "schedule notes 2026-03-01T12:01:00+00:00"
        assert 50 < (ctx.remaining() or 0) <= 60


@pytest.mark.parametrize("message", [NOTE, Ring(label="ring")], ids=["plain", "phased"])
async def test_several_services_run_each_slot_once(make_town: Callable[..., Town], message: Command[None]) -> None:
    town = make_town(every("minute", message))
    async with town.open(4):
        for count in range(1, 6):
            town.clock.advance(timedelta(minutes=1))
            await town.until(lambda: len(town.said("schedule_done")) == count)  # noqa: B023
        await town.settled()
        assert len(await town.labels()) == 5
        assert len(town.said("schedule_done")) == 5
        assert town.world.at_once_max == 1


@pytest.mark.parametrize(
    ("missed", "expected"), [("once", ["14:00"]), ("skip", []), ("all", ["13:00", "14:00"])], ids=str
)
async def test_missed_slots_are_run_by_policy(make_town: Callable[..., Town], missed: Any, expected: list[str]) -> None:
    def label(slot: datetime) -> Note:
        return Note(label=f"{slot:%H:%M}")

    town = make_town(every("hour", label, missed=missed))
    async with town.open():
        pass
    town.clock.advance(timedelta(hours=2, minutes=5))
    async with town.open():
        await town.settled()
        await town.until(lambda: len(town.said("schedule_done")) == len(expected))
        assert sorted(await town.labels()) == expected
        assert (await town.ask(SLOT))[0] == datetime(2026, 3, 1, 14, tzinfo=UTC)
        town.clock.advance(timedelta(minutes=55))
        await town.until(lambda: len(town.said("schedule_done")) == len(expected) + 1)
        assert "15:00" in await town.labels()


async def test_a_slot_within_its_grace_is_not_skipped(make_town: Callable[..., Town]) -> None:
    town = make_town(every("hour", NOTE, missed="skip", grace_s=60))
    async with town.open():
        pass
    town.clock.set(datetime(2026, 3, 1, 13, 1, tzinfo=UTC))
    async with town.open():
        await town.until(lambda: town.said("schedule_done"))


async def test_a_slot_that_was_begun_in_time_is_run_again_however_late_its_process_was_found_dead(
    make_town: Callable[..., Town],
) -> None:
    town = make_town(every("hour", Ring(label="ring"), missed="skip", grace_s=30, timeout_s=60))
    town.world.go.clear()
    async with town.open(2):
        town.clock.advance(timedelta(hours=1))
        await town.world.entered.wait()
        await town.settled()
        town.clock.advance(timedelta(seconds=75))  # to the other one it is dead now
        await town.until(lambda: len(town.world.contexts) == 2)
        town.world.go.set()
        await town.until(lambda: town.said("schedule_done"))
    assert (town.said("schedule_skipped"), await town.labels()) == ([], ["ring"])


async def test_a_failure_of_one_slot_is_no_excuse_for_a_later_one(make_town: Callable[..., Town]) -> None:
    town = make_town(every("hour", NOTE, missed="skip"), retry_s=30)
    town.world.failures = [LookupError()]
    async with town.open():
        town.clock.advance(timedelta(hours=1))
        await town.until(lambda: town.said("schedule_failed"))
    town.clock.advance(timedelta(hours=5, minutes=5))
    async with town.open():
        await town.until(lambda: town.said("schedule_skipped"))
    assert await town.labels() == []


async def test_all_missed_slots_are_those_within_their_limit(make_town: Callable[..., Town]) -> None:
    def label(slot: datetime) -> Note:
        return Note(label=f"{slot:%d %H:%M}")

    town = make_town(every("hour", label, missed="all", missed_max_s=2 * 3600))
    async with town.open():
        pass
    town.clock.advance(timedelta(days=30))
    async with town.open():
        await town.until(lambda: len(town.said("schedule_done")) == 2)
        await town.settled()
        assert sorted(await town.labels()) == ["31 11:00", "31 12:00"]


async def test_a_clock_that_steps_back_runs_nothing_twice(make_town: Callable[..., Town]) -> None:
    town = make_town(every("minute", NOTE))
    async with town.open(2):
        town.clock.advance(timedelta(minutes=5))
        await town.until(lambda: town.said("schedule_done"))
        town.clock.set(datetime(2026, 3, 1, 12, 0, tzinfo=UTC))
        for _ in range(5):
            town.clock.advance(timedelta(minutes=1))
            await town.settled()
        assert await town.labels() == ["note"]
        town.clock.advance(timedelta(minutes=1))
        await town.until(lambda: len(town.said("schedule_done")) == 2)
    async with town.open():
        town.clock.set(datetime(2026, 3, 1, 11, 0, tzinfo=UTC))
    async with town.open():
        await town.until(lambda: town.said("schedule_ahead"))
        assert len(await town.labels()) == 2


async def test_a_failed_run_changes_nothing_and_is_tried_again(make_town: Callable[..., Town]) -> None:
    town = make_town(every("minute", NOTE))
    town.world.failures = [LookupError("a bug"), Away()]
    async with town.open():
        town.clock.advance(timedelta(minutes=1))
        await town.until(lambda: town.said("schedule_done"))
        assert await town.labels() == ["note"]
        one, two = town.said("schedule_failed")
        assert (one["attempt"], two["attempt"], one["level"]) == (1, 2, "error")
        assert "LookupError" in one["traceback"]
        assert len({one["trace"], two["trace"]}) == 2


async def test_a_retry_waits(make_town: Callable[..., Town]) -> None:
    town = make_town(every("hour", NOTE), retry_s=30)
    town.world.failures = [LookupError(), LookupError()]
    async with town.open():
        town.clock.advance(timedelta(hours=1))
        for count, pause in ((1, 30), (2, 60)):
            await town.until(lambda: len(town.said("schedule_failed")) == count)  # noqa: B023
            town.clock.advance(timedelta(seconds=pause - 1))
            await town.settled()
            assert len(town.world.contexts) == count
            town.clock.advance(timedelta(seconds=1))
        await town.until(lambda: town.said("schedule_done"))


@pytest.mark.parametrize(
    ("failures", "event"),
    [([LookupError(), LookupError(), LookupError()], "schedule_given_up"), ([NotNow()], "schedule_refused")],
)
async def test_a_slot_is_given_up_and_the_next_one_runs(
    make_town: Callable[..., Town], failures: list[Exception], event: str
) -> None:
    town = make_town(every("minute", NOTE))
    town.world.failures = list(failures)
    async with town.open():
        town.clock.advance(timedelta(minutes=1))
        await town.until(lambda: town.said(event))
        await town.settled()
        assert (len(town.world.contexts), await town.labels()) == (len(failures), [])
        town.clock.advance(timedelta(minutes=1))
        await town.until(lambda: town.said("schedule_done"))


async def test_a_run_past_its_deadline_is_undone(make_town: Callable[..., Town]) -> None:
    town = make_town(every("minute", NOTE, timeout_s=0.05, attempts_max=1))
    town.world.go.clear()
    async with town.open():
        town.clock.advance(timedelta(minutes=1))
        await town.until(lambda: town.said("schedule_given_up"))
        assert await town.labels() == []


@pytest.mark.parametrize("message", [NOTE, Ring(label="ring")], ids=["plain", "phased"])
async def test_a_stop_waits_for_a_run_and_cancels_one_that_takes_too_long(
    make_town: Callable[..., Town], message: Command[None]
) -> None:
    town = make_town(every("minute", message))
    town.world.go.clear()
    async with town.open():
        town.clock.advance(timedelta(minutes=1))
        await town.world.entered.wait()
    assert (town.said("schedule_done"), await town.labels()) == ([], [])
    town.world.entered.clear()
    async with town.open():  # the slot is still to be done, and no lease is in the way
        await town.world.entered.wait()
        asyncio.get_running_loop().call_later(0.05, town.world.go.set)
    assert len(town.said("schedule_done")) == 1
    assert len(await town.labels()) == 1


async def test_a_lease_that_was_lost_stores_nothing(make_town: Callable[..., Town]) -> None:
    town = make_town(every("hour", Ring(label="ring"), timeout_s=60))
    town.world.go.clear()
    async with town.open(2):
        town.clock.advance(timedelta(hours=1))
        await town.world.entered.wait()
        await town.settled()
        assert len(town.world.contexts) == 1
        town.clock.advance(timedelta(seconds=75))  # to the others the first one is dead now
        await town.until(lambda: len(town.world.contexts) == 2)
        town.world.go.set()
        await town.until(lambda: town.said("schedule_done"))
        await town.settled()
        assert await town.labels() == ["ring"]
        assert len({ctx.idempotency_key for ctx in town.world.contexts}) == 1


async def test_runs_at_the_same_time_are_bounded(make_town: Callable[..., Town]) -> None:
    town = make_town(*(every("minute", Ring(label="x"), name=f"ring {n}") for n in range(5)), concurrent_max=2)
    town.world.go.clear()
    async with town.open():
        town.clock.advance(timedelta(minutes=1))
        await town.until(lambda: town.world.at_once == 2)
        await town.settled()
        assert town.world.at_once_max == 2
        town.world.go.set()
        await town.until(lambda: len(town.said("schedule_done")) == 5)


async def test_another_call_of_the_same_command_is_no_run(make_town: Callable[..., Town]) -> None:
    from krepis.identity import SYSTEM

    town = make_town(every("hour", NOTE))
    async with town.open() as service:
        before = await town.ask(SLOT)
        await service.dispatch(service.context(actor=SYSTEM), NOTE)
        assert (await town.labels(), await town.ask(SLOT)) == (["note"], before)


async def test_a_store_that_is_away_for_a_while_ends_nothing(postgres: Any, make_url: Callable[[str], str]) -> None:
    url = make_url("postgres")
    database = Database(url, metadata=metadata)
    await database.open()
    await database.create_tables()
    await database.close()
    town = Town(url, every("minute", NOTE))
    async with town.open():
        await asyncio.to_thread(postgres.stop, "immediate")
        try:
            town.clock.advance(timedelta(minutes=1))
            await town.until(lambda: town.said("schedule_broken"), 10)
        finally:
            await asyncio.to_thread(postgres.start)
        await town.until(lambda: town.said("schedule_done"), 10)
        assert await town.labels() == ["note"]


def not_annotated(slot: datetime):
    return NOTE


@pytest.mark.parametrize(
    ("schedules", "problem"),
    [
        ([every("tuesday", NOTE)], "the schedule `Note`: `tuesday` is no schedule"),
        ([every("0 3 * * *", NOTE, zone="Mars")], "time zone `Mars`"),
        ([every("minute", NOTE, missed="never")], "`missed` is `never`"),  # pyright: ignore[reportArgumentType]
        ([every("minute", NOTE), every("hour", NOTE)], "two schedules are called `Note`"),
        ([every("minute", Ask())], "`None`, which is no command"),  # pyright: ignore[reportArgumentType]
        ([every("minute", not_annotated)], "`None`, which is no command"),
        ([every("minute", NOTE, name="x" * 101)], "1 to 100 printable"),
        ([every("minute", NOTE, attempts_max=0)], "has no attempt"),
    ],
)
def test_what_can_not_be_scheduled_stops_the_start(schedules: list[Every], problem: str) -> None:
    with pytest.raises(WiringError, match=problem):
        Town("sqlite://", *schedules).app().check()


@pytest.mark.parametrize("store", [None, MemoryStore(), Database("sqlite://", metadata=MetaData())])
def test_a_store_without_its_table_stops_the_start(store: Any) -> None:
    with pytest.raises(WiringError, match="schedules"):
        App("test", handlers=(), store=store, parts=(Schedules(),)).check()
