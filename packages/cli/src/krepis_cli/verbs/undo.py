"""Take back what a verb did to this project: the last operation, or any other.

examples:
  krepis undo                 the last operation that still stands
  krepis undo 12              an earlier one; later changes to other lines stay
  krepis undo 12 --dry-run    what it would change
  krepis undo --force         also where files were changed since in the same lines

A file that was changed since is merged where the lines differ; where they don't, nothing changes and every conflict is
listed. An undo is an operation itself: `krepis redo` does again what it took back.
"""

from __future__ import annotations

import argparse

from krepis.verbs import Console
from krepis_cli.verbs.turning import add_turning, turn


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_turning(parser, "undo", "the last one that still stands")


def main(args: argparse.Namespace, console: Console) -> int:
    return turn(args, console, "undo")
