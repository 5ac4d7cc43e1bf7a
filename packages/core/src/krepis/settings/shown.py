"""How settings are shown: never a secret, nor the password in an address."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, cast

import msgspec

from krepis.errors import Invalid, Malformed
from krepis.settings.declared import Setting
from krepis.types.secret import Secret

HIDDEN = "***"

_PASSWORD = re.compile(r"(://[^:/?#\s\"]*:)[^\s\"]*@")
# The codes of refusals whose sentence repeats what was given.
_SHOWING = frozenset({"type", "format", "choice", "tag", "unknown"})


def plain(value: Any) -> Any:
    """A value as plain data that may be shown."""
    return _masked(msgspec.to_builtins(value, enc_hook=_hidden, str_keys=True))


def masked(text: str) -> str:
    """A text without the passwords of the addresses in it: `postgresql://app:***@db/library`."""
    return _PASSWORD.sub(rf"\1{HIDDEN}@", text)


def sentences(setting: Setting, refusal: Invalid | Malformed, text: str) -> Iterator[str]:
    """What is wrong with a value, one sentence each."""
    hides = setting.secret or _PASSWORD.search(text) is not None
    if isinstance(refusal, Malformed):
        yield f"`{setting.name}` is no JSON" if hides else f"`{setting.name}` is no JSON: {refusal.sentence}"
        return
    for error in refusal.errors:
        if hides and error.code in _SHOWING:
            yield f"`{setting.name}` does not fit"
            continue
        place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.path[1:])
        yield f"`{setting.name}{place}`: {error.message}"


def _hidden(value: object) -> object:
    return HIDDEN if isinstance(value, Secret) else repr(value)


def _masked(value: Any) -> Any:
    match value:
        case str():
            return masked(value)
        case dict():
            return {key: _masked(one) for key, one in cast("dict[str, Any]", value).items()}
        case list() | tuple():
            return [_masked(one) for one in cast("list[Any]", value)]
        case _:
            return value
