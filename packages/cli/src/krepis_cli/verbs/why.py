"""Say which lines of the spec a piece of code comes from, and what a line of the spec became.

examples:
  krepis why src/bookshop/domain/book.py:24        the definition that this line is in
  krepis why src/bookshop/domain/book.py:Book      a definition by its name (`Class.method` for one inside)
  krepis why src/bookshop/domain/book.py           all of a file
  krepis why bookshop.md:72                        the code that this line became

The project may have been edited since: a definition is found by its name. Exit codes: 0 there is an answer, 1 nothing comes
from there, 2 wrong use.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from krepis.errors import KrepisError
from krepis.verbs import DONE, WRONG_USE, Console, printable
from krepis_cli.use.origins import built_root, read_lock
from krepis_cli.use.tracing import Answer, from_code, from_spec

PLACE_CHARACTERS_MAX = 1_000
"""A longer path is none that a file system would take."""
SHOWN_CHARACTERS = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "place", metavar="PLACE", help="FILE:LINE, FILE:NAME or FILE of the project, or SPEC:LINE of its spec"
    )


def main(args: argparse.Namespace, console: Console) -> int:
    file, at = _parted(args.place)
    root = built_root(file)
    lock = read_lock(root)
    path = Path(file.parent.resolve(), file.name).relative_to(root).as_posix()
    trace = from_spec if path == lock.origins.spec else from_code
    answer: Answer = trace(root, lock, path, at)
    if answer.remark:
        console.warn(answer.remark)
    console.answer(answer.facts, answer.lines)
    return DONE


def _parted(place: str) -> tuple[Path, str]:
    """The file, and what stands behind it."""
    name, colon, at = place.rpartition(":")
    if len(place) > PLACE_CHARACTERS_MAX or "\0" in place or (colon and not (name and at)):
        raise KrepisError(
            f"`{printable(place[:SHOWN_CHARACTERS])}{'...' if len(place) > SHOWN_CHARACTERS else ''}` names no place",
            code="wrong_use",
            exit_code=WRONG_USE,
            hint="`krepis why src/bookshop/app.py:12`, or the name of a definition instead of the line",
        )
    return (Path(name), at) if colon and not os.path.lexists(place) else (Path(place), "")
