"""Text that a terminal only shows: names of files, stored texts and answers of others may hold characters that steer it."""

from __future__ import annotations

# Each ends with RESET; nothing else that begins with an escape is let through, and these do no more than colour.
RESET = "[0m"
STYLES = (
    ("bold", "[1m"),
    ("dim", "[2m"),
    ("red", "[31m"),
    ("green", "[32m"),
    ("yellow", "[33m"),
    ("cyan", "[36m"),
)

QUOTED_MAX = 100

# Spaces that `str.isprintable` takes for more than that.
_SPACES = frozenset("\u00a0\u2007\u2009\u202f\u3000")


def printable(text: str) -> str:
    r"""`text` on one line, with whatever could steer a terminal written as `\x1b`, `\n` or `\u202e`."""
    return text if text.isprintable() else "".join(map(_shown, text))


def quoted(word: str) -> str:
    """A word of the command line in an error: in backticks, and not longer than one wants to read."""
    return f"`{printable(word)}`" if len(word) <= QUOTED_MAX else f"`{printable(word[:QUOTED_MAX])}...`"


def printable_lines(text: str, *, coloured: bool = False) -> str:
    """The same for text of several lines: line ends and tabs stay, and with `coloured` the styles of `Console.style`."""
    if text.isprintable():
        return text
    first, *others = text.split("\x1b") if coloured else [text]
    return "".join([_lines(first), *map(_after_escape, others)])


def _after_escape(text: str) -> str:
    for code in (RESET, *dict(STYLES).values()):
        if text.startswith(code):
            return f"\x1b{code}{_lines(text[len(code) :])}"
    return "\\x1b" + _lines(text)


def _lines(text: str) -> str:
    return text if text.isprintable() else "".join(one if one in "\n\t" else _shown(one) for one in text)


def _shown(one: str) -> str:
    if one.isprintable() or one in _SPACES:
        return one
    if one == "\n":
        return "\\n"
    if one == "\t":
        return "\\t"
    number = ord(one)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
