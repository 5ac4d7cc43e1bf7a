"""Answers as JSON bytes. Decimals are written as text in quotes, so that no reader rounds them; secrets never leave."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, cast

import msgspec

from krepis.errors import KrepisError
from krepis.types.secret import Secret


class UnencodableError(KrepisError):
    """An answer holds something that must not, or can't, be written as JSON."""


def _hook(value: object) -> object:
    if isinstance(value, Secret):
        raise UnencodableError(
            "a secret was about to be sent to a caller",
            hint="answer with a view that has no such field; `reveal()` it only where the text itself is meant",
        )
    if isinstance(value, int):
        return int(value)
    raise UnencodableError(
        f"a `{type(value).__name__}` can't be written as JSON", hint="answer with a `Value`, or with a type it can hold"
    )


_encode = msgspec.json.Encoder(enc_hook=_hook, decimal_format="string").encode


def encode(value: object) -> bytes:
    """A value as JSON. Raises `UnencodableError` for secrets and for types that JSON has no form for."""
    body = _encode(value)
    # msgspec writes tiny and round decimals as `1E-8`; the schema promises digits.
    return _encode(builtins_of(value)) if b"E-" in body or b"E+" in body else body


def builtins_of(value: object) -> Any:
    """The same as `encode`, as plain Python data instead of bytes."""
    return _plain(msgspec.to_builtins(value, enc_hook=_hook, builtin_types=(Decimal,), str_keys=True))


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in cast("dict[str, Any]", value).items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(part) for part in cast("list[Any]", value)]
    return value
