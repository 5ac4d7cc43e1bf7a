"""Finds the app that a verb works on: `MODULE:APP` as given, or what `krepis.toml` of this project says."""

from __future__ import annotations

import importlib
import os
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from krepis.errors import KrepisError

if TYPE_CHECKING:
    from krepis.app import App

_EXAMPLE = (
    'name it (`krepis run MODULE:APP`, `krepis db --app MODULE:APP`) or write `app = "MODULE:APP"` into krepis.toml'
)


def app_name(given: str | None) -> str:
    """The app's name as `MODULE:APP`; the project's folder and its `src` are made importable.

    Raises `KrepisError` when there is none or `krepis.toml` can't be read.
    """
    settings = find_settings(Path.cwd())
    root = settings.parent if settings else Path.cwd()
    os.chdir(root)  # a relative path in the project's settings means the same from each of its folders
    for folder in (root, root / "src"):
        if folder.is_dir() and str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
    if given:
        name = given
    else:
        if settings is None:
            raise KrepisError(f"there is no krepis.toml in {Path.cwd()} or above it", hint=_EXAMPLE)
        name = _read(settings)
    if name.count(":") != 1 or not all(part.strip() for part in name.split(":")):
        raise KrepisError(f"`{name}` is not of the form MODULE:APP", hint=_EXAMPLE)
    return name


def load_app(name: str) -> App:
    """The app itself. Raises `KrepisError` when the module or the app is not there, or is something else."""
    from krepis.app import App

    module_name, _, attribute = name.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and module_name.startswith(error.name):
            raise KrepisError(
                f"there is no module `{error.name}`", hint=f"looked in: {', '.join(sys.path[:3])}"
            ) from None
        raise
    app = getattr(module, attribute, None)
    if not isinstance(app, App):
        raise KrepisError(f"`{name}` is not a krepis App but `{app!r}`", hint=_EXAMPLE)
    return app


def find_settings(start: Path) -> Path | None:
    """The `krepis.toml` of the project that `start` is in."""
    for folder in (start, *start.parents):
        if (folder / "krepis.toml").is_file():
            return folder / "krepis.toml"
    return None


def _read(settings: Path) -> str:
    try:
        table = tomllib.loads(settings.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise KrepisError(f"{settings} can't be read: {error}", hint="it is TOML in UTF-8") from None
    name = table.get("app")
    if not isinstance(name, str):
        raise KrepisError(f"{settings} names no app", hint=_EXAMPLE)
    return name
