"""Makes plain data of any value, with nothing secret in it: for log lines, spans and the audit log.

What is hidden, each replaced by `***`:

- a `krepis.types.Secret`, wherever it stands;
- whatever stands under a name that looks like a secret's: in a message, a mapping, or as `name=value` inside a text;
- inside a text: credentials (`Bearer ...`, `Basic ...`), JSON web tokens, and the password of a url.

What comes out is always small and always plain: strings, numbers, lists and mappings of at most `VALUES_MAX` values in
all, `DEPTH_MAX` deep, with texts of at most `characters_max`. A value whose `repr` raises is shown by its type. Nothing
that is given raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from itertools import islice
from pathlib import PurePath
from typing import Any, cast
from uuid import UUID

from msgspec import Struct

from krepis.types.secret import Secret

HIDDEN = "***"
CHARACTERS_MAX = 8192
SEARCHED_CHARACTERS_MAX = 65_536
"""How much of a text is searched. Of a longer one the beginning alone is shown, since its end may hold anything."""

VALUES_MAX = 1000
DEPTH_MAX = 8
KEY_CHARACTERS_MAX = 200

SECRET_NAMES = (
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "authorization",
    "cookie",
    "credential",
    "api_key",
    "apikey",
    "private_key",
    "session_id",
    "signature",
)
"""Parts of names, in small letters and with `_` for `-`, whose values are hidden."""

_INTEGER_MAX = 2**63 - 1
_MANY: tuple[type[Any], ...] = (Struct, Mapping, list, tuple, set, frozenset)

# Each has a bounded or plainly linear form: the texts that they search are a caller's.
_URL_PASSWORD = re.compile(r"(://[^\s/:@]{0,256}):[^\s/]*@")
_URL_TOKEN = re.compile(r"://[^\s/:@]{16,}@")
_WEB_TOKEN = re.compile(r"\beyJ[\w-]{8,}(?:\.[\w-]*){0,4}")
_SCHEME = re.compile(r"\b(bearer|basic|digest|apikey)\s+[\w.~+/=:-]{6,}", re.IGNORECASE)


class Redaction:
    """The rules of one service. `names` adds parts of names to `SECRET_NAMES`."""

    def __init__(self, names: Iterable[str] = (), *, characters_max: int = CHARACTERS_MAX) -> None:
        self._names = tuple(dict.fromkeys((*SECRET_NAMES, *(_spaced(name) for name in names))))
        self._plain_names = tuple(dict.fromkeys(map(_normal, self._names)))
        self.characters_max = characters_max
        words = "|".join(re.escape(name).replace("_", "[_-]?") for name in self._names)
        # The value: quoted, or up to where a list, a mapping or a repr would go on.
        value = r"""'(?:[^'\\]|\\.)*'?|"(?:[^"\\]|\\.)*"?|[^\s,;&)\]}]+"""
        self._pairs = re.compile(rf"((?:{words})[\w.-]{{0,40}}[\"']?\s{{0,4}}[=:]\s{{0,4}})(?:{value})", re.IGNORECASE)
        self._headers = re.compile(
            r"\b((?:set-|proxy-)?(?:cookie|authorization)\s{0,4}:\s{0,4})[^\"'\r\n]+", re.IGNORECASE
        )

    def shortened(self, characters_max: int) -> Redaction:
        """The same rules for shorter texts."""
        return Redaction(self._names, characters_max=characters_max)

    def hides(self, name: str) -> bool:
        """Whether what stands under this name is hidden."""
        normal = _normal(name[:KEY_CHARACTERS_MAX])
        return any(part in normal for part in self._plain_names)

    def text(self, text: str) -> str:
        """A text without what looks secret, cut in the middle when it is long."""
        length = len(text)
        if length > SEARCHED_CHARACTERS_MAX:
            text = text[:SEARCHED_CHARACTERS_MAX]
        if not text.isascii():
            text = text.encode("utf-8", "backslashreplace").decode()  # a lone surrogate has no bytes
        if "://" in text:
            text = _URL_TOKEN.sub(f"://{HIDDEN}@", _URL_PASSWORD.sub(rf"\1:{HIDDEN}@", text))
        text = _SCHEME.sub(rf"\1 {HIDDEN}", _WEB_TOKEN.sub(HIDDEN, text))
        if ":" in text or "=" in text:
            text = self._pairs.sub(rf"\1{HIDDEN}", self._headers.sub(rf"\1{HIDDEN}", text))
        if length > SEARCHED_CHARACTERS_MAX:
            return f"{text[: self.characters_max]} ...[{length - self.characters_max} characters]"
        if len(text) > self.characters_max:
            left = self.characters_max * 3 // 4
            right = self.characters_max - left
            text = f"{text[:left]} ...[{len(text) - self.characters_max} characters]... {text[-right:]}"
        return text

    def plain(self, value: object) -> Any:
        """Any value as plain data."""
        return self._plain(value, DEPTH_MAX, _Budget())

    def facts(self, facts: Mapping[str, object]) -> dict[str, Any]:
        """A mapping as plain data. An ordinary fact, a short word or number, costs next to nothing."""
        return cast("dict[str, Any]", self._plain(facts, DEPTH_MAX, _Budget()))

    def _plain(self, value: object, depth: int, budget: _Budget) -> Any:
        if value is None or value is True or value is False:
            return value
        if isinstance(value, str):
            return self.text(str(value) if type(value) is not str else value)
        if isinstance(value, Secret):
            return HIDDEN
        if isinstance(value, int):
            return int(value) if -_INTEGER_MAX <= value <= _INTEGER_MAX else _large(value)
        if isinstance(value, float):
            return float(value) if value - value == 0 else str(float(value))
        if isinstance(value, Enum):
            return self._plain(value.value, depth, budget) if depth else value.name
        if isinstance(value, bytes | bytearray):
            return f"<{len(value)} bytes>"
        if isinstance(value, datetime | date | time):
            return value.isoformat()
        if isinstance(value, timedelta):
            return value.total_seconds()
        if isinstance(value, UUID | Decimal | PurePath):
            return self.text(str(value))
        if isinstance(value, _MANY):
            return self._many(value, depth, budget)
        return self.text(shown(value))

    def _many(self, value: Any, depth: int, budget: _Budget) -> Any:
        name = type(value).__name__
        if depth == 0:
            return f"<{name}, too deep>"
        try:
            if isinstance(value, Struct):
                return self._named(_fields(value), depth, budget)
            if isinstance(value, Mapping):
                items = cast("Mapping[object, object]", value).items()
                return self._named(((_key(key), one) for key, one in items), depth, budget)
            members: list[Any] = [
                self._plain(one, depth - 1, budget)
                for one in islice(cast("Iterable[object]", value), VALUES_MAX)
                if budget.spend()
            ]
            return [*members, f"<{len(value) - len(members)} more>"] if len(members) < len(value) else members
        except Exception:  # noqa: BLE001 - a mapping or a struct of anybody's may do anything
            return f"<{name} that can't be shown>"

    def _named(self, items: Iterable[tuple[str, object]], depth: int, budget: _Budget) -> dict[str, Any]:
        plain: dict[str, Any] = {}
        for name, value in items:
            if not budget.spend():
                plain["..."] = "<more>"
                break
            hidden = value is not None and not isinstance(value, bool) and self.hides(name)
            plain[name] = HIDDEN if hidden else self._plain(value, depth - 1, budget)
        return plain


class _Budget:
    """How many values one piece of plain data may still have."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = VALUES_MAX

    def spend(self) -> bool:
        self._left -= 1
        return self._left >= 0


def shown(value: object) -> str:
    """`str(value)`, whatever `value` does instead."""
    try:
        if isinstance(value, BaseException):
            return f"{type(value).__name__}: {value}"
        return str(value)
    except Exception:  # noqa: BLE001 - a `__repr__` of anybody's may do anything
        return f"<{type(value).__name__} that can't be shown>"


def _fields(value: Struct) -> Iterator[tuple[str, object]]:
    for name in value.__struct_fields__:
        yield name, getattr(value, name)


def _key(key: object) -> str:
    text = shown(key)[:KEY_CHARACTERS_MAX]
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def _large(value: int) -> str:
    # Python refuses to write very long integers, since that takes time without end.
    return str(value) if value.bit_length() < 1024 else f"<integer of {value.bit_length()} bits>"


def _spaced(name: str) -> str:
    return name.lower().replace("-", "_").replace(" ", "_")


def _normal(name: str) -> str:
    """`private_key`, `Private-Key` and `privateKey` are one name."""
    return _spaced(name).replace("_", "")
