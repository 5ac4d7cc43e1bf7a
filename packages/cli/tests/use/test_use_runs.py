"""Runs: a build as a tree of tasks, narrowed level by level, kept beside the project and found again."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from krepis_cli.history import OperationLog
from krepis_cli.use.gate import Check
from krepis_cli.use.origins import Origin, Origins
from krepis_cli.use.run import Runs, last_build
from krepis_cli.use.tasks import Task, digest, tasks_of
from krepis_spec import Blueprint
from krepis_spec.blueprint import Answer, Operation, Service
from krepis_spec.document import Span
from krepis_spec.types import NothingType

SENTENCE = "krepis use shop.md"
AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SOURCE = b"""x = 1


class Thing:
    name: str

    def named(self) -> bool:
        return bool(self.name)
"""
FILES = {"src/shop/thing.py": SOURCE, "README.md": b"# Shop\n", "spec.lock/provenance.json": b"{}"}
ORIGINS = Origins(
    "shop.md",
    {
        "src/shop/thing.py": (
            Origin("", (1, 8), ((3, 1, 3, 9),)),
            Origin("Thing", (4, 8), ((3, 1, 5, 9), (6, 1, 6, 9))),
            Origin("Thing.named", (7, 8), ((9, 1, 9, 9),)),
            Origin("x", (1, 1), ()),
        )
    },
)


def place(line: int) -> Span:
    return Span(line, 1, line, 10)


def operation(name: str, *, written: bool) -> Operation:
    return Operation(
        name=name,
        title=name.replace("_", " "),
        kind="command",
        span=place(20),
        doc="Sells\nthings.",
        answer=Answer("nothing", NothingType()),
        body=() if written else None,
    )


@pytest.fixture
def blueprint() -> Blueprint:
    service = Service(name="shop", title="Shop", purpose="Sells\nthings.", span=place(1))
    operations = (operation("sell_thing", written=True), operation("buy_thing", written=False))
    return Blueprint(file="shop.md", digest="0" * 64, service=service, operations=operations)


@pytest.fixture
def tasks(blueprint: Blueprint) -> list[Task]:
    return tasks_of(SENTENCE, blueprint, FILES, ORIGINS)


def test_a_build_is_a_tree_of_files_and_definitions_and_of_what_is_open(tasks: list[Task]):
    assert [(task.number, task.parent, task.what) for task in tasks] == [
        (0, None, "build Shop: Sells things."),
        (1, 0, "write README.md"),
        (2, 0, "write src/shop/thing.py"),
        (3, 2, "write `Thing`"),
        (4, 2, "write `Thing.named`"),
        (5, 0, "write the body of command `buy thing`: Sells things."),
    ]
    assert [task.executor for task in tasks] == [*["compiler"] * 5, "nobody"]
    assert [task.outcome for task in tasks] == [*["written"] * 5, "open"]


def test_each_task_knows_why_from_the_person_s_sentence_down(tasks: list[Task]):
    chain = (SENTENCE, "build Shop: Sells things.", "write src/shop/thing.py", "write `Thing.named`")
    assert tasks[4].intent == chain
    assert all(task.intent[:-1] == tasks[task.parent].intent for task in tasks if task.parent is not None)


def test_each_task_may_touch_no_more_than_the_one_above_it(tasks: list[Task]):
    assert all(set(task.files) <= set(tasks[task.parent].files) for task in tasks if task.parent is not None)
    assert (tasks[4].files, tasks[4].spec) == (("src/shop/thing.py",), ((9, 9),))
    assert (tasks[2].spec, tasks[3].spec) == (((3, 6), (9, 9)), ((3, 6),))


def test_the_digests_are_those_of_what_was_to_be_done_and_of_what_was_made(tasks: list[Task]):
    assert tasks[4].result == hashlib.sha256(b"".join(SOURCE.splitlines(keepends=True)[6:])).hexdigest()
    assert tasks[2].result == digest(SOURCE)
    assert tasks[5].result == ""
    for task in tasks:
        told = msgspec.json.encode((task.intent, task.files, task.spec, task.gate))
        assert task.context == hashlib.sha256(told).hexdigest()


def test_another_sentence_is_another_context_and_the_same_result(blueprint: Blueprint, tasks: list[Task]):
    others = tasks_of("krepis use shop.md --into shop", blueprint, FILES, ORIGINS)
    assert [task.result for task in others] == [task.result for task in tasks]
    assert {task.context for task in others}.isdisjoint(task.context for task in tasks)


def test_a_run_is_kept_with_its_tasks_and_what_the_gate_said(tasks: list[Task], tmp_path: Path):
    checks = [Check("lint", "ruff check", "passed", 0.25), Check("tests", "pytest", "failed", 1.5, "1 failed")]
    with Runs(tmp_path) as runs:
        number = runs.add("shop.md", "0" * 64, tasks, AT)
    with Runs(tmp_path) as runs:
        runs.judged(number, checks[1:])
        runs.judged(number, checks)
        run = runs.one(number)
    assert run is not None
    assert (run.spec, run.digest, run.at) == ("shop.md", "0" * 64, AT)
    assert (list(run.tasks), list(run.checks)) == (tasks, checks)


def test_the_last_build_is_found_by_its_operation(tasks: list[Task], tmp_path: Path):
    with Runs(tmp_path) as runs, OperationLog(tmp_path) as log:
        assert last_build(log) is None
        for number in (runs.add("shop.md", "0" * 64, tasks, AT), runs.add("shop.md", "1" * 64, tasks, AT)):
            proposal = log.propose("use", {"spec": "shop.md", "run": number})
            proposal.write(f"file {number}", "x")
            log.apply(proposal)
        runs.add("shop.md", "2" * 64, tasks, AT)  # nothing was written for it
        found = last_build(log)
        assert found is not None
        run = runs.one(found.arguments["run"])
    assert run is not None
    assert run.digest == "1" * 64


def test_a_run_that_nobody_knows_is_none(tmp_path: Path):
    with Runs(tmp_path) as runs:
        assert runs.one(1) is None
