"""What a worker prints: its end is kept for errors, its lines are shown to whoever wants to see them."""

from __future__ import annotations

from collections.abc import Callable

from krepis.verbs import printable
from krepis_cli.workers.limits import NOISE_BYTES_KEPT, NOISE_LINES_SHOWN_MAX, REPORT

LINE_BYTES_MAX = 4_096
"""A longer line is shown in pieces."""


class Noise:
    """Takes bytes as they come. `show` gets each line, made printable, at most `NOISE_LINES_SHOWN_MAX` for a call.

    The report of a crash is not shown: it is a traceback, and the error names the place.
    """

    def __init__(self, show: Callable[[str], None] | None = None) -> None:
        self._show = show
        self._kept = bytearray()
        self._line = bytearray()
        self._lines = 0
        self._dying = False

    @property
    def text(self) -> str:
        """The end of it."""
        return bytes(self._kept).decode("utf-8", "replace")

    def begin(self) -> None:
        """What was printed before is none of the next call's affair."""
        self.end()
        self._kept.clear()
        self._lines = 0

    def take(self, some: bytes) -> None:
        self._kept += some
        del self._kept[:-NOISE_BYTES_KEPT]
        if self._show is None:
            return
        self._line += some
        *lines, rest = self._line.split(b"\n")
        for line in lines:
            self._shown(bytes(line))
        self._line = rest
        while len(self._line) >= LINE_BYTES_MAX:
            self._shown(bytes(self._line[:LINE_BYTES_MAX]))
            del self._line[:LINE_BYTES_MAX]

    def end(self) -> None:
        """The call is over: show the line that has no end, and how many were left out."""
        if self._line:
            self._shown(bytes(self._line))
            self._line.clear()
        if self._show is not None and self._lines > NOISE_LINES_SHOWN_MAX:
            self._show(f"({self._lines - NOISE_LINES_SHOWN_MAX} more lines)")

    def _shown(self, line: bytes) -> None:
        self._dying = self._dying or line.startswith(REPORT.encode())
        if self._dying:
            return
        self._lines += 1
        if self._show is not None and self._lines <= NOISE_LINES_SHOWN_MAX:
            self._show(printable(line.rstrip(b"\r").decode("utf-8", "replace")))
