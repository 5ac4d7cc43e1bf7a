"""Operations and changes as verbs show them: lines for people, plain data for `--json`."""

from __future__ import annotations

import base64
from typing import Any

from krepis_cli.history import Change, Entry, Operation
from krepis_cli.history.names import printable


def title(operation: Operation) -> str:
    """One line for an operation: its number, what it was, when."""
    target = "" if operation.target is None else f" of {operation.target}"
    said = " ".join(f"{name}={_word(value)}" for name, value in operation.arguments.items()) if not target else ""
    return f"{operation.id}  {operation.kind}{target}{' ' + said if said else ''}"


def operation_facts(operation: Operation) -> dict[str, Any]:
    """All of it."""
    return {
        "id": operation.id,
        "parents": [] if operation.parent is None else [operation.parent],
        "kind": operation.kind,
        "target": operation.target,
        "arguments": operation.arguments,
        "at": operation.at.isoformat(),
        "state": operation.state,
        "note": operation.note,
    }


def change_facts(change: Change) -> dict[str, Any]:
    """A change; the path as text, and its bytes where they are not UTF-8."""
    facts: dict[str, Any] = {"path": printable(change.path)}
    if printable(change.path).encode("utf-8", "surrogateescape") != change.path:
        facts["path_base64"] = base64.b64encode(change.path).decode()
    return facts | {"before": _entry(change.before), "after": _entry(change.after)}


def _entry(entry: Entry) -> dict[str, Any] | None:
    if entry.kind == "absent":
        return None
    facts: dict[str, Any] = {"kind": entry.kind}
    if entry.kind != "link":
        facts["mode"] = f"{entry.mode:04o}"
    if entry.content is not None:
        facts |= {"bytes": entry.content.size, "blake2b": entry.content.hash.hex()}
    return facts


def _word(value: object) -> str:
    text = str(value)
    return text if len(text) <= 40 else text[:37] + "..."
