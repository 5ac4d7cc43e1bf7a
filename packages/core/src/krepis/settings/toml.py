"""`krepis.toml` as data, and the line on which each key stands.

`tomllib` decides what the text means. It says nothing about lines, so a scanner that only knows where keys, texts and
brackets end walks over the same text again; it is asked only about texts that `tomllib` has taken.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from krepis._lines import safe
from krepis.errors import KrepisError

NAME = "krepis.toml"
TOML_BYTES_MAX = 1 << 20

_BLANK = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_HEAD = re.compile(r"\[{1,2}[ \t]*")
_KEY = re.compile(r"""(?:"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[A-Za-z0-9_-]+|[ \t.])+""")
_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?:"{0,2})'
    r"|\'\'\'.*?\'\'\'(?:\'{0,2})"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'"
    r"|\#[^\n]*|[\[\]{}\n]|[^\"'\#\[\]{}\n]+",
    re.DOTALL,
)

Keys = tuple[str, ...]


class Toml:
    """One file that was read: its `table`, and `line` for what stands in it."""

    def __init__(self, name: str, text: str, table: Mapping[str, Any]) -> None:
        self.name = name
        self.table = table
        self._lines = dict(key_lines(text))

    def place(self, path: Keys) -> str:
        """Where a key stands, as `krepis.toml:12`; what stands inside of a value has the line of the value."""
        for end in range(len(path), 0, -1):
            if path[:end] in self._lines:
                return f"{self.name}:{self._lines[path[:end]]}"
        return self.name


def read_toml(file: Path) -> Toml:
    """The file. Raises `KrepisError` when it is too large, no UTF-8 or no TOML."""
    name = safe(str(file))  # a folder can be called anything
    try:
        with file.open("rb") as opened:
            raw = opened.read(TOML_BYTES_MAX + 1)
    except OSError as error:
        raise KrepisError(f"{name} can't be read: {error.strerror}", hint="let the server's user read it") from None
    if len(raw) > TOML_BYTES_MAX:
        raise KrepisError(f"{name} is larger than {TOML_BYTES_MAX} bytes", hint="is it the right file?")
    return parse_toml(raw, name)


def find_toml(start: Path) -> Path | None:
    """The `krepis.toml` of the project that the folder `start` is in."""
    for folder in (start, *start.parents):
        if (folder / NAME).is_file():
            return folder / NAME
    return None


def parse_toml(raw: bytes, name: str = NAME) -> Toml:
    """TOML out of bytes. Raises `KrepisError`, which calls it `name`."""
    try:
        text = raw.decode("utf-8").replace("\r\n", "\n")
        return Toml(NAME, text, tomllib.loads(text))
    except (ValueError, RecursionError) as error:
        said = "it is nested too deep" if isinstance(error, RecursionError) else str(error)
        raise KrepisError(f"{name} can't be read: {said}", hint="it is TOML in UTF-8") from None


def key_lines(text: str) -> Iterator[tuple[Keys, int]]:
    """Every key of a valid TOML text outside of inline tables, and the first line (from 1) on which it stands."""
    at, line = 0, 1
    table: Keys = ()
    seen: set[Keys] = set()
    while True:
        start = _skip(_BLANK, text, at)
        line += text.count("\n", at, start)
        if start == len(text):
            return
        head = _skip(_HEAD, text, start)
        end = _skip(_KEY, text, head)
        keys = _keys(text[head:end])
        if head > start:
            table = keys
        else:
            keys = (*table, *keys)
        for depth in range(1, len(keys) + 1):
            if keys[:depth] not in seen:
                seen.add(keys[:depth])
                yield keys[:depth], line
        at = _line_end(text, end)
        line += text.count("\n", start, at)


def _line_end(text: str, at: int) -> int:
    """Where the line ends that `at` is in, which goes on as long as a bracket or a text is open."""
    depth = 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        assert token is not None, "tomllib takes no text with an open quote"
        depth += (token[0] in ("[", "{")) - (token[0] in ("]", "}"))
        if token[0] == "\n" and depth <= 0:
            return at
        at = token.end()
    return at


def _skip(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return at if found is None else found.end()


def _keys(written: str) -> Keys:
    """The parts of a dotted key, read by the one who knows how they are quoted."""
    found: Any = tomllib.loads(f"{written} = 0")
    keys: list[str] = []
    while isinstance(found, dict):
        ((key, found),) = cast("dict[str, Any]", found).items()
        keys.append(key)
    return tuple(keys)
