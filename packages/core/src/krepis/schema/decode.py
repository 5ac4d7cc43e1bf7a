"""Bytes and query strings in, messages out.

```
body ──msgspec──> value ──walk──> done          the fast way; `walk` is there only for rules that msgspec doesn't know
   └── refused ──> jsontext ──> check ──> Invalid (every failing field) or Malformed (where the JSON breaks)
```

What is rare and suspicious (an escaped NUL, many brackets) is decided by the second look alone.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec

from krepis.errors import FieldError, Invalid, TooLarge
from krepis.schema import tree
from krepis.schema.check import Checker
from krepis.schema.forms import EndlessError, decimal_reader
from krepis.schema.inspection import inspected
from krepis.schema.jsontext import DEPTH_MAX, parse, too_deep, too_many_items
from krepis.schema.strings import Strings, StringSource
from krepis.schema.tree import AnyOf, Schema
from krepis.schema.walk import compile_walk
from krepis.types.secret import Secret

T = TypeVar("T")

_REFUSALS = (msgspec.MsgspecError, UnicodeError, RecursionError)
_NUL = b"\\u0000"
# The fallback keeps a caller's fault from looking like ours, should the two ways ever disagree.
_ODD = FieldError((), "type", "does not fit its type")


def hook(kind: type, value: object) -> object:
    """Reads what msgspec doesn't know: secrets."""
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise TypeError("not text")


class Decoder(Generic[T]):
    """Reads messages of one type. Made once, when the service starts; raises `KrepisError` for an unsuitable type."""

    __slots__ = (
        "_decode",
        "_deep",
        "_depth_max",
        "_endless",
        "_further",
        "_items_max",
        "_readers",
        "_strings",
        "_walk",
        "schema",
    )

    def __init__(self, wanted: type[T] | Any, /, *, depth_max: int = DEPTH_MAX, items_max: int = sys.maxsize) -> None:
        subject = inspected(wanted)
        self.schema: Schema = subject.schema
        self._walk = compile_walk(subject)
        self._decode: Callable[[bytes], T] = msgspec.json.Decoder(wanted, dec_hook=hook).decode
        self._strings = Strings(subject.schema, wanted, hook)
        self._depth_max = depth_max
        self._items_max = items_max
        self._deep = depth_max < DEPTH_MAX or _can_be_deep(subject.schema)
        self._readers, self._endless = _further_readers(subject.schema)
        self._further = self._deep or self._endless or bool(self._readers)

    def decode(self, body: bytes) -> T:
        """The message in a JSON body. Raises `Invalid` with every failing field, `Malformed`, or `TooLarge`."""
        if len(body) > self._items_max and too_many_items(body, self._items_max):
            raise TooLarge(f"the body has more than {self._items_max} items", items_max=self._items_max)
        try:
            value = self._decode(body)
        except _REFUSALS:
            raise self._refusal(body) from None
        if _NUL not in body and not self._further and ((walk := self._walk) is None or walk(value)):
            return value
        return self._looked_at(body, value)

    def _looked_at(self, body: bytes, value: T) -> T:
        """A value that msgspec takes, after everything else that there may be to ask."""
        try:
            for reader in self._readers:
                reader(body)
        except _REFUSALS:
            raise self._refusal(body) from None
        if self._walk is not None and not self._walk(value):
            raise self._refusal(body)
        doubtful = _NUL in body or self._endless or (self._deep and too_deep(body, self._depth_max))
        if doubtful and (errors := self.errors(body)):
            raise Invalid(errors)
        return value

    def _refusal(self, body: bytes) -> Invalid:
        return Invalid(self.errors(body) or (_ODD,))

    def convert(self, source: StringSource) -> T:
        """The message in flat texts of a path, query, header or cookie. Raises `Invalid` with every failing field."""
        try:
            value: T = self._strings.read(source)
        except _REFUSALS:
            pass
        else:
            if (self._walk is None or self._walk(value)) and self._strings.plain(source):
                return value
        raise Invalid(self._strings.errors(source) or (_ODD,))

    def errors(self, body: bytes) -> tuple[FieldError, ...]:
        """What the second look finds in a body; nothing if it fits. Raises `Malformed`."""
        return Checker(self.schema).check(parse(body, self._depth_max))

    def errors_of_strings(self, source: StringSource) -> tuple[FieldError, ...]:
        """What the second look finds in flat texts; nothing if they fit."""
        return self._strings.errors(source)


def _further_readers(schema: Schema) -> tuple[tuple[Callable[[bytes], object], ...], bool]:
    """What else reads a body on the fast way, and whether only the second look can decide about its decimals."""
    readers: list[Callable[[bytes], object]] = []
    if any(not node.strict for node in schema.definitions.values()):
        # msgspec skips unknown fields of lenient messages without looking at their UTF-8 and numbers.
        readers.append(msgspec.json.Decoder().decode)
    try:
        decimals = decimal_reader(schema)
    except EndlessError:
        return tuple(readers), True
    return (*readers, decimals) if decimals is not None else tuple(readers), False


def _can_be_deep(schema: Schema) -> bool:
    """Whether a value that fits can be nested without end. If not, msgspec refuses such a body at its first bracket."""
    return any(_is_endless(schema, node, ()) for node in (schema.root, *(schema.definitions.values())))


def _is_endless(schema: Schema, node: AnyOf, inside: tuple[str, ...]) -> bool:
    match node:
        case tree.AnyNode():
            return True
        case tree.ArrayNode():
            return _is_endless(schema, node.item, inside)
        case tree.MapNode():
            return _is_endless(schema, node.value, inside)
        case tree.TupleNode():
            return any(_is_endless(schema, item, inside) for item in node.items)
        case tree.UnionNode():
            return any(_is_endless(schema, arm, inside) for arm in node.arms)
        case tree.RefNode():
            return node.target in inside or _is_endless(schema, schema.definitions[node.target], (*inside, node.target))
        case tree.ObjectNode():
            return not node.strict or any(_is_endless(schema, field.node, inside) for field in node.fields)
        case _:
            return False
