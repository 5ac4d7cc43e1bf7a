"""The specs that a page shows: each fenced block of `spec` as the whole spec that it stands for.

    spec name=shop        a whole spec, which others may extend
    spec extends=shop     sections: one stands in place of that with the same heading, the others come behind them
    spec wrong            it has mistakes; the block of `text output` below it is what its writer reads

What a writer reads names the lines of the block that is shown, not those of the whole spec.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from journeys.markdown import ROOT, Block, Deviation, blocks
from krepis_spec import Problem, SpecRefused, read_text
from krepis_spec.document import Span

REFERENCE = "docs/spec-language.md"
FILE = "spec.md"

_OPTIONS = frozenset({"name", "extends", "wrong"})


@dataclass(frozen=True)
class Example:
    """One spec. `text` is what the page shows, `source` all of the spec; `lines` are those of `text`, counted from 1, that
    the lines of `source` are, or 0 for one that the page does not show here. `said` is what its writer reads; `None`: it
    is right.
    """

    line: int
    text: str
    source: str
    lines: tuple[int, ...]
    said: str | None = None


def examples(page: str = REFERENCE) -> tuple[Example, ...]:
    """All specs of a page of the repository, in order. Raises `Deviation` for a block that is none."""
    return examples_in((ROOT / page).read_text(encoding="utf-8"))


def examples_in(document: str) -> tuple[Example, ...]:
    """All specs that a document shows."""
    bases: dict[str, str] = {}
    found: list[Example] = []
    shown = blocks(document)
    for block, following in zip(shown, [*shown[1:], None], strict=True):
        if block.language != "spec":
            continue
        options = block.options
        if unknown := set(options) - _OPTIONS:
            raise Deviation(block, f"`{unknown.pop()}` means nothing here; see tests/journeys/specs.py")
        source, lines = _whole(block, bases)
        if name := options.get("name"):
            bases[name] = source
        said = _said(block, following) if "wrong" in options else None
        found.append(Example(block.line, block.text, source, lines, said))
    return tuple(found)


def refusal(example: Example) -> str | None:
    """What a writer of the example reads; `None` if it is right. Raises `AssertionError` for a mistake that stands in what
    the page does not show here.
    """
    try:
        read_text(FILE, example.source)
    except SpecRefused as refused:
        problems = [_moved(one, example) for one in refused.problems]
        return str(SpecRefused(FILE, tuple(example.text.split("\n")), problems))
    return None


def _whole(block: Block, bases: dict[str, str]) -> tuple[str, tuple[int, ...]]:
    """The whole spec, and for each of its lines the line of the block."""
    own = [(text, number) for number, text in enumerate(block.text.split("\n"), 1)]
    base = block.options.get("extends")
    if base is None:
        return block.text, tuple(number for _, number in own)
    if base not in bases:
        raise Deviation(block, f"no spec above is called `{base}`")
    parts = dict(_parts([(text, 0) for text in bases[base].split("\n")]))
    for heading, lines in _parts(own):
        if not heading:
            raise Deviation(block, "what extends a spec begins with the heading of a section")
        parts[heading] = [*lines, ("", 0)]
    whole = [line for lines in parts.values() for line in lines]
    return "\n".join(text for text, _ in whole), tuple(number for _, number in whole)


def _parts(lines: list[tuple[str, int]]) -> Iterator[tuple[str, list[tuple[str, int]]]]:
    """What stands before the first section, if there is something, and each section; with the heading that it begins with."""
    heading, part, fenced = "", list[tuple[str, int]](), False
    for text, number in lines:
        fenced ^= re.match(r"\s*```", text) is not None
        if text.startswith("## ") and not fenced:
            if part:
                yield heading, part
            heading, part = text.rstrip(), []
        part.append((text, number))
    yield heading, part


def _said(block: Block, following: Block | None) -> str:
    if following is None or following.info != "text output":
        raise Deviation(block, "what its writer reads stands below it, in a block of `text output`")
    return following.text.rstrip("\n")


def _moved(problem: Problem, example: Example) -> Problem:
    """The problem with its place in the block."""
    at = problem.span
    first, last = example.lines[at.line - 1], example.lines[at.end_line - 1]
    assert first, f"{example.line}: {problem.message} (line {at.line} of the whole spec, which is not shown there)"
    return Problem(Span(first, at.column, last or first, at.end_column), problem.message, problem.hint)
