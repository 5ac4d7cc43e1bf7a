"""What annotations can demand of a field: `title: Annotated[str, length(1, 200)]`.

Where msgspec can decide, a helper gives a `msgspec.Meta`, which costs nothing more while a request is served. The
other helpers give objects of this module, which `krepis.schema.inspection` understands. Plain `msgspec.Meta` works as well.
"""

from __future__ import annotations

from decimal import Decimal
from typing import overload

from msgspec import Meta, Struct

from krepis.errors import KrepisError
from krepis.types.pattern import portable

DECIMAL_DIGITS_MAX = 38
"""Digits of a decimal in a message, before and after the point together: what PostgreSQL and SQL Server hold exactly."""


class DecimalBounds(Struct, frozen=True):
    """Inclusive bounds of a `Decimal`."""

    minimum: Decimal | None
    maximum: Decimal | None


class Places(Struct, frozen=True):
    """How many digits a `Decimal` may have after the point."""

    places: int


class SecretLength(Struct, frozen=True):
    """Bounds of a secret's length in code points."""

    minimum: int
    maximum: int


class PageLimits(Struct, frozen=True):
    """How many items a page has when the caller doesn't say, and at most."""

    default: int
    maximum: int


def length(minimum: int, maximum: int | None = None) -> Meta:
    """Bounds of the length of text (in code points), bytes, a list, a set or a map. For secrets: `secret_length`."""
    if minimum < 0 or (maximum is not None and maximum < minimum):
        raise KrepisError(f"`length({minimum}, {maximum})` fits nothing", hint="the smaller number comes first")
    return Meta(min_length=minimum or None, max_length=maximum)


def secret_length(minimum: int, maximum: int) -> SecretLength:
    """Bounds of the length of a `Secret`, in code points."""
    if not 0 <= minimum <= maximum:
        raise KrepisError(f"`secret_length({minimum}, {maximum})` fits nothing", hint="the smaller number comes first")
    return SecretLength(minimum, maximum)


@overload
def between(minimum: Decimal | None, maximum: Decimal, /) -> DecimalBounds: ...
@overload
def between(minimum: Decimal, maximum: None, /) -> DecimalBounds: ...
@overload
def between(minimum: float | None, maximum: float | None, /) -> Meta: ...


def between(minimum: float | Decimal | None, maximum: float | Decimal | None, /) -> Meta | DecimalBounds:
    """Inclusive bounds of a number; `None` leaves a side open. Write the bounds in the type of the field."""
    if minimum is not None and maximum is not None and not minimum <= maximum:
        raise KrepisError(f"`between({minimum}, {maximum})` fits nothing", hint="the smaller number comes first")
    decimals_given = [isinstance(bound, Decimal) for bound in (minimum, maximum) if bound is not None]
    if not decimals_given or any(decimals_given) != all(decimals_given):
        raise KrepisError(
            f"`between({minimum!r}, {maximum!r})` does not say what it bounds",
            hint="give at least one bound, and both in the type of the field: `between(Decimal(0), Decimal(100))`",
        )
    if isinstance(minimum, Decimal) or isinstance(maximum, Decimal):
        assert not isinstance(minimum, int | float)
        assert not isinstance(maximum, int | float)
        return DecimalBounds(minimum, maximum)
    return Meta(ge=minimum, le=maximum)


def matches(pattern: str) -> Meta:
    r"""The whole text has to match `pattern`, read as ECMA-262 does: `\d` is 0 to 9, `$` is the end and nothing else.

    Raises `KrepisError` for a pattern that has no common meaning in Python and ECMA-262 or could take exponential time.
    """
    both = portable(pattern, whole=True)
    return Meta(pattern=both.python, extra={"krepis.ecma": both.ecma})


def decimals(places: int) -> Places:
    """A `Decimal` has at most `places` digits after the point."""
    if not 0 <= places < DECIMAL_DIGITS_MAX:
        raise KrepisError(
            f"`decimals({places})` is out of range", hint=f"0 to {DECIMAL_DIGITS_MAX - 1} places are possible"
        )
    return Places(places)


def text_format(name: str, pattern: str, *, length_max: int) -> Meta:
    """A named kind of text: its pattern decides, its name is shown in OpenAPI as `format`."""
    both = portable(pattern, whole=True)
    return Meta(pattern=both.python, max_length=length_max, extra={"krepis.ecma": both.ecma, "krepis.format": name})
