"""Types that need more than their word: `decimal(2)`, `money(EUR)`, `page(20, 100)`, `token(7 days)`."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import MappingProxyType

from krepis_spec.types import DecimalType, PageType, TokenType, Type

PAGE_ITEMS_MAX = 1000
"""The most that a page may hold."""

DECIMAL_PLACES_MAX = 37
"""A decimal has 38 digits at most."""

EXAMPLES = MappingProxyType(
    {"decimal": "decimal(2)", "money": "money(EUR)", "page": "page(20, 100)", "token": "token(7 days)"}
)

_PLACES = MappingProxyType(
    {
        **dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0),
        **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
        **dict.fromkeys("CLF UYW".split(), 4),
    }
)
"""Places of money in currencies that have not two (ISO 4217)."""

_SECONDS = MappingProxyType({"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800})
_SECONDS_MAX = 100 * 366 * 86_400


def with_parameters(word: str, inside: str) -> Type | str:
    """The type of that word with what stands in its parentheses; a sentence where that is wrong."""
    return _READERS[word](inside)


def seconds_of(text: str) -> int | None:
    """How long `7 days` is; `None` where it is no length of time, or more than a hundred years."""
    match = re.fullmatch(r"([0-9]{1,10})\s+([a-z]+?)s?", text.strip())
    if match is None or match[2] not in _SECONDS:
        return None
    seconds = int(match[1]) * _SECONDS[match[2]]
    return seconds if 0 < seconds <= _SECONDS_MAX else None


def _decimal(inside: str) -> Type | str:
    if not inside.isdecimal() or len(inside) > 3 or int(inside) > DECIMAL_PLACES_MAX:
        return f"`decimal` has 0 to {DECIMAL_PLACES_MAX} places"
    return DecimalType(int(inside))


def _money(inside: str) -> Type | str:
    if not re.fullmatch("[A-Z]{3}", inside):
        return "a currency has three capital letters (ISO 4217)"
    return DecimalType(_PLACES.get(inside, 2), inside)


def _token(inside: str) -> Type | str:
    seconds = seconds_of(inside)
    return "a `token` says how long it lives" if seconds is None else TokenType(seconds)


def _page(inside: str) -> Type | str:
    match = re.fullmatch(r"([0-9]{1,9})\s*,\s*([0-9]{1,9})(?:\s*,\s*(cursor))?", inside)
    if match is None:
        return "a `page` says how many a caller gets and how many may be asked for; `cursor` may follow"
    usual, most = int(match[1]), int(match[2])
    if not 1 <= usual <= most <= PAGE_ITEMS_MAX:
        return f"a page has at least 1 and at most {PAGE_ITEMS_MAX} items, and the smaller number comes first"
    return PageType(usual, most, match[3] is not None)


_READERS: MappingProxyType[str, Callable[[str], Type | str]] = MappingProxyType(
    {"decimal": _decimal, "money": _money, "page": _page, "token": _token}
)
