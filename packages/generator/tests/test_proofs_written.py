"""The tests that are written for a project: what stands in them, and that they notice mistakes."""

import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from krepis_generator import proofs
from krepis_generator.formatting import formatted
from krepis_generator.project import build
from krepis_generator.repositories import Repositories
from krepis_generator.source import Module
from krepis_spec import read

EXAMPLES = Path(__file__).parents[3] / "examples"
SPECS = ("bookshop", "wallet", "todo", "booking", "subscriptions", "tracker")


@cache
def written(spec: str) -> dict[str, str]:
    blueprint = read(EXAMPLES / f"{spec}.md")
    modules = proofs.write(blueprint, Repositories(blueprint))
    texts = formatted([one for one in modules if isinstance(one, Module)], package=blueprint.service.name)
    return texts | {one.path: one.text for one in modules if not isinstance(one, Module)}


@pytest.mark.parametrize("spec", SPECS)
def test_every_example_gets_tests_with_no_name_left_open(spec: str):
    texts = written(spec)
    assert {"tests/conftest.py", "tests/world.py", "tests/calls.py", "tests/rows.py"} <= texts.keys()
    assert [path for path, text in texts.items() if re.search(r"@[a-z_]+@", text)] == []


@pytest.mark.parametrize("spec", SPECS)
def test_each_scenario_and_each_line_of_always_is_in_a_test(spec: str):
    blueprint = read(EXAMPLES / f"{spec}.md")
    scenarios = [path for path in written(spec) if re.match(r"tests/scenarios/test_(?!accounts|roles)", path)]
    always = written(spec).get("tests/test_always.py", "")
    assert len(scenarios) == len(blueprint.scenarios)
    assert always.partition("def what_always_holds")[2].count("        assert") == len(blueprint.always)


def test_a_scenario_reads_as_a_person_would_write_it():
    text = written("bookshop")["tests/scenarios/test_the_last_copy_is_sold_once.py"]
    assert 'alice, bob = await world.person("alice"), await world.person("bob")' in text
    assert "assert facts.book(dune).stock == 0" in text
    assert 'assert problem["detail"] == "out of stock"' in text


def test_every_door_has_a_row_with_who_gets_in():
    text = written("bookshop")["tests/test_access.py"]
    assert '"POST /orders/{order}/cancel": {"nobody": False, "user": False, "owner": True, "staff": False}' in text
    assert '"GET /orders/{order}": {"nobody": False, "user": False, "owner": True, "staff": True}' in text


def test_an_invariant_is_tried_at_its_limit_and_one_beyond():
    text = written("bookshop")["tests/domain/test_book.py"]
    assert "replace(BOOK, stock=0)" in text
    assert "replace(BOOK, stock=-1)" in text


def test_the_edge_between_done_and_refused_is_tried_from_both_sides():
    text = written("wallet")["tests/commands/test_send_money.py"]
    assert "test_send_money_is_done_just_before_not_enough_money" in text
    assert '"amount": "1.01"' in text


def test_two_things_of_one_kind_are_two():
    text = written("wallet")["tests/commands/test_send_money.py"]
    assert '"source": account.id, "target": other_account.id' in text


def test_the_same_blueprint_gives_the_same_tests():
    blueprint = read(EXAMPLES / "wallet.md")
    once = [one.render() for one in proofs.write(blueprint, Repositories(blueprint)) if isinstance(one, Module)]
    again = [one.render() for one in proofs.write(blueprint, Repositories(blueprint)) if isinstance(one, Module)]
    assert once == again


@pytest.fixture
def todo(tmp_path: Path) -> Path:
    spec = EXAMPLES / "todo.md"
    for path, data in build(read(spec), spec.read_text()).files.items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return tmp_path


def outcome(project: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-m", "not slow"]
    environment = {**os.environ, "PYTHONPATH": str(project / "src"), "PYTEST_ADDOPTS": ""}
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_a_project_passes_its_own_tests(todo: Path):
    run = outcome(todo)
    assert run.returncode == 0, run.stdout


@pytest.mark.slow
def test_a_mistake_in_a_project_is_noticed(todo: Path):
    handler = todo / "src" / "todo" / "application" / "remove_todo.py"
    text = handler.read_text()
    assert "await todos.remove" in text
    handler.write_text(re.sub(r"await todos\.remove.*", "pass", text))
    assert outcome(todo).returncode == 1
