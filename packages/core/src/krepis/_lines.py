"""Log lines as text: one JSON object a line, or a line for people on a terminal. Nothing in a line can begin another."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal

from msgspec import json, to_builtins

from krepis.redaction import CHARACTERS_MAX, Redaction

Level = Literal["debug", "info", "warning", "error"]
LEVELS: Mapping[str, int] = MappingProxyType({"debug": 10, "info": 20, "warning": 30, "error": 40})

LINE_BYTES_MAX = 65_536
"""The longest line. One that would be longer is written with shorter texts, at last with its first facts alone."""

EVENT_CHARACTERS_MAX = 200

# DEL, C1 (with NEL), line and paragraph separators, marks that turn the direction of text, and the BOM: JSON lets them
# through, terminals and readers of lines don't.
_UNSAFE = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069\u200b-\u200f\ufeff]")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\u200b-\u200f\ufeff]")
_OWN = frozenset(("time", "level", "event"))
_FIRST = ("trace", "intent", "actor", "tenant")


class Lines:
    """Writes log lines as text, from `level` on; the rest is `None`. `redaction` says what is hidden."""

    def __init__(self, level: Level = "debug", redaction: Redaction | None = None) -> None:
        self._least = LEVELS[level]
        self._redactions = tuple(
            (redaction or Redaction()).shortened(count)
            for count in (CHARACTERS_MAX, CHARACTERS_MAX // 16, EVENT_CHARACTERS_MAX)
        )

    def wants(self, level: str) -> bool:
        """Whether lines of that level are written; a level that nobody knows is."""
        return LEVELS.get(level, 100) >= self._least

    def json(self, at: datetime, level: str, event: str, facts: Mapping[str, object]) -> str:
        """The line as one JSON object, at most `LINE_BYTES_MAX` bytes with its end."""
        shortest = self._redactions[-1]
        head = {"time": at, "level": level, "event": shortest.text(event)}
        for redaction in self._redactions:
            line = json_line(head | _beside(redaction.facts(facts)))
            if len(line) < LINE_BYTES_MAX:
                return line
        first = {name: facts[name] for name in _FIRST if isinstance(facts.get(name), str)}
        return json_line({**head, **shortest.facts(first), "cut": True})

    def people(self, at: datetime, level: str, event: str, facts: Mapping[str, object]) -> str:
        """The line as people read it: time, level, event, facts; a traceback below, indented."""
        redaction = self._redactions[0]
        plain = redaction.facts(facts)
        below = plain.pop("traceback", None)
        shown = " ".join(f"{safe(name)}={_word(value)}" for name, value in plain.items())
        line = f"{at:%H:%M:%S} {safe(level):<7} {safe(self._redactions[-1].text(event))} {shown}".rstrip()
        if below is not None:
            line += "".join(f"\n    {safe(part)}" for part in str(below).splitlines())
        return line[:LINE_BYTES_MAX]


def _beside(facts: dict[str, Any]) -> dict[str, Any]:
    """Facts that have the name of what a line says by itself get another."""
    return facts if _OWN.isdisjoint(facts) else {f"{k}_" if k in _OWN else k: v for k, v in facts.items()}


def json_line(value: object) -> str:
    """`value` as one line of JSON that stays one, wherever it is shown. What is no JSON is written as its text."""
    try:
        text = json.encode(value, enc_hook=str).decode()
    except UnicodeEncodeError:  # half a character, as in the name of a file that is not UTF-8: all of it as escapes
        import json as slow_json

        return slow_json.dumps(to_builtins(value, enc_hook=str, str_keys=True), separators=(",", ":"))
    # What is unsafe stands inside of strings: the rest of JSON is ASCII.
    return _UNSAFE.sub(_escaped, text) if not text.isascii() or "\x7f" in text else text


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def safe(text: str) -> str:
    """`text` such that a terminal shows it on one line and does nothing else with it."""
    return _CONTROL.sub(_escaped, text)


def _word(value: Any) -> str:
    if isinstance(value, str) and value and not re.search(r"[\s\"=]", value):
        return safe(value)
    return safe(json.encode(value).decode())
