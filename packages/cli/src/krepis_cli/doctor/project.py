"""The interpreters, and the app of the project in the one that was chosen."""

from __future__ import annotations

import platform
import sys
from pathlib import Path
from typing import Any

from msgspec import to_builtins

from krepis.errors import KrepisError
from krepis.verbs import printable
from krepis_cli.doctor import app_check
from krepis_cli.doctor.finding import Finding
from krepis_cli.interpreters import Choice, Judged, Project, compare
from krepis_cli.interpreters.judging import problems_of
from krepis_cli.workers import Worker

APP_S = 30.0
OLDEST = (3, 11)


def command_python() -> Finding:
    """The interpreter that runs this command."""
    version = platform.python_version()
    facts = {
        "version": version,
        "executable": sys.executable,
        "system": platform.system(),
        "machine": platform.machine(),
    }
    said = f"{platform.python_implementation()} {version} at {sys.executable}, {platform.system()} {platform.machine()}"
    if sys.version_info < OLDEST:
        return Finding("python", "broken", said, "Python 3.11 or later", needed=True, facts=facts)
    return Finding("python", "ok", said, needed=True, facts=facts)


def project_python(project: Project) -> tuple[Finding, Judged | None]:
    """The project's interpreter, and why it was chosen."""
    choice = compare(project)
    facts = {"candidates": [_facts(one, choice) for one in choice.judged], "remarks": problems_of(project)}
    details = tuple(
        [_line(one, choice) for one in choice.judged] + [f"remark: {text}" for text in problems_of(project)]
    )
    best = choice.best
    if best is None:
        said = f"none of {len(choice.judged)} fits"
        remedy = "make one: `python3.11 -m venv .venv`, then install the project there"
        return _finding("missing", said, remedy, details, facts), None
    said = f"{best.version} at {_short(best.path, project)} ({_reason(choice, best)})"
    if best.lacks:
        remedy = f"`{_short(best.path, project)} -m pip install -e .` in {project.root}"
        return _finding("broken", f"{said}; it lacks {_listed(best.lacks)}", remedy, details, facts), best
    return _finding("ok", said, "", details, facts), best


def app(project: Project, best: Judged) -> list[Finding]:
    """The app that `krepis.toml` names: imported, its wiring resolved, its database asked after."""
    target = app_check.__file__
    with Worker(best.path, project.root) as worker:
        try:
            found = worker.call(f"{target}:check", {"app": project.app}, seconds=APP_S)
        except KrepisError as error:
            return [_failed("app", error)]
        said = f"`{found['name']}` with {found['handlers']} handlers; its wiring is right"
        findings = [Finding("app", "ok", said, needed=True, facts=found)]
        try:
            store = worker.call(f"{target}:database", {"app": project.app}, seconds=APP_S)
        except KrepisError as error:
            return [*findings, _failed("database", error)]
    if store["name"]:
        findings.append(_database(store))
    return findings


def _database(store: dict[str, Any]) -> Finding:
    name, problem = printable(str(store["name"])), printable(str(store["problem"]))
    said = f"{name}: {problem}" if problem else name
    return Finding("database", store["state"], said, printable(store["remedy"]), needed=True, facts={"name": name})


def _failed(name: str, error: KrepisError) -> Finding:
    sentence, *others = str(error.args[0]).splitlines()
    at = f" ({error.place})" if error.place else ""
    details = tuple(printable(line) for line in others)
    facts = {"code": error.code, "place": error.place, "traceback": str(error.__cause__ or "").strip()}
    return Finding(
        name, "broken", printable(sentence) + at, printable(error.hint), needed=True, details=details, facts=facts
    )


def _finding(state: Any, said: str, remedy: str, details: tuple[str, ...], facts: dict[str, Any]) -> Finding:
    return Finding("project-python", state, said, remedy, needed=True, details=details, facts=facts)


def _reason(choice: Choice, best: Judged) -> str:
    """Why this one: the first of the rules that sets it apart."""
    if best.origin == "krepis.toml":
        return "named by krepis.toml"
    others = [one for one in choice.judged if one is not best and not one.problem]
    if not others:
        return f"{best.origin}, the only one that fits"
    if all(one.merit[0] < best.merit[0] for one in others):
        return f"{best.origin}, has more of what the project needs than the others"
    if all(one.merit < best.merit for one in others):
        return f"{best.origin}, the version that .python-version asks for"
    return f"{best.origin}, which comes first"


def _line(one: Judged, choice: Choice) -> str:
    path = _short(one.path, choice.project)
    if one.problem:
        return f"- {path} ({one.origin}): {one.problem}"
    missing = f"lacks {_listed(one.lacks)}" if one.lacks else "has all that the project needs"
    mark = "*" if one is choice.best else "-"
    return f"{mark} {path} ({one.origin}): Python {one.version}, {missing}"


def _listed(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"


def _facts(one: Judged, choice: Choice) -> dict[str, Any]:
    facts = {
        "path": printable(one.path),
        "origin": one.origin,
        "version": one.version,
        "problem": one.problem,
        "lacks": list(one.lacks),
        "wanted": one.wanted,
        "chosen": one is choice.best,
    }
    if one.facts is not None:
        facts |= {"prefix": one.facts.prefix, "machine": one.facts.machine, "krepis": one.facts.krepis}
    return to_builtins(facts)


def _short(path: str, project: Project) -> str:
    inside = Path(path).is_relative_to(project.root)
    return printable(str(Path(path).relative_to(project.root)) if inside else path)
