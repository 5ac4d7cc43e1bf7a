"""What a value may be once it is read: bounds, lengths, patterns. One place for bodies and for query strings."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from krepis.schema import tree
from krepis.schema.leaf import shown
from krepis.schema.tree import INT64_MAX, INT64_MIN, AnyOf
from krepis.types.pattern import python_form

Path = tuple[str | int, ...]
Fail = Callable[[Path, str, str], None]


class Limits:
    """Judges values. `fail` hears of what msgspec checks itself, `fail_last` of what is checked after decoding."""

    def __init__(self, fail: Fail, fail_last: Fail) -> None:
        self._fail = fail
        self._fail_last = fail_last

    def judge(self, node: AnyOf, value: Any, path: Path) -> None:
        """Note every limit of `node` that a value, read as Python data, breaks."""
        match node:
            case tree.IntNode():
                self._int(node, value, path)
            case tree.FloatNode():
                self._float(node, value, path)
            case tree.TextNode():
                self._text(node, value, path)
            case tree.DecimalNode():
                self._decimal(node, value, path)
            case tree.SecretNode():
                self._secret(node, value, path)
            case tree.BytesNode():
                self._length(node.length_min, node.length_max, len(value), "bytes", path, self._fail)
            case tree.DateTimeNode() | tree.TimeNode():
                self._zone(node, value, path)
            case tree.AnyNode():
                if isinstance(value, str):
                    self._nul(value, path)
            case _:
                pass

    def count(self, node: tree.ArrayNode | tree.MapNode, count: int, noun: str, path: Path) -> None:
        """Note whether there are too few or too many items."""
        self._length(node.length_min, node.length_max, count, noun, path, self._fail)

    def _length(self, low: int, high: int | None, count: int, noun: str, path: Path, fail: Fail) -> None:
        if count < low:
            fail(path, "length", f"has {count} {noun}, at least {low} are needed")
        elif high is not None and count > high:
            fail(path, "length", f"has {count} {noun}, at most {high} are allowed")

    def _int(self, node: tree.IntNode, value: int, path: Path) -> None:
        low, high = node.known or (node.minimum, node.maximum)
        if node.multiple_of is not None and value % node.multiple_of:
            self._fail(path, "multiple", f"{shown(str(value))} is not a multiple of {node.multiple_of}")
        if node.minimum <= value <= node.maximum:
            return
        within_known = (low == INT64_MIN or value >= low) and (high == INT64_MAX or value <= high)
        fail = self._fail_last if within_known else self._fail
        fail(path, "range", f"{shown(str(value))} is not between {node.minimum} and {node.maximum}")

    def _float(self, node: tree.FloatNode, value: float, path: Path) -> None:
        problem = ""
        if node.minimum is not None and value < node.minimum:
            problem = f"less than {node.minimum:g}"
        elif node.above is not None and value <= node.above:
            problem = f"not above {node.above:g}"
        elif node.maximum is not None and value > node.maximum:
            problem = f"more than {node.maximum:g}"
        elif node.below is not None and value >= node.below:
            problem = f"not below {node.below:g}"
        if problem:
            self._fail(path, "range", f"{shown(f'{value:g}')} is {problem}")
        if node.multiple_of is not None and math.fmod(value, node.multiple_of):
            self._fail(path, "multiple", f"{shown(f'{value:g}')} is not a multiple of {node.multiple_of:g}")

    def _text(self, node: tree.TextNode, value: str, path: Path) -> None:
        self._length(node.length_min, node.length_max, len(value), "characters", path, self._fail)
        self._nul(value, path)
        if node.pattern and python_form(node.pattern).search(value) is None:
            what = f"a valid {node.format}" if node.format else f"of the form `{node.pattern}`"
            fail = self._fail_last if node.narrowed and re.search(node.narrowed, value) else self._fail
            fail(path, "pattern", f"{shown(value)} is not {what}")

    def _decimal(self, node: tree.DecimalNode, value: Decimal, path: Path) -> None:
        if (node.minimum and value < Decimal(node.minimum)) or (node.maximum and value > Decimal(node.maximum)):
            bounds = " and ".join(
                f"{word} {bound}" for word, bound in (("at least", node.minimum), ("at most", node.maximum)) if bound
            )
            self._fail_last(path, "range", f"{shown(f'{value:f}')} is not {bounds}")

    def _secret(self, node: tree.SecretNode, value: str, path: Path) -> None:
        self._length(node.length_min, node.length_max, len(value), "characters", path, self._fail_last)
        self._nul(value, path)

    def _nul(self, value: str, path: Path) -> None:
        if "\0" in value:
            self._fail_last(path, "nul", "holds a NUL character")

    def _zone(
        self, node: tree.DateTimeNode | tree.TimeNode, value: datetime.datetime | datetime.time, path: Path
    ) -> None:
        wanted = isinstance(node, tree.DateTimeNode) or node.aware
        if wanted and value.tzinfo is None:
            self._fail_last(path, "format", "has no offset from UTC; write `Z` or an offset like `+02:00` at its end")
        elif not wanted and value.tzinfo is not None:
            self._fail_last(path, "format", "has an offset from UTC; leave it out")
