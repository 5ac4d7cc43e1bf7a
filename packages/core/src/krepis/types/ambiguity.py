"""Tells whether a regular expression can make a backtracking matcher try exponentially many ways.

The pattern becomes a position automaton (Glushkov): one state per character class that is written, and an edge where
one may follow another. It is exponentially ambiguous exactly when some state can return to itself over one word along
two different ways (Weber and Seidl, "On the degree of ambiguity of finite automata", 1991), which shows in the
automaton's product with itself as a cycle through a pair of equal states and a pair of different ones.
"""

from __future__ import annotations

from itertools import product

from msgspec import Struct

from krepis.errors import KrepisError

Ranges = tuple[tuple[int, int], ...]
"""Inclusive ranges of code points."""

POSITIONS_MAX = 400
"""Character classes in one pattern; the check takes the square of this in the worst case."""


class Part(Struct, frozen=True):
    """A piece of a pattern: the states it can begin and end with, and whether it can match nothing."""

    first: frozenset[int]
    last: frozenset[int]
    empty: bool


class Automaton:
    """Grows with the pattern; `exponential` gives the verdict."""

    def __init__(self) -> None:
        self._ranges: list[Ranges] = []
        self._follow: list[list[int]] = []

    def nothing(self) -> Part:
        return Part(frozenset(), frozenset(), True)

    def one(self, ranges: Ranges) -> Part:
        if len(self._ranges) == POSITIONS_MAX:
            raise KrepisError(f"a pattern has more than {POSITIONS_MAX} parts", hint="check it in the domain instead")
        self._ranges.append(ranges)
        self._follow.append([])
        state = frozenset((len(self._ranges) - 1,))
        return Part(state, state, False)

    def either(self, left: Part, right: Part) -> Part:
        return Part(left.first | right.first, left.last | right.last, left.empty or right.empty)

    def then(self, left: Part, right: Part) -> Part:
        self._join(left.last, right.first)
        first = left.first | right.first if left.empty else left.first
        last = left.last | right.last if right.empty else right.last
        return Part(first, last, left.empty and right.empty)

    def repeat(self, part: Part, low: int, high: int | None) -> Part:
        """`part` from `low` to `high` times. More than once is a loop: it has every ambiguity that copies would have."""
        if high is None or high > 1:
            self._join(part.last, part.first)
        return Part(part.first, part.last, part.empty or low == 0)

    def _join(self, left: frozenset[int], right: frozenset[int]) -> None:
        for state in left:
            self._follow[state].extend(right)

    def exponential(self) -> bool:
        """Whether two different ways lead from a state back to itself over the same word."""
        edges = self._product()
        for start in range(len(self._ranges)):
            home = (start, start)
            away = _reached(edges, home)
            if any(pair[0] != pair[1] and home in _reached(edges, pair) for pair in away):
                return True
        return self._twice()

    def _product(self) -> dict[tuple[int, int], list[tuple[int, int]]]:
        """The part of the product automaton that can be reached from a pair of equal states."""
        edges: dict[tuple[int, int], list[tuple[int, int]]] = {}
        waiting = [(state, state) for state in range(len(self._ranges))]
        while waiting:
            pair = waiting.pop()
            if pair not in edges:
                follow = product(set(self._follow[pair[0]]), set(self._follow[pair[1]]))
                edges[pair] = [nxt for nxt in follow if _overlap(self._ranges[nxt[0]], self._ranges[nxt[1]])]
                waiting.extend(edges[pair])
        return edges

    def _twice(self) -> bool:
        """Whether an edge of a cycle was drawn twice, as in `(a+)+`: two ways that the product can't tell apart."""
        single = {(state, state): [(to, to) for to in set(self._follow[state])] for state in range(len(self._follow))}
        return any(
            follow.count(to) > 1 and (state, state) in _reached(single, (to, to))
            for state, follow in enumerate(self._follow)
            for to in set(follow)
        )


def _reached(edges: dict[tuple[int, int], list[tuple[int, int]]], start: tuple[int, int]) -> set[tuple[int, int]]:
    seen: set[tuple[int, int]] = {start} if start in edges.get(start, ()) else set()
    waiting = list(edges.get(start, ()))
    while waiting:
        pair = waiting.pop()
        if pair not in seen:
            seen.add(pair)
            waiting.extend(edges[pair])
    return seen | {start} if start in seen else seen


def _overlap(left: Ranges, right: Ranges) -> bool:
    return any(a[0] <= b[1] and b[0] <= a[1] for a, b in product(left, right))
