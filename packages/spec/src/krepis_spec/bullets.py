"""Bullets: `- key: value`, `- flag`, and those that are prose."""

from __future__ import annotations

import re

from krepis_spec.document import Bullet, Text
from krepis_spec.problems import Problems
from krepis_spec.texts import place, text_of, words

_MARKER = re.compile(r"[ \t]*[-+*](?=[ \t]|$)")
# A key may also be the name of a field, `payment_status`. `10:30` and `https://` are no keys.
_WORDS = r"[^\W\d_]\w*(?:[ \t]+[^\W\d_]\w*)*"
_KEY = re.compile(rf"[ \t]*({_WORDS})[ \t]*:(?!//)")
_ADORNED = re.compile(rf"[ \t]*([*_`]{{1,3}})({_WORDS})[ \t]*(?::\1|\1[ \t]*:)")
# A bullet that is all key: `- versioned`, `- per tenant`.
_FLAG = re.compile(r"[^\W\d_]+(?:[ \t]+[^\W\d_]+)?")


def bullet_of(
    lines: tuple[str, ...], item: int, first: int, end: int, problems: Problems, *, keyed: bool
) -> Bullet | None:
    """The bullet whose marker stands in the line `item` and whose text in the lines from `first` to before `end`, counted
    from 0; `None` if it is prose. Where bullets are not `keyed`, all of its text is the value.
    """
    marker = _MARKER.match(lines[item])
    assert marker is not None, "a list item begins with its marker"
    line, start, stop = lines[first], marker.end() if first == item else 0, (end - 1, len(lines[end - 1]))
    value = text_of(lines, (first, start), stop)
    span = place(item, marker.end() - 1, end - 1, len(lines[end - 1].rstrip()))
    if not keyed:
        return Bullet(None, value, span)
    found = _KEY.match(line, start)
    if found is None:
        _report_adorned(line, first, start, problems)
        return Bullet(None, value, span) if _FLAG.fullmatch(value.text) else None
    key = words(Text(found[1], place(first, found.start(1), first, found.end(1))))
    return Bullet(key, text_of(lines, (first, found.end()), stop), span)


def _report_adorned(line: str, number: int, start: int, problems: Problems) -> None:
    found = _ADORNED.match(line, start)
    if found is not None:
        span = place(number, found.start(1), number, found.end())
        problems.add(span, "a key stands plain, without asterisks or backticks", f"write `- {found[2]}: ...`")
