"""Names of things in a project: bytes, relative to its root, with `/` between them; exact, whatever they contain."""

from __future__ import annotations

import os
import unicodedata
from os import PathLike

from krepis.errors import KrepisError

NAME_BYTES_MAX = 255
PATH_BYTES_MAX = 4096 - 1
OURS = (b".krepis", b".git", b".hg", b".jj", b".svn")
"""What no operation touches: the log itself, and what belongs to version control."""

Name = str | bytes | PathLike[str]


class BadName(KrepisError):
    """No file of a project can have this name."""


def checked(name: Name) -> bytes:
    """The name as the log keeps it. Raises `BadName` when it leads out of the project or into what isn't ours to change."""
    path = os.fsencode(name)
    shown = printable(path)
    if path.startswith(b"/"):
        raise BadName(f"`{shown}` is not relative to the project", hint="name it from the project's root")
    if b"\0" in path:
        raise BadName(f"`{shown}` has a zero byte in its name")
    parts = path.split(b"/")
    if not path or any(part in (b"", b".", b"..") for part in parts):
        raise BadName(f"`{shown}` is not a plain path", hint="no empty parts, no `.` and no `..`")
    if len(path) > PATH_BYTES_MAX or any(len(part) > NAME_BYTES_MAX for part in parts):
        raise BadName(f"`{shown[:80]}...` is too long", hint=f"a name has at most {NAME_BYTES_MAX} bytes")
    for part in parts:
        if fold(part) in OURS:
            raise BadName(f"`{shown}` belongs to a tool, not to the project", hint="no operation touches " + _ours())
    return path


def fold(name: bytes) -> bytes:
    """What two names share that some file systems take for one: case and Unicode form."""
    if name.isascii():
        return name.lower()
    try:
        return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name.decode()).casefold()).encode()
    except UnicodeDecodeError:
        return name


def printable(path: bytes) -> str:
    """The name for a person: what does not print, and what is not UTF-8, is escaped."""
    text = path.decode("utf-8", "surrogateescape")
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else _escaped(character) for character in text)


def parents(path: bytes) -> list[bytes]:
    """The folders above it, the outermost first."""
    parts = path.split(b"/")
    return [b"/".join(parts[:end]) for end in range(1, len(parts))]


def split(path: bytes) -> tuple[bytes, bytes]:
    """The folder that it lies in (empty for the root) and its own name."""
    folder, _, name = path.rpartition(b"/")
    return folder, name


def _escaped(character: str) -> str:
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()


def _ours() -> str:
    return ", ".join(f"`{name.decode()}`" for name in OURS)
