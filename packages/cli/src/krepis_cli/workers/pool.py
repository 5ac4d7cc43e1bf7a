"""Work split over processes: results come in the order of the tasks, however the work was shared."""

from __future__ import annotations

import os
import time
from argparse import ArgumentTypeError
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from krepis_cli.workers.limits import DEFAULTS, Limits
from krepis_cli.workers.process import Outcome, Process, wait

JOBS_MAX = 64
AHEAD_PER_JOB = 4
"""How many tasks for each process may be begun or done while the oldest is not: what bounds the memory."""


class Task(NamedTuple):
    """One call, as `Worker.call` takes it. `seconds`: instead of what the limits say."""

    target: str
    arguments: Mapping[str, Any] = {}
    seconds: float | None = None


class Pool:
    """Up to `jobs` workers, started when they are needed and used again. One that dies takes only its task."""

    def __init__(
        self,
        python: Path | str,
        root: Path,
        *,
        jobs: int | None = None,
        limits: Limits = DEFAULTS,
        show: Callable[[str], None] | None = None,
    ) -> None:
        self._start = lambda: Process(str(python), root, limits, show)
        self._jobs = min(jobs or default_jobs(), JOBS_MAX)
        self._limits = limits
        self._idle: list[Process] = []

    def map(self, tasks: Iterable[Task]) -> Iterator[Any]:
        """The values, in the order of the tasks. Raises the error of the first task, in that order, that fails."""
        for outcome in self.outcomes(tasks):
            yield outcome.got()

    def outcomes(self, tasks: Iterable[Task]) -> Generator[Outcome]:
        """How each task ended, in the order of the tasks. They are taken from `tasks` as workers become free.

        Raises `KrepisError` when no worker can be started.
        """
        source = enumerate(tasks)
        running: dict[Process, int] = {}
        done: dict[int, Outcome] = {}
        turn = 0
        try:
            more = True
            while more or running or done:
                while more and len(running) < self._jobs and len(running) + len(done) < self._jobs * AHEAD_PER_JOB:
                    numbered = next(source, None)
                    more = numbered is not None
                    if numbered is not None:
                        running[self._begun(numbered[1])] = numbered[0]
                while turn in done:
                    before = time.monotonic()
                    yield done.pop(turn)
                    turn += 1
                    for process in running:  # while whoever asks was at work, nobody has listened
                        process.deadline += time.monotonic() - before
                if running:
                    self._step(running, done)
        finally:
            for process in running:
                process.kill()

    def close(self) -> None:
        """Let the workers end."""
        while self._idle:
            self._idle.pop().close()

    def kill(self) -> None:
        """End them at once."""
        while self._idle:
            self._idle.pop().kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is None or isinstance(error, Exception):
            self.close()
        else:
            self.kill()

    def _begun(self, task: Task) -> Process:
        process = self._free()
        try:
            process.begin(task.target, task.arguments, task.seconds or self._limits.call_s)
        except BaseException:
            process.kill()
            raise
        return process

    def _free(self) -> Process:
        while self._idle:
            process = self._idle.pop()
            if process.alive:
                return process
            process.kill()
        return self._start()

    def _step(self, running: dict[Process, int], done: dict[int, Outcome]) -> None:
        """Wait until something happens, and take what has ended out of `running`."""
        wait(running)
        for process in list(running):
            outcome = process.advance()
            if outcome is not None:
                done[running.pop(process)] = outcome
                if process.alive:
                    self._idle.append(process)
                else:
                    process.kill()


def default_jobs() -> int:
    """How many processes use this machine well: one for each processor that we may run on."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def read_jobs(text: str) -> int:
    """`--jobs N`: the type of an option. Raises `argparse.ArgumentTypeError`."""
    if text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= JOBS_MAX:
        return int(text)
    raise ArgumentTypeError(f"`{text[:20]}` is no number from 1 to {JOBS_MAX}")
