"""Cuts what is written in a cell or a bullet into smaller pieces that still know their places.

A comma inside of quotes, backticks or a pair of brackets separates nothing. A bracket or quote that is never closed is an
ordinary character, so one that is forgotten spoils its own piece and no other.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from types import MappingProxyType

from krepis_spec.document import Span, Text
from krepis_spec.problems import Problems

_CLOSERS = MappingProxyType({"(": ")", "[": "]", "{": "}"})
_ENCLOSED = re.compile(r"""`[^`]*`|"(?:[^"\\]|\\.)*"|\\.""", re.DOTALL)


def piece(text: Text, start: int, end: int) -> Text:
    """`text[start:end]` without the space around it, and without the backticks that enclose all of it."""
    return _piece(text, start, end, _pipes(text))


def split(text: Text, separator: str = ",") -> tuple[Text, ...]:
    """The pieces between separators that stand outside of quotes, backticks and brackets. Nothing has no pieces."""
    if not text.text.strip():
        return ()
    source = text.text
    pipes = _pipes(text)
    pieces: list[Text] = []
    start = at = 0
    for first, behind in (*_enclosed(source), (len(source), len(source))):
        while (found := source.find(separator, at, first)) >= 0:
            pieces.append(_piece(text, start, found, pipes))
            start = at = found + len(separator)
        at = behind
    return (*pieces, _piece(text, start, len(source), pipes))


def names_in(text: Text, what: str, problems: Problems) -> tuple[Text, ...]:
    """The names that share a cell. One that is missing between commas is a problem."""
    pieces = split(text)
    for one in pieces:
        if not one.text:
            problems.add(text.span, f"a {what} is missing beside a comma")
    if not pieces:
        problems.add(text.span, f"the {what} is missing")
    return tuple(one for one in pieces if one.text)


def unquoted(text: str) -> str | None:
    """What stands between the quotes, or `None` where `text` is not one quoted text."""
    if not re.fullmatch(r"""(?s)"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'""", text):
        return None
    return re.sub(r"\\(.)", r"\1", text[1:-1])


def _piece(text: Text, start: int, end: int, pipes: Sequence[int]) -> Text:
    part = text.text[start:end]
    start += len(part) - len(part.lstrip())
    part = part.strip()
    if re.fullmatch("`[^`]+`", part):
        start, part = start + 1, part[1:-1]
        start += len(part) - len(part.lstrip())
        part = part.strip()
    return Text(part, _span(text.span, start, start + len(part), pipes))


def _enclosed(source: str) -> list[tuple[int, int]]:
    """The outermost pairs, from before their opening to behind their closing."""
    pairs: list[tuple[int, int]] = []
    opened: list[tuple[str, int]] = []
    waiting = dict.fromkeys(_CLOSERS.values(), 0)
    at = 0
    while at < len(source):
        char = source[at]
        if (match := _ENCLOSED.match(source, at)) is not None:
            pairs.append(match.span())
            at = match.end()
            continue
        if char in _CLOSERS:
            opened.append((_CLOSERS[char], at))
            waiting[_CLOSERS[char]] += 1
        elif waiting.get(char):
            closer = ""
            while closer != char:
                closer, start = opened.pop()
                waiting[closer] -= 1
                if closer == char:
                    pairs.append((start, at + 1))
        at += 1
    outermost: list[tuple[int, int]] = []
    for start, end in sorted(pairs):
        if not outermost or start >= outermost[-1][1]:
            outermost.append((start, end))
    return outermost


def _pipes(text: Text) -> Sequence[int]:
    """Where the pipes are that take two columns, since a table writes them with a backslash."""
    if text.span.end_column - text.span.column == len(text.text):
        return ()
    pipes = [at for at, char in enumerate(text.text) if char == "|"]
    return pipes if text.span.end_column - text.span.column == len(text.text) + len(pipes) else ()


def _span(span: Span, start: int, end: int, pipes: Sequence[int]) -> Span:
    if span.line != span.end_line:
        return span
    first = min(span.column + start + bisect_left(pipes, start), span.end_column)
    last = min(span.column + end + bisect_left(pipes, end), span.end_column)
    return Span(span.line, first, span.line, max(last, first))
