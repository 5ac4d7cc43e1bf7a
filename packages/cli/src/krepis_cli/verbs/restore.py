"""Put a file or a folder as it was after an earlier operation; everything else stays.

examples:
  krepis restore src/shop/app.py --at 12           as operation 12 left it
  krepis restore src/shop/domain --at 0            as it was before the first operation
  krepis restore src/shop/app.py --at 12 --dry-run

It is an operation itself: `krepis undo` takes it back.
"""

from __future__ import annotations

import argparse

from krepis.verbs import DONE, NO, Console
from krepis_cli.history import OperationLog
from krepis_cli.history.diff import diff, summary
from krepis_cli.project import name_in, project_root
from krepis_cli.verbs.shown import change_facts, operation_facts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a file, a link or a folder of the project")
    parser.add_argument("--at", type=int, required=True, metavar="OPERATION", help="as `krepis history` shows it")
    parser.add_argument("--dry-run", action="store_true", help="show what would change, and change nothing")


def main(args: argparse.Namespace, console: Console) -> int:
    root = project_root()
    with OperationLog(root, told=console.warn) as log:
        proposal = log.propose_restore(name_in(root, args.file), args.at)
        changes = proposal.changes()
        facts = {"changes": [change_facts(change) for change in changes]}
        if args.dry_run:
            console.answer(facts, diff(changes).splitlines())
            return DONE if changes else NO
        done = log.apply(proposal)
        if done is None:
            console.answer(facts, f"`{args.file}` is as it was after operation {args.at}")
            return NO
        console.answer({"operation": operation_facts(done), **facts}, map(summary, changes))
        console.note("`krepis undo` takes that back")
        return DONE
