"""From Markdown's blocks to sections.

- Tables, bullets and blocks belong to the section whose heading is above them; what is outside of a section is a problem.
- A heading that begins no section is prose for people, with all that is below it, unless one was probably meant.
- In a list stand bullets and blocks; a quotation and a comment are left alone.
"""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Iterable, Sequence

from markdown_it.token import Token

from krepis_spec.bullets import bullet_of
from krepis_spec.document import Block, Bullet, Section, Span, Table, Text
from krepis_spec.headings import ONCE, Heading, check_heading, heading_of, report_unknown
from krepis_spec.lost import check_code, check_html, check_paragraph
from krepis_spec.problems import Problems, did_you_mean, nearest
from krepis_spec.tables import table_of
from krepis_spec.texts import place, text_of, whole_line

LANGUAGES = ("jinja", "krepis")


class Reader:
    """Takes the top-level blocks of a document in their order, and has the title, the purpose and the sections then."""

    def __init__(self, lines: tuple[str, ...], problems: Problems) -> None:
        self.title: Text | None = None
        self.purpose = ""
        self.sections: list[Section] = []
        self._lines = lines
        self._problems = problems
        self._part = _Part(None, 0)
        self._once: dict[str, int] = {}

    def take(self, block: Sequence[Token]) -> None:
        """One block: its opening token, all that is in it, and its closing token."""
        token = block[0]
        match token.type:
            case "heading_open" if token.tag in {"h1", "h2"}:
                self._heading(token)
            case "table_open":
                self._part.tables.append(table_of(self._lines, *_lines_of(token), self._problems))
            case "bullet_list_open":
                self._bullets(block)
            case "fence":
                self._fence(token)
            case "hr":
                pass
            case _:
                self._prose(block)

    def end(self) -> None:
        """There are no more blocks."""
        self._close(len(self._lines))
        if self.title is None:
            self._problems.add(Span(1, 1, 1, 1), "the spec has no title", "begin with `# Name`")

    def _heading(self, token: Token) -> None:
        first, end = _lines_of(token)
        underlined = token.markup in {"=", "-"}
        line = self._lines[first]
        start = 0 if underlined else len(line) - len(line.lstrip(" #\t"))
        last = end - 2 if underlined else first
        stop = len(self._lines[last]) if underlined else _without_closing(line)
        heading = heading_of(self._lines, text_of(self._lines, (first, start), (last, max(start, stop))))
        self._close(first)
        if underlined:
            check_paragraph(self._lines, first, last + 1, self._problems)
        if token.tag == "h2":
            self._part = _Part(heading, first)
        else:
            self._titled(heading, first)

    def _titled(self, heading: Heading, first: int) -> None:
        span = heading.text.span
        if self.title is None:
            self.title = heading.text
            self._part = _Part(None, first, is_title=True)
            if not heading.text.text:
                self._problems.add(span, "the title is empty", "write `# Name`")
            if self.sections:
                self._problems.add(span, "the title stands below a section", "begin the spec with `# Name`")
        elif heading.kind is not None:
            self._problems.add(span, f"`{heading.word}` begins a section", f"write `## {heading.text.text}`")
            self._part = _Part(heading, first)
        else:
            hint = f"`{self.title.text}` on line {self.title.span.line} is the title; a section begins with `##`"
            self._problems.add(span, "a spec has one title", hint)
            self._part = _Part(None, first, is_stray=True)

    def _close(self, end: int) -> None:
        """The part that was open ends before the line `end`."""
        part = self._part
        if part.heading is None:
            self._close_text(part)
            return
        heading = part.heading
        if heading.kind is None and (heading.near or part.has_structure or not heading.text.text):
            report_unknown(heading, self._problems)
        kind = heading.kind or (heading.guess if heading.near or part.has_structure else None)
        if kind is None:
            return
        check_heading(heading, self._problems)
        if kind in ONCE and heading.kind is not None:
            self._check_once(kind, heading)
        while not self._lines[end - 1].strip():
            end -= 1
        self.sections.append(
            Section(
                kind=kind,
                name=heading.name,
                of=heading.of,
                heading=heading.text.span,
                prose=part.text,
                tables=tuple(part.tables),
                bullets=tuple(part.bullets),
                blocks=tuple(part.blocks),
                span=place(part.first, 0, end - 1, len(self._lines[end - 1].rstrip())),
            )
        )

    def _close_text(self, part: _Part) -> None:
        if part.is_title:
            self.purpose = part.text
        if part.is_stray:
            return
        for table in part.tables:
            self._problems.add(table.span, "a table outside of a section", "write it below a `##` heading")
        for block in part.blocks:
            said = f"a `{block.language}` block outside of a section"
            self._problems.add(block.span, said, "write it below a `##` heading")

    def _check_once(self, kind: str, heading: Heading) -> None:
        line = heading.text.span.line
        first = self._once.setdefault(kind, line)
        if first != line:
            hint = f"the first is on line {first}: write all of it there"
            self._problems.add(heading.text.span, f"a second `{heading.word}`; a spec has one", hint)

    def _bullets(self, block: Sequence[Token]) -> None:
        part = self._part
        self._look_inside(block)
        if part.heading is None:
            part.add_prose(self._lines, *_lines_of(block[0]))
            return
        for item in parts_of(block[1:-1]):
            first, end = _lines_of(item[0])
            bullet = None
            if len(item) > 2 and item[1].type == "paragraph_open":
                said, said_end = _lines_of(item[1])
                keyed = part.heading.kind != "always"
                bullet = bullet_of(self._lines, first, said, said_end, self._problems, keyed=keyed)
            if bullet is None:
                part.add_prose(self._lines, first, end, item=True)
            else:
                part.bullets.append(bullet)
                self._below_bullet(item[1:-1])

    def _below_bullet(self, inside: Sequence[Token]) -> None:
        """What a bullet has beside its first paragraph."""
        for token, *_ in itertools.islice(parts_of(inside), 1, None):
            first, end = _lines_of(token)
            if token.type in {"bullet_list_open", "ordered_list_open"}:
                said = "a list inside of a bullet is not read"
                self._problems.add(whole_line(self._lines, first), said, "begin it at the left margin")
            elif token.type != "fence" or not self._reads(_language(token)):
                self._part.add_prose(self._lines, first, end)

    def _reads(self, language: str) -> bool:
        """JSON is the shape of errors in `## Service`, and an illustration anywhere else."""
        heading = self._part.heading
        return language in LANGUAGES or (language == "json" and heading is not None and heading.kind == "service")

    def _fence(self, token: Token, *, nested: bool = False) -> None:
        language = _language(token)
        first, end = _lines_of(token)
        line = self._lines[first]
        column = line.index(token.markup)
        content = token.content.removesuffix("\n")
        if token.content.count("\n") != end - first - 2:
            span = place(first, column, first, len(line.rstrip()))
            self._problems.add(span, "this block is not closed", f"it ends with a line that is {token.markup} alone")
            content_end = end - 1
        else:
            content_end = end - 2
        if self._reads(language):
            margin = self._margin(first + 1, content_end + 1, column)
            if margin < column:  # lines that stand left of their fence: moved together, so that columns stay true
                content = "\n".join(one[margin:] for one in self._lines[first + 1 : content_end + 1])
            self._part.blocks.append(Block(language, content, self._inside(first, content_end, margin)))
        elif nearest(language, LANGUAGES) is not None:
            start = line.index(language, column)
            span = place(first, start, first, start + len(language))
            self._problems.add(span, f"a block in `{language}` means nothing here", did_you_mean(language, LANGUAGES))
        elif not nested:
            self._part.add_prose(self._lines, first, end)

    def _margin(self, first: int, end: int, column: int) -> int:
        """How far the lines of a fence are indented, all of them, up to the fence itself."""
        lines = [one for one in self._lines[first:end] if one.strip()]
        return min([column, *(len(one) - len(one.lstrip()) for one in lines)])

    def _inside(self, opening: int, last: int, column: int) -> Span:
        """Where the content of a fence is whose opening is in that line, and whose last line is `last`."""
        if last <= opening:
            opening = min(opening + 1, len(self._lines) - 1)
            column = min(column, len(self._lines[opening]))
            return place(opening, column, opening, column)
        width = len(self._lines[last])
        return place(opening + 1, min(column, len(self._lines[opening + 1])), last, width)

    def _prose(self, block: Sequence[Token]) -> None:
        token = block[0]
        first, end = _lines_of(token)
        if token.type == "html_block":
            check_html(self._lines, _lines_of(token)[0], token.content, self._problems)
            if token.content.lstrip().startswith("<!--"):
                return
        elif token.type == "code_block":
            check_code(self._lines, first, end, self._problems)
        elif token.type != "blockquote_open":
            self._look_inside(block)
        self._part.add_prose(self._lines, first, end)

    def _look_inside(self, block: Sequence[Token]) -> None:
        """Blocks of a list's items belong to the section, as do their prose; other structure does not."""
        quotes = 0
        for token in block:
            quotes += token.nesting if token.type.startswith("blockquote") else 0
            if quotes:
                continue
            if token.type == "paragraph_open":
                check_paragraph(self._lines, *_lines_of(token), self._problems)
            elif token.type == "html_block":
                check_html(self._lines, _lines_of(token)[0], token.content, self._problems)
            elif token.type == "fence":
                self._fence(token, nested=True)
            elif token.type == "table_open" or (token.type == "heading_open" and token.tag in {"h1", "h2"}):
                what = "a table" if token.type == "table_open" else "a heading"
                said = f"{what} inside of a list is not read"
                self._problems.add(
                    whole_line(self._lines, _lines_of(token)[0]),
                    said,
                    "leave an empty line, and begin it at the left margin",
                )


class _Part:
    """What is collected below a heading; above the first one, and below a title, there is no heading of a section."""

    def __init__(self, heading: Heading | None, first: int, *, is_title: bool = False, is_stray: bool = False) -> None:
        self.heading = heading
        self.first = first
        self.is_title = is_title
        self.is_stray = is_stray
        self.tables: list[Table] = []
        self.bullets: list[Bullet] = []
        self.blocks: list[Block] = []
        self._prose: list[str] = []
        self._in_items = False

    @property
    def has_structure(self) -> bool:
        return bool(self.tables or self.blocks or any(bullet.key is not None for bullet in self.bullets))

    @property
    def text(self) -> str:
        return "\n\n".join(self._prose)

    def add_prose(self, lines: tuple[str, ...], first: int, end: int, *, item: bool = False) -> None:
        """Keep these lines as they are written. Items that follow each other stay together."""
        text = textwrap.dedent("\n".join(lines[first:end])).strip("\n").rstrip()
        if item and self._in_items and self._prose:
            self._prose[-1] += f"\n{text}"
        elif text:
            self._prose.append(text)
        self._in_items = item


def _lines_of(token: Token) -> tuple[int, int]:
    assert token.map is not None, "a block knows its lines"
    return token.map[0], token.map[1]


def _language(fence: Token) -> str:
    return fence.info.split(maxsplit=1)[0] if fence.info.strip() else ""


def parts_of(tokens: Sequence[Token]) -> Iterable[Sequence[Token]]:
    """The blocks of one level, each with all that is in it."""
    start = 0
    for at, token in enumerate(tokens):
        if token.level == tokens[start].level and token.nesting <= 0:
            yield tokens[start : at + 1]
            start = at + 1


def _without_closing(line: str) -> int:
    """Where the text of a heading ends: `## Service ##` says `Service`."""
    text = line.rstrip()
    bare = text.rstrip("#")
    return len(bare) if bare.endswith((" ", "\t")) else len(text)
