"""What `krepis undo` and `krepis redo` share: one takes an operation back, the other does it again."""

from __future__ import annotations

import argparse
from typing import Literal

from krepis.verbs import DONE, NO, Console
from krepis_cli.history import OperationLog
from krepis_cli.history.diff import diff, summary
from krepis_cli.project import project_root
from krepis_cli.verbs.shown import change_facts, operation_facts, title

Word = Literal["undo", "redo"]


def add_turning(parser: argparse.ArgumentParser, word: Word, default: str) -> None:
    """The arguments of both."""
    parser.add_argument(
        "operation", nargs="?", type=int, metavar="OPERATION", help=f"as `krepis history` shows it; {default}"
    )
    parser.add_argument("--force", action="store_true", help=f"{word} also over changes that were made since")
    parser.add_argument("--dry-run", action="store_true", help="show what would change, and change nothing")


def turn(args: argparse.Namespace, console: Console, word: Word) -> int:
    """Do it; the exit code."""
    with OperationLog(project_root(), told=console.warn) as log:
        proposal = (log.propose_undo if word == "undo" else log.propose_redo)(args.operation, force=args.force)
        assert proposal.target is not None, "an undo and a redo have one"
        target = log.operations.one(proposal.target)
        changes = proposal.changes()
        facts = {"target": operation_facts(target), "changes": [change_facts(change) for change in changes]}
        if args.dry_run:
            console.answer(facts, diff(changes).splitlines())
            return DONE if changes else NO
        done = log.apply(proposal)
        assert done is not None, "an undo is recorded even where it changes nothing"
        lines = [f"{'undone' if word == 'undo' else 'done again'}: {title(target)}", *map(summary, changes)]
        console.answer({"operation": operation_facts(done), **facts}, lines)
        console.note(f"`krepis {'redo' if word == 'undo' else 'undo'}` takes that back")
        return DONE
