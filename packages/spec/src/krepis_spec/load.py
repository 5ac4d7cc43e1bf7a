"""`## Load`: what an operation promises under load. It is kept, and reported as not proven until something measures it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from krepis_spec.blueprint import Promise
from krepis_spec.document import Section, Text
from krepis_spec.naming import snake
from krepis_spec.problems import Problems, did_you_mean
from krepis_spec.rows import refuse_blocks, refuse_bullets, rows_of, table_of

_RATE = re.compile(r"(\d{1,9})\s*/\s*s", re.ASCII)
_TIME = re.compile(r"(\d{1,9})\s*(ms|s)", re.ASCII)
_ERRORS = re.compile(r"0|(\d{1,2}(?:\.\d{1,6})?)\s*%", re.ASCII)


def promises_of(section: Section, titles: Iterable[str], problems: Problems) -> tuple[Promise, ...]:
    """The promises; `titles` are those of the operations."""
    refuse_bullets(section, "`Load`", problems)
    refuse_blocks(section, "`Load`", problems)
    table = table_of(section, "`Load`", problems)
    if table is None:
        problems.add(section.heading, "`Load` has no table", "its columns are `operation`, `rate`, `p99`, `errors`")
        return ()
    names = {snake(one): one for one in titles}
    found: list[Promise] = []
    for row in rows_of(table, ("operation", "rate", "p99", "errors"), (), problems):
        operation = row.get("operation")
        if snake(operation.text) not in names:
            hint = did_you_mean(operation.text, names.values())
            problems.add(operation.span, f"there is no command or query `{operation.text}`", hint)
        rate = _matched(_RATE, row.get("rate"), "no rate", "write requests per second: `300/s`", problems)
        time = _matched(_TIME, row.get("p99"), "no time", "write `25 ms` or `2 s`", problems)
        errors = _matched(_ERRORS, row.get("errors"), "no share of errors", "write `0` or `0.1 %`", problems)
        if rate and time and errors:
            ms = int(time[1]) * (1000 if time[2] == "s" else 1)
            share = f"{errors[1]} %" if errors[1] else "0"
            found.append(Promise(snake(operation.text), int(rate[1]), ms, share, row.span))
    return tuple(found)


def _matched(pattern: re.Pattern[str], text: Text, what: str, hint: str, problems: Problems) -> re.Match[str] | None:
    found = pattern.fullmatch(text.text)
    if found is None:
        problems.add(text.span, f"`{text.text}` is {what}", hint)
    return found
