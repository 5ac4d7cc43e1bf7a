"""Which interpreter is a project's: real environments, and everything that only looks like one."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from _faulty import alive, end_all, pids_of, until
from _pythons import make_venv, plant_fakes, script

from krepis.errors import KrepisError
from krepis_cli.interpreters import Project, choose, compare, judging, worker_of

PYENV = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
OTHER = sorted(PYENV.glob("3.1[23].*/bin/python3"))
OLD = sorted(PYENV.glob("3.[89].*/bin/python3"))

PROJECT = '[project]\nname = "shop"\nrequires-python = ">=3.11"\ndependencies = ["krepis", "depended>=2"]\n'


@pytest.fixture(scope="session")
def venvs(tmp_path_factory):
    """Made once: `full` has all that the project needs, `half` Krepis alone, `bare` nothing."""
    folder = tmp_path_factory.mktemp("venvs")
    make_venv(folder / "full", krepis=True, packages=("depended==2.1",))
    make_venv(folder / "half", krepis=True, packages=("depended==1.9",))
    make_venv(folder / "bare")
    return folder


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "shop"
    (root / "src/shop").mkdir(parents=True)
    (root / "src/shop/__init__.py").write_text("")
    (root / "krepis.toml").write_text('app = "shop.app:app"\n')
    (root / "pyproject.toml").write_text(PROJECT)
    return root


def best(root, **environment):
    project = Project.around(root)
    choice = compare(project, environment)
    assert choice.best is not None
    assert choose(project, environment) == choice.best  # asked one after the other, as far as needed
    return choice.best


def told(root, **environment):
    return {Path(one.path).name: one for one in compare(Project.around(root), environment).judged}


def test_the_environment_of_the_project_comes_first(root, venvs):
    (root / ".venv").symlink_to(venvs / "full")
    found = best(root, VIRTUAL_ENV=str(venvs / "full"), PATH=str(venvs / "full/bin"))
    assert (found.path, found.origin, found.lacks) == (str(root / ".venv/bin/python"), ".venv", ())
    assert found.facts is not None
    assert found.facts.krepis == __import__("krepis").__version__


def test_one_that_has_what_the_project_needs_is_better_than_one_that_comes_first(root, venvs):
    (root / ".venv").symlink_to(venvs / "bare")
    found = best(root, VIRTUAL_ENV=str(venvs / "full"))
    assert found.origin == "VIRTUAL_ENV"


def test_krepis_alone_is_better_than_nothing(root, venvs):
    (root / ".venv").symlink_to(venvs / "bare")
    found = best(root, VIRTUAL_ENV=str(venvs / "half"))
    assert found.lacks == ("depended>=2 (it has 1.9)",)
    assert found.origin == "VIRTUAL_ENV"


def test_what_an_interpreter_lacks_is_named(root, venvs):
    (root / "krepis.toml").write_text('app = "store.app:app"\n')
    (root / ".venv").symlink_to(venvs / "bare")
    judged = compare(Project.around(root), {}).judged[0]
    assert judged.lacks == ("krepis", "store", "depended")


@pytest.mark.parametrize(
    ("requirement", "lacks"),
    [
        ("depended; python_version < '3'", ()),
        ("depended; sys_platform == 'none'", ()),
        ("missing; python_version >= '3'", ("missing",)),
        ("Depended~=2.0", ()),
        ("depended[extra]", ()),
        ("depended>2.1", ("depended>2.1 (it has 2.1)",)),
    ],
)
def test_requirements_are_read_as_installers_read_them(root, venvs, requirement, lacks):
    (root / "pyproject.toml").write_text(f'[project]\nname = "shop"\ndependencies = ["{requirement}"]\n')
    (root / ".venv").symlink_to(venvs / "full")
    assert compare(Project.around(root), {}).judged[0].lacks == lacks


def test_the_environment_of_a_workspace_is_found_above(root, venvs):
    (root.parent / ".git").mkdir()
    (root.parent / ".venv").symlink_to(venvs / "full")
    assert best(root).path == str(root.parent / ".venv/bin/python")


def test_what_krepis_toml_names_is_taken_also_when_others_have_more(root, venvs):
    (root / ".venv").symlink_to(venvs / "full")
    (root / "krepis.toml").write_text(f'app = "shop.app:app"\npython = "{venvs}/half/bin/python"\n')
    assert best(root).origin == "krepis.toml"


def test_what_krepis_toml_names_and_does_not_work_is_an_error_and_nobody_takes_its_place(root, venvs):
    (root / ".venv").symlink_to(venvs / "full")
    (root / "krepis.toml").write_text('python = "nowhere/python"\n')
    assert compare(Project.around(root), {}).best is None
    with pytest.raises(KrepisError) as caught:
        choose(Project.around(root), {})
    assert caught.value.code == "no_python"
    assert f"`{root}/nowhere/python` can't be started: there is no such file" in str(caught.value)
    assert "krepis doctor" in caught.value.hint


@pytest.mark.skipif(not OTHER, reason="one Python is installed here")
def test_python_version_decides_between_equals(root, venvs, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(venvs / "bare/bin/python"))  # a command that is as bare as they are
    make_venv(tmp_path / "newer", python=str(OTHER[0]))
    (root / ".venv").symlink_to(venvs / "bare")
    (root / ".python-version").write_text(OTHER[0].parts[-3])
    found = best(root, VIRTUAL_ENV=str(tmp_path / "newer"))
    assert (found.origin, found.wanted) == ("VIRTUAL_ENV", True)


def test_what_pyenv_has_for_python_version_is_found_and_names_of_environments_are_names(root, tmp_path, venvs):
    versions = tmp_path / "pyenv/versions"
    versions.mkdir(parents=True)
    (versions / "shop-env").symlink_to(venvs / "full")
    (root / ".python-version").write_text("shop-env\n")
    found = best(root, PYENV_ROOT=str(tmp_path / "pyenv"))
    assert (found.path, found.origin) == (str(versions / "shop-env/bin/python3"), ".python-version")


def test_what_does_not_fit_requires_python_is_never_chosen(root, venvs):
    (root / "pyproject.toml").write_text('[project]\nname = "shop"\nrequires-python = ">=3.99"\n')
    (root / ".venv").symlink_to(venvs / "full")
    with pytest.raises(
        KrepisError, match=r"does not fit `requires-python` \(Python 3\.\d+\.\d+; the project asks for >=3.99\)"
    ):
        choose(Project.around(root), {})


@pytest.mark.skipif(not OLD, reason="no old Python is installed here")
def test_one_that_is_too_old_is_said_to_be(root, tmp_path):
    (root / ".venv/bin").mkdir(parents=True)
    (root / ".venv/bin/python").symlink_to(OLD[0])
    judged = compare(Project.around(root), {}).judged[0]
    assert judged.problem == f"is too old (Python {OLD[0].parts[-3]}; Krepis needs 3.11 or later)"


def test_whatever_calls_itself_python_is_told_as_what_it_is_and_blocks_nobody(root, tmp_path, monkeypatch, venvs):
    monkeypatch.setattr(judging, "ASKED_S", 5.0)
    plant_fakes(tmp_path / "bin")
    (root / ".venv").symlink_to(venvs / "full")
    found = told(root, PATH=f"{tmp_path / 'bin'}:relative:")
    assert found["python3.13"].problem.startswith("did not come up within 5 s: ")
    others = ("python", "python3.13")
    assert {name: one.problem for name, one in found.items() if name not in others} == {
        "python3": "ended with exit code 3 before it could begin",
        "python3.11": "ended with exit code 127 before it could begin: python3.11: command not found",
        "python3.12": "can't be started: it is no program for this machine",
        "python3.14": "did not come up within 5 s",
        "python3.15": "can't be started: its symbolic links lead to each other",
        "python3.16": "can't be started: its symbolic links lead to each other",
        "python3.17": "can't be started: it may not be run, or is no program",
        "python3.18": "can't be started: it may not be run, or is no program",
        "python3.19": "can't be started: there is no such file",
    }
    assert best(root).origin == ".venv"


def test_one_that_prints_before_it_begins_is_understood_all_the_same(root, tmp_path, venvs):
    script(root / ".venv/bin/python", f'#!/bin/sh\necho noise; echo more >&2\nexec {venvs}/full/bin/python "$@"\n')
    assert best(root).origin == ".venv"


def test_a_loop_in_the_place_of_the_environment_is_told_and_another_is_taken(root, venvs):
    (root / ".venv").symlink_to(root / ".venv")
    choice = compare(Project.around(root), {"VIRTUAL_ENV": str(venvs / "full")})
    assert choice.judged[0].problem == "can't be started: its symbolic links lead to each other"
    assert choice.best is not None
    assert choice.best.origin == "VIRTUAL_ENV"


def test_an_environment_whose_krepis_is_broken_lacks_it(root, tmp_path):
    python = make_venv(tmp_path / "broken")
    package = next((tmp_path / "broken/lib").glob("python*/site-packages")) / "krepis"
    package.mkdir()
    (package / "__init__.py").write_text("raise ImportError('no \\x1b[31mmsgspec')\n")
    (root / ".venv").symlink_to(python.parent.parent)
    assert compare(Project.around(root), {}).judged[0].lacks[0] == "krepis (ImportError: no \\x1b[31mmsgspec)"


def test_one_that_lies_is_not_believed(root, tmp_path):
    """It speaks the protocol and answers nonsense."""
    liar = (
        "import json, socket, struct, sys\n"
        "options = json.loads(sys.argv[-1])\n"
        "def say(what):\n"
        "    text = json.dumps(what).encode()\n"
        "    calls.sendall(struct.pack('>Q', len(text)) + text)\n"
        "calls = socket.socket(fileno=options['calls'])\n"
        "say({'ready': True})\n"
        "calls.recv(1)\n"
        "say({'value': {'version': 'the newest'}})\n"
        "calls.recv(1 << 20)\n"
    )
    (tmp_path / "liar.py").write_text(liar)
    script(root / ".venv/bin/python", f'#!/bin/sh\nexec {sys.executable} {tmp_path}/liar.py "$@"\n')
    judged = compare(Project.around(root), {}).judged[0]
    assert judged.problem.startswith("answered with something else than was asked")


def test_one_environment_behind_several_names_is_shown_once(root, venvs):
    (root / ".venv").symlink_to(venvs / "full")
    choice = compare(Project.around(root), {"VIRTUAL_ENV": str(venvs / "full"), "PATH": str(venvs / "full/bin")})
    prefixes = [one.facts.prefix for one in choice.judged if one.facts is not None]
    assert len(prefixes) == len(set(prefixes))


def test_the_first_that_nothing_surpasses_is_taken_without_asking_the_others(root, venvs, tmp_path):
    asked = tmp_path / "asked"
    script(tmp_path / "bin/python3", f"#!/bin/sh\ntouch {asked}\nexit 1\n")
    (root / ".venv").symlink_to(venvs / "full")
    choose(Project.around(root), {"PATH": str(tmp_path / "bin")})
    assert not asked.exists()
    compare(Project.around(root), {"PATH": str(tmp_path / "bin")})
    assert asked.exists()


def test_in_any_order_of_places_the_same_kind_is_best(root, venvs):
    chance = random.Random(int(os.environ["KREPIS_SEED"]))
    names = ["full", "half", "bare"]
    chance.shuffle(names)
    (root / ".venv").symlink_to(venvs / names[0])
    found = best(root, VIRTUAL_ENV=str(venvs / names[1]), PATH=str(venvs / names[2] / "bin"))
    assert found.facts is not None
    assert Path(found.facts.prefix).resolve() == venvs / "full"


def test_a_path_of_thousands_of_folders_is_not_searched_for_ever(root, tmp_path):
    script(tmp_path / "far/python3", "#!/bin/sh\nexit 0\n")
    entries = [str(tmp_path / f"none{number}") for number in range(5000)] + [str(tmp_path / "far")]
    assert not [
        one for one in compare(Project.around(root), {"PATH": ":".join(entries)}).judged if one.origin == "PATH"
    ]


def test_work_is_done_in_the_interpreter_of_the_project(root, venvs):
    (root / ".venv").symlink_to(venvs / "full")
    (root / "src/shop/work.py").write_text("import sys\ndef where():\n    return sys.prefix\n")
    with worker_of(Project.around(root)) as worker:
        assert worker.call("shop.work:where") == str(root / ".venv")


SEARCH = """
import sys
from pathlib import Path
from krepis_cli.interpreters import Project, compare
compare(Project.around(Path(sys.argv[1])), {"PATH": sys.argv[2]})
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere our side has to run to see it")
def test_what_only_looks_like_an_interpreter_does_not_outlive_the_search(root, tmp_path):
    said = tmp_path / "pids"
    script(
        tmp_path / "bin/python3",
        f"#!/bin/sh\nsleep 3600 &\necho $$ $! > {said}.half\nmv {said}.half {said}\nwait\n",
    )
    environment = os.environ | {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    parent = subprocess.Popen([sys.executable, "-c", SEARCH, root, tmp_path / "bin"], env=environment)
    pids = []
    try:
        pids = pids_of(said)
        parent.kill()
        until(lambda: not any(map(alive, pids)))
    finally:
        end_all([parent.pid, *pids])
        parent.wait()
