"""What was probably meant as structure and is none to Markdown, which would lose it without a word."""

from __future__ import annotations

import re

from krepis_spec.headings import kind_of
from krepis_spec.problems import Problems
from krepis_spec.tables import cells_in
from krepis_spec.texts import whole_line

_TABLE_LINE = re.compile(r"[ \t]*\||[ \t]*:?-+:?[ \t]*\|[-:| \t]*$")
_DELIMITERS = re.compile(r"[ \t]*[-:|][-:| \t]*$")
_GLUED_HEADING = re.compile(r" {0,3}#{1,2}([^\W\d_]+)")
_GLUED_BULLET = re.compile(r" {0,3}-[^\W\d_]+(?: [^\W\d_]+)*:(?!//)")
_INDENTED = re.compile(
    r"[ \t]*(?:\||#{1,2}[ \t]|[-+*][ \t]+[^\W\d_]+(?: [^\W\d_]+)*:(?!//)|(?:```+|~~~+)[ \t]*(?:krepis|jinja)\b)"
)
# What hides all that follows, blank lines and headings included, until it is closed.
_HIDING = (
    ("<!--", "-->"),
    ("<?", "?>"),
    ("<![cdata[", "]]>"),
    ("<script", "</script>"),
    ("<pre", "</pre>"),
    ("<style", "</style>"),
    ("<textarea", "</textarea>"),
)


def check_paragraph(lines: tuple[str, ...], first: int, end: int, problems: Problems) -> None:
    """Report the first line from `first` to before `end` that looks like a table, a heading or a bullet."""
    for number in range(first, end):
        line = lines[number]
        glued = _GLUED_HEADING.match(line)
        if _TABLE_LINE.match(line) is not None:
            problems.add(whole_line(lines, number), "this is no table", _table_hint(lines, number, end))
        elif glued is not None and kind_of(glued[1]) is not None:
            problems.add(whole_line(lines, number), "this is no heading", "put a space behind the `#`")
        elif _GLUED_BULLET.match(line) is not None:
            problems.add(whole_line(lines, number), "this is no bullet", "put a space behind the `-`")
        else:
            continue
        return


def check_html(lines: tuple[str, ...], first: int, content: str, problems: Problems) -> None:
    """Report HTML that is not closed, with which all that is below it would be lost."""
    content = content.lstrip().casefold()
    for opening, closing in _HIDING:
        if content.startswith(opening) and closing not in content:
            said = f"`{opening}` is not closed, and hides what is below it"
            problems.add(whole_line(lines, first), said, f"close it with `{closing}`")


def check_code(lines: tuple[str, ...], first: int, end: int, problems: Problems) -> None:
    """Report the first line that is code only because it is indented."""
    for number in range(first, end):
        if _INDENTED.match(lines[number]) is not None:
            said = "indented by four spaces, this is an illustration and is not read"
            problems.add(whole_line(lines, number), said, "begin it at the left margin")
            return


def _table_hint(lines: tuple[str, ...], number: int, end: int) -> str:
    following = lines[number + 1] if number + 1 < end else ""
    if _DELIMITERS.match(following) is None or "-" not in following:
        return "below the header of a table stands a row of `|---|---|`"
    columns, delimiters = cells_in(lines[number]), cells_in(following)
    if columns == delimiters:
        return "leave an empty line above a table, and begin it at the left margin"
    return f"its header has {columns} cells, and the row below it has {delimiters}"
