"""What a verb of the `krepis` command is made with.

A verb is a module; its docstring is its help: the first line is the summary in `krepis --help`, then `examples:`.

    def add_arguments(parser: argparse.ArgumentParser) -> None: ...
    def main(args: argparse.Namespace, console: Console) -> int: ...

A package names its verbs in the entry point group `krepis.verbs`. The command adds `--json`, `--quiet` and `--debug` to
each verb and each of its actions; a verb raises `KrepisError(sentence, hint=..., code=..., place=...)`, which the
command shows in one form, and answers with one of these exit codes:

- `DONE` 0: done.
- `NO` 1: the answer is no; or it failed, which is said.
- `WRONG_USE` 2: the command line is wrong; nothing was done.
- `OPEN` 3: something is open: a conflict to solve, an earlier run to go on with.
"""

from __future__ import annotations

from krepis._cli.codes import DONE, NO, OPEN, WRONG_USE
from krepis._cli.console import Console
from krepis._cli.index import built_in
from krepis._cli.parser import Parser, actions_of, parser_of
from krepis._cli.printable import printable
from krepis._cli.progress import Progress

__all__ = (
    "DONE",
    "NO",
    "OPEN",
    "WRONG_USE",
    "Console",
    "Parser",
    "Progress",
    "actions_of",
    "built_in",
    "parser_of",
    "printable",
)
