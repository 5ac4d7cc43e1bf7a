"""The last run of a project, for a person as a tree, for a program as it is kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import to_builtins

from krepis.errors import KrepisError
from krepis_cli.history import Operation, OperationLog
from krepis_cli.use.origins import Lines
from krepis_cli.use.run import Run, Runs, last_build
from krepis_cli.use.tasks import Task


def answer_of_last_run(log: OperationLog, runs: Runs) -> tuple[dict[str, Any], list[str]]:
    """Both. Raises `KrepisError` when the project has none."""
    operation = last_build(log)
    run = None if operation is None else runs.one(operation.arguments["run"])
    if operation is None or run is None:
        raise KrepisError(
            "no build of this project is known here",
            code="no_run",
            place=str(log.root),
            hint="runs are kept beside a project, in `.krepis`, and not under version control",
        )
    undone = operation.id in log.undone()
    facts = to_builtins(run) | {"operation": operation.id, "undone": undone}
    return facts, list(_lines(run, operation, undone=undone))


def _lines(run: Run, operation: Operation, *, undone: bool) -> Iterator[str]:
    at = run.at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    yield f"run {run.id} of {run.spec} ({run.digest[:12]}), {at}, operation {operation.id}{' (undone)' if undone else ''}"
    yield f"asked for by: {run.tasks[0].intent[0]}"
    numbers: dict[int, str] = {}
    below: dict[int | None, int] = {}
    for task in run.tasks:
        below[task.parent] = below.get(task.parent, 0) + 1
        above = "" if task.parent is None else f"{numbers[task.parent]}."
        numbers[task.number] = f"{above}{below[task.parent]}"
        yield f"{'  ' * above.count('.')}{numbers[task.number]}  {_said(task, run.spec)}"
    yield f"gate: {_verdict(run)}"


def _said(task: Task, spec: str) -> str:
    place = f"  {spec}:{_ranges(task.spec)}" if task.spec else ""
    return f"{task.what}{place}  ({task.executor if task.outcome == 'written' else task.outcome})"


def _verdict(run: Run) -> str:
    return ", ".join(f"{check.name} {check.outcome}" for check in run.checks) or "nothing was checked"


def _ranges(lines: Iterable[Lines]) -> str:
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in lines)
