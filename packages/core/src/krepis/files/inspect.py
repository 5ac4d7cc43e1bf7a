"""What a file is, by its first bytes. What its sender says counts only where the bytes say no better.

Nothing here makes a file harmless: a file can be two things at once. What keeps browsers from harm is how files are
served (`krepis.http.downloads`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from krepis.errors import KrepisError

HEAD_BYTES = 4096
"""How many bytes of a file are looked at."""

UNKNOWN = "application/octet-stream"
PLAIN = "text/plain"

_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
_SIGNATURE_BYTES_MIN = 3  # shorter ones stand at the beginning of too much else
_CONTROLS = frozenset(range(32)) - frozenset(b"\t\n\f\r\x1b")

_ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "image/jpg": "image/jpeg",
        "image/pjpeg": "image/jpeg",
        "image/x-png": "image/png",
        "image/x-ms-bmp": "image/bmp",
        "image/x-icon": "image/vnd.microsoft.icon",
        "audio/wave": "audio/wav",
        "audio/x-wav": "audio/wav",
        "audio/mp3": "audio/mpeg",
        "application/x-gzip": "application/gzip",
        "application/x-zip-compressed": "application/zip",
        "application/x-pdf": "application/pdf",
        "text/xml": "application/xml",
        "text/javascript": "application/javascript",
    }
)

# WHATWG MIME Sniffing, section 7.1: what makes a browser see HTML.
_HTML = re.compile(
    rb"<(?:!doctype html|html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p|svg|!--)[\s>/]",
    re.IGNORECASE,
)
_SVG = re.compile(rb"<(?:\w+:)?svg[\s>]", re.IGNORECASE)
_ACTIVE = frozenset(("text/html", "application/xhtml+xml", "image/svg+xml", "application/xml"))
"""Texts that a browser runs. Their sender's word is never enough."""

_TEXTUAL = re.compile(r"text/.+|.+\+(?:json|yaml|toml)|application/(?:json|javascript|yaml|toml|sql|x-ndjson|rtf|x-sh)")


class Inspector:
    """Tells types of files. Made once, when the service starts; it needs `krepis[files]`."""

    def __init__(self) -> None:
        try:
            from puremagic import main as puremagic
        except ImportError:
            raise KrepisError(
                "uploads need puremagic, which is not installed", hint="pip install krepis[files]"
            ) from None
        library: Any = puremagic
        # The public functions also judge by the last bytes, and of a beginning those are not the last.
        self._matches = library._identify_all  # noqa: SLF001
        self._unknown = puremagic.PureError
        rows = (*library.magic_header_array, *(row for some in library.multi_part_dict.values() for row in some))
        self._known = frozenset(plain_type(row.mime_type) for row in rows if len(row.byte_match) > 1)

    def media_type(self, head: bytes, claimed: str = "") -> str:
        """The type of a file that begins with `head` (of `HEAD_BYTES`); `claimed` is what its sender says."""
        said = plain_type(claimed)
        if not head:
            return said if _TEXTUAL.fullmatch(said) and said not in _ACTIVE else UNKNOWN
        if _is_text(head):
            return self._text_type(head, said)
        found = self._signatures(head)
        if found:
            # Archives share a beginning with everything that is kept in one: there the sender knows more.
            return said if said in found else "application/zip" if "application/zip" in found else found[0]
        # Of a type that has a signature, the signature is missing.
        return UNKNOWN if said in self._known or said in _ACTIVE or _TEXTUAL.fullmatch(said) else said or UNKNOWN

    def _text_type(self, head: bytes, said: str) -> str:
        start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
        if start[:5].lower() == b"<?xml" or _SVG.match(start):
            if _SVG.search(start):
                return "image/svg+xml"
            return "application/xhtml+xml" if b"<html" in start.lower() else "application/xml"
        if _HTML.match(start):
            return "text/html"
        if start.startswith((b"%PDF-", b"%!PS")):
            found = self._signatures(start)
            return found[0] if found else UNKNOWN
        return said if _TEXTUAL.fullmatch(said) and said not in _ACTIVE else PLAIN

    def _signatures(self, head: bytes) -> list[str]:
        """The types whose signature is the longest found, in the order of the table."""
        try:
            rows = self._matches(head, b"")
        except self._unknown:
            return []
        ranked = [
            (row.offset + len(row.byte_match), plain_type(row.mime_type))
            for row in rows
            if row.offset >= 0 and len(row.byte_match) >= _SIGNATURE_BYTES_MIN
        ]
        named = [(rank, kind) for rank, kind in ranked if kind]
        best = max((rank for rank, _ in named), default=0)
        return [kind for rank, kind in named if rank == best]


def plain_type(text: str) -> str:
    """A media type without parameters, in small letters, by its usual name; empty when it is none."""
    plain = text.partition(";")[0].strip().lower()
    return _ALIASES.get(plain, plain) if _TYPE.fullmatch(plain) else ""


def is_one_of(media_type: str, wanted: Sequence[str]) -> bool:
    """Whether a type is among `wanted`, in which `image/*` stands for all images; nothing wanted is everything."""
    return not wanted or any(
        one in ("*/*", media_type) or (one.endswith("/*") and media_type.startswith(one[:-1])) for one in wanted
    )


def _is_text(head: bytes) -> bool:
    """Whether it is UTF-8 without controls; the last character may be cut."""
    if not _CONTROLS.isdisjoint(head) or b"\x7f" in head:
        return False
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return len(head) >= HEAD_BYTES - 3 and error.start > len(head) - 4 and error.reason == "unexpected end of data"
    return True
