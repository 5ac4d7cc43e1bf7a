"""Time and chance for tests: frozen or stepping, and drawn from a seed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

START = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)


class TestSources:
    """Sources that repeat: the same seed and the same calls give the same bytes.

    The clock stands at `at` until `advance`, or moves by `step` at each reading. `lines` holds the log lines.
    """

    __test__ = False  # pytest would take the name for a test's

    def __init__(self, *, seed: int = 0, at: datetime = START, step: timedelta = timedelta(0)) -> None:
        self._random = Random(seed)  # noqa: S311 - to repeat is the point
        self._at = at
        self._step = step
        self._elapsed = 0.0
        self.lines: list[dict[str, Any]] = []

    def now(self) -> datetime:
        self._at += self._step
        return self._at

    def monotonic(self) -> float:
        return self._elapsed

    def entropy(self, count: int) -> bytes:
        return self._random.randbytes(count)

    def number(self) -> int:
        return self._random.getrandbits(192)

    def emit(self, level: str, event: str, facts: Mapping[str, object]) -> None:
        self.lines.append({"level": level, "event": event, **facts})

    def advance(self, time: timedelta) -> None:
        """Let time pass, on the wall clock and on the one that deadlines are measured in."""
        self._at += time
        self._elapsed += time.total_seconds()
