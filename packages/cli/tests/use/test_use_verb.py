"""`krepis use`: it asks, builds as one operation, writes nothing over, and can be taken back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from random import Random

import pytest
from _specs import OPEN, SPEC, WRONG

from krepis_cli.history import OperationLog
from serving import KREPIS, wait_until
from terminal import Terminal, heeding_ctrl_c, in_pipes

KILLS = 40 if os.environ.get("KREPIS_LONG") else 4

pytestmark = pytest.mark.slow


def built(spec: Path, *words: str) -> dict[str, object]:
    """What a program is told of a build without checks."""
    code, out, said = in_pipes("use", spec.name, "--yes", "--no-check", "--json", *words, cwd=spec.parent)
    assert (code, said) == (0, ""), out
    return json.loads(out)


def files(folder: Path) -> dict[str, bytes]:
    """What lies in a folder, beside the log."""
    found = (path for path in folder.rglob("*") if path.is_file())
    named = {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}
    return {name: data for name, data in named.items() if not name.startswith(".krepis/")}


def test_it_builds_all_files_as_one_operation_into_a_folder_with_the_service_s_name(spec: Path):
    facts = built(spec)
    project = spec.parent / "corner_shop"
    assert (facts["project"], facts["operation"], facts["run"]) == (str(project), 1, 1)
    assert sorted(files(project)) == facts["files"]
    assert {"pyproject.toml", "krepis.toml", "src/corner_shop/app.py", "spec.lock/provenance.json"} <= set(
        files(project)
    )
    assert files(project)[spec.name] == spec.read_bytes()


def test_undo_takes_all_of_it_back_and_redo_brings_it_again(spec: Path):
    built(spec)
    project = spec.parent / "corner_shop"
    whole = files(project)
    assert in_pipes("undo", cwd=project)[0] == 0
    assert files(project) == {}
    assert in_pipes("redo", cwd=project)[0] == 0
    assert files(project) == whole


def test_after_an_undo_it_can_be_built_again(spec: Path):
    built(spec)
    in_pipes("undo", cwd=spec.parent / "corner_shop")
    assert built(spec)["operation"] == 3


def test_the_same_spec_gives_the_same_bytes(spec: Path):
    built(spec, "--into", "one")
    built(spec, "--into", "other")
    assert files(spec.parent / "one") == files(spec.parent / "other")


def test_without_a_terminal_somebody_must_have_said_yes(spec: Path):
    code, _, said = in_pipes("use", spec.name, cwd=spec.parent)
    assert (code, "(not_confirmed)" in said, "`--yes`" in said) == (1, True, True)
    code, out, _ = in_pipes("use", spec.name, "--json", cwd=spec.parent)
    assert (code, json.loads(out)["code"]) == (1, "not_confirmed")
    assert list(spec.parent.iterdir()) == [spec]


@pytest.mark.parametrize(("answer", "code", "there"), [("y\n", 0, True), ("n\n", 1, False), ("\n", 1, False)])
def test_a_person_is_asked_after_the_plan_was_shown(answer: str, code: int, there: bool, spec: Path):
    terminal = Terminal([KREPIS, "use", spec.name, "--no-check"], cwd=spec.parent)
    shown = terminal.read_until("build this into `corner_shop`? [y/N]")
    terminal.type(answer)
    ended, text = terminal.end()
    assert ("Thing" in shown, ended) == (True, code), text
    assert (spec.parent / "corner_shop").exists() == there


def test_ctrl_c_at_the_question_leaves_nothing(spec: Path):
    terminal = Terminal([KREPIS, "use", spec.name], cwd=spec.parent)
    terminal.read_until("[y/N]")
    terminal.type("\x03")
    code, _ = terminal.end()
    assert (code, list(spec.parent.iterdir())) == (-signal.SIGINT, [spec])


def test_a_person_sees_how_far_the_checks_are(spec: Path):
    terminal = Terminal([KREPIS, "use", spec.name, "--yes"], cwd=spec.parent)
    terminal.read_until("checks: ")
    terminal.type("\x03")
    code, text = terminal.end()
    assert (code, "\nbuilt corner_shop in corner_shop: " in text) == (-signal.SIGINT, True)
    assert (spec.parent / "corner_shop/spec.lock").is_dir()


def test_a_person_reads_what_comes_next(spec: Path):
    code, text = Terminal([KREPIS, "use", spec.name, "--yes", "--no-check", "--into", "my shop"], cwd=spec.parent).end()
    assert (code, text.endswith("\nnext:\n  cd 'my shop'\n  krepis run\n")) == (0, True), text


def test_a_spec_with_mistakes_builds_nothing(spec: Path):
    spec.write_text(WRONG)
    code, out, said = in_pipes("use", spec.name, "--yes", cwd=spec.parent)
    assert (code, out, "(spec_refused)" in said) == (1, "", True)
    assert list(spec.parent.iterdir()) == [spec]


def test_a_folder_with_other_files_keeps_them(spec: Path):
    shop = spec.parent / "shop"
    (shop / "src").mkdir(parents=True)
    (shop / "src/mine.txt").write_text("mine")
    (shop / spec.name).write_bytes(spec.read_bytes())
    before = files(shop)
    built(spec, "--into", "shop")
    assert before.items() < files(shop).items()
    assert in_pipes("undo", cwd=shop)[0] == 0
    assert files(shop) == before


def test_a_file_in_the_way_is_listed_and_nothing_is_written(spec: Path):
    shop = spec.parent / "shop"
    (shop / "krepis.toml").mkdir(parents=True)
    (shop / "pyproject.toml").write_text("[project]\n")
    before = files(shop)
    code, out, _ = in_pipes("use", spec.name, "--yes", "--into", "shop", "--json", cwd=spec.parent)
    facts = json.loads(out)
    assert (code, facts["code"], facts["paths"]) == (3, "in_the_way", ["krepis.toml", "pyproject.toml"])
    assert files(shop) == before


@pytest.mark.parametrize("into", ["into the folder", "from within"])
def test_a_built_project_is_not_built_again(into: str, spec: Path):
    built(spec)
    project = spec.parent / "corner_shop"
    before = files(project)
    cwd = spec.parent if into == "into the folder" else project
    code, out, said = in_pipes("use", spec.name, "--yes", cwd=cwd)
    assert (code, out, "(built_already)" in said, "`krepis undo`" in said) == (1, "", True, True), said
    assert files(project) == before


def test_an_operation_without_a_block_stops_it_before_anything_is_written(spec: Path):
    spec.write_text(SPEC + OPEN)
    code, out, _ = in_pipes("use", spec.name, "--yes", "--json", cwd=spec.parent)
    facts = json.loads(out)
    assert (code, facts["code"]) == (3, "open_tasks")
    assert facts["open"] == [{"operation": "praise_thing", "line": SPEC.count("\n") + 2}]
    assert list(spec.parent.iterdir()) == [spec]


def test_with_allow_open_it_is_built_and_the_run_lists_what_is_open(spec: Path):
    spec.write_text(SPEC + OPEN)
    built(spec, "--allow-open")
    run = json.loads(in_pipes("use", "--show-run", "--json", cwd=spec.parent / "corner_shop")[1])
    (task,) = [one for one in run["tasks"] if one["outcome"] == "open"]
    assert "praise thing" in task["intent"][-1]


def test_wheels_are_put_where_the_dockerfile_finds_them(spec: Path):
    wheels = spec.parent / "dist"
    wheels.mkdir()
    (wheels / "krepis-0.1.0-py3-none-any.whl").write_bytes(b"PK" * 600_000)
    (wheels / "notes.txt").touch()
    built(spec, "--wheels", "dist")
    project = spec.parent / "corner_shop"
    assert [path.name for path in (project / "wheels").iterdir()] == ["krepis-0.1.0-py3-none-any.whl"]
    assert in_pipes("undo", cwd=project)[0] == 0
    assert files(project) == {}


@pytest.mark.parametrize(
    ("words", "code", "ends"),
    [
        ((), "wrong_use", 2),
        (("no.md", "--yes"), "no_spec", 1),
        (("corner-shop.md", "--yes", "--wheels", "nowhere"), "no_wheels", 1),
        (("corner-shop.md", "--yes", "--wheels", "."), "no_wheels", 1),
        (("corner-shop.md", "--yes", "--into", "corner-shop.md"), "project_folder", 1),
        (("corner-shop.md", "--yes", "--into", "no/such/folder"), "project_folder", 1),
        (("corner-shop.md", "--show-run"), "wrong_use", 2),
        (("--show-run",), "no_project", 1),
    ],
)
def test_what_can_not_be_is_said_and_nothing_is_left(words: tuple[str, ...], code: str, ends: int, spec: Path):
    ended, out, said = in_pipes("use", *words, "--json", cwd=spec.parent)
    assert (ended, json.loads(out)["code"], said) == (ends, code, "")
    assert list(spec.parent.iterdir()) == [spec]


@pytest.mark.parametrize(
    "name", ["README.md", "Readme.MD", "pyproject.toml", "shop", "-shop.md", "shop\n.md", "sh\udce9p.md"]
)
def test_a_spec_needs_a_name_that_it_can_have_in_the_project(name: str, spec: Path):
    named = spec.rename(spec.parent / name)
    code, out, _ = in_pipes("use", "--yes", "--json", "--", named.name, cwd=spec.parent)
    assert (code, json.loads(out)["code"]) == (1, "spec_name")
    assert list(spec.parent.iterdir()) == [named]


def test_of_several_at_once_one_builds(spec: Path):
    words = [KREPIS, "use", spec.name, "--yes", "--no-check", "--json"]
    started = [
        subprocess.Popen(words, cwd=spec.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(3)
    ]
    ended = [(json.loads(process.communicate(timeout=120)[0]), process.returncode) for process in started]
    assert sorted(code for _, code in ended) == [0, 1, 1], ended
    (facts,) = [facts for facts, code in ended if code == 0]
    assert sorted(files(spec.parent / "corner_shop")) == facts["files"]


def test_the_run_shows_the_tree_of_tasks_and_what_was_said_of_it(spec: Path):
    built(spec)
    project = spec.parent / "corner_shop"
    code, out, _ = in_pipes("use", "--show-run", cwd=project)
    lines = out.split("\n")
    assert code == 0
    assert lines[0].startswith("run 1 of corner-shop.md (")
    assert lines[1] == "asked for by: krepis use corner-shop.md"
    assert lines[2] == "1  build Corner shop: Sells things.  (compiler)"
    assert lines[-2] == "gate: nothing was checked"
    run = json.loads(in_pipes("use", "--show-run", "--json", "--into", project)[1])
    assert {task["intent"][0] for task in run["tasks"]} == {"krepis use corner-shop.md"}
    assert (run["operation"], run["undone"]) == (1, False)


def test_a_run_that_was_taken_back_is_said_to_be(spec: Path):
    built(spec)
    project = spec.parent / "corner_shop"
    in_pipes("undo", cwd=project)
    assert in_pipes("use", "--show-run", cwd=project)[1].split("\n")[0].endswith("operation 1 (undone)")


def test_a_project_that_was_not_built_has_no_run(tmp_path: Path):
    OperationLog(tmp_path).close()
    code, _, said = in_pipes("use", "--show-run", cwd=tmp_path)
    assert (code, "(no_run)" in said) == (1, True)


def test_a_check_that_fails_leaves_the_project_and_is_the_end(spec: Path):
    project = spec.parent / "corner_shop"
    (project / "tests").mkdir(parents=True)
    (project / "tests/test_mine.py").write_text("import os\ndef test_mine():\n    assert 6 * 7 == 41\n")
    code, out, _ = in_pipes("use", spec.name, "--yes", "--run", "--json", cwd=spec.parent)
    facts = json.loads(out)
    assert (code, facts["code"], facts["operation"]) == (1, "checks_failed", 1)
    outcomes = {check["name"]: check["outcome"] for check in facts["checks"]}
    assert outcomes["format"] == outcomes["tests"] == "failed"
    assert "6 * 7 == 41" in facts["error"]
    assert (project / "spec.lock").is_dir()
    assert in_pipes("use", "--show-run", cwd=project)[1].split("\n")[-2].startswith("gate: lint ")


def test_it_serves_what_it_has_built_until_ctrl_c(spec: Path):
    log = spec.parent / "log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            [KREPIS, "use", spec.name, "--yes", "--no-check", "--run"],
            cwd=spec.parent,
            env={**os.environ, "KREPIS_RUN_PORT": "0"},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            preexec_fn=heeding_ctrl_c,  # noqa: PLW1509 - a test has one thread
        )
    try:
        assert wait_until(lambda: "serves at http://" in log.read_text() or process.poll() is not None, 60)
        assert "corner_shop.app:app serves at http://" in log.read_text(), log.read_text()
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    finally:
        process.kill()


# Counts what a process is about to change in the file system, and kills it before the step that it is told.
STEPWISE = """
import os, signal, sys

class Steps:
    at, done = int(os.environ["KILLED_AT"]), 0

def step(event, args):
    writes = event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    if writes or event in ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chmod", "os.link", "sqlite3.connect"):
        Steps.done += 1
        if Steps.done == Steps.at:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(step)
import atexit
atexit.register(lambda: os.write(2, b"%d" % Steps.done))
"""


def stepwise(spec: Path, at: int) -> int:
    """`krepis use`, killed before step `at`: how it ended; without a kill how many steps it took."""
    hook = spec.parent / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(STEPWISE)
    environment = {"PYTHONPATH": str(hook), "PYTHONDONTWRITEBYTECODE": "1", "KILLED_AT": str(at)}
    code, _, said = in_pipes("use", spec.name, "--yes", "--no-check", cwd=spec.parent, env=environment)
    return int(said) if code == 0 else code


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, dict[str, bytes]]:
    """How many steps there are to be killed at, and what is there at the end."""
    spec = tmp_path_factory.mktemp("whole") / "corner-shop.md"
    spec.write_text(SPEC)
    steps = stepwise(spec, 0)
    return steps, files(spec.parent / "corner_shop")


@pytest.mark.parametrize("number", range(KILLS))
def test_killed_at_any_step_it_leaves_nothing_or_all(number: int, whole: tuple[int, dict[str, bytes]], spec: Path):
    steps, expected = whole
    at = 1 + Random(f"{os.environ['KREPIS_SEED']} {number}").randrange(steps)
    assert stepwise(spec, at) == -signal.SIGKILL
    folder = spec.parent / "corner_shop"
    if (folder / ".krepis").exists():
        assert in_pipes("history", cwd=folder)[0] == 0  # whatever comes next completes it, or takes it back
    assert files(folder) in ({}, expected)
    code = in_pipes("use", spec.name, "--yes", "--no-check", cwd=spec.parent)[0]
    assert (code, files(folder)) in ((0, expected), (1, expected))
