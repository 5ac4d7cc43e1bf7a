"""The folder that a spec is built into: which one it is, and what may lie in it.

It may be new, empty, or hold other files, which stay as they are. A folder that holds a project that was built from a
spec is refused: building again is an edit, and nothing here can make one.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

from krepis.errors import KrepisError
from krepis_cli.store import FOLDER

LOCK = "spec.lock"
"""What was last built, in the project's folder; it makes a folder a built project."""

State = Literal["new", "empty", "used", "built"]


def folder_for(spec: Path, name: str, into: str | None) -> Path:
    """The folder that was named; else the one of the spec, if it holds what was built from it; else `name`, here."""
    if into is not None:
        return Path(into)
    return spec.parent if _is_built(spec.parent) else Path(name)


def state_of(folder: Path) -> State:
    """What the folder is, as it stands. Raises `KrepisError` when it is something else than a folder."""
    if not folder.is_dir():
        if folder.exists() or folder.is_symlink():
            raise _impossible(folder, "is no folder")
        return "new"
    if _is_built(folder):
        return "built"
    try:
        return "used" if {entry.name for entry in folder.iterdir()} - {FOLDER} else "empty"
    except OSError as error:
        raise _impossible(folder, f"can't be read: {error.strerror}") from None


def refuse_built(folder: Path) -> None:
    """Raise `KrepisError` when the folder holds a built project. Its log must have been recovered."""
    if _is_built(folder):
        raise KrepisError(
            f"`{folder}` holds a project that was built from a spec; it can't be built again in its place yet",
            code="built_already",
            place=str(folder / LOCK),
            hint="build into another folder (`--into DIR`), or take the build back first: `krepis undo`, in that folder",
        )


def recover(folder: Path, told: Callable[[str], None]) -> None:
    """Complete what was interrupted in the folder, or take it back: before that nobody can say what lies in it."""
    if (folder / FOLDER).is_dir():
        from krepis_cli.history import OperationLog

        OperationLog(folder, told=told).close()


@contextmanager
def made(folder: Path) -> Generator[None]:
    """The folder, made where it is missing; gone again when nothing came into it. Raises `KrepisError`."""
    new = state_of(folder) == "new"
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
        if new and {entry.name for entry in folder.iterdir()} <= {FOLDER}:
            with suppress(OSError):
                shutil.rmtree(folder)
        raise


def _is_built(folder: Path) -> bool:
    return (folder / LOCK).exists()


def _impossible(folder: Path, why: str) -> KrepisError:
    return KrepisError(f"`{folder}` {why}", code="project_folder", hint="`--into DIR` names another folder")
