"""Candidates are started, asked at the same time, and judged by what they answer."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion

from krepis.errors import KrepisError
from krepis.verbs import printable
from krepis_cli.interpreters import facts as sent
from krepis_cli.interpreters.candidates import Candidate, fits
from krepis_cli.interpreters.project import Project, version_of
from krepis_cli.workers.limits import Limits
from krepis_cli.workers.process import Outcome, Process, wait

ASKED_S = 10.0
"""How long each may take to start, and again to answer."""
ANSWER_BYTES_MAX = 1 << 20


class Facts(msgspec.Struct, frozen=True):
    """What `facts.py` answers."""

    version: tuple[int, int, int]
    implementation: str
    executable: str
    prefix: str
    base_prefix: str
    machine: str
    krepis: str | None
    krepis_problem: str
    module: bool
    distributions: dict[str, str | None]
    markers: dict[str, str]


class Judged(msgspec.Struct, frozen=True):
    """A candidate and what was found out about it.

    - `problem`: why it can't be chosen at all, in words that follow its name; empty when it can.
    - `lacks`: what the project needs and it does not have.
    - `wanted`: its version is one that `.python-version` asks for, or that file asks for none.
    """

    path: str
    origin: str
    problem: str = ""
    facts: Facts | None = None
    lacks: tuple[str, ...] = ()
    wanted: bool = False

    @property
    def version(self) -> str:
        """Such as `3.12.1`; empty when it did not say."""
        return "" if self.facts is None else ".".join(map(str, self.facts.version))

    @property
    def merit(self) -> tuple[int, bool]:
        """What decides between those that can be chosen."""
        krepis = self.facts is not None and self.facts.krepis is not None
        return (2 if not self.lacks else 1 if krepis else 0), self.wanted

    @property
    def unsurpassed(self) -> bool:
        """Whether no later candidate can be better."""
        return not self.problem and self.merit == (2, True)


def judge(project: Project, asked: Sequence[Candidate]) -> list[Judged]:
    """All of them, in the same order. None of them can hold up the others for longer than `2 * ASKED_S`."""
    requirements = _requirements(project)
    outcomes = _ask(project, asked, [one.name for one in requirements])
    return [
        _judged(project, candidate, outcome, requirements) for candidate, outcome in zip(asked, outcomes, strict=True)
    ]


def _ask(project: Project, asked: Sequence[Candidate], names: Sequence[str]) -> list[Outcome]:
    limits = Limits(start_s=ASKED_S, call_s=ASKED_S, answer_bytes=ANSWER_BYTES_MAX)
    outcomes = [Outcome() for _ in asked]
    running: dict[Process, int] = {}
    try:
        for index, candidate in enumerate(asked):
            try:
                process = Process(candidate.path, project.root, limits)
            except KrepisError as error:
                outcomes[index] = Outcome(error=error)
                continue
            running[process] = index
            process.begin(f"{sent.__file__}:facts", {"module": project.module, "distributions": names}, ASKED_S)
        while running:
            wait(running)
            for process in list(running):
                outcome = process.advance()
                if outcome is not None:
                    outcomes[running.pop(process)] = outcome
                    process.kill()
    finally:
        for process in running:
            process.kill()
    return outcomes


def _judged(project: Project, candidate: Candidate, outcome: Outcome, requirements: list[Requirement]) -> Judged:
    path, origin = candidate.path, candidate.origin
    if outcome.error is not None:
        return Judged(path, origin, _without_name(outcome.error, path))
    try:
        facts = msgspec.convert(outcome.value, Facts)
    except msgspec.ValidationError as error:
        return Judged(path, origin, f"answered with something else than was asked ({printable(str(error))})")
    version = ".".join(map(str, facts.version))
    words = [word for word in project.versions if version_of(word)]
    wanted = not words or any(fits(version, version_of(word)) for word in words)
    return Judged(path, origin, _unfit(project, facts, version), facts, _lacks(project, facts, requirements), wanted)


def _without_name(error: KrepisError, path: str) -> str:
    sentence = str(error.args[0]).removeprefix(f"`{path}` ")
    said = error.hint.removeprefix("it said: ")
    return f"{sentence}: {said}" if said != error.hint else sentence


def _unfit(project: Project, facts: Facts, version: str) -> str:
    if facts.version[:2] < sent.OLDEST:
        return f"is too old (Python {version}; Krepis needs 3.11 or later)"
    try:
        if project.requires and not SpecifierSet(project.requires).contains(version, prereleases=True):
            return f"does not fit `requires-python` (Python {version}; the project asks for {project.requires})"
    except InvalidSpecifier:
        return ""  # the project's fault, and `problems_of` says so
    return ""


def _lacks(project: Project, facts: Facts, requirements: list[Requirement]) -> tuple[str, ...]:
    lacks: list[str] = []
    if facts.krepis is None:
        lacks.append(f"krepis ({printable(facts.krepis_problem)})" if facts.krepis_problem else "krepis")
    if project.module and not facts.module:
        lacks.append(printable(project.module))
    for one in requirements:
        if one.name == "krepis" or (one.marker is not None and not one.marker.evaluate(facts.markers)):
            continue
        version = facts.distributions.get(one.name)
        if version is None:
            lacks.append(one.name)
        elif not _satisfies(one, version):
            lacks.append(f"{one.name}{one.specifier} (it has {printable(version)})")
    return tuple(lacks)


def _satisfies(requirement: Requirement, version: str) -> bool:
    try:
        return requirement.specifier.contains(version, prereleases=True)
    except InvalidVersion:
        return False


def _requirements(project: Project) -> list[Requirement]:
    found: list[Requirement] = []
    for line in project.dependencies:
        try:
            found.append(Requirement(line))
        except InvalidRequirement:
            continue
    return found


def problems_of(project: Project) -> list[str]:
    """What the project says and nobody understands."""
    problems = list(project.remarks)
    try:
        SpecifierSet(project.requires)
    except InvalidSpecifier:
        problems.append(
            f"`requires-python = {printable(project.requires)!r}` in pyproject.toml is no version specifier"
        )
    for line in project.dependencies:
        try:
            Requirement(line)
        except InvalidRequirement:
            problems.append(f"`{printable(line)}` in pyproject.toml is no requirement")
    return problems
