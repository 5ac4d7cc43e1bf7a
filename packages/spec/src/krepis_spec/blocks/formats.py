"""f-strings: which values may stand in text, and which format specifications they take."""

from __future__ import annotations

import ast
import re

from krepis_spec.blocks.reading import Reading
from krepis_spec.expressions import Expression, Format, FormatPart
from krepis_spec.fitting import words
from krepis_spec.types import (
    AnyType,
    BoolType,
    ChoiceType,
    DatetimeType,
    DateType,
    DecimalType,
    EntityType,
    IntType,
    NothingType,
    OptionalType,
    TextType,
    TokenType,
    Type,
    UuidType,
)

_TEXT = re.compile(r"[<>^]?[0-9]{0,3}")
_INT = re.compile(r"[<>^]?0?[0-9]{0,3}[,_]?d?")
_DECIMAL = re.compile(r"[<>^]?0?[0-9]{0,3}[,_]?(\.[0-9]{1,2}f|f)?")
_MOMENT = re.compile(r"(%[YmdHMSjy%]|[^%{}])*")


def formatted(reading: Reading, node: ast.JoinedStr) -> Expression:
    """`f"{x:.2f} of it"`."""
    parts: list[FormatPart] = []
    for part in node.values:
        match part:
            case ast.Constant(value=str(text)):
                parts.append(FormatPart(text=text))
            case ast.FormattedValue():
                parts.append(_part(reading, node, part))
            case _:
                reading.problem(node, "this f-string cannot be read")
    return Format(type=TextType(), span=reading.places.of(node), parts=tuple(parts))


def _part(reading: Reading, whole: ast.JoinedStr, node: ast.FormattedValue) -> FormatPart:
    if _is_placed(reading, node.value):
        return _placed_part(reading, node)
    with reading.places.pinned(reading.places.of(whole)):
        return _placed_part(reading, node)


def _is_placed(reading: Reading, node: ast.expr) -> bool:
    """Whether Python knows where in the f-string that is: before 3.12 it does so only on the first line."""
    try:
        there = ast.parse(reading.places.source(node).strip(), mode="eval").body
    except (SyntaxError, ValueError):
        return False
    return ast.dump(there) == ast.dump(node)


def _placed_part(reading: Reading, node: ast.FormattedValue) -> FormatPart:
    value = reading.expression(node.value)
    if node.conversion != -1:
        reading.problem(node.value, "`=` and `!r` in f-strings are not part of the language", "write `{x}`")
    specification = _specification(node.format_spec)
    if specification is None:
        reading.problem(node.value, "a format is written out; no value stands in it")
        return FormatPart(value=value)
    pattern = _pattern(value.type)
    if pattern is None:
        reading.problem(node.value, f"{words(value.type)} cannot stand in text", _hint(value.type))
    elif not pattern.fullmatch(specification):
        reading.problem(node.value, f"`{specification}` is no format of {words(value.type)}")
    return FormatPart(value=value, specification=specification)


def _specification(node: ast.expr | None) -> str | None:
    if node is None:
        return ""
    parts = node.values if isinstance(node, ast.JoinedStr) else []
    texts = [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    return "".join(texts) if len(texts) == len(parts) else None


def _pattern(type: Type) -> re.Pattern[str] | None:
    match type:
        case AnyType():
            return re.compile(r"[\s\S]*")
        case TextType() | TokenType() | ChoiceType() | UuidType() | BoolType():
            return _TEXT
        case IntType():
            return _INT
        case DecimalType():
            return _DECIMAL
        case DateType() | DatetimeType():
            return _MOMENT
        case _:
            return None


def _hint(type: Type) -> str | None:
    match type:
        case OptionalType() | NothingType():
            return 'it may be none: `{x if x is not None else ""}`'
        case EntityType():
            return "name one of its fields"
        case _:
            return None
