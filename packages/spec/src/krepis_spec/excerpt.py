"""A line of the source with a place in it marked, as a terminal shows both: one character may be wider than one column,
or have no width, and some would steer the terminal.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from krepis.verbs import printable

LINE_COLUMNS_MAX = 120
# How much of a long line is shown before the place.
BEFORE_COLUMNS_MAX = 40
TAB_COLUMNS = 4
CUT = "..."

# What is shown of a character, and how many columns that takes.
_Shown = tuple[str, int]


def excerpt(line: str, start: int, end: int) -> tuple[str, str]:
    """The line, cut around the place where it is long, and the line of carets to print below it. `start` and `end` count
    from 0; an empty place has one caret.
    """
    start = min(max(start, 0), len(line))
    before = [_shown(one) for one in line[max(0, start - LINE_COLUMNS_MAX) : start]]
    after = [_shown(one) for one in line[start : start + LINE_COLUMNS_MAX]]
    prefix = suffix = ""
    if start > len(before) or len(line) - start > len(after) or _width(before) + _width(after) > LINE_COLUMNS_MAX:
        kept = _fitting(reversed(before), BEFORE_COLUMNS_MAX)
        prefix = CUT if kept < start else ""
        before = before[len(before) - kept :]
        fitting = _fitting(after, LINE_COLUMNS_MAX - _width(before))
        suffix = CUT if fitting < len(line) - start else ""
        after = after[:fitting]
    indent = len(prefix) + _width(before)
    marked = _width(after[: max(0, end - start)])
    return prefix + _text(before) + _text(after) + suffix, " " * indent + "^" * max(1, marked)


def _shown(one: str) -> _Shown:
    if one == "\t":
        return " " * TAB_COLUMNS, TAB_COLUMNS
    text = printable(one)
    if len(text) > 1:
        return text, len(text)
    if unicodedata.category(one) in {"Mn", "Me"}:
        return text, 0
    return text, 2 if unicodedata.east_asian_width(one) in {"W", "F"} else 1


def _fitting(shown: Iterable[_Shown], columns: int) -> int:
    """How many of the characters fit."""
    count = 0
    for _, width in shown:
        columns -= width
        if columns < 0:
            break
        count += 1
    return count


def _width(shown: Iterable[_Shown]) -> int:
    return sum(width for _, width in shown)


def _text(shown: Iterable[_Shown]) -> str:
    return "".join(text for text, _ in shown)
