"""The interpreter of a project: candidates are started and asked, and the best of them wins.

Better is, in this order:

1. it starts, answers, is Python 3.11 or later, and fits `requires-python`: nothing else is ever chosen
2. it is the one that `krepis.toml` names: then no other is chosen, also when this one is of no use
3. it imports Krepis, finds the project's package and has its dependencies; then, Krepis alone; then, neither
4. its version is one that `.python-version` asks for
5. its place comes earlier in `krepis_cli.interpreters.candidates`

Answers are not kept from one command to the next: what an environment holds changes in too many ways (an installation,
another symbolic link, an edited `.pth` file) to be recognised more cheaply than by asking, which takes some tens of
milliseconds. So that most commands ask one interpreter only, `choose` stops at the first that nothing can surpass.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from krepis.errors import KrepisError
from krepis_cli.interpreters.candidates import Candidate, candidates
from krepis_cli.interpreters.judging import Judged, judge
from krepis_cli.interpreters.project import Project
from krepis_cli.workers import Limits, Pool, Worker
from krepis_cli.workers.limits import DEFAULTS

__all__ = ("Candidate", "Choice", "Judged", "Project", "choose", "compare", "pool_of", "worker_of")


class Choice(Struct, frozen=True):
    """All candidates as they were judged, in the order of their places; `best` is `None` where none is of use."""

    project: Project
    judged: tuple[Judged, ...]
    best: Judged | None


def compare(project: Project, environment: Mapping[str, str] | None = None) -> Choice:
    """Ask all candidates, at the same time."""
    found = candidates(project, os.environ if environment is None else environment)
    return _choice(project, _without_repetitions(judge(project, found)))


def choose(project: Project, environment: Mapping[str, str] | None = None) -> Judged:
    """The best one, as `compare` finds it. Raises `KrepisError` when none is of use."""
    first, *others = candidates(project, os.environ if environment is None else environment)
    judged = judge(project, [first])
    if not judged[0].unsurpassed and not project.python:
        judged += judge(project, others)
    best = _choice(project, judged).best
    if best is None:
        raise KrepisError(
            f"no Python fits the project in {project.root}: {_why_none(project, judged)}",
            code="no_python",
            hint="make one in the project (`python3.11 -m venv .venv`); `krepis doctor` shows all that were tried",
        )
    return best


def worker_of(project: Project, *, limits: Limits = DEFAULTS, show: Callable[[str], None] | None = None) -> Worker:
    """A worker with the project's interpreter. Raises `KrepisError` when there is none."""
    return Worker(choose(project).path, project.root, limits=limits, show=show)


def pool_of(
    project: Project,
    *,
    jobs: int | None = None,
    limits: Limits = DEFAULTS,
    show: Callable[[str], None] | None = None,
) -> Pool:
    """Workers with the project's interpreter. Raises `KrepisError` when there is none."""
    return Pool(choose(project).path, project.root, jobs=jobs, limits=limits, show=show)


def _choice(project: Project, judged: Sequence[Judged]) -> Choice:
    usable = [one for one in judged if not one.problem and (one.origin == "krepis.toml" or not project.python)]
    # `max` takes the first of equals: the earlier place.
    return Choice(project, tuple(judged), max(usable, key=lambda one: one.merit, default=None))


def _without_repetitions(judged: Sequence[Judged]) -> list[Judged]:
    """One environment may be reached in several ways; the first one stands for it."""
    seen: dict[tuple[str, str], Judged] = {}
    for one in judged:
        key = (one.facts.prefix, one.version) if one.facts is not None else (one.path, "")
        seen.setdefault(key, one)
    return list(seen.values())


def _why_none(project: Project, judged: Sequence[Judged]) -> str:
    first = next((one for one in judged if one.origin == "krepis.toml" or not project.python), judged[0])
    return f"`{Path(first.path)}` {first.problem}"
