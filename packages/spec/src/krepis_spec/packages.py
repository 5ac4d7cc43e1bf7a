"""Which names a Python package of a service can have."""

from __future__ import annotations

import builtins
import keyword
import sys

PACKAGE_CHARACTERS_MAX = 40

_TAKEN = frozenset({"adapters", "application", "conftest", "domain", "krepis", "src", "tests"})


def refusal_of_package(name: str) -> str:
    """Why a package can't have that name in snake_case, as the end of a sentence; nothing when it can."""
    if len(name) > PACKAGE_CHARACTERS_MAX:
        return f"which has more than {PACKAGE_CHARACTERS_MAX} characters"
    if keyword.iskeyword(name) or keyword.issoftkeyword(name) or hasattr(builtins, name):
        return "a word of Python itself"
    if name in sys.stdlib_module_names:
        return "a module of Python's standard library"
    return "which the layout of a project has already" if name in _TAKEN else ""
