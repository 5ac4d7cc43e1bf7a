"""Text of a spec inside code and configuration: whatever it holds, it stays text there.

What a reader would not see (control characters, marks that turn the direction of a line around) is written as an
escape, so that a file says what it seems to say. The list of those characters is fixed: the same text is written in the
same way by every Python.
"""

from __future__ import annotations

import re

WIDTH = 120
"""Columns of a line, in everything that is written."""

# Controls, soft hyphen, zero widths, marks of direction, separators of lines, surrogates, byte order mark, tags.
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_RAW_QUOTE = re.compile(r'"|\\\Z')


def text_literal(text: str) -> str:
    """A Python literal of that text, in one line."""
    return '"' + _escaped(text).replace('"', '\\"') + '"'


def pattern_literal(pattern: str) -> str:
    r"""A Python literal of that regular expression: `r"\d{13}"` where it can be a raw one."""
    if "\\" not in pattern or _RAW_QUOTE.search(pattern) or _UNSEEN.search(pattern):
        return text_literal(pattern)
    return f'r"{pattern}"'


def fstring_part(text: str) -> str:
    """That text between the quotes of an f-string, without braces that would begin a value."""
    return text_literal(text)[1:-1].replace("{", "{{").replace("}", "}}")


def docstring(prose: str, indent: int = 0) -> str:
    """That prose as a docstring whose lines, after the first, begin in column `indent`; empty for no prose.

    Paragraphs are wrapped; lists, tables and code stay as they are written.
    """
    room = WIDTH - indent
    one = " ".join(prose.split())
    if not one:
        return ""
    single = _quoted(one)
    if len(single) <= room and not _is_laid_out(prose):
        return single
    lines = list(_wrapped(prose.strip("\n"), room))
    body = "\n".join(f"{' ' * indent}{line}" if line and number else line for number, line in enumerate(lines))
    return _quoted(f"{body}\n{' ' * indent}")


def toml_text(text: str) -> str:
    """A basic string of TOML."""
    return '"' + _escaped(text, byte="\\u00").replace('"', '\\"') + '"'


def markdown_line(text: str) -> str:
    """That text as a line of Markdown that shows it as it is."""
    return re.sub(r"([\\`*_\[\]<>#|~])", r"\\\1", " ".join(_plain(text).split()))


def markdown_prose(prose: str) -> str:
    """Prose of the spec as prose of another page: nothing in it opens a block that swallows what stands below it."""
    return re.sub(r"^(\s*)(```|~~~|<)", r"\1\\\2", _plain(prose).strip(), flags=re.MULTILINE)


def _escaped(text: str, byte: str = "\\x") -> str:
    def escape(found: re.Match[str]) -> str:
        character = found[0]
        code = ord(character)
        if character in _SHORT:
            return _SHORT[character]
        return f"{byte}{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"

    return _UNSEEN.sub(escape, text.replace("\\", "\\\\"))


def _plain(text: str) -> str:
    """Without what nobody sees; lines stay lines."""
    return _UNSEEN.sub(lambda found: found[0] if found[0] == "\n" else " ", text)


def _quoted(body: str) -> str:
    r"""`body` in three quotes. Escapes are used only where a raw docstring can't hold it."""
    lines = body.split("\n")
    if "\\" in body and '"""' not in body and not body.endswith(('"', "\\")) and not any(map(_UNSEEN.search, lines)):
        return f'r"""{body}"""'
    escaped = "\n".join(_escaped(line) for line in lines).replace('"""', '\\"\\"\\"')
    if escaped.endswith('"'):
        escaped = escaped[:-1] + '\\"'
    return f'"""{escaped}"""'


def _is_laid_out(prose: str) -> bool:
    """Whether line breaks mean something: several paragraphs, a list, a table, code."""
    lines = prose.strip().split("\n")
    return len(lines) > 1 and any(_keeps_its_line(line) for line in lines)


def _keeps_its_line(line: str) -> bool:
    return not line.strip() or re.match(r"\s{4}|\s*([-*+|>#]|\d+[.)]\s|```|~~~)", line) is not None


def _wrapped(prose: str, room: int) -> list[str]:
    """Lines of at most `room` columns, three fewer for the first one, before which the quotes stand."""
    lines: list[str] = []
    words: list[str] = []

    def fill() -> None:
        line = ""
        for word in words:
            used = 4 if not lines else 0
            if line and used + len(line) + 1 + len(word) > room:
                lines.append(line)
                line = word
            else:
                line = f"{line} {word}" if line else word
        if line:
            lines.append(line)
        words.clear()

    for line in prose.split("\n"):
        if _keeps_its_line(line):
            fill()
            lines.append(line.rstrip())
        else:
            words.extend(line.split())
    fill()
    return lines
