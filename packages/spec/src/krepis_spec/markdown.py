"""Reads a spec: a file to its text, and the text to a `Document`. All that knows the Markdown library is here and in
`sections`.

- No text is too broken: what is wrong with it goes to the problems, and the rest of it is read.
- It takes time in proportion to the length of the text.
"""

from __future__ import annotations

import codecs
import re
import stat
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from krepis.errors import KrepisError
from krepis.verbs import printable
from krepis_spec.document import Document, Span, Text
from krepis_spec.problems import Problems
from krepis_spec.sections import Reader, parts_of
from krepis_spec.texts import place

SPEC_BYTES_MAX = 2_000_000
SPEC_LINES_MAX = 100_000
# Markdown's own word for lists in lists and quotes in quotes; what is deeper is not read.
NESTING_MAX = 20

_LINE_END = re.compile(r"\r\n?|\n")
_TOO_LARGE = "is it the spec? If it is, describe it as several services"
_FRONT_MATTER_END = frozenset({"---", "..."})


def source_of(path: Path) -> str:
    """The text of a spec, without a byte order mark. Raises `KrepisError` when there is none, or when it is no text."""
    name = printable(str(path))
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            raise _no_spec(name, f"`{name}` is a folder" if stat.S_ISDIR(mode) else f"`{name}` is no file")
        with path.open("rb") as file:
            content = file.read(SPEC_BYTES_MAX + 1)
    except FileNotFoundError:
        raise _no_spec(name, f"there is no `{name}`") from None
    except OSError as error:
        raise _unreadable(name, f"`{name}` can't be read: {error.strerror}", "look at its permissions") from None
    return _text(name, content)


def document_of(file: str, source: str, problems: Problems) -> Document:
    """What the text of a spec says, without its meaning. `file` is the name that problems are reported with. The name of
    the document is empty where the title is missing.
    """
    lines = _lines(source)
    tokens = _Tokens()
    markdown = MarkdownIt("commonmark", {"maxNesting": NESTING_MAX}).enable("table")
    # What it calls a reference, `[name]: address`, is prose here like all that has links.
    markdown.disable("reference")
    markdown.block.parse("\n".join(_without_front_matter(lines)) + "\n", markdown, {}, tokens)
    reader = Reader(lines, problems)
    for block in parts_of(tokens):
        reader.take(block)
    reader.end()
    _check_nesting(lines, tokens, problems)
    title = reader.title or Text("", Span(1, 1, 1, 1))
    return Document(file, lines, title, reader.purpose, tuple(reader.sections))


class _Tokens(list[Token]):
    """Tokens without those inside of tables, whose cells are read from the source: they would be three in four."""

    def __init__(self) -> None:
        super().__init__()
        self._in_table = False

    def append(self, token: Token) -> None:
        if token.type == "table_close":
            self._in_table = False
        if not self._in_table:
            super().append(token)
        if token.type == "table_open":
            self._in_table = True


def _text(name: str, content: bytes) -> str:
    if len(content) > SPEC_BYTES_MAX:
        said = f"`{name}` is larger than {SPEC_BYTES_MAX:,} bytes, which a spec may have at most"
        raise _unreadable(name, said, _TOO_LARGE)
    content = content.removeprefix(codecs.BOM_UTF8)
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        at = _at(content[: error.start].decode())
        said = f"`{name}` is not UTF-8: the byte 0x{content[error.start]:02x} in {at}"
        raise _unreadable(name, said, "save it as UTF-8") from None
    zero = text.find("\0")
    if zero >= 0:
        said = f"`{name}` holds a zero byte, in {_at(text[:zero])}"
        raise _unreadable(name, said, "save it as plain text in UTF-8")
    count = len(_lines(text))
    if count > SPEC_LINES_MAX:
        said = f"`{name}` has {count:,} lines, and a spec has {SPEC_LINES_MAX:,} at most"
        raise _unreadable(name, said, _TOO_LARGE)
    return text


def _no_spec(name: str, said: str) -> KrepisError:
    return KrepisError(said, hint="name the Markdown file of a spec", code="no_spec", place=name)


def _unreadable(name: str, said: str, hint: str) -> KrepisError:
    return KrepisError(said, hint=hint, code="unreadable_spec", place=name)


def _at(before: str) -> str:
    lines = _LINE_END.split(before)
    return f"line {len(lines)}, column {len(lines[-1]) + 1}"


def _lines(source: str) -> tuple[str, ...]:
    lines = _LINE_END.split(source)
    if len(lines) > 1 and not lines[-1]:
        lines.pop()
    return tuple(lines)


def _without_front_matter(lines: tuple[str, ...]) -> tuple[str, ...]:
    """The lines with those of the front matter empty: Markdown takes them for a heading."""
    if lines[0].rstrip() != "---":
        return lines
    for number, line in enumerate(lines[1:], 1):
        if line.rstrip() in _FRONT_MATTER_END:
            return ("",) * (number + 1) + lines[number + 1 :]
        if line.startswith("#"):  # the title: what stands above it is a rule
            break
    return lines


def _check_nesting(lines: tuple[str, ...], tokens: list[Token], problems: Problems) -> None:
    for token in tokens:
        if token.level >= NESTING_MAX - 1 and token.type in {"list_item_open", "blockquote_open"} and token.map:
            number = token.map[0]
            said = f"lists and quotes are nested deeper than {NESTING_MAX // 2}; nothing below is read"
            problems.add(place(number, 0, number, len(lines[number])), said, "nest them less")
            return
