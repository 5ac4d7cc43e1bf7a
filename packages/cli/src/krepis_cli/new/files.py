"""The files of a new project: those of `template/`, a working project called `newborn`, with another name put in.

The word stands in the template in three forms (`newborn`, `Newborn`, `NEWBORN`) and nowhere with another meaning, so
putting a name in is replacing three words. What this module reads is what a stranger reads, too: real files, checked
as they stand by the tests of this repository.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TEMPLATE = Path(__file__).parent / "template"
TEMPLATE_NAME = "newborn"

# A file of this name in a package would tell git and packagers what to leave out of it.
_RENAMED = ("gitignore", ".gitignore")
_LEFT_OUT = frozenset({"__pycache__", ".pytest_cache", ".ruff_cache", ".krepis"})


@dataclass(frozen=True, kw_only=True)
class File:
    """One file of a project: its path from the project's folder, with `/`, and what is in it."""

    path: str
    content: bytes


def files_for(name: str) -> tuple[File, ...]:
    """Every file of a new project called `name`, by path."""
    found = (File(path=_named(path, name), content=_named_bytes(file, name)) for path, file in _template())
    return tuple(sorted(found, key=lambda file: file.path))


def _template() -> Iterator[tuple[str, Path]]:
    for file in TEMPLATE.rglob("*"):
        parts = file.relative_to(TEMPLATE).parts
        # What running the template leaves behind in a working copy of Krepis is not part of it.
        if file.is_file() and _LEFT_OUT.isdisjoint(parts) and file.suffix not in {".db", ".pyc"}:
            path = "/".join(parts)
            yield (_RENAMED[1] if path == _RENAMED[0] else path), file


def _named(text: str, name: str) -> str:
    forms = {
        TEMPLATE_NAME: name,
        TEMPLATE_NAME.capitalize(): "".join(word.capitalize() for word in name.split("_")),
        TEMPLATE_NAME.upper(): name.upper(),
    }
    return re.sub("|".join(forms), lambda found: forms[found[0]], text)


def _named_bytes(file: Path, name: str) -> bytes:
    return _named(file.read_bytes().decode("utf-8"), name).encode("utf-8")
