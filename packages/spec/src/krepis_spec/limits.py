"""Limits: `>= 0`, `1..100` and `matches ...`, which become part of the type that they limit.

A range counts characters of text, items of lists and sets, and otherwise says which values are allowed; both ends
belong to it, and either may be missing: `1..`, `..100`.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TypeVar

import msgspec
from msgspec import Struct

from krepis.errors import KrepisError
from krepis_spec.document import Text
from krepis_spec.problems import Problems
from krepis_spec.types import (
    AnyType,
    DecimalType,
    EntityType,
    IntType,
    ListType,
    OptionalType,
    SecretType,
    SetType,
    TextType,
    Type,
    ValueType,
)

EMAIL_CHARACTERS_MAX = 254
URL_CHARACTERS_MAX = 2048
SLUG_CHARACTERS_MAX = 100

_T = TypeVar("_T", int, str)

_NUMBER = r"[+-]?[0-9]{1,38}(?:\.[0-9]{1,38})?"
_COMPARISON = re.compile(rf"(>=|<=|>|<)\s*({_NUMBER})")
_RANGE = re.compile(rf"({_NUMBER})?\s*\.\.\s*({_NUMBER})?")
_LOOKS_LIKE_A_LIMIT = re.compile(r"[<>=]|[+-]?[0-9.].*\.\.|\.\.|matches\b")


class _Limit(Struct, frozen=True):
    """What one rule says. An operator is kept apart from a range, since some types take ranges alone."""

    operator: str = ""
    low: str | None = None
    high: str | None = None
    pattern: str | None = None


def limited(type: Type, rule: Text, problems: Problems) -> Type | None:
    """The type with that limit in it; `None` where the rule is none. A wrong limit is a problem, and changes nothing."""
    limit = _limit_of(rule, problems)
    if limit is None:
        return type if _LOOKS_LIKE_A_LIMIT.match(rule.text) else None
    try:
        return _with(type, limit)
    except _Wrong as wrong:
        problems.add(rule.span, wrong.message, wrong.hint)
        return type


def noun(type: Type) -> str:
    """The kind of a type, as messages call it."""
    if isinstance(type, OptionalType):
        return noun(type.of)
    if isinstance(type, EntityType | ValueType):
        return f"`{type.name}`"
    if isinstance(type, TextType) and type.form != "plain":
        return f"`{type.form}`"
    if isinstance(type, DecimalType) and type.currency is not None:
        return "`money`"
    tag = str(type.__struct_config__.tag)
    return {"choice": "`one of`", "record": "`{...}`"}.get(tag, f"`{tag}`")


class _Wrong(Exception):
    def __init__(self, message: str, hint: str | None = None) -> None:
        self.message = message
        self.hint = hint
        super().__init__(message)


def _limit_of(rule: Text, problems: Problems) -> _Limit | None:
    text = rule.text
    if (match := _COMPARISON.fullmatch(text)) is not None:
        low, high = (match[2], None) if match[1].startswith(">") else (None, match[2])
        return _Limit(match[1], low, high)
    if (match := _RANGE.fullmatch(text)) is not None and text != "..":
        return _Limit(low=match[1], high=match[2])
    if (match := re.fullmatch(r"(?s)matches\s+(.+)", text)) is not None:
        return _Limit(pattern=_bare(match[1]))
    if text.startswith("matches"):
        problems.add(rule.span, "`matches` needs a pattern", r"for example: matches `\d{13}`")
    elif _LOOKS_LIKE_A_LIMIT.match(text):
        problems.add(rule.span, f"`{text}` is no limit", "limits are written `>= 0`, `< 10`, `1..100`, `1..`, `..100`")
    return None


def _bare(pattern: str) -> str:
    return pattern[1:-1] if re.fullmatch("`[^`]+`", pattern) else pattern


def _with(type: Type, limit: _Limit) -> Type:
    if isinstance(type, AnyType):
        return type
    if isinstance(type, OptionalType):
        return OptionalType(_with(type.of, limit))
    if limit.pattern is not None:
        return _matching(type, limit.pattern)
    if isinstance(type, IntType):
        return _int(type, limit)
    if isinstance(type, DecimalType):
        return _decimal(type, limit)
    if not isinstance(type, TextType | ListType | SetType | SecretType):
        raise _Wrong(f"{noun(type)} takes no limits", "numbers, text, lists and sets do; or write an invariant")
    if limit.operator:
        raise _Wrong(f"{noun(type)} takes a range of lengths", "for example `1..200`")
    return _length(type, limit)


def _matching(type: Type, pattern: str) -> Type:
    # It costs more than the rest of reading a spec, so a spec without a pattern does not load it.
    from krepis.types.pattern import portable

    if not isinstance(type, TextType):
        raise _Wrong(f"`matches` is for text, not for {noun(type)}")
    if type.pattern is not None:
        raise _Wrong("this text has two patterns; one is possible")
    try:
        portable(pattern, whole=True)
    except KrepisError as error:
        raise _Wrong(str(error.args[0]), error.hint) from None
    return msgspec.structs.replace(type, pattern=pattern)


def _int(type: IntType, limit: _Limit) -> IntType:
    for bound in (limit.low, limit.high):
        if bound is not None and "." in bound:
            raise _Wrong(f"`int` has whole limits, not `{bound}`")
    low = _once(type.min, None if limit.low is None else int(limit.low) + (limit.operator == ">"))
    high = _once(type.max, None if limit.high is None else int(limit.high) - (limit.operator == "<"))
    if low is not None and high is not None and low > high:
        raise _Wrong(f"no number is at least {low} and at most {high}", "the smaller limit comes first")
    return IntType(low, high)


def _decimal(type: DecimalType, limit: _Limit) -> DecimalType:
    for bound in (limit.low, limit.high):
        if bound is not None and len(bound.partition(".")[2]) > type.places:
            raise _Wrong(f"{noun(type)} has {type.places} places here, and `{bound}` has more")
    lower, upper = type.min or type.above, type.max or type.below
    low, high = _once(lower, limit.low), _once(upper, limit.high)
    if low is not None and high is not None:
        excluded = limit.operator in (">", "<") or type.above is not None or type.below is not None
        if Decimal(low) > Decimal(high) or (excluded and Decimal(low) == Decimal(high)):
            raise _Wrong(f"nothing lies between {low} and {high}", "the smaller limit comes first")
    if limit.operator == ">":
        return msgspec.structs.replace(type, above=low)
    if limit.operator == "<":
        return msgspec.structs.replace(type, below=high)
    return msgspec.structs.replace(type, min=limit.low or type.min, max=limit.high or type.max)


def _length(type: TextType | ListType | SetType | SecretType, limit: _Limit) -> Type:
    for bound in (limit.low, limit.high):
        if bound is not None and not bound.isdecimal():
            raise _Wrong(f"a length is a whole number, not `{bound}`")
    low = None if limit.low is None else int(limit.low)
    high = None if limit.high is None else int(limit.high)
    if isinstance(type, SecretType):
        if type != SecretType():
            raise _Wrong("the length of this `secret` is limited twice")
        low = type.min if low is None else low
        high = max(type.max, low) if high is None else high
    else:
        low = _once(type.min or None, low) or 0
        high = _once(type.max, high)
    if high is not None and low > high:
        raise _Wrong(f"no length is at least {low} and at most {high}", "the smaller limit comes first")
    most = _form_max(type)
    if most is not None and max(low, high or 0) > most:
        raise _Wrong(f"{noun(type)} has at most {most} characters")
    return msgspec.structs.replace(type, min=low, max=high)


def _form_max(type: Type) -> int | None:
    if not isinstance(type, TextType):
        return None
    most = (("email", EMAIL_CHARACTERS_MAX), ("url", URL_CHARACTERS_MAX), ("slug", SLUG_CHARACTERS_MAX))
    return dict(most).get(type.form)


def _once(before: _T | None, now: _T | None) -> _T | None:
    if before is not None and now is not None:
        raise _Wrong(f"there are two limits on one side, `{before}` and `{now}`")
    return before if now is None else now
