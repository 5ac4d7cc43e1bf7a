"""Tables: each cell with its place, and no row that is shorter or longer than its header.

Markdown pads short rows and cuts long ones without a word, so rows are counted here, in the source.
"""

from __future__ import annotations

import itertools

from krepis_spec.document import Row, Table, Text
from krepis_spec.problems import Problems
from krepis_spec.texts import place, text_of, unescaped, whole_line

PIPE_HINT = "a pipe inside of a cell is written `\\|`, also in code"


def table_of(lines: tuple[str, ...], first: int, end: int, problems: Problems) -> Table:
    """The table in the lines from `first` to before `end`, counted from 0; its second line is the delimiter row."""
    header = _row(lines, first)
    rows: list[Row] = []
    for number in range(first + 2, end):
        row = _row(lines, number)
        if "|" not in lines[number]:
            problems.add(row.span, "this line is no row of the table above it", "leave an empty line below a table")
            continue
        if len(row.cells) != len(header.cells):
            _report(row, len(header.cells), lines[number], problems)
        rows.append(_fitted(row, len(header.cells)))
    last = lines[end - 1].rstrip()
    span = place(first, header.span.column - 1, end - 1, len(last))
    return Table(header.cells, tuple(rows), span)


def cells_in(line: str) -> int:
    """How many cells a line of a table has."""
    return len(_cuts(line))


def _report(row: Row, columns: int, line: str, problems: Problems) -> None:
    has = "1 cell" if len(row.cells) == 1 else f"{len(row.cells)} cells"
    wants = "1 column" if columns == 1 else f"{columns} columns"
    hint = "an empty cell is written `| |`"
    if len(row.cells) > columns:
        hint = PIPE_HINT if "`" in line else "each cell belongs to a column of the header"
    problems.add(row.span, f"this row has {has}, and the table has {wants}", hint)


def _fitted(row: Row, columns: int) -> Row:
    """The row as Markdown shows it, so that one mistake does not cause others."""
    end = row.span.end_column - 1
    empty = Text("", place(row.span.line - 1, end, row.span.line - 1, end))
    return Row((*row.cells, *[empty] * (columns - len(row.cells)))[:columns], row.span)


def _row(lines: tuple[str, ...], number: int) -> Row:
    cells = tuple(_cell(lines, number, start, end) for start, end in _cuts(lines[number]))
    return Row(cells, whole_line(lines, number))


def _cell(lines: tuple[str, ...], number: int, start: int, end: int) -> Text:
    return unescaped(text_of(lines, (number, start), (number, end)))


def _cuts(line: str) -> list[tuple[int, int]]:
    """Where each cell begins and ends. Pipes split cells also within code, as in all Markdown, unless one is escaped."""
    begin = len(line) - len(line.lstrip())
    end = max(begin, len(line.rstrip()))
    pipes = [at for at in range(begin, end) if line[at] == "|" and (at == begin or line[at - 1] != "\\")]
    edges = [begin - 1, *pipes, end]
    cuts = [(left + 1, right) for left, right in itertools.pairwise(edges)]
    if cuts and cuts[0][0] == cuts[0][1]:
        cuts.pop(0)
    if cuts and cuts[-1][0] == cuts[-1][1]:
        cuts.pop()
    return cuts
