"""What a machine has and lacks, by probes that can't hold up or bring down one another.

Each probe runs in a worker process, up to `PROBE_S`: one that crashes, hangs or fails is a finding like any other.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import msgspec

import krepis_cli
from krepis_cli.doctor import project as looked
from krepis_cli.doctor.finding import Finding
from krepis_cli.interpreters import Project
from krepis_cli.workers import Limits, Outcome, Pool, Task

__all__ = ("NAMES", "Finding", "examine")

PROBE_S = 15.0

# The name of a finding -> its probe, and whether it is needed.
_PROBES: Mapping[str, tuple[str, bool]] = MappingProxyType(
    {
        "sqlite": ("krepis_cli.doctor.databases:sqlite", True),
        "database": ("krepis_cli.doctor.databases:named_by_environment", True),
        "folder": ("krepis_cli.doctor.folder:probe", True),
        "log": ("krepis_cli.doctor.log:probe", True),
        "native": ("krepis_cli.doctor.programs:native", False),
        "cargo": ("krepis_cli.doctor.programs:cargo", False),
        "postgres": ("krepis_cli.doctor.databases:postgres", False),
        "keychain": ("krepis_cli.doctor.keychain:probe", False),
        "sandbox": ("krepis_cli.doctor.sandbox:probe", False),
        "completion": ("krepis_cli.doctor.programs:completion", False),
    }
)
_PROJECT = frozenset({"project-python", "app", "database"})
NAMES = ("python", "project-python", "app", *_PROBES)
"""Of all findings; outside of a project there is `project` instead of `project-python` and `app`."""


def examine(
    folder: Path,
    *,
    only: Collection[str] = NAMES,
    jobs: int | None = None,
    step: Callable[[], None] = lambda: None,
) -> Iterator[Finding]:
    """The findings about this machine and the project that `folder` is in, those in `only`; `step` hears of each probe."""
    for finding in _found(Project.around(folder), only, jobs, step):
        yield finding.harmless()


def _found(project: Project, only: Collection[str], jobs: int | None, step: Callable[[], None]) -> Iterator[Finding]:
    rest = [name for name in _PROBES if name in only]
    if "python" in only:
        yield looked.command_python()
        step()
    if not _PROJECT.isdisjoint(only):
        found = list(_of_project(project, only))
        yield from found
        if any(finding.name in ("app", "database") for finding in found):
            rest = [
                name for name in rest if name != "database"
            ]  # the app's own settings are nearer than the environment
        step()
    yield from _probed(project.root, rest, jobs, step)


def _of_project(project: Project, only: Collection[str]) -> Iterator[Finding]:
    if not any((project.root / name).exists() for name in ("krepis.toml", "pyproject.toml")):
        yield Finding("project", "missing", f"there is none in {project.root} or above", "`krepis new NAME` makes one")
        return
    python, best = looked.project_python(project)
    if "project-python" in only:
        yield python
    if project.app and best is not None and "krepis" not in best.lacks and not {"app", "database"}.isdisjoint(only):
        yield from (finding for finding in looked.app(project, best) if finding.name in only)


def _probed(root: Path, names: list[str], jobs: int | None, step: Callable[[], None]) -> Iterator[Finding]:
    here = Path(krepis_cli.__file__).parent.parent  # not the project's folder, which is none of a probe's imports
    tasks = [Task(_PROBES[name][0], {"root": str(root)}) for name in names]
    with Pool(sys.executable, here, jobs=jobs, limits=Limits(call_s=PROBE_S)) as pool:
        for name, outcome in zip(names, pool.outcomes(tasks), strict=True):
            if (finding := _read(name, outcome)) is not None:
                yield finding
            step()


def _read(name: str, outcome: Outcome) -> Finding | None:
    if outcome.error is not None:
        said = f"the probe failed: {outcome.error.args[0]}"
        return Finding(name, "broken", said, outcome.error.hint, needed=_PROBES[name][1])
    return None if outcome.value is None else msgspec.convert(outcome.value, Finding)
