"""The checks of a project: its lint rules, its format, its types and its tests, run in its own environment.

All run at the same time, and leave nothing behind in the project. A check whose tools that environment does not have is
not run, and said to be so: it is neither passed nor failed. Reviewer's list:

- Each leads a session of its own: Ctrl-C reaches us, and whatever a check has started ends with it.
- None outlives us, however we end: on Linux the kernel sees to it (`far_side.kernel_watches`).
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO, Any, NamedTuple

from krepis.settings.toml import read_toml
from krepis.verbs import Progress
from krepis_cli.interpreters import Judged, Project, facts
from krepis_cli.use.gate import Check
from krepis_cli.workers import Worker, far_side

CHECK_S_MAX = 1800.0
"""How long a check may take."""
LOOK_S = 0.05
OUTPUT_BYTES_MAX = 1 << 20
OUTPUT_LINES_SHOWN = 40
DEV = "dev"
"""The dependency group of a project that its tests need."""


class _Tool(NamedTuple):
    name: str
    words: tuple[str, ...]
    needs: tuple[str, ...]


class _Running(NamedTuple):
    tool: _Tool
    process: subprocess.Popen[bytes]
    output: IO[bytes]
    begun: float


def run_checks(folder: Path, python: Judged, progress: Progress) -> list[Check]:
    """Run them; `progress` counts those that are done. Raises `KrepisError` when the environment can't be asked."""
    project = Project.around(folder)
    tools = _tools(python.path, _dev_group(folder))
    missing = _missing(project, python.path, tools)
    done: dict[str, Check] = {}
    for tool in tools:
        if lacks := missing[tool.name]:
            said = f"{', '.join(lacks)} {'is' if len(lacks) == 1 else 'are'} not installed in {python.path}"
            done[tool.name] = Check(tool.name, _shown(tool), "not run", 0.0, said)
            progress.step()
    with _started([tool for tool in tools if tool.name not in done], folder, python.path) as running:
        while running:
            for one in list(running):
                if (check := _ended(one)) is not None:
                    running.remove(one)
                    done[one.tool.name] = check
                    progress.step()
            progress.step(0)
            time.sleep(LOOK_S if running else 0)
    return [done[tool.name] for tool in tools]


def _tools(python: str, dev: tuple[str, ...]) -> list[_Tool]:
    return [
        _Tool("lint", ("ruff", "check", "--no-cache"), ("ruff",)),
        _Tool("format", ("ruff", "format", "--check", "--no-cache"), ("ruff",)),
        _Tool("types", ("basedpyright", "--pythonpath", python), ("basedpyright",)),
        _Tool("tests", ("pytest", "-q", "-p", "no:cacheprovider"), tuple(dict.fromkeys(("pytest", *dev)))),
    ]


def _dev_group(folder: Path) -> tuple[str, ...]:
    """The names in the development group of `pyproject.toml`; groups that it includes are not followed."""
    file = folder / "pyproject.toml"
    groups: Mapping[str, Any] = read_toml(file).table.get("dependency-groups", {}) if file.exists() else {}
    listed = [line for line in groups.get(DEV, ()) if isinstance(line, str)]
    return tuple(name[0] for line in listed if (name := re.match(r"[A-Za-z0-9._-]+", line)))


def _missing(project: Project, python: str, tools: Sequence[_Tool]) -> dict[str, list[str]]:
    """What each tool needs and the environment does not have."""
    wanted = sorted({name for tool in tools for name in tool.needs})
    with Worker(python, project.root) as worker:
        told = worker.call(f"{facts.__file__}:facts", {"module": "", "distributions": wanted})
    versions = told["distributions"]
    return {tool.name: [name for name in tool.needs if versions[name] is None] for tool in tools}


@contextmanager
def _started(tools: Sequence[_Tool], folder: Path, python: str) -> Generator[list[_Running]]:
    """All of them, under way; whatever still runs at the end is killed."""
    with ExitStack() as ends:
        scratch = ends.enter_context(TemporaryDirectory(prefix="krepis-checks-", ignore_cleanup_errors=True))
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "HYPOTHESIS_STORAGE_DIRECTORY": scratch}
        running: list[_Running] = []
        for tool in tools:
            held, life = os.pipe()
            ends.callback(os.close, life)
            output = ends.enter_context(TemporaryFile())
            try:
                process = subprocess.Popen(  # noqa: S603 - the project's own tools
                    [python, "-m", *tool.words],
                    cwd=folder,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    pass_fds=(held,),
                    start_new_session=True,
                )
                ends.callback(_kill, process)
                far_side.kernel_watches(held, process.pid)
            finally:
                os.close(held)
            running.append(_Running(tool, process, output, time.monotonic()))
        yield running


def _ended(one: _Running) -> Check | None:
    """How it went; `None` while it runs."""
    seconds = time.monotonic() - one.begun
    code = one.process.poll()
    if code is None and seconds < CHECK_S_MAX:
        return None
    if code is None:
        _kill(one.process)
        return Check(one.tool.name, _shown(one.tool), "failed", seconds, f"it took longer than {CHECK_S_MAX:.0f} s")
    return Check(
        one.tool.name, _shown(one.tool), "failed" if code else "passed", seconds, _tail(one.output) if code else ""
    )


def _tail(output: IO[bytes]) -> str:
    """The end of what it has printed: what went wrong stands there."""
    size = output.seek(0, os.SEEK_END)
    output.seek(max(0, size - OUTPUT_BYTES_MAX))
    lines = output.read().decode("utf-8", "replace").rstrip().split("\n")
    return "\n".join(lines[-OUTPUT_LINES_SHOWN:])


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End it, unless it has been seen to end: then its number may be another's by now."""
    if process.returncode is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _shown(tool: _Tool) -> str:
    """The command as one types it in the project."""
    return "basedpyright" if tool.name == "types" else " ".join(word for word in tool.words if word != "--no-cache")
