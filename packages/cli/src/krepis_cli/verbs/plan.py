"""Show what a spec would become, and write nothing.

examples:
  krepis plan bookshop.md
  krepis plan bookshop.md --into shop     also say what that folder is
  krepis plan bookshop.md --json

The spec is read and checked as a whole; each mistake is shown with its line. Exit codes: 0 it can be built, 1 it has
mistakes, 2 wrong use.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from krepis.verbs import DONE, Console
from krepis_cli.use.into import folder_for, state_of
from krepis_cli.use.reading import open_tasks, planned, read_spec

_SAID = {
    "new": "`{use}` makes the folder `{folder}` for it",
    "empty": "`{use}` builds it into `{folder}`, which is empty",
    "used": "`{use}` builds it into `{folder}`, beside what lies there",
    "built": "`{folder}` holds a project that was built already; `{use}` will refuse it, `--into DIR` names another one",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("spec", metavar="SPEC", help="the spec, a Markdown file")
    parser.add_argument(
        "--into", metavar="DIR", help="the project's folder (default: one with the service's name, here)"
    )


def main(args: argparse.Namespace, console: Console) -> int:
    blueprint, _ = read_spec(Path(args.spec))
    folder = folder_for(Path(args.spec), blueprint.service.name, args.into)
    state = state_of(folder)
    facts, text = planned(blueprint)
    waiting = [one.name for one in open_tasks(blueprint)]
    console.answer({"plan": facts, "into": str(folder), "folder": state, "open": waiting}, text)
    console.note(f"\n{_SAID[state].format(use='krepis use', folder=folder)}")
    return DONE
