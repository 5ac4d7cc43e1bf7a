"""Time, chance and log lines of the real machine: the one module of core that may read them."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from os import urandom
from random import Random
from typing import TextIO

from msgspec import json

_LOG_VALUE_CHARACTERS_MAX = 8192


class SystemSources:
    """What a served app runs on. Log lines go to `stream`, one JSON object each; JSON escapes keep a line a line."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream
        self._numbers = Random(urandom(32))  # noqa: S311 - trace ids are unique, not secret

    # The clock itself, not a method around it: it is asked for at every request.
    monotonic = staticmethod(time.monotonic)

    def now(self) -> datetime:
        return datetime.now(UTC)

    def entropy(self, count: int) -> bytes:
        return urandom(count)

    def number(self) -> int:
        return self._numbers.getrandbits(192)

    def emit(self, level: str, event: str, facts: Mapping[str, object]) -> None:
        line = {"time": datetime.now(UTC), "level": level, "event": event, **facts}
        text = json.encode(line, enc_hook=_shown).decode()
        (self._stream or sys.stderr).write(text + "\n")


def _shown(value: object) -> str:
    return str(value)[:_LOG_VALUE_CHARACTERS_MAX]
