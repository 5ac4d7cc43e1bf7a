"""Where interpreters are looked for, in the order in which they are preferred when all else is equal.

1. `python` of `krepis.toml`: then only this one counts
2. `.venv` of the project, then of the folders above it in its repository (a workspace has one for all)
3. `VIRTUAL_ENV`: what the shell says comes after what the project says
4. the interpreter of this command
5. what is installed for `.python-version` by pyenv or uv
6. `python3`, `python`, `python3.11` and later in the folders of `PATH`, in their order
7. what else pyenv and uv have, the newest first

A place is no promise: each is started and asked.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from krepis_cli.interpreters.project import Project, version_of

CANDIDATES_MAX = 32
PATH_FOLDERS_MAX = 64
INSTALLED_MAX = 100
_NAMES = ("python3", "python", *(f"python3.{minor}" for minor in range(11, 21)))
_MANAGED = re.compile(r"(?:cpython-)?3\.(\d{1,2})(?:\.\d+)?(?:-.*)?")


class Candidate(Struct, frozen=True):
    """A program that may be an interpreter, and who names it."""

    path: str
    origin: str


def candidates(project: Project, environment: Mapping[str, str]) -> list[Candidate]:
    """All of them, each once, at most `CANDIDATES_MAX`."""
    found: dict[tuple[str, str], Candidate] = {}
    for candidate in _all(project, environment):
        # `python` and `python3` in one folder are one; the same program behind two folders is two environments.
        key = (os.path.realpath(os.path.dirname(candidate.path)), os.path.realpath(candidate.path))  # noqa: PTH120
        found.setdefault(key, candidate)
        if len(found) == CANDIDATES_MAX:
            break
    return list(found.values())


def _all(project: Project, environment: Mapping[str, str]) -> Iterator[Candidate]:
    if project.python:
        yield Candidate(str(project.root / Path(project.python).expanduser()), "krepis.toml")
    for folder in project.folders():
        if os.path.lexists(folder / ".venv"):
            yield Candidate(str(folder / ".venv/bin/python"), ".venv")
    activated = environment.get("VIRTUAL_ENV", "")
    if os.path.isabs(activated):  # noqa: PTH117
        yield Candidate(str(Path(activated) / "bin/python"), "VIRTUAL_ENV")
    yield Candidate(sys.executable, "this command")
    installed = _installed(environment)
    wanted = [one for one in installed if _is_wanted(one, project.versions)]
    for folder in wanted:
        yield Candidate(str(folder / "bin/python3"), ".python-version")
    yield from _on_path(environment)
    for folder in installed:
        if folder not in wanted and (of := _MANAGED.fullmatch(folder.name)) and int(of[1]) >= 11:
            yield Candidate(str(folder / "bin/python3"), "installed")


def _is_wanted(folder: Path, versions: tuple[str, ...]) -> bool:
    name = folder.name.removeprefix("cpython-")
    return any(word == folder.name or fits(name.partition("-")[0], version_of(word)) for word in versions)


def fits(version: str, wanted: str) -> bool:
    """Whether `3.12.1` is a `3.12`."""
    return bool(wanted) and f"{version}.".startswith(f"{wanted}.")


def _installed(environment: Mapping[str, str]) -> list[Path]:
    """What pyenv and uv have installed, the newest version first."""
    home = environment.get("HOME") or "/nonexistent"
    data = environment.get("XDG_DATA_HOME") or f"{home}/.local/share"
    folders = (
        Path(environment.get("PYENV_ROOT") or f"{home}/.pyenv", "versions"),
        Path(environment.get("UV_PYTHON_INSTALL_DIR") or f"{data}/uv/python"),
    )
    found: list[Path] = []
    for folder in folders:
        try:
            found += [folder / name for name in sorted(os.listdir(folder))[:INSTALLED_MAX]]  # noqa: PTH208
        except OSError:
            continue
    return sorted(found, key=_newest_first)


def _newest_first(folder: Path) -> tuple[int, ...]:
    return tuple(-int(part) for part in re.findall(r"\d+", folder.name.removeprefix("cpython-"))[:3])


def _on_path(environment: Mapping[str, str]) -> Iterator[Candidate]:
    """A relative folder of `PATH` means another one in each folder, so it means none here."""
    folders = [one for one in environment.get("PATH", "").split(os.pathsep) if os.path.isabs(one)]  # noqa: PTH117
    for folder in dict.fromkeys(folders[:PATH_FOLDERS_MAX]):
        for name in _NAMES:
            path = f"{folder}/{name}"
            if os.path.lexists(path):
                yield Candidate(path, "PATH")
