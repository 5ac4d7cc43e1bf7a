"""Work ends at its deadline, or when its caller goes away, and has cleaned up by then."""

import asyncio
import time

import pytest

from krepis.deadline import CallerGone, Within
from krepis.errors import DeadlinePassed
from krepis.testing import TestSources

SOURCES = TestSources()


async def test_work_that_never_waits_is_done_in_its_first_step() -> None:
    async def work() -> int:
        return 7

    assert await Within(work(), SOURCES, 0.0) == 7


async def test_work_that_waits_gives_its_result() -> None:
    async def work() -> int:
        await asyncio.sleep(0.001)
        return 7

    assert await Within(work(), SOURCES, 5.0) == 7


async def test_work_past_its_deadline_is_cancelled_and_has_cleaned_up() -> None:
    cleaned: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(10)
        finally:
            await asyncio.sleep(0)
            cleaned.append("rolled back")

    with pytest.raises(DeadlinePassed):
        await Within(work(), SOURCES, 0.01)
    assert cleaned == ["rolled back"]


async def test_the_task_goes_on_after_a_deadline() -> None:
    with pytest.raises(DeadlinePassed):
        await Within(asyncio.sleep(10), SOURCES, 0.001)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0)


async def test_a_caller_that_goes_away_cancels_the_work() -> None:
    left = asyncio.Event()
    cleaned: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(10)
        finally:
            cleaned.append("rolled back")

    async def gone() -> None:
        await left.wait()

    asyncio.get_running_loop().call_later(0.03, left.set)
    with pytest.raises(CallerGone):
        await Within(work(), SOURCES, 60.0, gone)
    assert cleaned == ["rolled back"]


async def test_a_cancellation_from_outside_stays_one() -> None:
    task = asyncio.create_task(_cancelled())
    await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def _cancelled() -> None:
    await Within(asyncio.sleep(10), SOURCES, 60.0)


async def test_what_the_work_raises_comes_through() -> None:
    async def work() -> None:
        await asyncio.sleep(0)
        raise LookupError("no")

    with pytest.raises(LookupError):
        await Within(work(), SOURCES, 60.0)


async def test_an_exception_thrown_into_the_work_can_be_handled_there() -> None:
    async def work() -> str:
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(future.set_exception, LookupError("no"))
        try:
            await future
        except LookupError:
            return "handled"
        return "missed"

    assert await Within(work(), SOURCES, 60.0) == "handled"


async def test_asyncio_timeouts_and_groups_work_inside() -> None:
    async def work() -> int:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await asyncio.sleep(10)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(asyncio.sleep(0.001, n)) for n in (1, 2)]
        return sum(task.result() for task in tasks)

    assert await Within(work(), SOURCES, 60.0) == 3


async def test_a_slow_first_step_costs_no_timer_and_is_not_cut_short() -> None:
    async def work() -> str:
        time.sleep(0.002)  # noqa: ASYNC251 - what burns CPU does just this
        return "done"

    assert await Within(work(), SOURCES, 0.001) == "done"
