"""Limits of streams: at each of them, and beyond. (Others stand with what they limit: see `docs/limits.md`.)"""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from _board import StartBoard

ANN, SAM = ({"authorization": f"Bearer {name}s"} for name in ("ann", "sam"))


@pytest.mark.parametrize(("recheck_s", "ends"), [(0.05, True), (30, False)])
async def test_a_caller_is_identified_again_after_so_long_and_not_before(
    start_board: StartBoard, recheck_s: float, ends: bool
) -> None:
    async with start_board(recheck_s=recheck_s) as service, service.events("/events", headers=ANN) as stream:
        await stream.next()
        await service.post("/revoke", json={"token": "anns"}, headers=SAM)
        await asyncio.sleep(0.1)
        await service.post("/notes", json={"reader": "ann", "text": "still hers"}, headers=SAM)
        if ends:
            with pytest.raises(EOFError):
                for _ in range(2):  # what was read before the check may still come
                    await stream.next()
        else:
            assert (await stream.next()).data["text"] == "still hers"


@pytest.mark.parametrize("retry_s", [0.001, 0.5, 2.0, 60.0])
async def test_clients_are_told_to_wait_so_long_and_less_than_twice(start_board: StartBoard, retry_s: float) -> None:
    least = round(retry_s * 1000)
    async with start_board(retry_s=retry_s) as service:
        for _ in range(5):
            async with service.events("/events", headers=ANN) as stream:
                told = re.search(rb"retry: (\d+)\n", await anext(stream._chunks))
                assert told is not None
                assert least <= int(told[1]) < 2 * least


@pytest.mark.parametrize(("batch_max", "largest"), [(1, 1), (3, 3), (8, 8), (9, 9), (100, 32)])
async def test_no_more_events_are_read_at_once_than_may_be(
    start_board: StartBoard, monkeypatch: pytest.MonkeyPatch, batch_max: int, largest: int
) -> None:
    async with start_board(batch_max=batch_max) as service:
        asked: list[int] = []
        feed: Any = service.service.feed
        read = type(feed).read

        async def noting(self: Any, after: int, names: Any, tenant: Any, count_max: int) -> Any:
            asked.append(count_max)
            return await read(self, after, names, tenant, count_max)

        monkeypatch.setattr(type(feed), "read", noting)
        async with service.events("/events", headers=ANN) as stream:
            await stream.next()
            position = stream.position
        for number in range(25):
            await service.post("/notes", json={"reader": "ann", "text": str(number)}, headers=SAM)
        async with service.events("/events", headers={**ANN, "last-event-id": str(position)}) as stream:
            assert [(await stream.next()).data["text"] for _ in range(25)] == [str(number) for number in range(25)]
        assert max(asked) == largest  # it begins with 8 and doubles: 25 events need no more than 32


async def test_a_connection_that_does_something_in_time_goes_on(start_board: StartBoard) -> None:
    async with start_board(idle_s=0.5) as service, service.websocket("/ask", headers=ANN) as socket:
        await socket.next()
        for _ in range(5):
            await asyncio.sleep(0.15)
            await socket.send("[]")
            assert "problem" in await socket.next()
        assert await socket.ended() == 1000
        assert socket.closed == (1000, "idle")
