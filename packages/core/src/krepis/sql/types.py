"""Column types that mean the same on SQLite and PostgreSQL, in SQL (comparison, order, sums) as in Python.

| type | Python | SQLite | PostgreSQL |
|---|---|---|---|
| `Instant()` | aware `datetime`, kept in UTC, to the microsecond | TEXT `2026-01-02T03:04:05.678901Z` | TIMESTAMPTZ |
| `Exact(scale)` | `Decimal` | INTEGER, in units of 10 to the -scale | NUMERIC(19, scale) |
| `Json(type)` | whatever msgspec can encode | TEXT | JSONB |
| `sqlalchemy.Uuid()` | `UUID` | CHAR(32), hexadecimal | UUID |

Text of fixed width sorts as the instants do, is read by SQLite's own date functions and by people, and is parsed
faster than an integer is turned into a `datetime`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Context as DecimalContext
from decimal import Decimal, Inexact, InvalidOperation, Overflow
from typing import Any

import msgspec
from sqlalchemy import BigInteger, DateTime, Numeric, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

from krepis.sql.errors import BadValueError

INT64_MAX = 2**63 - 1
EXACT_DIGITS = 19
_INSTANT_CHARS = 27
_NUL_IN_JSON = "\\u0000"

Converter = Callable[[Any], Any]


class Portable(TypeDecorator[Any]):
    """A type that brings its own converters for both databases; they never see `None`.

    Written migrations say `krepis.sql.` and then its `repr`. So a type of your own, made of one of these, gives the
    other's: `Euros` is `Exact(2)` there, and the migration does not depend on code that will change.
    """

    impl = Text
    cache_ok = True

    def converters(self, dialect: str) -> tuple[Converter | None, Converter | None]:
        """How a value goes in, and how it comes out, on `dialect` (`sqlite` or `postgresql`)."""
        raise NotImplementedError

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        convert = self.converters(dialect.name)[0]
        return value if value is None or convert is None else convert(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        convert = self.converters(dialect.name)[1]
        return value if value is None or convert is None else convert(value)


class Instant(Portable):
    """A point in time. A `datetime` without a zone is refused, one of another zone is kept as UTC."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return DateTime(timezone=True) if dialect.name == "postgresql" else Text()

    def converters(self, dialect: str) -> tuple[Converter | None, Converter | None]:
        if dialect == "postgresql":
            return _as_utc, None
        return _instant_to_text, datetime.fromisoformat


class Exact(Portable):
    """A decimal with `scale` digits after the point, never rounded: a value with more digits is refused.

    The range is that of 64 bits: with a scale of 2, up to 92 quadrillion.
    """

    impl = Numeric
    cache_ok = True

    def __init__(self, scale: int) -> None:
        assert 0 <= scale < EXACT_DIGITS
        self.scale = scale
        super().__init__(EXACT_DIGITS, scale)

    def __repr__(self) -> str:
        return f"Exact({self.scale})"

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return Numeric(EXACT_DIGITS, self.scale) if dialect.name == "postgresql" else BigInteger()

    def converters(self, dialect: str) -> tuple[Converter | None, Converter | None]:
        scale, exact = self.scale, _exact_context()

        def to_units(value: Decimal) -> int:
            try:
                units = int(exact.to_integral_exact(exact.scaleb(value, scale)))
            except (ValueError, ArithmeticError) as error:  # not finite; or it would be rounded
                raise BadValueError(f"`{value}` is not a number with at most {scale} digits after the point") from error
            if not -INT64_MAX <= units <= INT64_MAX:
                raise BadValueError(f"`{value}` is beyond the 64 bits of an exact decimal")
            return units

        def from_units(units: int) -> Decimal:
            return exact.scaleb(units, -scale)

        def checked(value: Decimal) -> Decimal:
            to_units(value)
            return value

        return (checked, None) if dialect == "postgresql" else (to_units, from_units)


class Json(Portable):
    """A struct (or anything else that msgspec encodes) in one column. `None` is SQL's NULL."""

    impl = Text
    cache_ok = True

    def __init__(self, type: Any) -> None:
        self.type = type
        super().__init__()

    def __repr__(self) -> str:
        return "Json(object)"  # in migrations: the type of the struct is the code's affair, the column stays the same

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return JSONB() if dialect.name == "postgresql" else Text()

    def converters(self, dialect: str) -> tuple[Converter | None, Converter | None]:
        del dialect  # both databases take and give text
        encode = msgspec.json.Encoder().encode
        decode = msgspec.json.Decoder(Any if self.type is object else self.type).decode

        def to_text(value: Any) -> str:
            text = encode(value).decode()
            if _NUL_IN_JSON in text:
                raise BadValueError("text with a NUL character can't be stored")
            return text

        return to_text, decode


def _as_utc(value: datetime) -> datetime:
    if value.tzinfo is UTC:
        return value
    if value.tzinfo is None:
        raise BadValueError(f"`{value}` has no time zone; use `ctx.now()` or give it one")
    return value.astimezone(UTC)


def _instant_to_text(value: datetime) -> str:
    text: str = msgspec.to_builtins(_as_utc(value))
    # msgspec leaves out a fraction of zero; the fixed width is what makes the text sort as time does.
    return text if len(text) == _INSTANT_CHARS else text[:19] + ".000000Z"


def _exact_context() -> DecimalContext:
    # Own context: the thread's could be set to round, and reading it is ambient state.
    return DecimalContext(prec=60, traps=[Inexact, InvalidOperation, Overflow])
