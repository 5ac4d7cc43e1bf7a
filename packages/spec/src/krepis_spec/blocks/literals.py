"""Literals: what is written down takes the type that is asked for, if it can be read as one.

- `9.99` is a decimal with two places, never a float; where money(EUR) is asked for it is money(EUR), and more places than
  that type has are a mistake.
- A text is one of the choices, a date, an instant, a duration or a UUID (ISO 8601 where it has a say) where one is asked for.
- Limits are held against a literal only where it is written into something: `x > 100` may ask about a value that cannot be.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from krepis_spec.blocks.reading import Reading
from krepis_spec.document import Span
from krepis_spec.expressions import Collection, Conditional, Constant, Expression, Record
from krepis_spec.fitting import bare, present, words
from krepis_spec.problems import did_you_mean
from krepis_spec.types import (
    AnyType,
    BoolType,
    ChoiceType,
    DatetimeType,
    DateType,
    DecimalType,
    DurationType,
    IntType,
    ListType,
    NothingType,
    RecordType,
    SecretType,
    TextType,
    Type,
    UuidType,
)

INT_MAX = 2**63 - 1
"""Whole numbers have 64 bits, as databases and JSON readers have them."""

PLACES_MAX = 28

_DURATION = re.compile(r"P(?=.)(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+S)?)?")


def is_literal(node: ast.expr) -> bool:
    """Whether that node takes the type of what stands beside it."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        node = node.operand
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        return all(is_literal(item) for item in node.elts)
    return isinstance(node, ast.Constant) and node.value is not None


def constant(
    reading: Reading, node: ast.Constant, expected: Type | None, *, negative: ast.expr | None = None
) -> Expression:
    """One literal. `negative` is the node with the minus sign before it, if there is one."""
    whole = negative or node
    wanted = None if expected is None else bare(expected)
    match node.value:
        case bool() if negative is None:
            return Constant(type=BoolType(), span=reading.places.of(whole), value=node.value)
        case None if negative is None:
            return Constant(type=NothingType(), span=reading.places.of(whole), value=None)
        case str() if negative is None:
            return _text(reading, node, node.value, wanted)
        case int() if not isinstance(node.value, bool):
            return _whole(reading, whole, -node.value if negative else node.value, wanted)
        case float():
            return _decimal(reading, node, whole, wanted)
        case _:
            return reading.refused(
                whole, f"{reading.shown(whole)} is not part of the language", _other_hint(node.value)
            )


def _other_hint(value: object) -> str | None:
    if isinstance(value, bytes):
        return 'text is written `"..."`'
    return None


def _whole(reading: Reading, node: ast.expr, value: int, wanted: Type | None) -> Expression:
    if abs(value) > INT_MAX:
        return reading.refused(node, "this number is too big; whole numbers have 64 bits")
    span = reading.places.of(node)
    if isinstance(wanted, DecimalType):
        return Constant(type=wanted, span=span, value=f"{Decimal(value):.{wanted.places}f}")
    return Constant(type=IntType(), span=span, value=value)


def _decimal(reading: Reading, node: ast.Constant, whole: ast.expr, wanted: Type | None) -> Expression:
    written = reading.places.source(node).replace("_", "")
    if not re.fullmatch(r"\d*\.\d*", written):
        return reading.refused(whole, f"{reading.shown(whole)} is no decimal", "write all its digits: `1500.00`")
    value = Decimal(written) if node is whole else -Decimal(written)
    places = len(written.partition(".")[2])
    if places > PLACES_MAX or len(written) > PLACES_MAX + 19:
        return reading.refused(whole, f"this number has too many digits; {PLACES_MAX} places are allowed")
    type = wanted if isinstance(wanted, DecimalType) else DecimalType(places=places)
    if places > type.places and value != value.quantize(Decimal(1).scaleb(-type.places)):
        return reading.refused(whole, f"{reading.shown(whole)} has {places} places; {words(type)} has {type.places}")
    return Constant(type=type, span=reading.places.of(whole), value=f"{value:.{type.places}f}")


def _text(reading: Reading, node: ast.Constant, value: str, wanted: Type | None) -> Expression:
    if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in value):
        return reading.refused(node, "this text has a character that no database keeps")
    type: Type = TextType()
    if isinstance(wanted, ChoiceType):
        if value not in wanted.choices:
            return reading.refused(
                node,
                f"{reading.shown(node)} is not one of {', '.join(wanted.choices)}",
                did_you_mean(value, wanted.choices),
            )
        type = wanted
    elif isinstance(wanted, DateType | DatetimeType | DurationType | UuidType):
        if not _reads_as(value, wanted):
            return reading.refused(node, f"{reading.shown(node)} is no {words(wanted)}", _example(wanted))
        type = wanted
    elif isinstance(wanted, SecretType) and reading.scope.mode in {"scenario", "seed"}:
        type = wanted
    return Constant(type=type, span=reading.places.of(node), value=value)


def _example(wanted: Type) -> str | None:
    match wanted:
        case DateType():
            return 'write it `"2024-02-29"`'
        case DatetimeType():
            return 'write it `"2024-02-29T12:00:00Z"`'
        case DurationType():
            return 'write it `"P1DT12H"`, or `days(1) + hours(12)`'
        case _:
            return None


def _reads_as(value: str, wanted: Type) -> bool:
    try:
        match wanted:
            case DateType():
                return date.fromisoformat(value).isoformat() == value
            case DatetimeType():
                return datetime.fromisoformat(value).tzinfo is not None
            case DurationType():
                return _DURATION.fullmatch(value) is not None
            case _:
                return str(UUID(value)) == value.lower()
    except ValueError:
        return False


def limits_broken(found: Expression, wanted: Type) -> Iterator[tuple[Span, str]]:
    """Where literals in a value that fits `wanted` break its limits, and how."""
    wanted = present(wanted)
    match found, wanted:
        case Constant(), _ if not _is_within(found, wanted):
            yield found.span, f"this is outside of {words(wanted)}"
        case Collection(form="list"), ListType():
            count = len(found.items)
            if count < wanted.min or (wanted.max is not None and count > wanted.max):
                yield found.span, f"{words(wanted)} is asked for, and this has {count} items"
            for item in found.items:
                yield from limits_broken(item, wanted.of)
        case Record(), RecordType():
            types = {field.name: field.type for field in wanted.fields}
            for field in found.fields:
                yield from limits_broken(field.value, types.get(field.name, AnyType()))
        case Conditional(), _:
            yield from limits_broken(found.then, wanted)
            yield from limits_broken(found.otherwise, wanted)
        case _:
            pass


def _is_within(found: Constant, wanted: Type) -> bool:
    match wanted, found.value:
        case IntType(), int() as value:
            return (wanted.min is None or value >= wanted.min) and (wanted.max is None or value <= wanted.max)
        case DecimalType(), int() | str() if isinstance(found.type, IntType | DecimalType):
            return _decimal_is_within(Decimal(found.value), wanted)
        case TextType(), str() as value:
            return _text_is_within(value, wanted)
        case SecretType(), str() as value:
            return wanted.min <= len(value) <= wanted.max
        case _:
            return True


def _decimal_is_within(value: Decimal, wanted: DecimalType) -> bool:
    return (
        (wanted.min is None or value >= Decimal(wanted.min))
        and (wanted.max is None or value <= Decimal(wanted.max))
        and (wanted.above is None or value > Decimal(wanted.above))
        and (wanted.below is None or value < Decimal(wanted.below))
    )


def _text_is_within(value: str, wanted: TextType) -> bool:
    if len(value) < wanted.min or (wanted.max is not None and len(value) > wanted.max):
        return False
    if wanted.pattern is not None and re.fullmatch(wanted.pattern, value) is None:
        return False
    match wanted.form:
        case "plain":
            return True
        case "email":
            return re.fullmatch(r"[^@\s]+@[^@\s]+", value) is not None
        case "url":
            return re.fullmatch(r"https?://\S+", value) is not None
        case "slug":
            return re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", value) is not None
