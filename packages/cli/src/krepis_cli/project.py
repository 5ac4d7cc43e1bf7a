"""The project that a verb works on, and its operation log."""

from __future__ import annotations

from pathlib import Path

from krepis.errors import KrepisError
from krepis_cli.store import FOLDER

MARKS = (FOLDER, "krepis.toml")


def project_root(start: Path | None = None) -> Path:
    """The nearest folder, from here upwards, with a `krepis.toml` or a `.krepis`. Raises `KrepisError`."""
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if any((folder / mark).exists() for mark in MARKS):
            return folder
    raise KrepisError(
        f"there is no Krepis project at `{here}` or above it",
        code="no_project",
        hint="go into a folder with a krepis.toml; `krepis new NAME` makes a project",
    )


def name_in(root: Path, given: str) -> str:
    """A path as the user wrote it, from the folder they are in, as the log names it. Raises `KrepisError`."""
    path = Path.cwd().resolve() / given
    whole = Path(path.parent.resolve(), path.name) if path.name not in ("", "..") else path.resolve()
    try:
        return str(whole.relative_to(root))
    except ValueError:
        raise KrepisError(f"`{given}` does not lie in the project", place=str(root), code="outside") from None
