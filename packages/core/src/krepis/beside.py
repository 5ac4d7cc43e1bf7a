"""Work that runs beside a service, and ends with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

CANCEL_PAUSE_S = 0.1


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, Any]) -> AsyncGenerator[None]:
    """Run `work` in a task of its own for the time of the block."""
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        await end(task)


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancel until all have ended, whatever they raise: a commit that is under way swallows a cancellation."""
    running = set(tasks)
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=CANCEL_PAUSE_S)
    await asyncio.gather(*tasks, return_exceptions=True)
