"""The process of a plugin: lines in, lines out, an end of its patience for each, and an end of the process in any case."""

from __future__ import annotations

import os
import selectors
import signal
import time
from collections import deque
from contextlib import suppress
from typing import IO

from krepis_cli.plugins.start import Started

READ_BYTES = 1 << 16
STDERR_KEPT_BYTES = 8_192
"""How much of what it says on standard error is kept, to be shown when it fails."""
LOOK_S = 0.02
"""How often we look whether a process that should leave has left."""
READS_LEFT_MAX = 64
"""How often we read what an ended process has left in its pipes, which another one may still hold."""


class TooMuchError(Exception):
    """It has written more than it may; the text says what."""


class PluginProcess:
    """One process with pipes to its standard streams, which leads a process group of its own.

    Nothing here blocks for longer than it is told: pipes are read and written when they are ready.
    """

    def __init__(self, started: Started, *, line_bytes: int, output_bytes: int, stop_s: float) -> None:
        process, self._life = started
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self._process = process
        self._stdin, self._stdout, self._stderr = process.stdin, process.stdout, process.stderr
        self._line_bytes, self._output_left, self._stop_s = line_bytes, output_bytes, stop_s
        self._outgoing = bytearray()
        self._incoming = bytearray()
        self._searched = 0
        self._said: deque[bytes] = deque()
        self._said_bytes = 0
        self._selector = selectors.DefaultSelector()
        self._ended = False
        for pipe in (self._stdin, self._stdout, self._stderr):
            os.set_blocking(pipe.fileno(), False)
        for pipe in (self._stdout, self._stderr):
            self._selector.register(pipe, selectors.EVENT_READ)

    def send(self, line: bytes) -> None:
        """Write a line as soon as the process takes it; when it has left, nothing."""
        if not self._outgoing and not self._stdin.closed and line:
            self._selector.register(self._stdin, selectors.EVENT_WRITE)
        self._outgoing += line

    def line(self, wait_s: float) -> bytes | None:
        """The next line of its output without its end; `None` when there is no more.

        Raises `TimeoutError` when none has come in `wait_s` seconds, and `TooMuchError`.
        """
        end = time.monotonic() + wait_s
        while True:
            line = self._taken()
            if line is not None:
                return line
            if self._stdout.closed:
                rest, self._incoming = bytes(self._incoming), bytearray()
                self._searched = 0
                return rest or None
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._pump(left)

    def end(self, *, interrupt: bool = False) -> int:
        """See to it that the process and its group are gone; the answer is its exit status as `Popen.returncode`.

        It may leave by itself in `stop_s` seconds, when it is told so: by the end of its input, with `interrupt` by
        SIGINT too. A second Ctrl-C in that time kills it at once.
        """
        if not self._ended:
            try:
                if interrupt:
                    self._signal(signal.SIGINT)
                self._close(self._stdin)
                self._wait_for_its_end()
            finally:
                self.kill()
        return self._process.returncode

    def kill(self) -> None:
        """See to it that the process and its group are gone at once."""
        if self._ended:
            return
        self._ended = True
        # Before it is reaped: until then its number, which is that of the group, belongs to nobody else.
        self._signal(signal.SIGKILL)
        os.close(self._life)
        self._process.wait()
        for pipe in (self._stdin, self._stdout, self._stderr):
            self._close(pipe)
        self._selector.close()

    def last_words(self) -> str:
        """The end of what it has said on standard error."""
        return b"".join(self._said)[-STDERR_KEPT_BYTES:].decode("utf-8", "replace").strip()

    def _taken(self) -> bytes | None:
        found = self._incoming.find(b"\n", self._searched)
        self._searched = len(self._incoming)
        if found > self._line_bytes or (found < 0 and len(self._incoming) > self._line_bytes):
            raise TooMuchError(f"a line of more than {self._line_bytes} bytes")
        if found < 0:
            return None
        line = bytes(self._incoming[:found])
        del self._incoming[: found + 1]
        self._searched = 0
        return line

    def _pump(self, wait_s: float) -> None:
        for key, _ in self._selector.select(wait_s):
            if key.fileobj is self._stdin:
                self._write()
            elif key.fileobj is self._stdout:
                self._incoming += self._read(self._stdout)
            else:
                self._keep(self._read(self._stderr))

    def _read(self, pipe: IO[bytes]) -> bytes:
        try:
            read = os.read(pipe.fileno(), READ_BYTES)
        except BlockingIOError:
            return b""
        if not read:
            self._close(pipe)
        elif pipe is self._stdout:
            self._output_left -= len(read)
            if self._output_left < 0:
                raise TooMuchError("more output than a plugin may have in all")
        return read

    def _keep(self, said: bytes) -> None:
        self._said.append(said)
        self._said_bytes += len(said)
        while self._said_bytes - len(self._said[0]) > STDERR_KEPT_BYTES:
            self._said_bytes -= len(self._said.popleft())

    def _write(self) -> None:
        try:
            del self._outgoing[: os.write(self._stdin.fileno(), self._outgoing)]
        except BlockingIOError:
            return
        except BrokenPipeError:  # it has left; that its output ends says so, too
            self._outgoing.clear()
            self._close(self._stdin)
            return
        if not self._outgoing:
            self._selector.unregister(self._stdin)

    def _wait_for_its_end(self) -> None:
        """Until the process has ended, or its time is over. What it still says on standard output is let go."""
        end = time.monotonic() + self._stop_s
        while True:
            over = self._has_ended() or time.monotonic() >= end
            for _ in range(READS_LEFT_MAX if over else 1):
                with suppress(TooMuchError):
                    self._pump(0 if over else LOOK_S)
                self._incoming.clear()
            if over:
                return

    def _has_ended(self) -> bool:
        if hasattr(os, "waitid"):  # on macOS since Python 3.13
            return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        return self._process.poll() is not None

    def _close(self, pipe: IO[bytes]) -> None:
        if not pipe.closed:
            with suppress(KeyError):
                self._selector.unregister(pipe)
            with suppress(OSError):
                pipe.close()

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):  # the group is gone; macOS says so of a dead one
            os.killpg(self._process.pid, number)
