"""Three versions of one text into one: what both sides changed in different lines (diff3; Khanna, Kunal, Pierce 2007)."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import NamedTuple

MERGED_LINES_MAX = 50_000
"""Beyond this, between the first and the last difference, a merge would take too long; it counts as a conflict."""
BINARY_LOOKED_AT = 8000


class Clash(NamedTuple):
    """Lines that both sides changed, in the version of ours: from `first` on, `lines` of them; counted from 1."""

    first: int
    lines: int


def merge(base: bytes, ours: bytes, theirs: bytes) -> bytes | list[Clash]:
    """`ours` with what leads from `base` to `theirs`; or where the two can't both be. A change that both made is one."""
    if ours in (base, theirs):
        return theirs
    if theirs == base:
        return ours
    if is_binary(base) or is_binary(ours) or is_binary(theirs):
        return [Clash(1, 1)]
    texts = [lines_of(text) for text in (base, ours, theirs)]
    head, tail = _common(texts)
    middle = [lines[head : len(lines) - tail] for lines in texts]
    if max(map(len, middle)) > MERGED_LINES_MAX:
        return [Clash(head + 1, max(1, len(middle[1])))]
    merged = _merged(*middle)
    if merged and isinstance(merged[0], Clash):
        return [Clash(clash.first + head, clash.lines) for clash in merged if isinstance(clash, Clash)]
    lines = [line for line in merged if isinstance(line, bytes)]
    return b"".join((*texts[1][:head], *lines, *(texts[1][len(texts[1]) - tail :])))


def is_binary(data: bytes) -> bool:
    """Whether no person would call it text: it has a zero byte near its start, as git decides it."""
    return b"\0" in data[:BINARY_LOOKED_AT]


def lines_of(text: bytes) -> list[bytes]:
    """Lines end with a newline only: a carriage return before it is part of the line."""
    lines = [line + b"\n" for line in text.split(b"\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def _common(texts: list[list[bytes]]) -> tuple[int, int]:
    """How many lines at the start, and at the end, are the same in all three."""
    shortest = min(map(len, texts))
    first = texts[0]
    head = 0
    while head < shortest and all(text[head] == first[head] for text in texts):
        head += 1
    tail = 0
    while tail < shortest - head and all(text[-1 - tail] == first[-1 - tail] for text in texts):
        tail += 1
    return head, tail


def _merged(base: list[bytes], ours: list[bytes], theirs: list[bytes]) -> list[bytes] | list[Clash]:
    lines: list[bytes] = []
    clashes: list[Clash] = []
    at_base = at_ours = at_theirs = 0
    for in_base, in_ours, in_theirs, count in (*_anchors(base, ours, theirs), (len(base), len(ours), len(theirs), 0)):
        was, mine, other = base[at_base:in_base], ours[at_ours:in_ours], theirs[at_theirs:in_theirs]
        if mine in (was, other):
            lines += other
        elif other == was:
            lines += mine
        else:
            clashes.append(Clash(at_ours + 1, max(1, len(mine))))
        lines += base[in_base : in_base + count]
        at_base, at_ours, at_theirs = in_base + count, in_ours + count, in_theirs + count
    return clashes or lines


def _anchors(base: list[bytes], ours: list[bytes], theirs: list[bytes]) -> list[tuple[int, int, int, int]]:
    """Runs of lines that all three have, in order: where they start in each, and how long they are."""
    mine = SequenceMatcher(None, base, ours, autojunk=False).get_matching_blocks()
    other = SequenceMatcher(None, base, theirs, autojunk=False).get_matching_blocks()
    anchors: list[tuple[int, int, int, int]] = []
    left = right = 0
    while left < len(mine) and right < len(other):
        one, two = mine[left], other[right]
        start = max(one.a, two.a)
        end = min(one.a + one.size, two.a + two.size)
        if start < end:
            anchors.append((start, one.b + start - one.a, two.b + start - two.a, end - start))
        if one.a + one.size < two.a + two.size:
            left += 1
        else:
            right += 1
    return anchors
