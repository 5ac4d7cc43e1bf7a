"""Which names a project can have. Its name is its package's, its database's and, in capitals, that of its settings.

So it is lower-case ASCII words joined by single underscores: every file system, environment and database takes them, and
no two names differ in their case or their Unicode form alone. And it hides no module that the project may want to import.
"""

from __future__ import annotations

import builtins
import importlib.machinery
import importlib.util
import keyword
import re
import sys
import unicodedata
from pathlib import Path

from krepis.errors import KrepisError
from krepis.settings.declared import RESERVED

NAME_CHARACTERS_MAX = 40
"""The longest name. The template's lines are within their limit with it, so what is made needs no new line breaks."""

CODE = "project_name"

_NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*\Z")
_RULE = "lower-case ASCII letters and digits, words joined by single underscores"
_LAYOUT = frozenset({"src", "tests", "conftest", "domain", "application", "adapters"})
_SHOWN_CHARACTERS = 60
_FALLBACK = "my_service"


def check_name(name: str, folder: Path) -> None:
    """Raise `KrepisError` with a suggestion when a project in `folder` can't be called `name`."""
    reason = _refusal(name, folder)
    if reason:
        raise KrepisError(
            f"{_shown(name)} can't be the name of a project: {reason}",
            hint=f"`krepis new {suggested_name(name, folder)}`",
            code=CODE,
        )


def suggested_name(name: str, folder: Path) -> str:
    """A name that is right, and like `name` where there is something to keep."""
    last = re.split(r"[/\\]", name.rstrip("/\\"))[-1][: 10 * NAME_CHARACTERS_MAX]
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", last)
    plain = unicodedata.normalize("NFKD", spaced).encode("ascii", "ignore").decode().lower()
    words = "_".join(re.findall(r"[a-z0-9]+", plain)).lstrip("0123456789_")
    short = words[:NAME_CHARACTERS_MAX].rstrip("_")
    for candidate in (short, f"{short[: NAME_CHARACTERS_MAX - len('_service')].rstrip('_')}_service"):
        if not _refusal(candidate, folder):
            return candidate
    return _FALLBACK


def _refusal(name: str, folder: Path) -> str:
    """Why not, as the end of a sentence; nothing when it can be."""
    if "/" in name or "\\" in name or name in {".", ".."}:
        return "it is a path (`--into DIR` says where the project goes)"
    if len(name) > NAME_CHARACTERS_MAX:
        return f"it has {len(name)} characters, and {NAME_CHARACTERS_MAX} are the most"
    if not _NAME.match(name):
        return f"it takes {_RULE}"
    if keyword.iskeyword(name) or keyword.issoftkeyword(name) or hasattr(builtins, name):
        return "Python itself has that word"
    if name in _LAYOUT or name in RESERVED:
        return "the layout of a project has a part of that name"
    if name in sys.stdlib_module_names:
        return f"it would hide the module `{name}` of Python's standard library"
    if _is_installed(name, folder):
        return f"it would hide the package `{name}` that is installed here"
    return ""


def _is_installed(name: str, folder: Path) -> bool:
    """Whether `import name` finds something here that is not the project itself, installed from an earlier life."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):  # a module that says nothing about itself is a module all the same
        return True
    return spec is not None and not any(place.is_relative_to(folder.resolve()) for place in _places(spec))


def _places(spec: importlib.machinery.ModuleSpec) -> list[Path]:
    found = [*(spec.submodule_search_locations or ()), *([spec.origin] if spec.has_location and spec.origin else [])]
    return [Path(place).resolve() for place in found]


def _shown(name: str) -> str:
    """The name as an error says it: on one line, and not longer than a line."""
    printable = "".join(each if each.isprintable() else "?" for each in name[:_SHOWN_CHARACTERS])
    return f"`{printable}{'...' if len(name) > _SHOWN_CHARACTERS else ''}`"
