"""What a project says about its interpreter: `krepis.toml`, `.python-version`, `pyproject.toml`.

Nothing of it is believed more than it deserves: a file that can't be read is a remark, and the search goes on without
it. The files may be hostile, so each is read up to a limit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self, cast

from msgspec import Struct

from krepis.errors import KrepisError
from krepis.settings.toml import read_toml
from krepis.verbs import printable
from krepis_cli.project import project_root

PYTHON_VERSION_BYTES_MAX = 4_096
DEPENDENCIES_MAX = 500
WORD_CHARACTERS_MAX = 64
_VERSION = re.compile(r"(?:cpython[-@]?)?(\d{1,3}(?:\.\d{1,4}){0,2})")


class Project(Struct, frozen=True):
    """A folder with code that Krepis works on.

    - `root`: what every verb takes for it (`krepis_cli.project`), else the folder with `pyproject.toml`, else the one that
      was asked about.
    - `top`: the repository that it is in, else `root`. Nothing above is looked at: it may be somebody else's.
    - `app`: `MODULE:APP`, from `krepis.toml`, or empty.
    - `python`: the interpreter that `krepis.toml` names (`python = ".venv/bin/python"`), or empty.
    - `versions`: what `.python-version` asks for, such as `3.12` or the name of an environment of pyenv.
    - `requires`, `dependencies`: `requires-python` and `dependencies` of `pyproject.toml`, as they stand there.
    - `remarks`: what could not be read.
    """

    root: Path
    top: Path
    app: str = ""
    python: str = ""
    versions: tuple[str, ...] = ()
    requires: str = ""
    dependencies: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    @classmethod
    def around(cls, folder: Path) -> Self:
        """The project that the folder is in."""
        root = _root(folder.resolve())
        top = _above(root, ".git") or root
        remarks: list[str] = []
        told = _table(root / "krepis.toml", remarks)
        described = _table(root / "pyproject.toml", remarks).get("project")
        about = cast("dict[str, Any]", described) if isinstance(described, dict) else {}
        return cls(
            root=root,
            top=top,
            app=_text(told, "app", "krepis.toml", remarks),
            python=_text(told, "python", "krepis.toml", remarks),
            versions=_versions(root, top, remarks),
            requires=_text(about, "requires-python", "pyproject.toml", remarks),
            dependencies=_dependencies(about, remarks),
            remarks=tuple(remarks),
        )

    def folders(self) -> list[Path]:
        """The root, and what is above it in its repository."""
        found = [self.root]
        while found[-1] != self.top:
            found.append(found[-1].parent)
        return found

    @property
    def module(self) -> str:
        """The package that holds the app, or empty."""
        return self.app.partition(":")[0].partition(".")[0].strip()


def version_of(word: str) -> str:
    """`3.12` out of `3.12` or `cpython-3.12`; empty for a word that is no version."""
    found = _VERSION.fullmatch(word)
    return found[1] if found else ""


def _root(folder: Path) -> Path:
    try:
        return project_root(folder)
    except KrepisError:
        return _above(folder, "pyproject.toml") or folder


def _above(folder: Path, name: str) -> Path | None:
    return next((one for one in (folder, *folder.parents) if (one / name).exists()), None)


def _table(file: Path, remarks: list[str]) -> Mapping[str, Any]:
    if not file.exists():
        return {}
    try:
        return read_toml(file).table
    except KrepisError as error:
        remarks.append(printable(str(error.args[0])))
        return {}


def _text(table: Mapping[str, Any], key: str, file: str, remarks: list[str]) -> str:
    value = table.get(key, "")
    if isinstance(value, str) and "\0" not in value:
        return value
    remarks.append(f"`{key}` in {file} is no text")
    return ""


def _dependencies(about: Mapping[str, Any], remarks: list[str]) -> tuple[str, ...]:
    listed = about.get("dependencies", [])
    if isinstance(listed, list) and all(isinstance(one, str) for one in cast("list[Any]", listed)):
        return tuple(cast("list[str]", listed)[:DEPENDENCIES_MAX])
    remarks.append("`dependencies` in pyproject.toml is no list of texts")
    return ()


def _versions(root: Path, top: Path, remarks: list[str]) -> tuple[str, ...]:
    """The words of the nearest `.python-version`."""
    folder = next((one for one in (root, *root.parents) if (one / ".python-version").is_file() or one == top), top)
    file = folder / ".python-version"
    if not file.is_file():
        return ()
    try:
        with file.open("rb") as opened:
            raw = opened.read(PYTHON_VERSION_BYTES_MAX + 1)
        if len(raw) > PYTHON_VERSION_BYTES_MAX:
            raise ValueError(f"it is larger than {PYTHON_VERSION_BYTES_MAX} bytes")
        words = raw.decode("utf-8-sig").split("\n")
    except (OSError, ValueError) as error:
        remarks.append(printable(f"{file} can't be read: {error}"))
        return ()
    plain = [word for line in words if (word := line.partition("#")[0].strip())]
    strange = [word for word in plain if not re.fullmatch(r"[\w.@+-]+", word) or len(word) > WORD_CHARACTERS_MAX]
    remarks += [f"{file}: `{printable(word)[:WORD_CHARACTERS_MAX]}` is no version" for word in strange[:3]]
    return tuple(word for word in plain if word not in strange and word.strip("."))
