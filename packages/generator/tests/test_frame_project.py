"""A project as a whole: its files, the same each time, each with its places in the spec."""

import ast
import hashlib
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from frame_kit import EXAMPLES, TEAMS, bookshop, project, teams, text_of

from krepis_generator import pristine
from krepis_spec import from_json

PYTHON = sorted(path for path in bookshop().files if path.endswith(".py"))


def test_the_same_spec_gives_the_same_bytes():
    assert project("teams.md", TEAMS) == teams()


@pytest.mark.slow
@pytest.mark.parametrize("seed", ["1", "2"])
def test_the_bytes_do_not_hang_on_the_order_of_sets(seed):
    code = (
        "import hashlib, frame_kit as k\n"
        "print(hashlib.sha256(repr([k.bookshop().files, k.teams().files]).encode()).hexdigest())"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": seed},
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.strip() == hashlib.sha256(repr([bookshop().files, teams().files]).encode()).hexdigest()


@pytest.mark.parametrize("path", PYTHON)
def test_no_line_of_code_is_longer_than_the_rules_allow(path):
    assert max(map(len, text_of(bookshop(), path).split("\n"))) <= 120


@pytest.mark.parametrize("path", [path for path in PYTHON if path.startswith("src/")])
def test_every_module_says_what_it_is(path):
    assert ast.get_docstring(ast.parse(text_of(bookshop(), path)))


def test_every_folder_of_code_is_a_package():
    folders = {path.rpartition("/")[0] for path in PYTHON if path.startswith("src/bookshop")}
    assert {f"{folder}/__init__.py" for folder in folders} <= set(PYTHON)


def test_the_spec_stands_in_the_project_as_it_was():
    assert bookshop().files["bookshop.md"] == (EXAMPLES / "bookshop.md").read_bytes()


def test_the_lock_holds_the_blueprint():
    kept = from_json(bookshop().files["spec.lock/blueprint.json"])
    assert (kept.service.name, kept.file) == ("bookshop", "bookshop.md")


def test_the_pristine_output_comes_back_byte_for_byte():
    outside = {path: data for path, data in bookshop().files.items() if not path.startswith("spec.lock/")}
    assert pristine.from_json(bookshop().files["spec.lock/pristine.json"]) == outside


def test_every_place_is_where_the_definition_stands():
    provenance = json.loads(bookshop().files["spec.lock/provenance.json"])
    found = {
        entry["name"]: text_of(bookshop(), path).split("\n")[entry["lines"][0] - 1]
        for path, entries in provenance["files"].items()
        for entry in entries
    }
    assert found["is_customer"].startswith("def is_customer(")
    assert found["RecordedMail.send"].startswith("    async def send(")
    assert found["POST /orders/{order}/cancel"].startswith('doors.post("/orders/{order}/cancel"')


def test_a_door_comes_from_the_line_that_asks_for_it():
    lines = text_of(bookshop(), "bookshop.md").split("\n")
    (door,) = (one.place for one in bookshop().provenance if one.place.name == "POST /orders/{order}/cancel")
    assert lines[door.spans[0].line - 1] == "- door: `POST /orders/{order}/cancel -> 200`"


def test_a_project_depends_on_krepis_and_on_what_it_imports_itself():
    wanted = tomllib.loads(text_of(bookshop(), "pyproject.toml"))["project"]["dependencies"]
    assert wanted == ["alembic", "krepis[accounts,telemetry]", "msgspec", "sqlalchemy"]


def test_what_a_spec_uses_more_is_a_dependency_more():
    wanted = tomllib.loads(text_of(teams(), "pyproject.toml"))["project"]["dependencies"]
    assert "krepis[accounts,schedules,telemetry]" in wanted


def test_the_configuration_is_the_one_that_its_readers_take():
    yaml = pytest.importorskip("yaml")
    compose = yaml.safe_load(bookshop().files["compose.yaml"])
    steps = yaml.safe_load(bookshop().files[".github/workflows/ci.yml"])["jobs"]["check"]["steps"]
    assert list(compose["services"]) == ["bookshop", "database"]
    assert [step["run"].split()[0] for step in steps if "run" in step][-4:] == [
        "ruff",
        "ruff",
        "basedpyright",
        "pytest",
    ]


def test_the_image_runs_as_somebody_who_may_little():
    lines = text_of(bookshop(), "Dockerfile").split("\n")
    assert lines.index("USER bookshop") > max(n for n, line in enumerate(lines) if line.startswith("RUN"))


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_service_of_one_database_is_told_of_no_other(database):
    said = f"| base path | /api |\n| database | {database} |"
    made = project("teams.md", TEAMS.replace("| base path | /api |", said))
    other = {"sqlite": "postgres", "postgresql": "sqlite"}[database]
    told = ("compose.yaml", "Dockerfile", "pyproject.toml", "krepis.toml", "README.md", "src/team_board/app.py")
    assert [path for path in told if other in text_of(made, path).casefold()] == []


def test_a_port_that_is_called_like_an_adapter_makes_room_for_it():
    made = project("teams.md", TEAMS.replace("## Port Bank", "## Port Grants"))
    assert "RecordedGrants" in text_of(made, "src/team_board/adapters/recorded_grants.py")
    assert "UserGrants" in text_of(made, "src/team_board/adapters/grants.py")


def test_a_command_that_is_called_like_something_of_krepis_is_a_handler_all_the_same():
    made = project("teams.md", TEAMS.replace("judge issue", "rate").replace("Command judge issue", "Command rate"))
    app = text_of(made, "src/team_board/app.py")
    assert "from team_board.application.rate import rate as handle_rate" in app
    assert "    handle_rate,\n" in app


NASTY = r'Say """hello""", \N{BELL} {braces} `ticks` ${{ secrets.KEY }} $HOME "quoted" '


def test_prose_of_the_spec_stays_prose():
    made = project("teams.md", TEAMS.replace("Teams keep issues.", f"{NASTY}\\"))
    purpose = ast.get_docstring(ast.parse(text_of(made, "src/team_board/__init__.py")))
    assert purpose is not None
    assert purpose.split() == f"{NASTY}\\".split()
    assert tomllib.loads(text_of(made, "pyproject.toml"))["project"]["description"].split() == purpose.split()


@pytest.mark.slow
def test_what_is_written_keeps_the_rules_that_are_written_with_it(tmp_path):
    for path, data in bookshop().files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    command = [sys.executable, "-m", "ruff"]
    for arguments in (["check"], ["format", "--check"]):
        subprocess.run([*command, *arguments, "--no-cache", "."], cwd=tmp_path, check=True)
