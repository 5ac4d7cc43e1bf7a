"""Finds the app that a verb works on: `MODULE:APP` as given, or what `krepis.toml` of this project says."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from krepis._cli.printable import printable
from krepis.errors import KrepisError
from krepis.settings import Settings
from krepis.settings.toml import find_toml, read_toml

if TYPE_CHECKING:
    from krepis.app import App

_EXAMPLE = (
    'name it (`krepis run MODULE:APP`, `krepis db --app MODULE:APP`) or write `app = "MODULE:APP"` into krepis.toml'
)
_SETTINGS_EXAMPLE = 'write `settings = "MODULE:CLASS"` into krepis.toml, with a class derived from `Settings`'


def app_name(given: str | None) -> str:
    """The app's name as `MODULE:APP`; the project's folder and its `src` are made importable.

    Raises `KrepisError` when there is none or `krepis.toml` can't be read.
    """
    settings = enter()
    if given:
        return _checked(given, "MODULE:APP", _EXAMPLE)
    if settings is None:
        raise KrepisError(f"there is no krepis.toml in {printable(str(Path.cwd()))} or above it", hint=_EXAMPLE)
    name = read_toml(settings).table.get("app")
    if not isinstance(name, str):
        raise KrepisError(f"{printable(str(settings))} names no app", hint=_EXAMPLE)
    return _checked(name, "MODULE:APP", _EXAMPLE)


def settings_name(given: str | None) -> str | None:
    """The settings class as `MODULE:CLASS`, as given or as `krepis.toml` says; `None` when neither names one."""
    settings = enter()
    name = given or (read_toml(settings).table.get("settings") if settings is not None else None)
    return None if name is None else _checked(str(name), "MODULE:CLASS", _SETTINGS_EXAMPLE)


def enter() -> Path | None:
    """Make the project's folder the current one, and it and its `src` importable; the answer is its `krepis.toml`."""
    settings = find_toml(Path.cwd())
    root = settings.parent if settings else Path.cwd()
    os.chdir(root)  # a relative path in the project's settings means the same from each of its folders
    for folder in (root, root / "src"):
        if folder.is_dir() and str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
    return settings


def load_app(name: str) -> App:
    """The app itself. Raises `KrepisError` when the module or the app is not there, or is something else."""
    from krepis.app import App

    app = _load(name)
    if not isinstance(app, App):
        raise KrepisError(f"`{name}` is not a krepis App but `{app!r}`", hint=_EXAMPLE)
    return app


def load_settings(name: str) -> type[Settings]:
    """The settings class itself. Raises `KrepisError` when the module or the class is not there, or is another."""
    kind = _load(name)
    if not (isinstance(kind, type) and issubclass(kind, Settings) and kind is not Settings):
        raise KrepisError(f"`{name}` is not a class derived from krepis.settings.Settings", hint=_SETTINGS_EXAMPLE)
    return kind


def _checked(name: str, form: str, hint: str) -> str:
    if name.count(":") != 1 or not all(part.strip() for part in name.split(":")):
        raise KrepisError(f"`{name}` is not of the form {form}", hint=hint)
    return name


def _load(name: str) -> Any:
    module_name, _, attribute = name.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and module_name.startswith(error.name):
            raise KrepisError(
                f"there is no module `{error.name}`", hint=f"looked in: {printable(', '.join(sys.path[:3]))}"
            ) from None
        raise
    return getattr(module, attribute, None)
