"""Do again what an undo took back.

examples:
  krepis redo                 what the last undo took back
  krepis redo 12              operation 12, which was undone
  krepis redo 12 --dry-run    what it would change

Files that were changed since are merged as by `krepis undo`.
"""

from __future__ import annotations

import argparse

from krepis.verbs import Console
from krepis_cli.verbs.turning import add_turning, turn


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_turning(parser, "redo", "what the last undo took back")


def main(args: argparse.Namespace, console: Console) -> int:
    return turn(args, console, "redo")
