"""The `krepis` command in a terminal and in pipes, as a person and a script meet it; and what they read, compared."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from serving import KREPIS

WAIT_S = 60


class Terminal:
    """A command that runs on a terminal of its own: both its outputs and its input are that terminal."""

    def __init__(self, command: Sequence[str | Path], **options: object) -> None:
        self._master, inner = pty.openpty()
        self.text = ""
        self.process = subprocess.Popen(
            command,
            stdin=inner,
            stdout=inner,
            stderr=inner,
            start_new_session=True,
            preexec_fn=_at_a_terminal,  # noqa: PLW1509 - a test has one thread
            **options,  # type: ignore[call-overload]
        )
        os.close(inner)

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def read_until(self, text: str, after: int = 0) -> str:
        """What has been shown so far (without the first `after` characters), as soon as `text` is in it."""
        self._read(lambda: text in self.text[after:])
        assert text in self.text[after:], self.text
        return self.text[after:]

    def end(self) -> tuple[int, str]:
        """The exit code, and all that was shown."""
        self._read(lambda: False)
        try:
            code = self.process.wait(WAIT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        os.close(self._master)
        return code, self.text.replace("\r\n", "\n")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def _read(self, enough) -> None:
        end = time.monotonic() + WAIT_S
        while not enough() and time.monotonic() < end:
            ready, _, _ = select.select([self._master], [], [], 0.1)
            if not ready:
                continue
            try:
                piece = os.read(self._master, 65536)
            except OSError:  # Linux says so when the last one who had it open has left
                return
            if not piece:
                return
            self.text += piece.decode("utf-8", "surrogateescape")


def heeding_ctrl_c() -> None:
    """For a new process: SIGINT means something also where the tests run in the background, whose processes ignore it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _at_a_terminal() -> None:
    heeding_ctrl_c()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def in_pipes(
    *words: str | bytes | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None, sent: str = ""
) -> tuple[int, str, str]:
    """Exit code, standard output, standard error of the command."""
    done = subprocess.run(
        [KREPIS, *words],
        cwd=cwd,
        env=None if env is None else {**os.environ, **env},
        input=sent.encode(),
        capture_output=True,
        check=False,
        timeout=WAIT_S,
    )
    return (
        done.returncode,
        done.stdout.decode("utf-8", "surrogateescape"),
        done.stderr.decode("utf-8", "surrogateescape"),
    )


def compare(snapshot: Path, text: str) -> None:
    """What people read is what the file says; `KREPIS_SNAPSHOTS=write` writes the file."""
    if os.environ.get("KREPIS_SNAPSHOTS") == "write":
        snapshot.parent.mkdir(exist_ok=True)
        snapshot.write_text(text, encoding="utf-8")
    if text != snapshot.read_text(encoding="utf-8"):
        wanted = snapshot.read_text(encoding="utf-8")
        pytest.fail(f"{snapshot} says otherwise (KREPIS_SNAPSHOTS=write takes what is shown):\n{wanted}\n---\n{text}")
