"""One worker process, seen from this side: never blocks, is asked to `advance` when something may have happened.

The group of the process is killed before the process is reaped: until then nobody else can have its number.
"""

from __future__ import annotations

import json
import os
import select
import signal
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from msgspec import Struct

from krepis.errors import KrepisError
from krepis_cli.workers import far_side, troubles
from krepis_cli.workers.limits import Limits
from krepis_cli.workers.noise import Noise
from krepis_cli.workers.starting import start

READ_BYTES = 1 << 18
DYING_S = 1.0
"""How long a process that hangs may take to say where, before it is killed."""
CLOSING_S = 1.0
"""How long one that is no longer needed may take to end by itself."""
LOOK_S = 0.05
"""How often we look for a dead process where the kernel does not tell (`pidfd_open` is Linux's)."""


READS_MAX = 16
IMPLAUSIBLE_BYTES = 1 << 40
"""A frame that claims to be so long is none."""


class Outcome(Struct, frozen=True):
    """How a call ended: with a `value`, or with an `error`."""

    value: Any = None
    error: KrepisError | None = None

    def got(self) -> Any:
        """The value. Raises the error."""
        if self.error is not None:
            raise self.error
        return self.value


class Process:
    """A worker that was started. Raises `WorkerError` when the program can't be started at all."""

    def __init__(self, python: str, root: Path, limits: Limits, show: Callable[[str], None] | None = None) -> None:
        self.python = python
        self._root = str(root)
        self._limits = limits
        self._noise = Noise(show)
        self._inbox = bytearray()
        self._outbox = memoryview(b"")
        self._target = ""
        self._allowed_s = limits.start_s
        self._ready = False
        self._hung_up = False
        self._silent = False
        self._ended = False
        self.deadline = time.monotonic() + limits.start_s
        self._popen, self._calls, self._noisy, self._pidfd, self._ends = start(python, self._root, limits.memory_bytes)

    def begin(self, target: str, arguments: Mapping[str, Any], seconds: float) -> None:
        """Let it call `target`. What it needs to come up is not counted."""
        try:
            frame = json.dumps({"target": target, "arguments": dict(arguments)}).encode()
        except (TypeError, ValueError, RecursionError) as error:
            troubles.refuse_arguments(target, error)
        self._outbox = memoryview(far_side.HEAD.pack(len(frame)) + frame)
        self._target, self._allowed_s = target, seconds
        if self._ready:
            self.deadline = time.monotonic() + seconds

    def dead(self) -> bool:
        """Whether the process has ended, reaped or not."""
        if self._pidfd is None:
            return self._popen.poll() is not None
        return bool(_ready([(self._pidfd, select.POLLIN)], 0))

    def interests(self) -> Iterable[tuple[int, int]]:
        """Descriptors and what has to happen there, before it is worth to `advance`."""
        if not self._hung_up:
            yield self._calls.fileno(), select.POLLIN | (select.POLLOUT if self._outbox and self._ready else 0)
        yield from self._endings()

    def _endings(self) -> Iterable[tuple[int, int]]:
        if not self._silent:
            yield self._noisy, select.POLLIN
        if self._pidfd is not None:
            yield self._pidfd, select.POLLIN

    def advance(self) -> Outcome | None:
        """Go on without waiting; an outcome when the call is over. After an error the process is gone."""
        dead = self.dead()  # before reading: what a dead process has written is there by now
        self._listen()
        frame = self._read_frame()
        if isinstance(frame, KrepisError):
            return self._lost(frame)
        if frame is not None and not self._ready:
            return self._came_up(frame)
        if frame is not None:
            return self._answered(frame)
        if dead:
            return self._lost(self._died())
        self._write()
        if time.monotonic() >= self.deadline:
            return self._lost(self._late())
        return None

    def close(self) -> None:
        """Let it end, a second long; then kill what is left of it."""
        if not self._ended:
            self._calls.close()
            self._await_death(CLOSING_S)
            self.kill()

    def kill(self) -> None:
        """End it and everything that it has started, at once."""
        if self._ended:
            return
        self._ended = True
        with suppress(ProcessLookupError, PermissionError):  # PermissionError: macOS, of a group of the dead alone
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait()
        self._pidfd = None
        with self._ends:
            self._listen()
            self._noise.end()

    @property
    def alive(self) -> bool:
        """Whether it can be given a task."""
        return not self._ended and not self.dead()

    def _listen(self) -> None:
        """Take what was printed, a bounded piece of it."""
        for _ in range(READS_MAX):
            try:
                some = os.read(self._noisy, READ_BYTES)
            except OSError:  # nothing there, or closed
                return
            if not some:
                self._silent = True
                return
            self._noise.take(some)

    def _read_frame(self) -> bytes | KrepisError | None:
        """The next whole frame, if it has come."""
        while True:
            if len(self._inbox) >= far_side.HEAD.size:
                (count,) = far_side.HEAD.unpack_from(self._inbox)
                if count >= IMPLAUSIBLE_BYTES:
                    return troubles.garbled(self._target or self.python, self._noise.text)
                if count > self._limits.answer_bytes:
                    return troubles.too_large(self._target, count, self._limits.answer_bytes, self._noise.text)
                if len(self._inbox) >= far_side.HEAD.size + count:
                    frame = bytes(self._inbox[far_side.HEAD.size : far_side.HEAD.size + count])
                    del self._inbox[: far_side.HEAD.size + count]
                    return frame
            try:
                some = self._calls.recv(READ_BYTES)
            except BlockingIOError:
                return None
            except OSError:
                some = b""
            if not some:
                self._hang_up()
                return None
            self._inbox += some

    def _hang_up(self) -> None:
        """Its end of the socket is closed: it is about to die, or the project has closed what is not its own."""
        if not self._hung_up:
            self._hung_up = True
            self.deadline = min(self.deadline, time.monotonic() + DYING_S)

    def _write(self) -> None:
        if self._outbox and self._ready:
            with suppress(OSError):  # full, or nobody there: that is seen elsewhere
                self._outbox = self._outbox[self._calls.send(self._outbox[:READ_BYTES]) :]

    def _came_up(self, frame: bytes) -> Outcome | None:
        if frame != far_side.READY:
            return self._lost(troubles.garbled(self.python, self._noise.text))
        self._ready = True
        self._noise.begin()
        self.deadline = time.monotonic() + self._allowed_s
        return None

    def _answered(self, frame: bytes) -> Outcome:
        try:
            said = json.loads(frame)
            if "value" in said:
                outcome = Outcome(said["value"])
            else:
                outcome = Outcome(error=troubles.told(self._target, said["trouble"], self._noise.text))
        except (ValueError, KeyError, TypeError, RecursionError):
            return self._lost(troubles.garbled(self._target, self._noise.text))
        if outcome.error is not None and outcome.error.code == "worker_memory":
            return self._lost(outcome.error)  # who knows what is left half-done in there
        self._listen()  # what was printed before the answer is there by now
        self._noise.begin()
        return outcome

    def _died(self) -> KrepisError:
        self.kill()
        noise = self._noise.text
        code = self._popen.returncode
        if not self._ready:
            how = f"exit code {code}" if code >= 0 else f"signal {-code}"
            return troubles.unstartable(self.python, f"ended with {how} before it could begin", noise)
        limited = self._limits.memory_bytes is not None
        return troubles.died(self._target, code, noise, limited=limited, root=self._root)

    def _late(self) -> KrepisError:
        with suppress(ProcessLookupError):
            os.kill(self._popen.pid, signal.SIGABRT)  # `faulthandler` writes where it is, and ends it
        self._await_death(DYING_S)
        self.kill()
        if self._hung_up:
            return troubles.garbled(self._target or self.python, self._noise.text)
        if not self._ready:
            why = f"did not come up within {self._limits.start_s:g} s"
            return troubles.unstartable(self.python, why, self._noise.text)
        return troubles.timed_out(self._target, self._allowed_s, self._noise.text, self._root)

    def _lost(self, error: KrepisError) -> Outcome:
        self.kill()
        return Outcome(error=error)

    def _await_death(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not self.dead() and time.monotonic() < end:
            _ready(self._endings(), self.patience(end - time.monotonic()))
            self._listen()

    def patience(self, seconds: float) -> float:
        """How long to wait at once, at most: its death may have to be looked for."""
        return max(0.0, seconds if self._pidfd is not None else min(seconds, LOOK_S))


def wait(processes: Collection[Process]) -> None:
    """Until something may have happened with one of them, or the first deadline has come."""
    wanted = [interest for process in processes for interest in process.interests()]
    now = time.monotonic()
    _ready(wanted, min(process.patience(process.deadline - now) for process in processes))


def _ready(wanted: Iterable[tuple[int, int]], seconds: float) -> list[tuple[int, int]]:
    poller = select.poll()
    for descriptor, events in wanted:
        poller.register(descriptor, events)
    return poller.poll(min(seconds, 3_600) * 1_000)
