"""Changes for a person: a unified diff, in which whatever is no text is named and not shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import unified_diff

from krepis_cli.history.entry import Entry, data_of
from krepis_cli.history.merge import is_binary, lines_of
from krepis_cli.history.names import printable
from krepis_cli.history.operations import Change

SHOWN_BYTES_MAX = 1_048_576
"""Files beyond are named only."""


def diff(changes: Iterable[Change]) -> str:
    """One text for all of them; empty without changes."""
    return "".join(line for change in changes for line in _lines(change))


def summary(change: Change) -> str:
    """One letter and the path: `A` added, `D` removed, `M` changed, `T` became something else."""
    before, after = change.before.kind, change.after.kind
    letter = "A" if before == "absent" else "D" if after == "absent" else "M" if before == after else "T"
    return f"{letter} {printable(change.path)}{'/' if 'folder' in (before, after) else ''}"


def _lines(change: Change) -> Iterator[str]:
    before, after = change.before, change.after
    yield f"{summary(change)}\n"
    if before.kind == after.kind and before.mode != after.mode:
        yield f"  mode {before.mode:04o} -> {after.mode:04o}\n"
    elif before.kind != after.kind and "absent" not in (before.kind, after.kind):
        yield f"  {before.kind} -> {after.kind}\n"
    if before.hash == after.hash:
        return
    old, new = _text(before), _text(after)
    if old is None or new is None:
        yield f"  {_size(before)} -> {_size(after)}\n"
        return
    name = printable(change.path)
    for line in unified_diff(old, new, f"a/{name}", f"b/{name}", n=3):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _text(entry: Entry) -> list[str] | None:
    if entry.content is None:
        return []
    if entry.content.size > SHOWN_BYTES_MAX:
        return None
    data = data_of(entry.content)
    if entry.kind == "link":
        return [f"-> {printable(data)}\n"]
    if is_binary(data):
        return None
    return [line.decode("utf-8", "backslashreplace") for line in lines_of(data)]


def _size(entry: Entry) -> str:
    return "nothing" if entry.content is None else f"{entry.content.size} bytes"
