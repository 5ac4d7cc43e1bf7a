"""The worker's side in other interpreters, and its other way to end with whoever has started it."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from _faulty import alive, drawn, end_all, plant_project, until

from krepis_cli.interpreters import facts
from krepis_cli.workers import Worker, WorkerError, far_side

PYENV = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
INSTALLED = sorted(PYENV.glob("*/bin/python"))
OLD = [one for one in INSTALLED if one.parts[-3].startswith(("2.", "3.5.", "3.6."))]
NEW = [one for one in INSTALLED if one not in OLD and not one.parts[-3].startswith("3.7.")]


@pytest.mark.parametrize("sent", [far_side, facts], ids=lambda one: one.__name__)
def test_what_is_sent_is_python_3_8_and_the_standard_library_alone(sent):
    tree = ast.parse(Path(sent.__file__).read_text(), feature_version=(3, 8))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names


@pytest.mark.parametrize("python", drawn(NEW), ids=lambda one: one.parts[-3])
def test_it_works_in_every_interpreter_that_is_there(python, tmp_path):
    root = plant_project(tmp_path / "shop")
    with Worker(python, root) as worker:
        assert worker.call("shop.work:add", {"a": 1, "b": 2}) == 3
        assert worker.call("shop.work:where")["python"] == str(python.parent.parent)
        with pytest.raises(WorkerError, match="ValueError"):
            worker.call("shop.work:raised")
        with pytest.raises(WorkerError, match="crashed") as crash:
            worker.call("shop.work:crash")
        assert crash.value.place.startswith("src/shop/work.py:")


@pytest.mark.parametrize("python", OLD, ids=lambda one: one.parts[-3])
def test_an_interpreter_that_is_too_old_says_so_and_ends(python, tmp_path):
    with Worker(python, plant_project(tmp_path / "shop")) as worker, pytest.raises(WorkerError) as caught:
        worker.call("shop.work:add", {"a": 1, "b": 2})
    assert caught.value.code == "worker_unstartable"
    assert "before it could begin" in str(caught.value)


def test_a_virtual_environment_is_entered_although_it_starts_without_site(tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    packages = tmp_path / "venv/lib" / version / "site-packages"
    (packages / "only_there.py").write_text("def say():\n    return 'here'\n")
    (packages / "begin.pth").write_text("import sys; sys.from_pth = True; print('noise at the start')\n")
    root = plant_project(tmp_path / "shop")
    shown = []
    with Worker(tmp_path / "venv/bin/python", root, show=shown.append) as worker:
        assert worker.call("only_there:say") == "here"
        assert worker.call("shop.work:where")["python"] == str(tmp_path / "venv")
    assert set(shown) == {"noise at the start"}  # twice: that is how often Python reads the files of an environment


def test_the_environment_says_what_can_be_imported_and_nothing_comes_before_our_side(tmp_path, monkeypatch):
    extra = tmp_path / "extra"
    extra.mkdir()
    (extra / "in_the_path.py").write_text("def say():\n    return 'found'\n")
    (extra / "json.py").write_text("raise RuntimeError('shadowed')\n")
    monkeypatch.setenv("PYTHONPATH", f"{extra}{os.pathsep}")
    with Worker(sys.executable, plant_project(tmp_path / "shop")) as worker:
        assert worker.call("in_the_path:say") == "found"
        assert "" not in worker.call("shop.work:where")["path"]


def test_an_environment_that_hangs_at_its_start_does_not_outlive_us(tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    packages = next((tmp_path / "venv/lib").glob("python*/site-packages"))
    said = tmp_path / "pid"
    (packages / "hang.pth").write_text(
        f"import os, time; open({str(said)!r} + '.half', 'w').write(str(os.getpid())); "
        f"os.rename({str(said)!r} + '.half', {str(said)!r}); time.sleep(3600)\n"
    )
    root = plant_project(tmp_path / "shop")
    code = (
        "import sys; from pathlib import Path; from krepis_cli.workers import Worker\n"
        "with Worker(sys.argv[1], Path(sys.argv[2])) as worker: worker.call('shop.work:add')"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, tmp_path / "venv/bin/python", root])
    try:
        until(said.exists)
        pid = int(said.read_text())
        parent.kill()
        until(lambda: not alive(pid))
    finally:
        parent.kill()
        parent.wait()


WATCHED = """
import importlib.util, os, subprocess, sys, time
spec = importlib.util.spec_from_file_location("far_side", sys.argv[1])
far_side = importlib.util.module_from_spec(spec)
spec.loader.exec_module(far_side)
child = subprocess.Popen(["sleep", "3600"])
far_side.die_with_the_starter(int(sys.argv[2]), by_thread=sys.argv[3] == "thread")
print(os.getpid(), child.pid, flush=True)
time.sleep(3600)
"""


@pytest.mark.parametrize("by", ["kernel", "thread"])
def test_the_end_of_the_pipe_is_the_end_of_the_group_by_the_kernel_and_by_a_thread(by):
    life, ours = os.pipe()
    command = [sys.executable, "-c", WATCHED, far_side.__file__, str(life), by]
    process = subprocess.Popen(
        command, pass_fds=[life], start_new_session=True, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    pids = [int(word) for word in process.stdout.readline().split()]
    try:
        assert all(map(alive, pids))
        os.close(ours)
        assert process.wait(60) == -9
        until(lambda: not any(map(alive, pids)))
    finally:
        end_all(pids)
        os.close(life)
        process.stdout.close()


@pytest.mark.parametrize("by", ["kernel", "thread"])
def test_whoever_starts_after_the_end_ends_at_once(by):
    life, ours = os.pipe()
    os.close(ours)
    command = [sys.executable, "-c", WATCHED, far_side.__file__, str(life), by]
    try:
        ran = subprocess.run(
            command, pass_fds=[life], start_new_session=True, stdin=subprocess.DEVNULL, timeout=60, check=False
        )
    finally:
        os.close(life)
    assert ran.returncode == -9
