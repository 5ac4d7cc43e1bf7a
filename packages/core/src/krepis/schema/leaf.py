"""How single values are written as text, and the sentences for values that are not.

msgspec's own readers decide about dates, ids and numbers, so the second look can't come to another verdict. Where they
are laxer than what OpenAPI promises, `read_lax` is stricter; for JSON bodies `krepis.schema.forms` does.
"""

from __future__ import annotations

import datetime
import math
import re
from decimal import Decimal
from types import NoneType
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from msgspec import NODEFAULT

from krepis.schema import tree
from krepis.schema.tree import AnyOf
from krepis.types.constraint import DECIMAL_DIGITS_MAX

BAD: Final = NODEFAULT
"""Stands for a value that could not be read."""

DECIMAL_PLACES_USUAL = 18
"""Digits after the point where `decimals` doesn't say: enough for every currency, coin and measure in use."""

_SHOWN_MAX = 40
_TEMPORAL = (datetime.datetime, datetime.timedelta)


TIME_PATTERN = r"^(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?$"
TIME_AWARE_PATTERN = TIME_PATTERN[:-1] + r"(?:[Zz]|[+\-](?:[01][0-9]|2[0-3]):?[0-5][0-9])$"
_SECONDS = r"[0-9]{1,6}(?:\.[0-9]{1,6})?S"
_CLOCK = f"T(?:[0-9]{{1,6}}H(?:[0-9]{{1,6}}M)?(?:{_SECONDS})?|[0-9]{{1,6}}M(?:{_SECONDS})?|{_SECONDS})"
DURATION_PATTERN = rf"^[+\-]?P(?:[0-9]{{1,6}}D(?:{_CLOCK})?|{_CLOCK})$"
BASE64_PATTERN = "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"


def decimal_pattern(node: tree.DecimalNode) -> str:
    """How a decimal is written, in the form of ECMA-262: never with an exponent, at most 38 digits in all."""
    places = DECIMAL_PLACES_USUAL if node.places is None else node.places
    fraction = f"(?:\\.[0-9]{{1,{places}}})?" if places else ""
    sign = "" if node.minimum and not node.minimum.startswith("-") else "-?"
    return f"^{sign}[0-9]{{1,{DECIMAL_DIGITS_MAX - places}}}{fraction}$"


def is_decimal(node: tree.DecimalNode, text: str) -> bool:
    """Whether `text` is a decimal in the form that `decimal_pattern` shows."""
    return re.search(decimal_pattern(node).removesuffix("$") + r"\Z", text) is not None


def read(node: AnyOf, text: str) -> Any:
    """The value of a text in a JSON body; `BAD` when it has not the form that the node asks for."""
    match node:
        case tree.TextNode() | tree.SecretNode() | tree.AnyNode():
            return text
        case tree.ChoiceNode():
            return text if text in node.values else BAD
        case tree.DecimalNode():
            return Decimal(text) if is_decimal(node, text) else BAD
        case _:
            return _converted(text, python_type(node), strict=True)


def read_lax(arms: tuple[AnyOf, ...], text: str) -> Any:
    """The value of a text in a path, query, header or cookie, for a field with these alternatives."""
    wanted = _lax_type(arms)
    value = _converted(text, wanted, strict=False)
    if value is not BAD and _odd(arms, text, value):
        return BAD
    return value


def _odd(arms: tuple[AnyOf, ...], text: str, value: Any) -> bool:
    """Whether msgspec was more generous with a text than OpenAPI: `nan`, a timestamp as a number, ` 1_0` as decimal."""
    if isinstance(value, float):
        return not math.isfinite(value)
    if isinstance(value, Decimal):
        return not any(isinstance(arm, tree.DecimalNode) and is_decimal(arm, text) for arm in arms)
    if isinstance(value, _TEMPORAL):
        return _converted(text, type(value), strict=True) is BAD
    return False


def can_be_odd(arms: tuple[AnyOf, ...]) -> bool:
    """Whether msgspec reads any of these more generously from a text than `read_lax` does."""
    return any(
        isinstance(arm, tree.FloatNode | tree.DecimalNode | tree.DateTimeNode | tree.DurationNode) for arm in arms
    )


def _converted(text: str, wanted: Any, *, strict: bool) -> Any:
    try:
        return msgspec.convert(text, wanted, strict=strict)
    except (msgspec.ValidationError, UnicodeEncodeError):
        return BAD


def _lax_type(arms: tuple[AnyOf, ...]) -> Any:
    wanted: Any = None
    for arm in arms:
        kind = python_type(arm)
        if kind is not NODEFAULT:
            wanted = kind if wanted is None else wanted | kind
    return NoneType if wanted is None else wanted


def python_type(node: AnyOf) -> Any:  # noqa: C901 - one line for each kind of node
    """What msgspec reads a scalar node as; `NODEFAULT` for other nodes."""
    match node:
        case tree.NullNode():
            return NoneType
        case tree.BoolNode():
            return bool
        case tree.IntNode():
            return int
        case tree.FloatNode():
            return float
        case tree.DecimalNode():
            return Decimal
        case tree.ChoiceNode():
            return Literal[node.values]
        case tree.DateTimeNode():
            return datetime.datetime
        case tree.DateNode():
            return datetime.date
        case tree.TimeNode():
            return datetime.time
        case tree.DurationNode():
            return datetime.timedelta
        case tree.UuidNode():
            return UUID
        case tree.BytesNode():
            return bytes
        case tree.TextNode() | tree.SecretNode() | tree.AnyNode():
            return str
        case _:
            return NODEFAULT


def shown(text: str) -> str:
    """A caller's value for a sentence: in backticks, shortened, control characters escaped."""
    short = text if len(text) <= _SHOWN_MAX else text[: _SHOWN_MAX - 1] + "…"
    safe = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in short)
    return "`" + safe.replace("`", "'") + "`"


def described(arms: tuple[AnyOf, ...]) -> str:
    """What was expected, in words: `a whole number or null`."""
    words = list(dict.fromkeys(_described(arm) for arm in arms))
    return " or ".join((", ".join(words[:-1]), words[-1])) if len(words) > 1 else words[0]


def _described(node: AnyOf) -> str:
    if isinstance(node, tree.ChoiceNode):
        return "one of " + ", ".join("null" if value is None else f"`{value}`" for value in node.values)
    return dict(_WORDS)[type(node)]


_WORDS: tuple[tuple[type[AnyOf], str], ...] = (
    (tree.NullNode, "null"),
    (tree.BoolNode, "true or false"),
    (tree.IntNode, "a whole number"),
    (tree.FloatNode, "a number"),
    (tree.TextNode, "text"),
    (tree.DecimalNode, 'a decimal in quotes like `"9.99"`'),
    (tree.DateTimeNode, "an instant like `2026-05-31T17:30:00Z`"),
    (tree.DateNode, "a day like `2026-05-31`"),
    (tree.TimeNode, "a time of day like `17:30:00`"),
    (tree.DurationNode, "a duration like `P1DT2H30M`"),
    (tree.UuidNode, "a UUID"),
    (tree.BytesNode, "bytes in base64"),
    (tree.SecretNode, "text"),
    (tree.ArrayNode, "an array"),
    (tree.TupleNode, "an array"),
    (tree.MapNode, "an object"),
    (tree.ObjectNode, "an object"),
    (tree.AnyNode, "any value"),
)
