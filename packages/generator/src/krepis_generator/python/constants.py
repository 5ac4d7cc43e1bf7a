"""Literals: a constant of the language as a Python expression of the type that it took."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import msgspec

from krepis_generator.python.code import UNARY, Code
from krepis_generator.quoting import text_literal
from krepis_generator.source import Module
from krepis_spec import types as t
from krepis_spec.expressions import Constant
from krepis_spec.types import Type


def literal(constant: Constant, module: Module) -> Code:
    """That constant; what its type needs is imported."""
    value, type = constant.value, _plain(constant.type)
    if value is None or isinstance(value, bool):
        return Code(repr(value))
    match type:
        case t.DecimalType():
            return _decimal(str(value), module)
        case t.DateType():
            module.use("datetime", "date")
            day = date.fromisoformat(str(value))
            return Code(f"date({day.year}, {day.month}, {day.day})")
        case t.DatetimeType():
            return _instant(str(value), module)
        case t.DurationType():
            module.use("datetime", "timedelta")
            return Code(_duration(msgspec.convert(value, timedelta, strict=False)))
        case t.UuidType():
            module.use("uuid", "UUID")
            return Code(f"UUID({text_literal(str(value))})")
        case _ if isinstance(value, int):
            return Code(_whole(value), UNARY if value < 0 else Code("").level)
        case _:
            return Code(text_literal(str(value)))


def _plain(type: Type) -> Type:
    return type.of if isinstance(type, t.OptionalType) else type


def _whole(value: int) -> str:
    return f"{value:_}" if abs(value) >= 10_000 else str(value)


def _decimal(text: str, module: Module) -> Code:
    module.use("decimal", "Decimal")
    value = Decimal(text)
    if value == value.to_integral_value():
        return Code(f"Decimal({_whole(int(value))})")
    return Code(f"Decimal({text_literal(text)})")


def _instant(text: str, module: Module) -> Code:
    module.use("datetime", "UTC", "datetime")
    at = datetime.fromisoformat(text).astimezone(UTC)
    parts = [at.year, at.month, at.day, at.hour, at.minute, at.second, at.microsecond]
    while len(parts) > 3 and parts[-1] == 0:
        parts.pop()
    return Code(f"datetime({', '.join(map(str, parts))}, tzinfo=UTC)")


def _duration(span: timedelta) -> str:
    parts = (("days", span.days), ("seconds", span.seconds), ("microseconds", span.microseconds))
    return f"timedelta({', '.join(f'{name}={value}' for name, value in parts if value)})"
