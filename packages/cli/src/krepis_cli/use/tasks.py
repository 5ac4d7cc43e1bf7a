"""A build as the tree of tasks that it is: the whole of it, below that each file, below that each definition.

Each task has the context that whoever does it may know and touch, narrowed from its parent's: the chain of intents from
the person's sentence down, unshortened; the files that it may write; the lines of the spec that it serves. The compiler is
the executor of what is precise. An operation without a block is a task that is open.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import Struct

from krepis_cli.use.gate import GATE
from krepis_cli.use.into import LOCK
from krepis_cli.use.origins import Lines, Origins, places_in
from krepis_cli.use.reading import open_tasks

if TYPE_CHECKING:
    from krepis_spec import Blueprint

COMPILER = "compiler"
NOBODY = "nobody"
Outcome = Literal["written", "open"]


class Task(Struct, frozen=True):
    """One task.

    - `number`: of this task in its build; `parent`: that of the task that it is a part of, `None` for the build itself
    - `intent`: what was wanted, from the person's sentence down to this task
    - `files`: what it may write; `spec`: the lines that it serves
    - `gate`: which checks judge what it made
    - `context`: a digest of these four; `result`: of what it made, empty while it is open (SHA-256, hexadecimal)
    """

    number: int
    parent: int | None
    intent: tuple[str, ...]
    files: tuple[str, ...]
    spec: tuple[Lines, ...]
    gate: tuple[str, ...]
    executor: str
    outcome: Outcome
    context: str
    result: str

    @property
    def what(self) -> str:
        return self.intent[-1]


def tasks_of(sentence: str, blueprint: Blueprint, files: Mapping[str, bytes], origins: Origins) -> list[Task]:
    """The build that `sentence` asked for, each task behind the one that it is a part of."""
    tree = _Tree()
    made = {path: data for path, data in sorted(files.items()) if not path.startswith(f"{LOCK}/")}
    contents = digest(msgspec.json.encode({path: digest(data) for path, data in made.items()}))
    whole = tree.add(None, (sentence, _build(blueprint)), tuple(made), (), GATE, contents)
    for path, data in made.items():
        gate = GATE if path.endswith(".py") else ()
        intent = (*whole.intent, f"write {path}")
        file = tree.add(whole, intent, (path,), origins.of_file(path), gate, digest(data))
        for name, lines, text in _definitions(path, data, origins):
            tree.add(file, (*intent, f"write `{name}`"), (path,), lines, gate, digest(text))
    for one in open_tasks(blueprint):
        said = " ".join(f"write the body of {one.kind} `{one.title}`: {one.doc}".split())
        tree.add(whole, (*whole.intent, said), (), ((one.span.line, one.span.end_line),), GATE, "")
    return tree.tasks


class _Tree:
    """Tasks, numbered as they come. What has no result is open, and nobody's."""

    def __init__(self) -> None:
        self.tasks: list[Task] = []

    def add(
        self,
        parent: Task | None,
        intent: tuple[str, ...],
        files: tuple[str, ...],
        spec: tuple[Lines, ...],
        gate: tuple[str, ...],
        result: str,
    ) -> Task:
        above = None if parent is None else parent.number
        context = digest(msgspec.json.encode((intent, files, spec, gate)))
        executor, outcome = (COMPILER, "written") if result else (NOBODY, "open")
        task = Task(len(self.tasks), above, intent, files, spec, gate, executor, outcome, context, result)
        self.tasks.append(task)
        return task


def _build(blueprint: Blueprint) -> str:
    service = blueprint.service
    return " ".join(f"build {service.title}{': ' if service.purpose else ''}{service.purpose}".split())


def _definitions(path: str, data: bytes, origins: Origins) -> Iterator[tuple[str, tuple[Lines, ...], bytes]]:
    """Those that come from the spec: name, lines of the spec, text."""
    lines = data.splitlines(keepends=True)
    text = data.decode("utf-8", "replace")
    for place in places_in(path, text, origins.files.get(path, ()), text):
        if place.name and place.origin.spec:
            first, last = place.lines
            yield place.name, place.origin.spec_lines, b"".join(lines[first - 1 : last])


def digest(data: bytes) -> str:
    """SHA-256, hexadecimal."""
    return hashlib.sha256(data).hexdigest()
