"""The database of a project as a step of the operation log: brought to a revision with the files that say how, and back
before they go.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from krepis.errors import KrepisError
from krepis_cli.interpreters import Project, choose

MIGRATION_S = 3600.0
"""How long one way may take."""


class Migration:
    """`{"from": revision before or None, "to": revision after}`. Both ways do what is left to do: Alembic keeps with the
    database how far it is, and each revision is one transaction where the database can.
    """

    def forward(self, root: Path, arguments: Mapping[str, Any]) -> None:
        """Raises `KrepisError` with what `krepis db upgrade` says."""
        _db(root, "upgrade", arguments["to"])

    def backward(self, root: Path, arguments: Mapping[str, Any]) -> None:
        """Raises `KrepisError` with what `krepis db downgrade` says."""
        _db(root, "downgrade", arguments["from"] or "base")


MIGRATION = Migration()
NAME = "krepis_cli.migration:MIGRATION"
"""For `proposal.step`."""


def _db(root: Path, action: str, revision: str) -> None:
    python = choose(Project.around(root)).path
    command = [python, "-m", "krepis", "db", action, revision, "--quiet"]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, check=False, timeout=MIGRATION_S)  # noqa: S603 - the project's own
    except subprocess.TimeoutExpired:
        raise KrepisError(f"`krepis db {action} {revision}` took longer than {MIGRATION_S:.0f} s") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().removeprefix("krepis: ")
        raise KrepisError(said or f"`krepis db {action} {revision}` ended with {done.returncode}")
