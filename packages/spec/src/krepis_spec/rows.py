"""Reads tables by the names of their columns."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct

from krepis_spec.document import Row, Section, Span, Table, Text
from krepis_spec.problems import Problems, did_you_mean, nearest


class Cells(Struct, frozen=True):
    """One row. `of` has a cell for each column of the table that is known."""

    of: Mapping[str, Text]
    span: Span

    def get(self, column: str) -> Text:
        """The cell, or an empty one at the row where the table has no such column."""
        return self.of.get(column) or Text("", self.span)


def table_of(section: Section, what: str, problems: Problems) -> Table | None:
    """The one table of a section. Another one is a problem."""
    for extra in section.tables[1:]:
        problems.add(extra.span, f"{what} has one table; here is another")
    return section.tables[0] if section.tables else None


def rows_of(
    table: Table, required: tuple[str, ...], optional: tuple[str, ...], problems: Problems
) -> tuple[Cells, ...]:
    """The rows; none where a required column is missing, which is a problem, as is a column that is unknown or doubled."""
    known = (*required, *optional)
    columns: list[str] = []
    for cell in table.header:
        name = cell.text.strip().casefold()
        if name not in known:
            problems.add(
                cell.span, f"`{cell.text}` is no column of this table", did_you_mean(name, set(known) - set(columns))
            )
            name = nearest(name, set(known) - set(columns)) or name
        elif name in columns:
            problems.add(cell.span, f"the column `{name}` is there twice")
        columns.append(name)
    missing = [f"`{name}`" for name in required if name not in columns]
    if missing:
        problems.add(table.header[0].span, f"this table needs {_listed(missing)}", _header_hint(required, optional))
        return ()
    return tuple(_cells(columns, row) for row in table.rows)


def refuse_blocks(section: Section, what: str, problems: Problems) -> None:
    for block in section.blocks:
        problems.add(block.span, f"{what} has no block")


def refuse_bullets(section: Section, what: str, problems: Problems) -> None:
    for bullet in section.bullets:
        if bullet.key is not None:
            problems.add(bullet.key.span, f"{what} has no bullets; `{bullet.key.text}` means nothing here")


def _cells(columns: list[str], row: Row) -> Cells:
    return Cells(MappingProxyType(dict(zip(columns, row.cells, strict=False))), row.span)


def _listed(missing: list[str]) -> str:
    return f"the column {missing[0]}" if len(missing) == 1 else f"the columns {', '.join(missing)}"


def _header_hint(required: tuple[str, ...], optional: tuple[str, ...]) -> str:
    hint = f"its header is `| {' | '.join(required)} |`"
    return f"{hint}; {', '.join(f'`{one}`' for one in optional)} may follow" if optional else hint
