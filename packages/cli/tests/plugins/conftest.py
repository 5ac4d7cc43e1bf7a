"""Plugins as packages on the path, and the real command that finds them there."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from krepis_cli.history import OperationLog
from serving import KREPIS
from terminal import Terminal, in_pipes

# What every plugin of these tests begins with.
PRELUDE = """
import json, os, signal, subprocess, sys, time
from pathlib import Path

def tell(kind, **facts):
    print(json.dumps({"type": kind, **facts}), flush=True)

def hear():
    return json.loads(sys.stdin.readline())

def begin(*options, help="An odd one."):
    hear()
    tell("hello", protocol=1)
    hear()
    tell("description", help=help, options=list(options))
    line = sys.stdin.readline()
    return json.loads(line) if line else sys.exit()
"""


class Shelf:
    """A folder on the path with packages in it, and a project beside it."""

    def __init__(self, folder: Path) -> None:
        self.packages = folder / "packages"
        self.project = folder / "project"
        self.packages.mkdir()
        self.project.mkdir()
        (self.project / "krepis.toml").write_text("# A project.\n")
        (self.project / "kept.txt").write_text("kept\n")
        self.environment = {
            "PYTHONPATH": str(self.packages),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "COLUMNS": "100",
            # A loaded machine is slow to start a program; no test waits for these.
            "KREPIS_PLUGINS_START_S": "60",
            "KREPIS_PLUGINS_STOP_S": "60",
        }

    def add(self, source: str, *verbs: str, package: str = "krepis-odd", version: str = "0.1") -> None:
        """A package with these verbs (`odd`), all of which are the program `source`."""
        module = package.replace("-", "_")
        info = self.packages / f"{module}-{version}.dist-info"
        info.mkdir()
        lines = "".join(f"{verb} = {module}\n" for verb in verbs or ("odd",))
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\nSummary: Odd.\n")
        (info / "entry_points.txt").write_text(f"[krepis.plugins]\n{lines}")
        (self.packages / f"{module}.py").write_text(PRELUDE + source, encoding="utf-8")

    def krepis(self, *words: str, cwd: Path | None = None, **environment: str) -> tuple[int, str, str]:
        """Exit code, standard output, standard error of `krepis` in the project."""
        return in_pipes(*words, cwd=cwd or self.project, env={**self.environment, **environment})

    def facts(self, *words: str, **environment: str) -> tuple[int, dict[str, Any]]:
        """The same with `--json`: exit code and facts."""
        code, out, _ = in_pipes(*words, "--json", cwd=self.project, env={**self.environment, **environment})
        return code, json.loads(out)

    def terminal(self, *words: str, **environment: str) -> Terminal:
        """The command on a terminal."""
        together = {**os.environ, **self.environment, **environment}
        return Terminal([KREPIS, *words], cwd=self.project, env=together)

    def files(self) -> dict[str, bytes]:
        """What the project holds beside the log."""
        found = (path for path in self.project.rglob("*") if ".krepis" not in path.parts and path.is_file())
        return {path.relative_to(self.project).as_posix(): path.read_bytes() for path in found}

    def operations(self) -> list[str]:
        """What the log holds."""
        with OperationLog(self.project) as log:
            return [one.kind for one in log.operations.all()]


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


@pytest.fixture
def unchanged(shelf: Shelf) -> Iterator[None]:
    """After the test the project is as it was, and the log knows of nothing."""
    before = shelf.files()
    yield
    assert shelf.files() == before
    assert shelf.operations() == []
