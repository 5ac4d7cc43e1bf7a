"""The gate of a project: what passes, what fails, what can't be run, and that nothing of it is left."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from _faulty import alive
from _pythons import make_venv

from krepis.verbs import Progress
from krepis_cli.interpreters import Judged
from krepis_cli.use.checks import OUTPUT_LINES_SHOWN, run_checks
from krepis_cli.use.gate import GATE, Check
from serving import wait_until

pytestmark = pytest.mark.slow

PYPROJECT = """
[project]
name = "thing"
version = "0.1.0"
requires-python = ">=3.11"

[tool.ruff.lint]
select = ["I"]

[dependency-groups]
dev = ["pytest", {include-group = "other"}]

[tool.pyright]
include = ["src", "tests"]
typeCheckingMode = "strict"
"""


@pytest.fixture
def thing(tmp_path: Path) -> Path:
    """A project that passes its gate."""
    project = tmp_path / "thing"
    for path, text in {
        "pyproject.toml": PYPROJECT,
        "src/thing.py": "answer = 42\n",
        "tests/test_thing.py": "def test_it_is_there() -> None:\n    assert 6 * 7 == 42\n",
    }.items():
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_text(text)
    return project


def checked(project: Path, python: str = sys.executable) -> dict[str, Check]:
    progress = Progress("checks", 4)
    checks = run_checks(project, Judged(python, "test"), progress)
    assert [check.name for check in checks] == list(GATE)
    assert progress.done == len(checks)
    return {check.name: check for check in checks}


def test_a_project_that_is_right_passes_and_is_left_as_it_was(thing: Path):
    before = sorted(thing.rglob("*"))
    assert {check.outcome for check in checked(thing).values()} == {"passed"}
    assert sorted(thing.rglob("*")) == before


@pytest.mark.parametrize(
    ("name", "path", "text", "said"),
    [
        ("lint", "src/thing.py", "import sys\nimport os\n\nanswer = (os, sys)\n", "I001"),
        ("format", "src/thing.py", "answer   = 42\n", "src/thing.py:1:8"),
        ("types", "src/thing.py", 'answer: int = "42"\n', "reportAssignmentType"),
        ("tests", "tests/test_thing.py", "def test_it_is_there() -> None:\n    assert 6 * 7 == 41\n", "1 failed"),
    ],
)
def test_a_check_that_fails_says_what_is_wrong(name: str, path: str, text: str, said: str, thing: Path):
    (thing / path).write_text(text)
    checks = checked(thing)
    assert {one.name for one in checks.values() if one.outcome == "failed"} == {name}
    assert said in checks[name].said


def test_of_a_long_output_the_end_is_kept(thing: Path):
    (thing / "tests/test_thing.py").write_text(
        "def test_it() -> None:\n    print('x\\n' * 10_000)\n    raise OSError\n"
    )
    said = checked(thing)["tests"].said.split("\n")
    assert (len(said), said[-1][:8]) == (OUTPUT_LINES_SHOWN, "1 failed")


def test_what_is_not_installed_is_not_run_and_said(thing: Path, tmp_path: Path):
    python = make_venv(tmp_path / "venv", packages=("pytest==8.0",))
    checks = checked(thing, str(python))
    assert {check.name: check.outcome for check in checks.values()} == {
        "lint": "not run",
        "format": "not run",
        "types": "not run",
        "tests": "failed",
    }
    assert checks["types"].said == f"basedpyright is not installed in {python}"


def test_the_tests_need_the_development_group(thing: Path):
    (thing / "pyproject.toml").write_text(PYPROJECT.replace('["pytest"', '["pytest>=8", "no-such-thing[x]~=1.0"'))
    tests = checked(thing)["tests"]
    assert (tests.outcome, tests.said) == ("not run", f"no-such-thing is not installed in {sys.executable}")


HANGING = """
import os, subprocess, sys, time
from pathlib import Path

def test_it_hangs() -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    Path("PIDS").write_text(f"{os.getpid()} {child.pid}")
    time.sleep(600)
"""
CHECKING = """
import sys
from pathlib import Path
from krepis.verbs import Progress
from krepis_cli.interpreters import Judged
from krepis_cli.use.checks import run_checks

run_checks(Path(sys.argv[1]), Judged(sys.executable, "test"), Progress("checks"))
"""


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGINT,
        pytest.param(signal.SIGKILL, marks=pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux")),
    ],
)
def test_whoever_is_stopped_while_checking_leaves_no_process(number: signal.Signals, thing: Path):
    pids = thing / "pids"
    (thing / "tests/test_thing.py").write_text(HANGING.replace("PIDS", str(pids)))
    checking = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n{CHECKING}",
            thing,
        ],
        stderr=subprocess.DEVNULL,
    )
    assert wait_until(lambda: pids.exists() and len(pids.read_text().split()) == 2, 60)
    checking.send_signal(number)
    checking.wait(20)
    assert wait_until(lambda: not any(alive(int(pid)) for pid in pids.read_text().split()), 10)
