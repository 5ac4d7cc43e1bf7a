"""Pieces of the source as `Text`: trimmed, joined over lines, without the backticks around them, and with their place."""

from __future__ import annotations

import re

from krepis_spec.document import Span, Text

_TICKS = re.compile("`+")


def text_of(lines: tuple[str, ...], first: tuple[int, int], last: tuple[int, int]) -> Text:
    """The source from `first` to `last`, which are a line and an offset in it, both from 0. Several lines are joined
    with a space.
    """
    (line, start), (last_line, end) = first, last
    pieces = [_trimmed(lines, line, start, end if line == last_line else len(lines[line]))]
    pieces += [_trimmed(lines, number, 0, len(lines[number])) for number in range(line + 1, last_line)]
    if line < last_line:
        pieces.append(_trimmed(lines, last_line, 0, end))
    said = [piece for piece in pieces if piece[1] < piece[2]]
    if not said:
        number, start, _ = pieces[0]
        return Text("", place(number, start, number, start))
    text = " ".join(lines[number][start:end] for number, start, end in said)
    within, ticks = _code(text)
    (number, start, start_end), (last_number, end_start, end) = said[0], said[-1]
    lead, tail = (ticks + len(within) - len(within.lstrip()), ticks + len(within) - len(within.rstrip()))
    span = place(number, min(start + lead, start_end), last_number, max(end - tail, end_start))
    return Text(within.strip(), span)


def place(line: int, start: int, end_line: int, end: int) -> Span:
    """A span from lines and offsets that count from 0."""
    return Span(line + 1, start + 1, end_line + 1, end + 1)


def whole_line(lines: tuple[str, ...], number: int) -> Span:
    """All of a line but the space around it."""
    _, start, end = _trimmed(lines, number, 0, len(lines[number]))
    return place(number, start, number, end)


def unescaped(text: Text) -> Text:
    r"""The text of a cell as it is meant: `\|` is a pipe."""
    return Text(text.text.replace("\\|", "|"), text.span)


def words(text: Text) -> Text:
    """A name of one or more words, with one space between them."""
    return Text(" ".join(text.text.split()), text.span)


def _trimmed(lines: tuple[str, ...], number: int, start: int, end: int) -> tuple[int, int, int]:
    piece = lines[number][start:end]
    begin = start + len(piece) - len(piece.lstrip())
    return number, begin, max(begin, start + len(piece.rstrip()))


def _code(text: str) -> tuple[str, int]:
    """What is inside the one code span that the text is, and how many backticks enclose it; else the text and 0."""
    ticks = len(text) - len(text.lstrip("`"))
    inside = text[ticks : len(text) - ticks]
    whole = ticks and inside.strip() and text.endswith("`" * ticks) and not inside.endswith("`")
    if not whole or any(len(run.group()) == ticks for run in _TICKS.finditer(inside)):
        return text, 0
    return inside, ticks
