"""The second look: goes over a whole message, after the fast way has refused it, and collects every failing field.

It agrees with the fast way (a property test shows it), which is why it copies two habits of msgspec: all occurrences of
a duplicate key must have the right type, while what the fast way checks after decoding is asked of the last one only.

Codes of errors, which callers may rely on: `missing`, `unknown`, `type`, `format`, `choice`, `tag`, `pattern`, `length`,
`range`, `multiple`, `nul`, `text`, `page`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, cast

from krepis.errors import FieldError
from krepis.schema import tree
from krepis.schema.jsontext import Broken, Pairs, Whole
from krepis.schema.leaf import BAD, described, read, shown
from krepis.schema.limits import Limits
from krepis.schema.scalar import json_kinds
from krepis.schema.tree import AnyOf, ObjectNode, Schema

ERRORS_MAX = 100
"""Failing fields that one answer lists."""

_DIGITS_MAX = 4300
"""Characters of a whole number that msgspec (like Python itself) is willing to read."""

Path = tuple[str | int, ...]


class Enough(Exception):
    """`ERRORS_MAX` errors are collected."""


class Checker:
    """Looks at one document. Make a new one for each: it collects."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.limits = Limits(self.fail, self.fail_last)
        self.errors: list[FieldError] = []
        self._last = True  # whether no later occurrence of the same key replaces what is looked at

    def check(self, document: Any) -> tuple[FieldError, ...]:
        """Everything that is wrong with a document of `krepis.schema.jsontext.parse`; nothing if it fits."""
        return self.collecting(lambda: self.visit(self.schema.root, document, ()))

    def collecting(self, look: Callable[[], object]) -> tuple[FieldError, ...]:
        """What one look finds, until the list is full."""
        with suppress(Enough):
            look()
        return tuple(self.errors)

    def fail(self, path: Path, code: str, message: str) -> None:
        """Note that a field fails."""
        self.errors.append(FieldError(path, code, message))
        if len(self.errors) == ERRORS_MAX:
            raise Enough

    def fail_last(self, path: Path, code: str, message: str) -> None:
        """Note that a field fails, unless a later occurrence of its key replaces it."""
        if self._last:
            self.fail(path, code, message)

    def visit(self, node: AnyOf, value: Any, path: Path) -> Any:
        """Check one value and return it as Python data; `BAD` if it could not be read."""
        arms = self.schema.arms(node)
        if isinstance(value, Pairs):
            return self._object(arms, value, path)
        if isinstance(value, list):
            return self._array(arms, cast("list[Any]", value), path)
        kind, shape = _kind(value)
        arm = next((arm for arm in arms if kind in json_kinds(arm)), None)
        if arm is None and kind == "int":
            arm = next((arm for arm in arms if isinstance(arm, tree.FloatNode)), None)
        if arm is None:
            secret = any(isinstance(arm, tree.SecretNode) for arm in arms)
            given = shape if secret or kind in ("null", "bool") else f"{shape} {shown(value)}"
            self.fail(path, "type", f"{given} was given, {described(arms)} was expected")
            return BAD
        return self._leaf(arm, value, path)

    def _leaf(self, arm: AnyOf, value: Any, path: Path) -> Any:
        if isinstance(value, Whole | Broken):
            read_value = self._number(arm, value, path)
        elif isinstance(value, str):
            read_value = read(arm, value)
            if read_value is BAD:
                code = "choice" if isinstance(arm, tree.ChoiceNode) else "format"
                self.fail(path, code, f"{shown(value)} is not {described((arm,))}")
        else:
            return value
        if read_value is not BAD:
            self.limits.judge(arm, read_value, path)
        return read_value

    def _number(self, arm: AnyOf, token: Whole | Broken, path: Path) -> Any:
        if isinstance(token, Whole) and not isinstance(arm, tree.FloatNode):
            if len(token) > _DIGITS_MAX:
                self.fail(path, "range", f"{shown(token)} has too many digits")
                return BAD
            number = int(token)
            if isinstance(arm, tree.ChoiceNode) and number not in arm.values:
                self.fail(path, "choice", f"{shown(token)} is not {described((arm,))}")
                return BAD
            return number
        double = float(token)
        if math.isfinite(double):
            return double
        self.fail(path, "range", f"{shown(token)} is too large for a number")
        return BAD

    def _array(self, arms: tuple[AnyOf, ...], value: list[Any], path: Path) -> Any:
        for arm in arms:
            if isinstance(arm, tree.ArrayNode):
                items = [self.visit(arm.item, item, (*path, at)) for at, item in enumerate(value)]
                if arm.form in ("set", "frozenset") and BAD not in items:
                    self.limits.count(arm, len(set(items)), "different items", path)
                elif arm.form not in ("set", "frozenset"):
                    self.limits.count(arm, len(items), "items", path)
                return value
            if isinstance(arm, tree.TupleNode):
                if len(arm.items) != len(value):
                    self.fail(path, "length", f"{len(value)} items were given, {len(arm.items)} were expected")
                for at, (node, item) in enumerate(zip(arm.items, value, strict=False)):
                    self.visit(node, item, (*path, at))
                return value
            if isinstance(arm, tree.AnyNode):
                for at, item in enumerate(value):
                    self.visit(arm, item, (*path, at))
                return value
        self.fail(path, "type", f"an array was given, {described(arms)} was expected")
        return BAD

    def _object(self, arms: tuple[AnyOf, ...], pairs: Pairs, path: Path) -> Any:
        candidates = [arm for arm in arms if isinstance(arm, ObjectNode)]
        if len(candidates) > 1:
            chosen = self._tagged(candidates, pairs, path)
            if chosen is not None:
                self._fields(chosen, pairs, path)
            return pairs
        for arm in arms:
            if isinstance(arm, ObjectNode):
                self._fields(arm, pairs, path)
                return pairs
            if isinstance(arm, tree.MapNode):
                self._map(arm, pairs, path)
                return pairs
            if isinstance(arm, tree.AnyNode):
                self._map(_FREE, pairs, path)
                return pairs
        self.fail(path, "type", f"an object was given, {described(arms)} was expected")
        return BAD

    def _tagged(self, candidates: list[ObjectNode], pairs: Pairs, path: Path) -> ObjectNode | None:
        name = candidates[0].tag_field
        choices = ", ".join(f"`{candidate.tag}`" for candidate in candidates)
        tags = [value for key, value in pairs if key == name]
        if not tags:
            self.fail((*path, name), "missing", f"is missing; it must be one of {choices}")
            return None
        chosen = next((candidate for candidate in candidates if _is_tag(tags[0], candidate.tag)), None)
        if chosen is None:
            self.fail((*path, name), "tag", f"{_tag_shown(tags[0])} is not one of {choices}")
        return chosen

    def _fields(self, node: ObjectNode, pairs: Pairs, path: Path) -> None:
        known = {field.encode_name: field for field in node.fields}
        last = {key: at for at, (key, _) in enumerate(pairs)}
        for at, (key, value) in enumerate(pairs):
            field = known.get(key)
            if field is not None:
                self._occurrence(field.node, value, (*path, key), last=last[key] == at)
            elif node.tag_field and key == node.tag_field:
                if not _is_tag(value, node.tag):
                    self.fail((*path, key), "tag", f"{_tag_shown(value)} is not `{node.tag}`")
            elif node.strict and last[key] == at:
                self.fail((*path, key), "unknown", unknown(key, known))
            elif not node.strict:
                self._skipped(value, (*path, key))
        for field in node.fields:
            if field.required and field.encode_name not in last:
                self.fail((*path, field.encode_name), "missing", "is missing")

    def _occurrence(self, node: AnyOf, value: Any, path: Path, *, last: bool) -> Any:
        before = self._last
        self._last = before and last
        result = self.visit(node, value, path)
        self._last = before
        return result

    def _skipped(self, value: Any, path: Path) -> None:
        """An ignored part has to be JSON that can be read, no more: its texts may hold what they like."""
        self._occurrence(_ANY, value, path, last=False)

    def _map(self, node: tree.MapNode, pairs: Pairs, path: Path) -> None:
        last = {key: at for at, (key, _) in enumerate(pairs)}
        keys: list[Any] = []
        for at, (key, value) in enumerate(pairs):
            keys.append(self._occurrence(node.key, key, (*path, key), last=last[key] == at))
            self._occurrence(node.value, value, (*path, key), last=last[key] == at)
        if BAD not in keys:
            self.limits.count(node, len(set(keys)), "keys", path)


_ANY = tree.AnyNode()
_FREE = tree.MapNode(key=tree.TextNode(), value=_ANY)


def unknown(name: str, known: Mapping[str, object]) -> str:
    """The sentence for a field that is not there, with the nearest one that is."""
    from difflib import get_close_matches

    near = get_close_matches(name[:100], known, n=1)
    return f"is not known here; did you mean `{near[0]}`?" if near else "is not known here"


def _is_tag(value: Any, tag: str | int) -> bool:
    if isinstance(tag, int):
        return isinstance(value, Whole) and len(value) < _DIGITS_MAX and int(value) == tag
    return type(value) is str and value == tag


def _tag_shown(value: Any) -> str:
    return shown(value) if isinstance(value, str) else f"`{'true' if value is True else 'this'}`"


def _kind(value: Any) -> tuple[str, str]:
    if value is None:
        return "null", "null"
    if isinstance(value, bool):
        return "bool", "true" if value else "false"
    if isinstance(value, Whole):
        return "int", "the number"
    return ("float", "the number") if isinstance(value, Broken) else ("text", "the text")
