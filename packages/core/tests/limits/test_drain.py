"""`App(drain_s)`: a stop waits so long for work that runs, and then goes on."""

from __future__ import annotations

import asyncio

import pytest
from _limited import Gates, Hold, app


@pytest.mark.parametrize(("drain_s", "opens", "is_done"), [(5, True, True), (0.1, False, False), (0, True, False)])
async def test_a_stop_waits_for_what_runs_so_long_and_no_longer(drain_s: float, opens: bool, is_done: bool) -> None:
    gates = Gates()
    made = app(gates=gates)
    made.drain_s = drain_s
    loop = asyncio.get_running_loop()
    async with made.start() as service:
        running = asyncio.ensure_future(service.dispatch(service.context(), Hold()))
        while not gates.inside:  # noqa: ASYNC110 - the gates have no event for it
            await asyncio.sleep(0)
        if opens:
            loop.call_later(0.05, gates.open.set)
        began = loop.time()
    assert running.done() is is_done
    assert loop.time() - began < 2
    gates.open.set()
    assert await running == "held"
