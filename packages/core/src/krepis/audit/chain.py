"""The chain: what an entry says, and what binds it to its place. Pure functions over bytes.

The hash of number N is SHA-256, or HMAC-SHA-256 under a key, over `krepis-audit-1`, N, the hash of number N - 1 (64
zeros for the first) and the entry, each on a line of its own. An entry is one line of JSON with sorted keys, made once;
what is stored is what was hashed, so no second writing of JSON has to give the same bytes.
"""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import Any, Literal

from msgspec import Struct, json

from krepis.context import Context
from krepis.errors import KrepisError
from krepis.redaction import CHARACTERS_MAX, Redaction

GENESIS = "0" * 64
"""What stands for the hash before the first."""

ENTRY_BYTES_MAX = 16_384
"""The longest entry. A message that would make a longer one is kept with shorter texts, at last without its fields."""

NAME_CHARACTERS_MAX = 200

Outcome = Literal["done", "refused", "failed"]


class Anchor(Struct, frozen=True):
    """A place in the chain, to be kept elsewhere: up to it, nothing can be changed or taken away unnoticed."""

    number: int
    hash: str

    def __str__(self) -> str:
        return f"{self.number}:{self.hash}"


class Break(Struct, frozen=True):
    """Where the chain is broken first, how, and in words.

    `kind` is `changed`, `removed`, `inserted`, `moved` or `truncated` (rows are missing at the end).
    """

    number: int
    kind: Literal["changed", "removed", "inserted", "moved", "truncated"]
    sentence: str


class Hashing:
    """Hashes links, with a key or without."""

    def __init__(self, key: bytes | None) -> None:
        self._key = key

    def link(self, number: int, previous: str, entry: str) -> str:
        """The hash of an entry in its place, as 64 hexadecimal digits."""
        text = f"krepis-audit-1\n{number}\n{previous}\n{entry}".encode("utf-8", "backslashreplace")
        if self._key is None:
            return sha256(text).hexdigest()
        return hmac.new(self._key, text, sha256).hexdigest()


class Entries:
    """Writes entries: the redacted message and everything of the context that says who, when and why."""

    def __init__(self, redaction: Redaction) -> None:
        self._redactions = (redaction, *(redaction.shortened(count) for count in (CHARACTERS_MAX // 16, 64)))

    def entry(self, ctx: Context, message: Any, outcome: Outcome, code: str | None = None) -> str:
        """One line of JSON, at most `ENTRY_BYTES_MAX` bytes."""
        text = self._name
        head: dict[str, Any] = {
            "at": ctx.now().isoformat(),
            "actor": None if ctx.actor is None else text(ctx.actor.id),
            "tenant": None if ctx.tenant is None else text(ctx.tenant),
            "command": type(message).__name__[:NAME_CHARACTERS_MAX],
            "intents": [text(intent) for intent in ctx.intents[:20]],
            "trace": ctx.trace.id,
            "span": f"{ctx.trace.span_id:016x}",
            "outcome": outcome if code is None else f"{outcome}: {code[:NAME_CHARACTERS_MAX]}",
        }
        for redaction in self._redactions:
            line = json.encode({**head, "message": redaction.plain(message)}, order="sorted").decode()
            if len(line.encode()) <= ENTRY_BYTES_MAX:
                return line
        return json.encode({**head, "message": "<too large>"}, order="sorted").decode()

    def _name(self, name: str) -> str:
        return self._redactions[-1].text(name).replace("\0", "\\x00")  # no column can hold a NUL


def read_anchor(text: str) -> Anchor:
    """The anchor that `NUMBER:HASH` is. Raises `KrepisError` for anything else."""
    number, _, digest = text.strip().partition(":")
    if not (number.isascii() and number.isdigit() and len(number) < 19 and len(digest) == 64) or set(digest) - set(
        "0123456789abcdef"
    ):
        raise KrepisError(f"`{text[:100]}` is no anchor", hint="it is what `krepis audit anchor` prints: NUMBER:HASH")
    return Anchor(int(number), digest)
