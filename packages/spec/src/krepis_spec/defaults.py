"""Defaults: a literal in the form of the field's type, or an expression over `now`.

A choice is written as it is (`default placed`), text in quotes, a date as `2026-01-31`, a duration as `7 days`; numbers have
the places and lie within the limits of the type.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import msgspec

from krepis_spec.blocks import Scope, expression_of
from krepis_spec.blueprint import Blueprint
from krepis_spec.document import Text
from krepis_spec.expressions import Constant, Expression
from krepis_spec.limits import noun
from krepis_spec.parameters import seconds_of
from krepis_spec.pieces import unquoted
from krepis_spec.problems import Problems, did_you_mean
from krepis_spec.types import (
    BoolType,
    ChoiceType,
    DatetimeType,
    DateType,
    DecimalType,
    DurationType,
    IntType,
    NothingType,
    OptionalType,
    TextType,
    Type,
)


class _Wrong(Exception):
    def __init__(self, message: str, hint: str | None = None) -> None:
        self.message = message
        self.hint = hint
        super().__init__(message)


def default_of(text: Text, type: Type, blueprint: Blueprint, problems: Problems) -> Expression | None:
    """The default that is written there, of that type; `None` after a problem."""
    bare = type.of if isinstance(type, OptionalType) else type
    if text.text in ("none", "None"):
        if isinstance(type, OptionalType):
            return Constant(value=None, type=NothingType(), span=text.span)
        problems.add(text.span, f"{noun(type)} is never none here", "end the type in `?`")
        return None
    if text.text == "now" and isinstance(bare, DatetimeType | DateType):
        problems.add(text.span, "`now` is a rule of its own", "write `now` without `default`")
        return None
    try:
        value = _literal(text.text, bare)
    except _Wrong as wrong:
        problems.add(text.span, wrong.message, wrong.hint)
        return None
    if value is not None:
        return Constant(value=value, type=bare, span=text.span)
    scope = Scope(blueprint=blueprint, mode="invariant", names={"now": (DatetimeType(), "now")})
    return expression_of(text, scope, problems, type)


def _literal(text: str, type: Type) -> str | int | bool | None:
    """The literal's value, or `None` where it is an expression."""
    read = _READERS.get(type.__class__)
    return None if read is None else read(text, type)


def _choice(text: str, type: ChoiceType) -> str:
    choice = unquoted(text) or text
    if choice not in type.choices:
        raise _Wrong(f"there is no choice `{choice}`", did_you_mean(choice, type.choices))
    return choice


def _bool(text: str, type: BoolType) -> bool | None:
    if text.casefold() in ("yes", "no"):
        raise _Wrong(f"`{text}` is no `bool`", "`true` or `false`")
    return text.casefold() == "true" if text in ("true", "false", "True", "False") else None


def _int(text: str, type: IntType) -> int | None:
    if not re.fullmatch("[+-]?[0-9]{1,38}", text):
        return None
    number = int(text)
    if (type.min is not None and number < type.min) or (type.max is not None and number > type.max):
        raise _Wrong(f"the default {number} is outside of the limits of its field")
    return number


def _decimal(text: str, type: DecimalType) -> str | None:
    if not re.fullmatch(r"[+-]?[0-9]{1,38}(?:\.[0-9]{1,38})?", text):
        return None
    number = Decimal(text)
    if len(text.partition(".")[2]) > type.places:
        raise _Wrong(f"{noun(type)} has {type.places} places here, and `{text}` has more")
    outside = (
        (type.min is not None and number < Decimal(type.min))
        or (type.max is not None and number > Decimal(type.max))
        or (type.above is not None and number <= Decimal(type.above))
        or (type.below is not None and number >= Decimal(type.below))
    )
    if outside:
        raise _Wrong(f"the default {text} is outside of the limits of its field")
    return f"{number:.{type.places}f}"


def _text(text: str, type: TextType) -> str | None:
    value = unquoted(text)
    if value is None:
        if re.fullmatch(r"[^\W\d][\w -]*", text):
            raise _Wrong("text stands in quotes", f'write `default "{text}"`')
        return None
    if len(value) < type.min or (type.max is not None and len(value) > type.max):
        raise _Wrong(f"the default has {len(value)} characters, which is outside of the limits of its field")
    if not _has_form(value, type.form):
        raise _Wrong(f"the default is no `{type.form}`")
    if type.pattern is not None:
        from krepis.types.pattern import portable

        if re.search(portable(type.pattern, whole=True).python, value) is None:
            raise _Wrong(f"the default does not match `{type.pattern}`")
    return value


def _has_form(value: str, form: str) -> bool:
    if form == "plain":
        return True
    from krepis.types import Email, Slug, Url

    try:
        msgspec.convert(value, {"email": Email, "slug": Slug, "url": Url}[form])
    except msgspec.ValidationError:
        return False
    return True


def _date(text: str, type: DateType) -> str | None:
    if not re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return None
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise _Wrong(f"`{text}` is no day of the calendar") from None


def _datetime(text: str, type: DatetimeType) -> str | None:
    if not re.match("[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise _Wrong(f"`{text}` is no instant", "with its zone: `2026-01-31T12:00:00Z`")
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _duration(text: str, type: DurationType) -> str | None:
    seconds = seconds_of(text)
    return None if seconds is None else f"PT{seconds}S"


_READERS: MappingProxyType[type, Callable[[str, Any], str | int | bool | None]] = MappingProxyType(
    {
        ChoiceType: _choice,
        BoolType: _bool,
        IntType: _int,
        DecimalType: _decimal,
        TextType: _text,
        DateType: _date,
        DatetimeType: _datetime,
        DurationType: _duration,
    }
)
