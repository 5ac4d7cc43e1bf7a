"""Runs a coroutine until its deadline, at no cost for one that never waits.

The first step is made in place. Most handlers over SQLite end in it, and then there is no timer, no task and no
watcher. Only a coroutine that really suspends gets a timer, and only one that stays suspended for
`DISCONNECT_GRACE_S` gets a watcher for a caller that goes away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, Generic, TypeVar

from krepis.context import Sources
from krepis.errors import DeadlinePassed

T = TypeVar("T")

DISCONNECT_GRACE_S = 0.02

Gone = Callable[[], Awaitable[None]]
"""Returns when the caller has gone away. Called at most once."""


class CallerGone(Exception):
    """The caller went away; the work was cancelled and rolled back."""


class Within(Generic[T]):
    """`await Within(coroutine, sources, deadline)`: its result, or `DeadlinePassed`, or `CallerGone`.

    `deadline` is in seconds of `sources.monotonic()`. When it raises, the coroutine has been cancelled and has ended
    (its transaction is rolled back).
    """

    __slots__ = ("_coroutine", "_deadline", "_gone", "_reason", "_sources", "_watcher")

    def __init__(
        self,
        coroutine: Coroutine[Any, Any, T],
        sources: Sources,
        deadline: float | None,
        gone: Gone | None = None,
    ) -> None:
        self._coroutine = coroutine
        self._sources = sources
        self._deadline = deadline
        self._gone = gone

    def __await__(self) -> Generator[Any, Any, T]:
        try:
            waits_for = self._coroutine.send(None)
        except StopIteration as done:
            return done.value
        return (yield from self._suspended(waits_for))

    def _suspended(self, waits_for: Any) -> Generator[Any, Any, T]:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        if task is None:
            raise RuntimeError("a handler that waits must run inside an asyncio task")
        self._reason: type[Exception] | None = None
        self._watcher: asyncio.Task[None] | None = None
        timers: list[asyncio.TimerHandle] = []
        if self._deadline is not None:
            remaining = max(0.0, self._deadline - self._sources.monotonic())
            timers.append(loop.call_later(remaining, self._stop, task, DeadlinePassed))
        if self._gone is not None:
            timers.append(loop.call_later(DISCONNECT_GRACE_S, self._watch, loop, task))
        try:
            return (yield from self._drive(waits_for))
        except asyncio.CancelledError:
            # `uncancel` tells our own cancellation from one that somebody else asked for in the meantime.
            if self._reason is not None and task.uncancel() == 0:
                raise self._reason from None
            raise
        finally:
            for timer in timers:
                timer.cancel()
            if self._watcher is not None:
                self._watcher.cancel()

    def _drive(self, waits_for: Any) -> Generator[Any, Any, T]:
        coroutine = self._coroutine
        while True:
            try:
                sent = yield waits_for
            except GeneratorExit:
                coroutine.close()
                raise
            except BaseException as error:  # noqa: BLE001 - every exception belongs to the coroutine
                step, argument = coroutine.throw, error
            else:
                step, argument = coroutine.send, sent
            try:
                waits_for = step(argument)
            except StopIteration as done:
                return done.value

    def _stop(self, task: asyncio.Task[Any], reason: type[Exception]) -> None:
        if self._reason is None:
            self._reason = reason
            task.cancel()

    def _watch(self, loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any]) -> None:
        gone = self._gone
        assert gone is not None

        async def watch() -> None:
            await gone()
            self._stop(task, CallerGone)

        self._watcher = loop.create_task(watch())
