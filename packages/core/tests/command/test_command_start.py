"""What is loaded when the command starts. The time is measured by `bench/run command`; here stands what it depends on."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from serving import KREPIS

OURS = {"krepis", "krepis._cli", "__future__"}
INDEX = {"krepis._cli.index", "krepis._cli.printable"}


@pytest.fixture
def environment(probe: dict[str, str]) -> dict[str, str]:
    return {**os.environ, **probe}


def loaded(environment: dict[str, str], *command: str | Path) -> set[str]:
    """Every module that the interpreter loads for a script of its own."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *command], env=environment, capture_output=True, text=True, check=True
    )
    return set(re.findall(r"^import time:.*\|\s+(\S+)$", done.stderr, re.MULTILINE))


def added(environment: dict[str, str], *words: str) -> set[str]:
    """What the installed script loads beside what every script loads."""
    return loaded(environment, KREPIS, *words) - loaded(environment, "-c", "pass")


def test_the_version_loads_two_small_modules(environment: dict[str, str]) -> None:
    assert added(environment, "--version") == OURS


def test_the_overview_and_completion_load_the_index_alone(environment: dict[str, str]) -> None:
    words = ("completion", "words", "--", "probe", "say", "--")
    added(environment, *words)  # makes the index
    overview, completion = added(environment, "--help"), added(environment, *words)
    assert overview == OURS | INDEX | {"krepis._cli.overview"}
    assert added(environment, "completion", "bash") == OURS | {"krepis._cli.shells"}
    assert completion == OURS | INDEX - {"krepis._cli.printable"} | {"krepis._cli.completing"}


def test_a_verb_loads_no_other_verb(environment: dict[str, str]) -> None:
    added(environment, "--help")  # makes the index
    names = added(environment, "probe", "say", "hello")
    verbs = {"audit", "config", "db", "events", "job", "run", "completion"}
    assert {f"krepis._cli.{verb}" for verb in verbs} & names == set()
    assert names & {"importlib.metadata", "difflib", "sqlalchemy", "asyncio"} == set()


def test_everything_of_krepis_is_there_when_it_is_asked_for() -> None:
    code = "import krepis; print(*[name for name in krepis.__all__ if getattr(krepis, name).__name__ != name])"
    code += "; print({*krepis.__all__} <= {*dir(krepis)}, krepis.errors.KrepisError is krepis.KrepisError)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\nTrue True\n"


def test_krepis_is_started_as_a_module_too(environment: dict[str, str]) -> None:
    done = subprocess.run([sys.executable, "-m", "krepis", "rnu"], env=environment, capture_output=True, check=False)
    assert done.returncode == 2
    assert b"did you mean `krepis run`?" in done.stderr


@pytest.mark.slow
def test_a_wheel_in_a_folder_with_a_space_starts_as_lean(environment: dict[str, str], tmp_path: Path) -> None:
    uv = [str(KREPIS.parent / "uv"), "--quiet", "--offline"]
    core = Path(__file__).parents[2]
    folder = tmp_path / "a folder"
    for command in (
        ["build", "--wheel", "--no-build-isolation", "--python", sys.executable, "--out-dir", tmp_path, core],
        ["venv", "--python", sys.executable, folder],
    ):
        subprocess.run([*uv, *command], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    python = folder / "bin" / "python"
    subprocess.run([*uv, "pip", "install", "--no-deps", "--python", python, wheel], check=True, capture_output=True)
    script = folder / "bin" / "krepis"
    assert subprocess.run([script, "--version"], capture_output=True, check=True).stdout.startswith(b"krepis 0.")
    assert re.findall(r"^(?:import|from) (\S+)", script.read_text(encoding="utf-8"), re.MULTILINE) == [
        "sys",
        "krepis._cli",
    ]
