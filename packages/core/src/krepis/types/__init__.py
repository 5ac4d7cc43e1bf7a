"""The field types that backends need. All are for annotations of messages; each explains itself where it is defined."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET as ABSENT
from msgspec import UnsetType as Absent

from krepis.types.constraint import between, decimals, length, matches, secret_length, text_format
from krepis.types.cursor import UnknownCursor, read_cursor, write_cursor
from krepis.types.money import CurrenciesMixedError, Currency, InexactMoneyError, Money
from krepis.types.page import Cursor, Offset, Page, paged
from krepis.types.secret import Secret

__all__ = (
    "ABSENT",
    "Absent",
    "CurrenciesMixedError",
    "Currency",
    "Cursor",
    "Email",
    "InexactMoneyError",
    "Money",
    "Offset",
    "Page",
    "Secret",
    "Slug",
    "UnknownCursor",
    "Url",
    "between",
    "decimals",
    "length",
    "matches",
    "paged",
    "read_cursor",
    "secret_length",
    "write_cursor",
)

_ATOM = r"[A-Za-z0-9!#\$%&'\*\+\/=\?\^_`\{\|\}~-]"
_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"

Email = Annotated[
    str,
    text_format("email", rf"{_ATOM}(?:\.?{_ATOM}){{0,63}}@{_LABEL}(?:\.{_LABEL})+", length_max=254),
]
"""A mail address as browsers accept it (WHATWG HTML, "valid e-mail address"), with at least one dot in its domain.

Its local part is a dot-atom (RFC 5322, section 3.2.3): no dot at an end, none beside another.
At most 254 characters (RFC 5321, section 4.5.3.1.3). Only a mail that arrives proves that it exists.
"""

Url = Annotated[
    str,
    text_format(
        "url",  # not `uri`: RFC 3986 refuses brackets in a query, which people write
        r"https?:\/\/(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?"
        r"(?:[\/?#][A-Za-z0-9._~:\/?#\[\]@!$&'()*+,;=%-]*)?",
        length_max=2048,
    ),
]
"""An absolute `http` or `https` address (RFC 3986), without user information, in ASCII, at most 2048 characters.

Its form says nothing about where it leads: whoever fetches it must keep it out of the private network.
"""

Slug = Annotated[str, text_format("slug", "[a-z0-9]+(?:-[a-z0-9]+)*", length_max=100)]
"""A readable part of an address: lower-case ASCII letters and digits, words joined by single hyphens, at most 100."""
