"""A plan as text: sections with columns, at most 100 characters wide."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from krepis.verbs import printable
from krepis_spec.plan import Plan, PlannedOperation, Thing

WIDTH = 100

_COLUMN_MAX = 34
"""What is longer than this stands on a line of its own, so that one long name doesn't push all others aside."""


def text_of(plan: Plan) -> str:
    lines = [
        *_wrapped(plan.title, ""),
        *_wrapped(plan.purpose.split("\n\n", maxsplit=1)[0], "  "),
        *_wrapped("; ".join(plan.settings), "  "),
        *_section(_counted(plan.entities, "entity", "entities"), _things(plan.entities)),
        *_section(_counted(plan.values, "value"), _things(plan.values)),
        *_section(_counted(plan.views, "view"), _columns(_views(plan))),
        *_section(_counted(plan.operations, "operation"), _operations(plan.operations)),
        *_section("After the commit", _events(plan)),
        *_section(_counted(plan.ports, "outbound port"), _ports(plan)),
        *_section(
            _counted(plan.tables, "table"), _columns((one.name, _table(one.columns, one.keys)) for one in plan.tables)
        ),
        *_section("Shown by tests", _items(plan.checks)),
        *_section("Promised, not proven", _items(plan.not_proven)),
        *_section("Open tasks", _items(f"{one}: a person writes the body" for one in plan.open_tasks)),
        *_section("Please look at this", _items(plan.warnings)),
    ]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    found = list(lines)
    if found:
        yield ""
        yield title
        yield from found


def _counted(things: Sequence[object], one: str, many: str | None = None) -> str:
    return f"{len(things)} {one if len(things) == 1 else many or one + 's'}"


def _things(things: Iterable[Thing]) -> Iterator[str]:
    for thing in things:
        yield from _wrapped(f"{thing.name}. {_first(thing.doc)}" if thing.doc else thing.name, "  ")
        yield from _columns(((one.name, one.type, one.rules) for one in thing.fields), "    ")
        yield from (line for one in thing.conditions for line in _wrapped(f"- {one}", "    "))


def _operations(operations: Iterable[PlannedOperation]) -> Iterator[str]:
    rows = [
        (one.door or f"({one.kind})", f"{one.name}, answers {one.answers}{_remarks(one)}", one) for one in operations
    ]
    for door, does, one in rows:
        yield from _columns([(door, does)], "  ", _COLUMN_MAX)
        yield from _wrapped(", or ".join(one.who) or "nobody", " " * (_COLUMN_MAX + 7), " " * (_COLUMN_MAX + 4) + "by ")


def _remarks(one: PlannedOperation) -> str:
    remarks = [*one.notes, *(["built in"] if one.built_in else []), *(["open task"] if one.open_task else [])]
    return f" ({'; '.join(remarks)})" if remarks else ""


def _views(plan: Plan) -> Iterator[tuple[str, str]]:
    for view in plan.views:
        yield view.name, f"{view.of}: {', '.join(view.fields)}" + (" (all of it)" if view.default else "")


def _events(plan: Plan) -> Iterator[str]:
    reactions: dict[str, list[str]] = {}
    for one in plan.reactions:
        reactions.setdefault(one.event, []).append(one.does)
    yield from _columns((one.name, "; ".join(reactions.get(one.name, ["nothing follows"]))) for one in plan.events)


def _ports(plan: Plan) -> Iterator[str]:
    for port in plan.ports:
        yield from _columns([(port.name, one) for one in port.operations])


def _table(columns: Iterable[str], keys: Sequence[str]) -> str:
    unique = f"; unique: {'; '.join(keys)}" if keys else ""
    return ", ".join(columns) + unique


def _items(items: Iterable[str]) -> Iterator[str]:
    for item in items:
        yield from _wrapped(f"- {item}", "  ")


def _columns(rows: Iterable[Sequence[str]], indent: str = "  ", least: int = 0) -> Iterator[str]:
    """Rows whose cells stand below each other; the last one takes the rest of the line, and more lines if it needs them."""
    found = [[_clean(cell) for cell in row] for row in rows]
    widths = [max(least, *(min(len(cell), _COLUMN_MAX) for cell in cells)) for cells in zip(*found, strict=True)][:-1]
    for row in found:
        line = indent
        for cell, width in zip(row[:-1], widths, strict=True):
            behind = len(line) + width + 2
            if len(cell) > width:
                yield from _wrapped(cell, indent, line)
                line = " " * behind
            else:
                line = (line + cell).ljust(behind)
        yield from _wrapped(row[-1], " " * len(line), line) or [line]


def _wrapped(text: str, indent: str, first: str | None = None) -> list[str]:
    """The text in lines that begin with `indent`, the first one with `first`."""
    return textwrap.wrap(
        _clean(text),
        WIDTH,
        initial_indent=indent if first is None else first,
        subsequent_indent=indent + ("  " if text.startswith("- ") else ""),
        break_on_hyphens=False,
    )


def _clean(text: str) -> str:
    """The text in one line, and nothing in it that could steer a terminal."""
    return printable(" ".join(text.split()))


def _first(doc: str) -> str:
    return doc.split("\n\n", maxsplit=1)[0]
