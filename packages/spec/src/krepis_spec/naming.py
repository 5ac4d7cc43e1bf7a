"""Names: from what people write to what Python and SQL take, and which ones are taken already."""

from __future__ import annotations

import keyword
import re
import unicodedata

NAME_CHARACTERS_MAX = 50
"""The longest name. PostgreSQL cuts names after 63 bytes, and the names of indexes are made of two."""

LANGUAGE_WORDS = frozenset(
    "abs all any bool dict enumerate float int len list max min range round set sorted str sum tuple zip".split()
)
"""What a block means by its Python name."""

SCOPE_WORDS = frozenset("absent actor ctx none now self tenant viewer".split())
"""What every block knows, or the code around it."""

_SERVER_CLASSES = frozenset(
    """
    Access Action Actor Annotated Any App Changes Command Context Currency Cursor Database Date Datetime Decimal Doors
    Ellipsis Enum Errors Event Exception Forbidden Invalid Literal Money NotFound NotImplemented Offset OutboundPort Page
    Period Policy Port Protocol Query ReadPort Rejection Secret Service Settings Sql Stale Table Timedelta Tuple
    Unauthenticated Unavailable Uuid Value View WritePort
    """.split()
)
"""Classes that a generated server imports or defines."""

_UNCOUNTED = ("data", "equipment", "feedback", "information", "media", "news", "series", "staff")
_IRREGULAR = (("person", "people"), ("child", "children"), ("woman", "women"), ("man", "men"))


def snake(text: str) -> str:
    """The words of `text` in snake_case: `place order` and `placeOrder` are `place_order`. Empty where there is no word."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", text)
    plain = unicodedata.normalize("NFKD", spaced.replace("'", "")).casefold()
    return "_".join(re.findall(r"[a-z0-9]+", plain.encode("ascii", "ignore").decode()))


def class_name(text: str) -> str:
    """The words of `text` in PascalCase: `place order` is `PlaceOrder`."""
    return "".join(word[:1].upper() + word[1:] for word in snake(text).split("_"))


def plural(text: str) -> str:
    """The snake_case name of many: `Category` is `categories`."""
    first, _, last = snake(text).rpartition("_")
    return f"{first}_{_many(last)}" if first else _many(last)


def is_usable(name: str) -> bool:
    """Whether Python, a block or a generated server does not mean something else by that name."""
    if keyword.iskeyword(name) or name in LANGUAGE_WORDS or name in SCOPE_WORDS or name in _SERVER_CLASSES:
        return False
    return not name.startswith("_")


def is_field_name(name: str) -> bool:
    """Whether that is snake_case and not too long."""
    return len(name) <= NAME_CHARACTERS_MAX and bool(re.fullmatch(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*", name))


def is_class_name(name: str) -> bool:
    """Whether that is PascalCase and not too long."""
    return len(name) <= NAME_CHARACTERS_MAX and bool(re.fullmatch(r"[A-Z][A-Za-z0-9]*", name))


def _many(word: str) -> str:
    for one, many in _IRREGULAR:
        if word == one:
            return many
    if word in _UNCOUNTED:
        return word
    if word.endswith("sis"):
        return f"{word[:-2]}es"
    if re.search(r"[^aeiou]y$", word):
        return f"{word[:-1]}ies"
    return f"{word}es" if word.endswith(("s", "x", "z", "ch", "sh")) else f"{word}s"
