"""Hypothesis strategies for types, and for JSON documents that fit them, nearly fit them, or don't."""

from __future__ import annotations

import datetime
import enum
import json
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from hypothesis import strategies as st
from msgspec import Meta

from krepis.message import Event, Value
from krepis.schema import tree
from krepis.schema.tree import AnyOf, Field, ObjectNode, Schema
from krepis.types import (
    ABSENT,
    Absent,
    Cursor,
    Email,
    Money,
    Offset,
    Page,
    Secret,
    Slug,
    between,
    decimals,
    length,
    matches,
    paged,
    secret_length,
)


class Raw(str):
    """JSON text that is written as it is."""

    __slots__ = ()


class Object(list[tuple[str, Any]]):
    """An object with its pairs, duplicates included."""


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Size(enum.IntEnum):
    SMALL = 1
    LARGE = 2


class Card(Value, tag=True):
    number: str


class Cash(Value, tag="cash"):
    amount: int


class Coin(Event, tag="coin"):
    side: bool


class Tree(Value):
    name: str = ""
    children: list[Tree] = []


class Priced(Value):
    price: Annotated[Decimal, decimals(2)]
    parts: list[Priced] = []


SCALARS: tuple[Any, ...] = (
    int,
    bool,
    float,
    str,
    Decimal,
    UUID,
    bytes,
    datetime.datetime,
    datetime.date,
    datetime.time,
    datetime.timedelta,
    Colour,
    Size,
    Secret,
    Email,
    Slug,
    Literal["a", "b"],
    Literal[1, 2] | None,
    Annotated[int, between(-5, 5)],
    Annotated[int, between(3, None)],
    Annotated[int, Meta(gt=0, multiple_of=3)],
    Annotated[float, between(0.0, 1.5)],
    Annotated[float, Meta(gt=-1, lt=1)],
    Annotated[str, length(2, 4)],
    Annotated[str, matches(r"[a-c]+\d")],
    Annotated[str, Meta(pattern=r"^\w$")],
    Annotated[bytes, length(1, 3)],
    Annotated[Decimal, decimals(2), between(Decimal(0), Decimal("9.99"))],
    Annotated[Decimal, decimals(0)],
    Annotated[Secret, secret_length(2, 4)],
    Annotated[datetime.time, Meta(tz=True)],
)
OBJECTS: tuple[Any, ...] = (Money, Card, Card | Cash, Card | Cash | Coin, Tree, Priced, Page[int], Coin)
HASHABLE: tuple[Any, ...] = (int, str, Colour, UUID, datetime.date)
PAGES: tuple[Any, ...] = (
    ("page", Annotated[Offset, paged(10, 50)]),
    ("page", Annotated[Offset, paged(10, 50)], Offset()),
    ("page", Offset, Offset()),
    ("page", Annotated[Cursor, paged(5, 7)], Cursor()),
    ("page", Annotated[Cursor | None, paged(5, 7)], None),
)


def texts_types() -> st.SearchStrategy[Any]:
    """Types that one text of a query string can be read as."""
    scalar = st.sampled_from(SCALARS)
    return st.one_of(scalar, scalar.map(_or_none), st.sampled_from((int | float, bool | int, int | str, bool | float)))


def types() -> st.SearchStrategy[Any]:
    """Types of fields, nested."""
    leaves = st.one_of(texts_types(), st.sampled_from(OBJECTS), st.just(Any))
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            inner.map(lambda item: list[item]),
            inner.map(lambda item: Annotated[list[item], length(1, 2)]),
            inner.map(lambda item: dict[str, item]),
            inner.map(lambda item: Annotated[dict[Annotated[str, length(1, 3)], item], length(1, 2)]),
            inner.map(lambda item: dict[UUID, item]),
            inner.map(lambda item: tuple[item, int]),
            inner.map(lambda item: Annotated[tuple[item, ...], length(0, 2)]),
            inner.map(_or_none),
            inner.map(_or_bool),
            st.sampled_from(HASHABLE).map(lambda item: Annotated[frozenset[item], length(2, 3)]),
            st.sampled_from(HASHABLE).map(lambda item: set[item]),
        ),
        max_leaves=3,
    )


def _or_bool(kind: Any) -> Any:
    """A union with `bool`, where msgspec knows one."""
    return kind if any(word in repr(kind) for word in ("bool", "int", "Literal", "Secret", "Any")) else kind | bool


def _or_none(kind: Any) -> Any:
    return kind if kind is Any else kind | None


@st.composite
def structs(draw: st.DrawFn, fields: st.SearchStrategy[Any]) -> type[Any]:
    """A message with a few fields of the given types; some renamed, some optional, some lenient."""
    names = draw(st.lists(st.sampled_from(("a", "bc", "d_e", "type")), min_size=1, max_size=4, unique=True))
    made: list[Any] = []
    for name in names:
        kind = draw(fields)
        how = draw(st.sampled_from(("required", "required", "absent", "none")))
        if how == "absent":
            made.append((name, kind | Absent if kind is not Any else kind, ABSENT))
        elif how == "none" and kind is not Any:
            made.append((name, kind | None, None))
        else:
            made.append((name, kind))
    if draw(st.integers(0, 4)) == 0:
        made.append(draw(st.sampled_from(PAGES)))
    return msgspec.defstruct(
        "Drawn",
        made,
        kw_only=True,
        frozen=True,
        rename=draw(st.sampled_from((None, "camel"))),
        forbid_unknown_fields=draw(st.integers(0, 3)) > 0,
    )


TEXTS = (
    "", "a", "b", "abc", "ab1", "a1\n", "red", "x" * 6, "\0", "a\0", "é", "💚", "null", "NULL", "true", "True", "1", "0",
    "2", "-3", "1.0", "1e2", "1e30", "0.5", "nan", "inf", "-Infinity", "9.99", "9.999", " 1", "1_0", "\uff11", "-0", "+1",
    "10", "12345678901234567890123", "99999999999999999999", "2026-05-31", "2026-02-30", "2026-05-31T10:00:00Z",
    "2026-05-31T10:00:00", "2026-05-31 10:00:00+0200", "10:00:00", "10:00:00Z", "PT1H", "P1D", "p1d", "P1M", "YQ==",
    "YWJj", "YWJjZA==", "YQ", "0" * 32, "00000000-0000-0000-0000-000000000000", "a@b.co", "a-b", "Card", "cash", "EUR",
)  # fmt: skip
NUMBERS = (
    "0", "1", "2", "3", "5", "6", "-1", "-5", "-0", "0.5", "1.0", "1.5", "-0.0", "1e2", "1e999", "-1e999", "1e-999",
    "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "18446744073709551616",
    "9" * 30, "9" * 400, "9" * 4300, "-" + "9" * 4300,
)  # fmt: skip
_LEAVES = st.one_of(
    st.sampled_from(TEXTS), st.sampled_from(NUMBERS).map(Raw), st.none(), st.booleans(), st.text(max_size=3)
)
NAMES = ("a", "bc", "d_e", "dE", "type", "page", "limit", "number", "amount", "zz", "A\0", "é")


def junk() -> st.SearchStrategy[Any]:
    """Any JSON document, from a pool of troublesome values."""
    return st.recursive(
        _LEAVES,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.lists(st.tuples(st.sampled_from(NAMES), inner), max_size=3).map(Object)
        ),
        max_leaves=4,
    )


class Documents:
    """Documents for one schema; each part is replaced by junk now and then."""

    def __init__(self, draw: st.DrawFn, schema: Schema, *, faults: bool) -> None:
        self._draw = draw
        self._schema = schema
        self._faults = faults
        self._depth = 0

    def document(self) -> Any:
        return self.value(self._schema.root)

    def value(self, node: AnyOf) -> Any:
        if self._faults and self._draw(st.integers(0, 11)) == 0:
            return self._draw(junk())
        arms = self._schema.arms(node)
        arm = self._draw(st.sampled_from(arms))
        if isinstance(arm, ObjectNode):
            return self._object(arm, tagged=len(arms) > 1)
        if isinstance(arm, tree.ArrayNode):
            low = arm.length_min
            high = low + 1 if arm.length_max is None else arm.length_max
            count = 0 if self._depth > 4 else self._draw(st.integers(max(0, low - self._faults), high + self._faults))
            return self._nested([arm.item] * count)
        if isinstance(arm, tree.TupleNode):
            return self._nested(list(arm.items))
        if isinstance(arm, tree.MapNode):
            count = self._draw(st.integers(arm.length_min, 2))
            values = self._nested([arm.value] * count)
            return Object((str(self._leaf(arm.key)), value) for value in values)
        return self._leaf(arm)

    def _nested(self, nodes: list[AnyOf]) -> list[Any]:
        self._depth += 1
        made = [self.value(node) for node in nodes]
        self._depth -= 1
        return made

    def _object(self, node: ObjectNode, *, tagged: bool) -> Object:
        made = Object()
        for field in node.fields:
            made += [(field.encode_name, self._field(field))] * self._there(field)
        if node.tag_field and (tagged or self._draw(st.booleans())):
            made.insert(self._draw(st.integers(0, len(made))), (node.tag_field, node.tag))
        if self._faults and self._draw(st.integers(0, 9)) == 0:
            made.append((self._draw(st.sampled_from(NAMES)), self._draw(junk())))
        if made and self._faults and self._draw(st.integers(0, 7)) == 0:
            name, value = self._draw(st.sampled_from(made))
            again = value if self._draw(st.booleans()) else self._draw(junk())
            made.insert(self._draw(st.integers(0, len(made))), (name, again))
        return made

    def _field(self, field: Field) -> Any:
        return self._nested([field.node])[0]

    def _there(self, field: Field) -> int:
        if field.required:
            return 1 if not self._faults else self._draw(st.sampled_from((1,) * 9 + (0,)))
        return 0 if self._depth > 3 else self._draw(st.integers(0, 1))

    def _leaf(self, node: AnyOf) -> Any:
        pick = self._draw
        match node:
            case tree.NullNode():
                return None
            case tree.BoolNode():
                return pick(st.booleans())
            case tree.IntNode():
                low, high = node.minimum, node.maximum
                step = node.multiple_of or 1
                return pick(st.integers(-(-low // step), high // step)) * step
            case tree.FloatNode():
                low = node.minimum if node.minimum is not None else node.above
                high = node.maximum if node.maximum is not None else node.below
                return pick(
                    st.floats(low, high, allow_nan=False, allow_infinity=False).filter(
                        lambda value: value not in (node.above, node.below)
                    )
                )
            case tree.ChoiceNode():
                return pick(st.sampled_from(node.values))
            case tree.DecimalNode():
                places = 18 if node.places is None else node.places
                high = Decimal(node.maximum or 10**6)
                value = pick(st.decimals(Decimal(node.minimum or -(10**6)), high, places=places, allow_nan=False))
                return f"{value:f}"
            case tree.SecretNode():
                return pick(_text(node.length_min, node.length_max))
            case tree.BytesNode():
                high = 4 if node.length_max is None else node.length_max
                return msgspec.to_builtins(pick(st.binary(min_size=node.length_min, max_size=high)))
            case tree.TextNode():
                return self._text(node)
            case tree.AnyNode():
                return pick(st.none() | st.booleans() | st.integers(-5, 5) | _text(0, 3))
            case _:
                return pick(
                    st.sampled_from(_EXAMPLES[type(node)] + (_NAIVE if not getattr(node, "aware", True) else ()))
                )

    def _text(self, node: tree.TextNode) -> str:
        if node.pattern:
            pattern = node.pattern.removesuffix("$") + r"\Z"
            return self._draw(st.from_regex(pattern).filter(lambda text: len(text) <= (node.length_max or 999)))
        return self._draw(_text(node.length_min, node.length_max))


_NAIVE = ("10:00:00", "23:59:59.5")
_EXAMPLES: Any = {
    tree.DateTimeNode: ("2026-05-31T10:00:00Z", "0001-01-01T00:00:00+01:00", "2026-05-31T10:00:00.123456-02:30"),
    tree.DateNode: ("2026-05-31", "2024-02-29"),
    tree.DurationNode: ("PT1H", "-P1DT2M", "PT0.5S"),
    tree.UuidNode: ("00000000-0000-0000-0000-000000000000", "018f0000-0000-7000-8000-0000000000ff"),
    tree.TimeNode: ("10:00:00Z", "10:00:00+02:00"),
}


def _text(low: int, high: int | None) -> st.SearchStrategy[str]:
    usual = st.characters(exclude_characters="\0", exclude_categories=("Cs",))
    return st.text(usual, min_size=low, max_size=low + 3 if high is None else high)


@st.composite
def documents(draw: st.DrawFn, schema: Schema, *, faults: bool) -> Any:
    """A document for a schema; with `faults` something in it may be wrong."""
    return Documents(draw, schema, faults=faults).document()


def written(document: Any) -> str:
    """A document as JSON text, duplicates and odd numbers as they are."""
    if isinstance(document, Raw):
        return str(document)
    if isinstance(document, Object):
        return "{" + ",".join(f"{json.dumps(key)}:{written(value)}" for key, value in document) + "}"
    if isinstance(document, list):
        return "[" + ", ".join(map(written, document)) + "]"
    return json.dumps(document, ensure_ascii=isinstance(document, str) and "\0" in document)
