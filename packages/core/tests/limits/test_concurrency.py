"""So many at once, so many in line, so long: at each limit and one beyond."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from _limited import Gates, app

from krepis import KrepisError
from krepis.limits import Concurrency, Rates
from krepis.testing import TestService, start


@pytest.fixture
def gates() -> Gates:
    return Gates()


def held(service: TestService, count: int) -> list[asyncio.Task[object]]:
    return [asyncio.create_task(service.get("/hold")) for _ in range(count)]


async def statuses(tasks: list[asyncio.Task[object]]) -> list[int]:
    return [reply.status for reply in await asyncio.gather(*tasks)]  # type: ignore[attr-defined]


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
async def limit() -> AsyncIterator[Concurrency]:
    part = Concurrency(running_max=2, waiting_max=1, wait_s=0.05, retry_after_s=7)
    yield part
    assert (part.taken, part.waiting) == (0, 0)


async def test_two_run_one_waits_and_the_fourth_is_refused_at_once(limit: Concurrency, gates: Gates) -> None:
    async with start(app(limit, gates=gates)) as service:
        running = held(service, 2)
        await settled()
        waiting = held(service, 1)
        await settled()
        assert (gates.inside, limit.waiting) == (2, 1)
        refused = await service.get("/hold")
        assert (refused.status, refused.json["code"], refused.headers["retry-after"]) == (503, "overloaded", "7")
        gates.open.set()
        assert await statuses(running + waiting) == [200, 200, 200]


async def test_who_waits_in_vain_is_refused(limit: Concurrency, gates: Gates) -> None:
    async with start(app(limit, gates=gates)) as service:
        running = held(service, 2)
        await settled()
        assert (await service.get("/hold")).status == 503
        gates.open.set()
        assert await statuses(running) == [200, 200]
        assert (await service.get("/hold")).status == 200


async def test_nothing_of_a_refused_request_is_read(gates: Gates) -> None:
    async with start(app(Concurrency(running_max=1, waiting_max=0), gates=gates)) as service:
        running = held(service, 1)
        await settled()
        assert (await service.post("/join", body=b"{" * 2_000_000)).status == 503
        gates.open.set()
        await statuses(running)
        assert (await service.post("/join", body=b"{" * 2_000_000)).status == 413


async def test_pages_and_what_is_no_door_need_no_place(gates: Gates) -> None:
    async with start(app(Concurrency(running_max=1, waiting_max=0), gates=gates)) as service:
        running = held(service, 1)
        await settled()
        assert (await service.get("/openapi.json")).status == 200
        assert (await service.get("/nowhere")).status == 404
        assert (await service.get("/greet")).status == 503
        gates.open.set()
        await statuses(running)


async def test_a_cancelled_request_gives_its_place_back(limit: Concurrency, gates: Gates) -> None:
    async with start(app(limit, gates=gates)) as service:
        first, second, third = held(service, 3)
        await settled()
        third.cancel()
        first.cancel()
        await settled()
        assert (limit.taken, limit.waiting) == (1, 0)
        later = held(service, 1)
        gates.open.set()
        assert await statuses([second, *later]) == [200, 200]


async def test_a_place_that_comes_with_the_cancellation_is_passed_on(gates: Gates) -> None:
    limit = Concurrency(running_max=1, waiting_max=2, wait_s=5)
    async with start(app(limit, gates=gates)) as service:
        first, second, third = held(service, 3)
        await settled()
        assert limit.waiting == 2
        limit._give()  # the place is handed to the second...
        second.cancel()  # ...who goes in the same moment
        limit.taken += 1
        await settled()
        gates.open.set()
        assert await statuses([first, third]) == [200, 200]
        assert second.cancelled()
    assert limit.waiting == 0


async def test_the_line_is_first_come_first_served(gates: Gates) -> None:
    limit = Concurrency(running_max=1, waiting_max=10, wait_s=5)
    order: list[int] = []
    async with start(app(limit, gates=gates)) as service:
        running = held(service, 1)
        await settled()

        async def ask(number: int) -> None:
            assert (await service.get("/greet")).status == 200
            order.append(number)

        asking = [asyncio.create_task(ask(number)) for number in range(10)]
        await settled()
        gates.open.set()
        await asyncio.gather(*asking, *running)
    assert order == list(range(10))


async def test_never_more_than_allowed_are_inside(gates: Gates) -> None:
    limit = Concurrency(running_max=3, waiting_max=100, wait_s=5)
    gates.open.set()
    async with start(app(limit, gates=gates)) as service:
        assert await statuses(held(service, 100)) == [200] * 100
    assert (limit.taken, limit.waiting) == (0, 0)


async def test_the_document_says_503_overloaded() -> None:
    async with start(app(Concurrency())) as service:
        document = (await service.get("/openapi.json")).json
    reference = document["paths"]["/greet"]["get"]["responses"]["503"]["$ref"]
    response = document["components"]["responses"][reference.rpartition("/")[2]]
    assert "`overloaded`" in response["description"]
    assert response["headers"]["Retry-After"]["required"]


@pytest.mark.parametrize(
    "options", [{"running_max": 0}, {"waiting_max": -1}, {"wait_s": -0.1}, {"wait_s": float("nan")}]
)
def test_a_limit_that_serves_nobody_is_refused(options: dict[str, float]) -> None:
    with pytest.raises(KrepisError, match="serves nobody"):
        Concurrency(**options)  # type: ignore[arg-type]


async def test_it_stands_inside_of_the_rates() -> None:
    with pytest.raises(KrepisError, match="`Rates` stands after `Concurrency`"):
        async with start(app(Concurrency(), Rates())):
            pass
