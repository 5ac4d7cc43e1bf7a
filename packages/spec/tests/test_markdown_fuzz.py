"""Whatever is in a file, reading it ends with a document and with problems, all of them at places in it."""

from itertools import chain
from pathlib import Path

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from krepis_spec.document import Span
from krepis_spec.markdown import document_of
from krepis_spec.problems import Problems, SpecRefused

BOOKSHOP = (Path(__file__).resolve().parents[3] / "examples" / "bookshop.md").read_text(encoding="utf-8")
PIECES = st.sampled_from(
    [
        *("# ", "## ", "###", "Entity ", "View ", "Always", "X of Y", "\n", "\n\n", "\r\n", "\r", "    ", "\t", "  "),
        *("|", "| a ", "|---|", "|---|---|", "\\|", "\\", "- ", "* ", "1. ", "- door: ", "key:", "> ", "`", "``"),
        *("```", "```krepis", "~~~jinja", "---", "===", "<!--", "-->", "<div>", "[a]: b", "\0", "\x1b[1m", "\ufeff"),
        *("e\u0301", "漢字", "\u2028", "\u202e", "\xa0", "\x0b", "\x0c", "\x85", "a", "b c", "**x**: ", "of"),
    ]
)
MARKDOWN = st.lists(PIECES, max_size=60).map("".join)


def spans_in(value):
    if isinstance(value, Span):
        yield value
    elif isinstance(value, msgspec.Struct):
        yield from chain.from_iterable(map(spans_in, msgspec.structs.astuple(value)))
    elif isinstance(value, tuple):
        yield from chain.from_iterable(map(spans_in, value))


def lies_in(span, lines):
    inside = all(
        1 <= line <= len(lines) and 1 <= column <= len(lines[line - 1]) + 1
        for line, column in ((span.line, span.column), (span.end_line, span.end_column))
    )
    return inside and (span.line, span.column) <= (span.end_line, span.end_column)


def outside(source):
    """The spans that a document and its problems have outside of their source."""
    problems = Problems()
    document = document_of("x.md", source, problems)
    found = problems.sorted()
    SpecRefused("x.md", document.lines, found)
    return [span for span in spans_in((document, *found)) if not lies_in(span, document.lines)]


@given(st.text())
@example("")
@example("\n")
@example("---\n---")
def test_any_text_is_read(source):
    assert outside(source) == []


@given(MARKDOWN)
@example("-\n  `\n  a")
@example("## `X\n---\n")
def test_any_markdown_is_read(source):
    assert outside(source) == []


@given(
    st.integers(0, len(BOOKSHOP)),
    st.integers(0, 40),
    st.lists(PIECES, max_size=3).map("".join),
    st.integers(0, len(BOOKSHOP)),
)
def test_a_damaged_spec_is_read(start, length, inserted, cut):
    damaged = BOOKSHOP[:start] + inserted + BOOKSHOP[start + length :]
    assert outside(damaged) == []
    assert outside(damaged[:cut]) == []
