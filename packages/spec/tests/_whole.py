"""Whole specs, and how they are damaged."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import msgspec

from krepis_spec import SpecRefused, read_text
from krepis_spec.document import Span

BOOKSHOP = (Path(__file__).resolve().parents[3] / "examples" / "bookshop.md").read_text(encoding="utf-8")
CONDUIT = (Path(__file__).parent / "specs" / "conduit.md").read_text(encoding="utf-8")


def changed(source: str, old: str, new: str) -> str:
    """The spec with one piece of it replaced, which stands in it once."""
    assert source.count(old) == 1, f"{old!r} stands {source.count(old)} times in the spec"
    return source.replace(old, new)


def refusal(source: str) -> str | None:
    """What a person reads about a wrong spec; `None` about a right one."""
    try:
        read_text("spec.md", source)
    except SpecRefused as refused:
        return str(refused)
    return None


def messages(source: str) -> list[str]:
    """What is wrong, without places."""
    try:
        read_text("spec.md", source)
    except SpecRefused as refused:
        return [one.message for one in refused.problems]
    return []


def misplaced(source: str) -> list[Span]:
    """The places of problems, or of elements of a blueprint, that are not in the spec."""
    lines = re.split(r"\r\n?|\n", source.removeprefix("\ufeff"))
    try:
        found: object = read_text("spec.md", source)
    except SpecRefused as refused:
        found = tuple(refused.problems)
    return [one for one in _spans(found) if not _lies_in(one, lines)]


def _spans(found: object) -> Iterator[Span]:
    if isinstance(found, Span):
        yield found
    elif isinstance(found, msgspec.Struct):
        yield from chain.from_iterable(map(_spans, msgspec.structs.astuple(found)))
    elif isinstance(found, tuple):
        yield from chain.from_iterable(map(_spans, found))


def _lies_in(span: Span, lines: list[str]) -> bool:
    ends = ((span.line, span.column), (span.end_line, span.end_column))
    inside = all(1 <= line <= len(lines) and 1 <= column <= len(lines[line - 1]) + 1 for line, column in ends)
    return inside and ends[0] <= ends[1]


def damaged(source: str, chance: random.Random) -> str:
    """The spec with the damage that editing does: one line of it lost, doubled, moved, cut, or a word mistyped."""
    lines = source.split("\n")
    at = chance.choice([number for number, line in enumerate(lines) if line.strip()])
    damage = chance.choice((_lost, _doubled, _moved, _swapped, _cut, _mistyped, _indented, _renamed))
    return "\n".join(damage(lines, at, chance))


def _lost(lines: list[str], at: int, chance: random.Random) -> list[str]:
    return lines[:at] + lines[at + 1 :]


def _doubled(lines: list[str], at: int, chance: random.Random) -> list[str]:
    return [*lines[: at + 1], *lines[at:]]


def _moved(lines: list[str], at: int, chance: random.Random) -> list[str]:
    rest = lines[:at] + lines[at + 1 :]
    to = chance.randrange(len(rest))
    return [*rest[:to], lines[at], *rest[to:]]


def _swapped(lines: list[str], at: int, chance: random.Random) -> list[str]:
    """Two cells, or two words."""
    mark = "|" if lines[at].startswith("|") else " "
    parts = lines[at].split(mark)
    one, other = chance.randrange(len(parts)), chance.randrange(len(parts))
    parts[one], parts[other] = parts[other], parts[one]
    return [*lines[:at], mark.join(parts), *lines[at + 1 :]]


def _cut(lines: list[str], at: int, chance: random.Random) -> list[str]:
    return [*lines[:at], lines[at][: chance.randrange(len(lines[at]))], *lines[at + 1 :]]


def _mistyped(lines: list[str], at: int, chance: random.Random) -> list[str]:
    place = chance.randrange(len(lines[at]))
    letter = chance.choice('aeioutns_|`:.,()"')
    return [*lines[:at], lines[at][:place] + letter + lines[at][place + 1 :], *lines[at + 1 :]]


def _indented(lines: list[str], at: int, chance: random.Random) -> list[str]:
    return [*lines[:at], " " * chance.randint(1, 5) + lines[at].lstrip(), *lines[at + 1 :]]


def _renamed(lines: list[str], at: int, chance: random.Random) -> list[str]:
    """A word gets another letter in front, in one place of many."""
    words = list(re.finditer(r"[A-Za-z]{3,}", lines[at]))
    if not words:
        return _doubled(lines, at, chance)
    place = chance.choice(words).start()
    return [*lines[:at], f"{lines[at][:place]}x{lines[at][place:]}", *lines[at + 1 :]]
