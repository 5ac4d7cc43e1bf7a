"""File names that can do no harm, whoever made them up: in a header, in a listing, in a folder of any system."""

from __future__ import annotations

import re
import unicodedata

NAME_BYTES_MAX = 255
"""Longest name, in bytes of UTF-8: what common file systems take. Longer ones lose the end of their stem."""

NAMELESS = "file"
_SUFFIX_BYTES_MAX = 32

_REFUSED = re.compile(r'[<>:"|?*\x00-\x1f\x7f]')
_DEVICE = re.compile(r"(?:CON|PRN|AUX|NUL|CLOCK\$|CONIN\$|CONOUT\$|(?:COM|LPT)[0-9\u00b9\u00b2\u00b3])", re.IGNORECASE)
_INVISIBLE = frozenset(("Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"))
"""Categories of characters that are left out: controls, bidirectional marks, surrogates, separators of lines."""


def safe_name(raw: str | bytes) -> str:
    r"""The name that a file is known by. Never empty, at most `NAME_BYTES_MAX` bytes; safe names stay as they are.

    - Only what follows the last `/` or `\` counts: no name leads to another folder.
    - No control, format or bidirectional character, no surrogate, no line separator; spaces are single.
    - What Windows refuses in names becomes `_`; its devices (`NUL`, `com1.txt`) get a `_` before them.
    - No dot or space at either end; in Unicode's form NFC; bytes that are not UTF-8 become `_`.
    """
    text = raw.decode("utf-8", "replace").replace("\ufffd", "_") if isinstance(raw, bytes) else raw
    text = _REFUSED.sub(_replaced, text.replace("\\", "/").rpartition("/")[2])
    text = "".join(character for character in text if unicodedata.category(character) not in _INVISIBLE)
    text = unicodedata.normalize("NFC", " ".join(text.split()))
    text = text.strip(". ")
    if _DEVICE.fullmatch(text.partition(".")[0].strip()):
        text = f"_{text}"
    return _shortened(text) or NAMELESS


def _replaced(found: re.Match[str]) -> str:
    return "" if found[0] < " " or found[0] == "\x7f" else "_"


def _shortened(text: str) -> str:
    if len(text.encode()) <= NAME_BYTES_MAX:
        return text
    stem, dot, suffix = text.rpartition(".")
    tail = f".{suffix}" if dot and len(suffix.encode()) < _SUFFIX_BYTES_MAX else ""
    kept = (stem if tail else text).encode()[: NAME_BYTES_MAX - len(tail.encode())]
    return kept.decode("utf-8", "ignore").rstrip(". ") + tail
