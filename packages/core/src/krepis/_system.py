"""Time, chance, settings and log lines of the real machine: the one module of core that may read them."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from os import urandom
from random import Random
from typing import TextIO

from krepis._lines import Lines


class SystemSources:
    """What a served app runs on. Log lines go to `stream` (standard error), as `lines` writes them: one JSON object
    each, or on a terminal a line for people. `as_json` decides otherwise. Writing one never raises.
    """

    def __init__(
        self, stream: TextIO | None = None, lines: Lines | None = None, *, as_json: bool | None = None
    ) -> None:
        self._stream = stream
        self._lines = lines or Lines()
        self._as_json = as_json
        self._numbers = Random(urandom(32))  # noqa: S311 - trace ids are unique, not secret

    # The clock itself, not a method around it: it is asked for at every request.
    monotonic = staticmethod(time.monotonic)

    def now(self) -> datetime:
        return datetime.now(UTC)

    def entropy(self, count: int) -> bytes:
        return urandom(count)

    def number(self) -> int:
        return self._numbers.getrandbits(192)

    def logging(self, lines: Lines, *, as_json: bool | None) -> SystemSources:
        """The same machine, whose log lines look otherwise."""
        return SystemSources(self._stream, lines, as_json=as_json)

    def emit(self, level: str, event: str, facts: Mapping[str, object]) -> None:
        if not self._lines.wants(level):
            return
        stream = self._stream or sys.stderr
        try:
            as_json = not stream.isatty() if self._as_json is None else self._as_json
            text = (self._lines.json if as_json else self._lines.people)(datetime.now(UTC), level, event, facts) + "\n"
            try:
                stream.write(text)
            except UnicodeEncodeError:  # a stream that knows ASCII alone
                stream.write(text.encode("ascii", "backslashreplace").decode())
        except Exception:  # noqa: BLE001 - a full disk or a closed pipe behind the log must not take a request with it
            return


def environment() -> Mapping[str, str]:
    """The environment as it is now. `krepis.settings` asks for it, once, at the composition root."""
    return dict(os.environ)
