"""Make a new project that runs: one command, one query, a port with two adapters, and tests that are green.

examples:
  krepis new bookshop                    into the folder bookshop
  krepis new bookshop --into .           into this folder, which must be empty
  krepis new bookshop --into ~/code/shop

The name is that of the project's package. The folder may hold what version control keeps (`.git`), and nothing else.
All files are one operation: `krepis undo`, in the new folder, takes them back.
"""

from __future__ import annotations

import argparse
import shlex
import shutil
from collections.abc import Generator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

from krepis.errors import KrepisError
from krepis.verbs import DONE, Console
from krepis_cli.history import OperationLog
from krepis_cli.new import check_name, files_for
from krepis_cli.store import FOLDER

MAY_BE_THERE = frozenset({FOLDER, ".git", ".hg", ".jj", ".svn"})
"""What a folder may hold that a project is put into: the log itself, and what version control keeps."""

TEST_TOOLS = ("pytest", "pytest_asyncio")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help="the name of the project and its package: lower-case words, joined by underscores")
    parser.add_argument("--into", metavar="DIR", help="the project's folder (default: a new one with its name)")


def main(args: argparse.Namespace, console: Console) -> int:
    # The name is looked at first: it may be a path, and then the folder would be anywhere.
    check_name(args.name, Path.cwd() / "-" if args.into is None else Path(args.into))
    folder = Path(args.into if args.into is not None else args.name)
    files = files_for(args.name)
    with _folder(folder), OperationLog(folder, told=console.warn) as log:
        _refuse_full(folder)  # after the log was opened, which completes what was interrupted
        proposal = log.propose("new", {"name": args.name})
        for file in files:
            proposal.write(file.path, file.content)
        operation = log.apply(proposal)
    steps = next_steps(folder)
    console.answer(
        {
            "project": str(folder.resolve()),
            "operation": operation.id if operation is not None else None,
            "files": [file.path for file in files],
            "next": steps,
        },
        f"made {args.name} in {folder}: {len(files)} files",
    )
    console.note("\n".join(["", "next:", *(f"  {step}" for step in steps), "", f"{_path(folder)} has a README.md."]))
    return DONE


def next_steps(folder: Path) -> list[str]:
    """The commands that follow, as they are typed in the current folder."""
    return [
        *([] if folder.resolve() == Path.cwd() else [f"cd {_path(folder)}"]),
        *([] if all(map(find_spec, TEST_TOOLS)) else ["pip install pytest pytest-asyncio"]),
        "krepis db upgrade",
        "pytest",
        "krepis run",
    ]


@contextmanager
def _folder(folder: Path) -> Generator[None]:
    """The folder, made where it is missing; gone again when nothing came into it."""
    _refuse_full(folder, recovered=False)
    made = not folder.exists()
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise KrepisError(
            f"the folder of the project can't be made: {error.strerror}",
            code="project_folder",
            place=str(folder),
            hint="the folder around it must be there, and yours to write",
        ) from None
    try:
        yield
    except BaseException:
        if made and {entry.name for entry in folder.iterdir()} <= {FOLDER}:
            with suppress(OSError):
                shutil.rmtree(folder)
        raise


def _refuse_full(folder: Path, *, recovered: bool = True) -> None:
    """Raise `KrepisError` when something is there. Before the log has recovered, what it would take back may be."""
    if not folder.is_dir():
        if folder.exists() or folder.is_symlink():
            raise _taken(folder, "is no folder")
        return
    try:
        there = sorted(entry.name for entry in folder.iterdir())
    except OSError as error:
        raise _taken(folder, f"can't be read: {error.strerror}") from None
    if not recovered and FOLDER in there:
        return
    others = [name for name in there if name not in MAY_BE_THERE]
    if others:
        raise _taken(folder, f"is not empty: `{others[0]}` is in it")


def _taken(folder: Path, why: str) -> KrepisError:
    return KrepisError(
        f"`{folder}` {why}",
        code="project_folder",
        hint="`krepis new NAME --into DIR` puts the project into another folder",
    )


def _path(folder: Path) -> str:
    return shlex.quote(str(folder))
