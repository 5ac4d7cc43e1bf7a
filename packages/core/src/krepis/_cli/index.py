"""Which verbs other packages add: their entry points, kept in a file until an installation changes.

Searching all installed distributions takes tens of milliseconds; the index is one small file. Losing it, or not being
able to write it, costs time and nothing else.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, cast

GROUP = "krepis.verbs"


def installed_verbs() -> Mapping[str, str]:
    """Verb to module, of every installed package."""
    key = _state()
    path = os.path.join(_cache_folder(), f"verbs-{blake2b(sys.prefix.encode(), digest_size=8).hexdigest()}.json")
    try:
        with open(path, encoding="utf-8") as file:
            known: Any = json.load(file)
        if known["key"] == key:
            return cast("dict[str, str]", known["verbs"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    verbs = _search()
    _keep(path, {"key": key, "verbs": verbs})
    return verbs


def _state() -> list[list[str | int]]:
    """What changes when a package is installed or removed: the folders that Python imports from, and their times."""
    state: list[list[str | int]] = []
    for folder in sys.path:
        try:
            state.append([folder, os.stat(folder or ".").st_mtime_ns])
        except OSError:
            continue
    return state


def _search() -> dict[str, str]:
    from importlib.metadata import entry_points

    return {point.name: point.value for point in entry_points(group=GROUP)}


def _keep(path: str, index: dict[str, Any]) -> None:
    half = f"{path}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(half, "w", encoding="utf-8") as file:
            json.dump(index, file)
        os.replace(half, path)
    except OSError:
        return


def _cache_folder() -> str:
    return os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "krepis")
