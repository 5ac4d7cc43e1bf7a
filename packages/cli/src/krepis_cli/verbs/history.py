"""What verbs did to this project: operations, their changes, and the upkeep of the log that keeps them.

examples:
  krepis history                      the last operations
  krepis history --graph              with what undid and redid what
  krepis history show 12              what operation 12 changed, as a diff
  krepis history verify               prove every byte that the log keeps
  krepis history prune --keep 100 --days 30     forget what is older than both
  krepis history prune --dry-run      what it would forget
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from krepis.verbs import DONE, NO, Console
from krepis_cli.history import Operation, OperationLog
from krepis_cli.history.diff import diff, summary
from krepis_cli.history.upkeep import KEPT_DAYS, KEPT_OPERATIONS, Policy, prune, verify
from krepis_cli.project import project_root
from krepis_cli.verbs.shown import change_facts, operation_facts, title

LISTED = 30


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--graph", action="store_true", help="draw what undid and redid what")
    parser.add_argument("--max", type=int, default=LISTED, metavar="N", help=f"the last N operations ({LISTED})")
    parser.add_argument("--all", action="store_true", help="every operation")
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    show = actions.add_parser("show", help="what one operation changed", description="Show what one operation changed.")
    show.add_argument("operation", type=int, metavar="OPERATION", help="as `krepis history` shows it")
    show.add_argument("--stat", action="store_true", help="the paths alone, without their lines")
    actions.add_parser("verify", help="prove every byte", description="Prove every byte that the log keeps.")
    pruning = actions.add_parser(
        "prune", help="forget old operations", description="Forget operations that are older than both limits."
    )
    pruning.add_argument(
        "--keep", type=int, default=KEPT_OPERATIONS, metavar="N", help=f"always the last N ({KEPT_OPERATIONS})"
    )
    pruning.add_argument(
        "--days", type=float, default=KEPT_DAYS, metavar="DAYS", help=f"always what is younger ({KEPT_DAYS})"
    )
    pruning.add_argument("--dry-run", action="store_true", help="say what would be forgotten, and forget nothing")


def main(args: argparse.Namespace, console: Console) -> int:
    with OperationLog(project_root(), told=console.warn) as log:
        if args.action == "show":
            return _show(args, console, log)
        if args.action == "verify":
            return _verify(console, log)
        if args.action == "prune":
            return _prune(args, console, log)
        return _list(args, console, log)


def _list(args: argparse.Namespace, console: Console, log: OperationLog) -> int:
    operations = log.operations.all()
    shown = operations if args.all else operations[-max(0, args.max) :] if args.max > 0 else []
    undone = log.undone()
    facts = [{**operation_facts(one), "undone": one.id in undone} for one in shown]
    if not shown:
        console.answer({"operations": facts}, "nothing was done to this project yet")
        return DONE
    lines = _graph(shown, undone, console) if args.graph else _lines(shown, undone, console)
    console.answer({"operations": facts}, lines)
    console.note("`krepis history show OPERATION` shows what one changed, `krepis undo OPERATION` takes it back")
    return DONE


def _lines(operations: list[Operation], undone: set[int], console: Console) -> Iterator[str]:
    for one in reversed(operations):
        yield f"{_when(one)}  {_titled(one, undone, console)}"


def _graph(operations: list[Operation], undone: set[int], console: Console) -> Iterator[str]:
    """The newest first, each above its parent; an operation that an undo took back is hollow."""
    for one in reversed(operations):
        mark = "x" if one.state == "failed" else "o" if one.id in undone else "*"
        yield f"{mark}  {_titled(one, undone, console)}"
        yield f"|  {console.style(_when(one), 'dim')}" + (
            "" if one.target is None else f"  ({one.kind} -> {one.target})"
        )
    yield "~" if operations[0].parent is not None else "(the project before Krepis)"


def _titled(one: Operation, undone: set[int], console: Console) -> str:
    if one.id in undone:
        return f"{console.style(title(one), 'dim')}  (undone)"
    if one.state != "done":
        return f"{title(one)}  {console.style(f'({one.state})', 'yellow')}{' ' + one.note if one.note else ''}"
    return title(one)


def _show(args: argparse.Namespace, console: Console, log: OperationLog) -> int:
    operation = log.operations.one(args.operation)
    changes = list(log.operations.changes(operation.id))
    steps = log.operations.steps(operation.id)
    text = "".join(summary(change) + "\n" for change in changes) if args.stat else diff(changes)
    facts: dict[str, Any] = {
        "operation": operation_facts(operation),
        "changes": [change_facts(change) for change in changes],
        "steps": [
            {"name": one.name, "arguments": one.arguments, "back": one.back, "state": one.state} for one in steps
        ],
    }
    if not args.stat:
        facts["diff"] = text
    lines = [f"{title(operation)}", f"{_when(operation)}  {operation.state}"]
    lines += [operation.note] if operation.note else []
    lines += [f"step {one.name} ({one.state}{', taken back' if one.back else ''})" for one in steps]
    console.answer(facts, [*lines, "", *text.splitlines()])
    return DONE


def _verify(console: Console, log: OperationLog) -> int:
    wrong = list(verify(log))
    count = len(log.operations.all())
    console.answer({"operations": count, "problems": wrong}, wrong or f"{count} operations, every byte is what it was")
    return NO if wrong else DONE


def _prune(args: argparse.Namespace, console: Console, log: OperationLog) -> int:
    done = prune(log, Policy(args.keep, args.days), datetime.now(UTC), really=not args.dry_run)
    word = "would be forgotten" if args.dry_run else f"forgotten, {done.bytes} bytes freed"
    console.answer({"operations": done.operations, "bytes": done.bytes}, f"{len(done.operations)} operations {word}")
    return DONE


def _when(one: Operation) -> str:
    return one.at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
