"""The nodes of single values, made from their types, and what JSON type each kind of node is written as."""

from __future__ import annotations

import datetime
import enum
import typing
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from krepis.schema import tree
from krepis.schema.annotation import LENGTHS, NUMERIC, Facts, Place, only
from krepis.schema.tree import INT64_MAX, INT64_MIN, AnyOf
from krepis.types.pattern import portable
from krepis.types.secret import Secret

_NOTHING: frozenset[str] = frozenset()


def scalar(origin: object, bare: Any, facts: Facts, place: Place) -> AnyOf | None:
    """The node of a single value; `None` when the type is of another sort. Raises `KrepisError` for idle limits."""
    if isinstance(origin, type) and issubclass(origin, enum.Enum):
        return _enum(origin, facts, place)
    if origin is Literal:
        only(facts, place, _NOTHING, "a literal")
        return tree.ChoiceNode(values=_literal_values(bare, place))
    for kind, (allowed, make, what) in _KINDS:
        if origin is kind:
            only(facts, place, allowed, what, dict(_HINTS).get(what, ""))
            return make(facts, place)
    return None


def _int(facts: Facts, place: Place) -> AnyOf:
    low, high = facts.get("ge"), facts.get("le")
    above, below = facts.get("gt"), facts.get("lt")
    for bound in (low, high, above, below, facts.get("multiple_of")):
        if bound is not None and (isinstance(bound, float) or not INT64_MIN <= bound <= INT64_MAX):
            raise place.refuse(f"is a whole number with the bound `{bound}`", "use whole numbers of at most 64 bits")
    return tree.IntNode(
        minimum=max(INT64_MIN if low is None else low, INT64_MIN if above is None else above + 1),
        maximum=min(INT64_MAX if high is None else high, INT64_MAX if below is None else below - 1),
        multiple_of=facts.get("multiple_of"),
    )


def _float(facts: Facts, place: Place) -> AnyOf:
    return tree.FloatNode(
        minimum=facts.get("ge"),
        maximum=facts.get("le"),
        above=facts.get("gt"),
        below=facts.get("lt"),
        multiple_of=facts.get("multiple_of"),
    )


def _text(facts: Facts, place: Place) -> AnyOf:
    given = facts.get("pattern")
    ecma, narrowed = facts.extra("krepis.ecma"), ""
    if given is not None and not ecma:
        both = portable(given)
        if both.wider:
            raise place.refuse(f"has the pattern `{given}`, which Python reads in its own way", "use `matches(...)`")
        ecma, narrowed = both.ecma, given if both.python != given else ""
    return tree.TextNode(
        length_min=facts.get("min_length") or 0,
        length_max=facts.get("max_length"),
        pattern=ecma,
        format=facts.extra("krepis.format"),
        narrowed=narrowed,
    )


def _decimal(facts: Facts, place: Place) -> AnyOf:
    bounds = facts.decimal
    low, high = (None, None) if bounds is None else (bounds.minimum, bounds.maximum)
    return tree.DecimalNode(
        minimum="" if low is None else f"{low:f}",
        maximum="" if high is None else f"{high:f}",
        places=None if facts.places is None else facts.places.places,
    )


def _datetime(facts: Facts, place: Place) -> AnyOf:
    if facts.get("tz") is False:
        raise place.refuse("is an instant without its offset", "remove `tz=False`; convert to UTC at the border")
    return tree.DateTimeNode()


def _secret(facts: Facts, place: Place) -> AnyOf:
    bounds = facts.secret
    return tree.SecretNode() if bounds is None else tree.SecretNode(
        length_min=bounds.minimum, length_max=bounds.maximum
    )  # fmt: skip


def _bytes(facts: Facts, place: Place) -> AnyOf:
    return tree.BytesNode(length_min=facts.get("min_length") or 0, length_max=facts.get("max_length"))


def _enum(kind: type[enum.Enum], facts: Facts, place: Place) -> AnyOf:
    only(facts, place, _NOTHING, "an enum")
    values: list[Any] = [member.value for member in kind]
    one_sort = {type(value) for value in values} in ({str}, {int})
    if not one_sort or issubclass(kind, enum.Flag) or "_missing_" in vars(kind):
        raise place.refuse(
            f"is the enum `{kind.__name__}`, which can't be told as a list of values",
            "give its members only texts or only whole numbers, and no `_missing_`",
        )
    return tree.ChoiceNode(values=tuple(values), name=kind.__name__)


def _literal_values(bare: Any, place: Place) -> tuple[str | int | None, ...]:
    values = typing.get_args(bare)
    if any(isinstance(value, bool | bytes) or not isinstance(value, str | int | None) for value in values):
        raise place.refuse("is a literal of something else than texts, whole numbers and `None`", "use `bool`")
    return values


_Make = Callable[[Facts, Place], AnyOf]
_KINDS: tuple[tuple[object, tuple[frozenset[str], _Make, str]], ...] = (
    (str, (LENGTHS | frozenset(("pattern",)), _text, "text")),
    (int, (NUMERIC, _int, "a whole number")),
    (float, (NUMERIC, _float, "a number")),
    (bool, (_NOTHING, lambda facts, place: tree.BoolNode(), "true or false")),
    (type(None), (_NOTHING, lambda facts, place: tree.NullNode(), "nothing")),
    (None, (_NOTHING, lambda facts, place: tree.NullNode(), "nothing")),
    (Any, (_NOTHING, lambda facts, place: tree.AnyNode(), "anything")),
    (Decimal, (frozenset(("decimal", "places")), _decimal, "a decimal")),
    (datetime.datetime, (frozenset(("tz",)), _datetime, "an instant")),
    (datetime.date, (_NOTHING, lambda facts, place: tree.DateNode(), "a day")),
    (
        datetime.time,
        (frozenset(("tz",)), lambda facts, place: tree.TimeNode(aware=facts.get("tz") is True), "a time of day"),
    ),
    (datetime.timedelta, (_NOTHING, lambda facts, place: tree.DurationNode(), "a duration")),
    (UUID, (_NOTHING, lambda facts, place: tree.UuidNode(), "an id")),
    (bytes, (LENGTHS, _bytes, "bytes")),
    (Secret, (frozenset(("secret",)), _secret, "a secret")),
)
_HINTS: tuple[tuple[str, str], ...] = (
    ("a decimal", "bound it with `between(Decimal(0), Decimal(100))` and `decimals(2)`"),
    ("a secret", "bound its length with `secret_length(12, 128)`"),
)


def json_kinds(node: AnyOf) -> tuple[str, ...]:
    """The JSON types that values of this node are written as; whole numbers and others count as two."""
    if isinstance(node, tree.ChoiceNode):
        kinds = {str: "text", int: "int", type(None): "null"}
        return tuple(dict.fromkeys(kinds[type(value)] for value in node.values))
    match node:
        case tree.NullNode():
            return ("null",)
        case tree.BoolNode():
            return ("bool",)
        case tree.IntNode():
            return ("int",)
        case tree.FloatNode():
            return ("float",)
        case tree.DecimalNode():
            return ("text", "decimal")
        case tree.ArrayNode() | tree.TupleNode():
            return ("array",)
        case tree.MapNode() | tree.ObjectNode() | tree.RefNode():
            return ("object",)
        case tree.AnyNode():
            return ("null", "bool", "int", "float", "text", "array", "object")
        case _:
            return ("text",)


def is_text_choice(node: AnyOf) -> bool:
    """Whether a node is an enum or literal of texts only."""
    return isinstance(node, tree.ChoiceNode) and all(isinstance(value, str) for value in node.values)


def hashes_exactly(node: AnyOf) -> bool:
    """Whether equal values of a node are written alike, so that a set of them loses nothing."""
    return isinstance(node, tree.TextNode | tree.IntNode | tree.UuidNode | tree.DateNode | tree.ChoiceNode)
