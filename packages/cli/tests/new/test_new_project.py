"""`krepis new`: what it makes runs, passes the gate of this repository, and can be taken back."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from random import Random

import pytest

from krepis_cli.new import files_for
from serving import KREPIS, wait_until
from terminal import Terminal, compare, in_pipes

ROOT = Path(__file__).parents[4]
SNAPSHOTS = Path(__file__).parent / "snapshots"
BIN = Path(sys.executable).parent
# What a person's shell has: no setting of this test run, but the programs of this environment.
SHELL = {
    **{name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "KREPIS", "PYTHON"))},
    "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
}
KILLS = 60 if os.environ.get("KREPIS_LONG") else 6

pytestmark = pytest.mark.slow


def tool(project: Path, *words: str) -> str:
    """What a tool of this environment has said; it must be content."""
    done = subprocess.run(
        [BIN / words[0], *words[1:]], cwd=project, env=SHELL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def files(project: Path) -> dict[str, bytes]:
    """What lies in the project, beside what its tools keep."""
    found = (path for path in project.rglob("*") if path.is_file())
    named = {path.relative_to(project).as_posix(): path for path in found}
    ours = (".krepis/", ".pytest_cache/", ".ruff_cache/")
    return {
        name: path.read_bytes()
        for name, path in named.items()
        if not name.startswith(ours) and "__pycache__" not in name
    }


def test_it_has_the_layout_of_a_krepis_server(project, name):
    assert files(project) == {file.path: file.content for file in files_for(name)}
    folders = ("domain", "application", "adapters/sql/migrations/versions")
    assert all((project / "src" / name / folder / "__init__.py").is_file() for folder in folders)
    assert not (project / ".git").exists()


@pytest.mark.parametrize("given", ["shop", "x_ray", "n_e_w_b_o_r_n"])
def test_the_template_s_name_is_put_in_everywhere_in_its_three_forms(given):
    made = {file.path: file.content.decode() for file in files_for(given)}
    camel = given.title().replace("_", "")
    assert not [path for path, text in made.items() if re.search("newborn|Newborn", path + text)]
    assert f"class {camel}Settings(Settings):" in made[f"src/{given}/settings.py"]
    assert f'PREFIX: ClassVar[str] = "{given.upper()}"' in made[f"src/{given}/settings.py"]


def test_it_passes_its_own_rules_and_those_of_this_repository(project):
    tool(project, "ruff", "check", "--no-cache")
    tool(project, "ruff", "format", "--check", "--no-cache")
    (project / "ruff.toml").write_text(
        f'extend = "{ROOT}/pyproject.toml"\nsrc = ["src"]\n[lint.isort]\nknown-third-party = ["krepis"]\n'
    )
    tool(project, "ruff", "check", "--no-cache", "--config", "ruff.toml")


def test_its_types_are_right(project):
    assert "0 errors, 0 warnings" in tool(project, "basedpyright", "--pythonpath", sys.executable)


def test_the_commands_that_come_next_work_as_they_are_printed(tmp_path):
    code, out, _ = in_pipes("new", "bookshop", "--json", cwd=tmp_path)
    steps = json.loads(out)["next"]
    assert (code, steps) == (0, ["cd bookshop", "krepis db upgrade", "pytest", "krepis run"])
    log = tmp_path / "log"
    with log.open("wb") as said:
        shell = subprocess.Popen(
            ["bash", "-euc", "\n".join(steps)],
            cwd=tmp_path,
            env={**SHELL, "KREPIS_RUN_PORT": "0"},
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    try:
        assert wait_until(lambda: b"serves at" in log.read_bytes() or shell.poll() is not None, 120)
        said = log.read_text()
        assert re.search(r" \d+ passed in ", said), said
        address = re.search(r"serves at (http://\S+)", said)
        assert address is not None, said
        answer = tool(tmp_path, "python", "-c", ASK.format(address=address[1]))
        assert json.loads(answer)["text"] == "milk, bread"
    finally:
        os.killpg(shell.pid, signal.SIGINT)
        shell.wait(60)


ASK = """
import json
from urllib.request import Request, urlopen
sent = Request("{address}/notes", b'{{"text": " milk, bread "}}', {{"content-type": "application/json"}})
note = json.load(urlopen(sent))
shown = json.load(urlopen("{address}/notes/" + note["id"]))
assert shown == note
print(json.dumps(shown))
"""


def test_undo_takes_all_of_it_back(project):
    assert in_pipes("undo", cwd=project)[0] == 0
    assert [path.name for path in project.iterdir()] == [".krepis"]
    assert in_pipes("redo", cwd=project)[0] == 0
    assert files(project) == {file.path: file.content for file in files_for(project.name)}


def test_undo_after_use_leaves_what_others_have_made(project):
    tool(project, "krepis", "db", "upgrade")
    assert in_pipes("undo", cwd=project)[0] == 0
    assert list(files(project)) == [f"{project.name}.db"]


def test_after_an_undo_the_folder_takes_another_project(project, tmp_path):
    in_pipes("undo", cwd=project)
    assert in_pipes("new", "other", "--into", ".", cwd=project)[0] == 0
    assert files(project) == {file.path: file.content for file in files_for("other")}


def test_a_person_reads_what_was_made_and_what_comes_next(tmp_path):
    code, text = Terminal([KREPIS, "new", "bookshop"], cwd=tmp_path).end()
    assert code == 0
    compare(SNAPSHOTS / "new.txt", text)


def test_in_pipes_there_is_the_answer_alone(tmp_path):
    code, out, said = in_pipes("new", "bookshop", "--into", "the shop", cwd=tmp_path)
    assert (code, out, said) == (0, f"made bookshop in the shop: {len(files_for('bookshop'))} files\n", "")


def test_a_folder_under_version_control_is_taken(tmp_path):
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    before = sorted((tmp_path / ".git").rglob("*"))
    assert in_pipes("new", "bookshop", "--into", ".", cwd=tmp_path)[0] == 0
    assert sorted((tmp_path / ".git").rglob("*")) == before


@pytest.mark.parametrize("kind", ["a file in it", "a file", "a dangling link", "no folder around it", "a full disk"])
def test_a_folder_that_can_not_be_is_refused_and_nothing_is_left(kind, tmp_path):
    folder = tmp_path / "bookshop"
    if kind == "a file in it":
        folder.mkdir()
        (folder / "x\x1b[2J").write_text("")
    elif kind == "a file":
        folder.write_text("")
    elif kind == "a dangling link":
        folder.symlink_to("nowhere")
    elif kind == "no folder around it":
        folder = folder / "in" / "it"
    before = sorted(tmp_path.rglob("*"))
    # A file can't grow: what a full disk does, without one.
    script = 'ulimit -f 0; exec "$@"' if kind == "a full disk" else 'exec "$@"'
    words = [KREPIS, "new", "bookshop", "--json", "--into", folder]
    done = subprocess.run(
        ["bash", "-c", f"trap '' XFSZ; {script}", "bash", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stderr
    assert kind == "a full disk" or json.loads(done.stdout)["code"] == "project_folder"
    assert "Traceback" not in done.stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_of_several_at_once_one_makes_the_project(tmp_path):
    words = [KREPIS, "new", "bookshop", "--json"]
    started = [subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(4)]
    ended = [(process.communicate(timeout=60), process.returncode) for process in started]
    assert sorted(code for _, code in ended) == [0, 1, 1, 1], ended
    assert all("error" in json.loads(out) for (out, _), code in ended if code)
    assert files(tmp_path / "bookshop") == {file.path: file.content for file in files_for("bookshop")}


@pytest.mark.parametrize("number", range(KILLS))
def test_killed_at_any_step_it_leaves_nothing_or_all(number, steps, tmp_path):
    at = 1 + Random(f"{os.environ['KREPIS_SEED']} {number}").randrange(steps)
    assert stepwise(tmp_path, at) == -signal.SIGKILL
    whole = {file.path: file.content for file in files_for("bookshop")}
    folder = tmp_path / "bookshop"
    if not (folder / ".krepis").exists():
        assert not folder.exists() or list(folder.iterdir()) == []
        return
    assert in_pipes("history", cwd=folder)[0] == 0  # whatever comes next completes it, or takes it back
    assert files(folder) in ({}, whole)
    expected = 1 if files(folder) == whole else 0
    assert in_pipes("new", "bookshop", cwd=tmp_path)[0] == expected
    assert files(folder) == whole


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


def stepwise(folder: Path, at: int) -> int:
    """`krepis new bookshop`, killed before step `at`: how it ended; without a kill how many steps it took."""
    hook = folder / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(STEPWISE)
    environment = {"PYTHONPATH": str(hook), "PYTHONDONTWRITEBYTECODE": "1", "KILLED_AT": str(at)}
    code, _, said = in_pipes("new", "bookshop", cwd=folder, env=environment)
    return int(said) if code == 0 else code


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> int:
    """How many steps there are to be killed at."""
    count = stepwise(tmp_path_factory.mktemp("whole"), 0)
    assert count > len(files_for("bookshop"))
    return count


def test_names_of_every_length_keep_the_format(tmp_path):
    chance = Random(int(os.environ["KREPIS_SEED"]))
    for length in chance.sample(range(1, 41), 4):
        for file in files_for("n" * length):
            path = tmp_path / str(length) / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.content)
        tool(tmp_path / str(length), "ruff", "format", "--check", "--no-cache")


def test_the_wheel_has_every_file_of_the_template(tmp_path):
    built = tmp_path / "cli"
    shutil.copytree(ROOT / "packages/cli", built, ignore=shutil.ignore_patterns("__pycache__"))
    tool(built, "python", "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path))
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as opened:
        packed = {name.partition("/template/")[2] for name in opened.namelist() if "/template/" in name}
    wanted = {file.path for file in files_for("newborn")}
    assert packed == {*(wanted - {".gitignore"}), "gitignore"}
