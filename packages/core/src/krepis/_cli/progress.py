"""How far a verb is: one line on the terminal, after a second, that goes away at the end."""

from __future__ import annotations

import sys
import time

from krepis._cli.printable import printable

SHOWN_AFTER_S = 1.0
SHOWN_EVERY_S = 0.1


class Progress:
    """Counts steps of `what`; `total` is how many there will be, where that is known."""

    def __init__(self, what: str, total: int | None = None, *, live: bool = False) -> None:
        self._what = printable(what)
        self._total = total
        self._live = live
        self._next = time.monotonic() + SHOWN_AFTER_S
        self._shown = False
        self.done = 0

    def step(self, count: int = 1) -> None:
        """So many more are done."""
        self.done += count
        if self._live and time.monotonic() >= self._next:
            self._next = time.monotonic() + SHOWN_EVERY_S
            self._shown = True
            of = "" if self._total is None else f"/{self._total}"
            self._write(f"\r{self._what}: {self.done}{of}\x1b[K")

    def end(self) -> None:
        """Take the line away."""
        if self._shown:
            self._shown = False
            self._write("\r\x1b[K")

    def _write(self, text: str) -> None:
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except (OSError, ValueError):  # a terminal that has gone takes no work with it
            self._live = False
