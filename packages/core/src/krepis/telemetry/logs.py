"""`Logs`: which log lines a served app writes, and how they look."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from krepis._lines import Level, Lines
from krepis._system import SystemSources
from krepis.context import Sources
from krepis.part import Part
from krepis.redaction import Redaction


class Logs(Part):
    """Without it every line is written, as JSON, or on a terminal for people.

    - `level`: lines below it are dropped: `debug`, `info`, `warning`, `error`.
    - `form`: `json`, `people`, or `auto` (for people on a terminal).
    - `secret_names`: parts of names whose values are hidden, beside `krepis.redaction.SECRET_NAMES`.

    Only the machine's own sources write lines; those of a test keep them all.
    """

    def __init__(
        self,
        *,
        level: Level = "debug",
        form: Literal["auto", "json", "people"] = "auto",
        secret_names: Iterable[str] = (),
    ) -> None:
        self._lines = Lines(level, Redaction(secret_names))
        self._as_json = None if form == "auto" else form == "json"

    def sources(self, sources: Sources) -> Sources:
        if isinstance(sources, SystemSources):
            return sources.logging(self._lines, as_json=self._as_json)
        return sources
