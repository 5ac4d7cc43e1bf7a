"""Threads for handlers that burn CPU. Unlike `ThreadPoolExecutor`'s they never hold up the end of the process.

A thread can't be cancelled. So work whose caller has given up runs on, its result is dropped, and a service that stops
does not wait for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from queue import SimpleQueue
from typing import Any

from krepis.errors import Unavailable

OFFLOAD_THREADS_MAX = 4
OFFLOAD_WAITING_MAX = 1024

Job = tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]


class OffloadThreads(Executor):
    """At most `threads_max` threads, each started when there is work for it and nobody free; `waiting_max` jobs wait."""

    def __init__(self, threads_max: int = OFFLOAD_THREADS_MAX, waiting_max: int = OFFLOAD_WAITING_MAX) -> None:
        self._threads_max = threads_max
        self._waiting_max = waiting_max
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._threads = 0
        self._unfinished = 0
        self._lock = threading.Lock()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run `fn(*args)` in a thread. Raises `Unavailable` when `waiting_max` jobs wait already."""
        assert not kwargs, "an offloaded handler takes its arguments by position"
        with self._lock:
            if self._unfinished >= self._threads_max + self._waiting_max:
                raise Unavailable("too much work waits for a thread; try again")
            self._unfinished += 1
            if self._threads < min(self._unfinished, self._threads_max):
                self._threads += 1
                name = f"krepis-offload-{self._threads}"
                threading.Thread(target=self._work, name=name, daemon=True).start()
        future: Future[Any] = Future()
        self._jobs.put((future, fn, args))
        return future

    def shutdown(self, wait: bool = False, *, cancel_futures: bool = True) -> None:  # noqa: FBT001, FBT002 - Executor's
        """Let idle threads end; what runs is not waited for."""
        for _ in range(self._threads):
            self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            future, function, args = job
            result: Any = None
            failure: BaseException | None = None
            wanted = future.set_running_or_notify_cancel()
            if wanted:
                try:
                    result = function(*args)
                except BaseException as error:  # noqa: BLE001 - it belongs to whoever awaits the future
                    failure = error
            with self._lock:  # before anybody hears of the end: whoever does finds the place free
                self._unfinished -= 1
            if failure is not None:
                future.set_exception(failure)
            elif wanted:
                future.set_result(result)
            del job, future, function, args, result, failure  # an idle thread holds on to nothing
