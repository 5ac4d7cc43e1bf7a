"""`krepis doctor`, the real command: what it finds, what it says, and that nothing it meets holds it up."""

import json
import os
import pty
import re
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from _faulty import alive, drawn, until
from _pythons import make_venv, script

from krepis_cli import doctor
from krepis_cli.doctor import project as looked

KREPIS = Path(sys.executable).parent / "krepis"
SNAPSHOTS = Path(__file__).parent / "snapshots"
APP = """
from krepis.app import App
{before}
app = App("shop", handlers=(){rest})
"""
OPTIONAL = ("native", "cargo", "postgres", "keychain", "sandbox", "completion")


@pytest.fixture(scope="session")
def python(tmp_path_factory):
    return make_venv(tmp_path_factory.mktemp("venvs") / "venv", krepis=True)


@pytest.fixture
def root(tmp_path, python):
    root = tmp_path / "shop"
    (root / "src/shop").mkdir(parents=True)
    (root / "src/shop/__init__.py").write_text("")
    (root / "krepis.toml").write_text('app = "shop.app:app"\n')
    (root / ".venv").symlink_to(python.parent.parent)
    write_app(root)
    return root


def write_app(root, before="", rest=""):
    (root / "src/shop/app.py").write_text(APP.format(before=before, rest=rest))


def environment(tmp_path, **more):
    """A user of whom nothing is known."""
    (tmp_path / "bin").mkdir(exist_ok=True)
    (tmp_path / "home").mkdir(exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if name in ("PYTHONPATH", "KREPIS_SEED", "LANG")}
    return kept | {"HOME": str(tmp_path / "home"), "PATH": str(tmp_path / "bin"), "SHELL": "/bin/bash"} | more


def run(root, tmp_path, *words, **more):
    return subprocess.run(
        [KREPIS, "doctor", *words],
        cwd=root,
        env=environment(tmp_path, **more),
        capture_output=True,
        text=True,
        check=False,
    )


def found(root, tmp_path, *names, **more):
    """The findings with these names."""
    ran = run(root, tmp_path, "--json", *(f"--only={name}" for name in names), **more)
    answer = json.loads(ran.stdout)
    assert ran.returncode == (1 if answer["bad"] else 0)
    return {finding["name"]: finding for finding in answer["findings"]}


def masked(text, root, tmp_path):
    """What differs from machine to machine, in words."""
    text = text.replace(str(root), "ROOT").replace(str(tmp_path), "TMP").replace(sys.executable, "PYTHON")
    for name in OPTIONAL:
        text = re.sub(
            rf"^  (ok|missing|broken) +{name} .*\n(?:   .*\n)*", f"  {name}: FOUND\n", text, flags=re.MULTILINE
        )
    text = re.sub(r"CPython [\d.]+ at PYTHON, \S+ \S+", "CPython VERSION at PYTHON, SYSTEM MACHINE", text)
    text = re.sub(r"writable( on \S+)?, [\d.]+ GiB free", "writable on FILESYSTEM, SPACE free", text)
    text = re.sub(r"3\.\d+\.\d+(, full-text search) \w+", r"VERSION\1 ANSWER", text)
    return re.sub(r"\b3\.\d+\.\d+\b", "VERSION", text)


def assert_snapshot(name, text):
    file = SNAPSHOTS / name
    if os.environ.get("KREPIS_SNAPSHOTS") == "write":
        file.write_text(text)
    assert text == file.read_text()


def test_a_project_that_is_as_it_should_be(root, tmp_path):
    ran = run(root, tmp_path)
    assert_snapshot("doctor_well.txt", masked(ran.stdout, root, tmp_path))
    assert (ran.returncode, ran.stderr) == (0, "")


def test_outside_of_a_project_only_the_machine_is_looked_at(tmp_path):
    (tmp_path / "nothing").mkdir()
    ran = run(tmp_path / "nothing", tmp_path)
    assert_snapshot("doctor_no_project.txt", masked(ran.stdout, tmp_path / "nothing", tmp_path))
    assert ran.returncode == 0


def test_everything_that_is_broken_is_said_at_once_with_its_remedy(root, tmp_path):
    (root / ".venv").unlink()
    make_venv(root / ".venv")
    (root / "krepis.toml").write_text('app = "shop.app:app"\npython = ".venv/bin/python"\n')
    (root / "pyproject.toml").write_text("[project]\nrequires-python = 'soon'\n")
    (root / ".krepis").mkdir()
    (root / ".krepis/history").write_bytes(b"no database at all" * 100)
    script(tmp_path / "bin/python3", "#!/bin/sh\nexit 3\n")
    ran = run(root, tmp_path, DATABASE_URL="postgresql://me:hunter2@127.0.0.1:1/shop")
    assert_snapshot("doctor_broken.txt", masked(ran.stdout, root, tmp_path))
    assert ran.returncode == 1


@pytest.mark.parametrize(
    ("before", "rest", "said", "details"),
    drawn([
        ("raise ValueError('no \\x1b[31mgood')", "", "`APP_CHECK:check` failed: ValueError: no \\x1b[31mgood (src/shop/app.py:3)", []),
        ("import nowhere", "", "`APP_CHECK:check` failed: ModuleNotFoundError: No module named 'nowhere' (src/shop/app.py:3)", []),
        ("import ctypes; ctypes.string_at(0)", "", "`APP_CHECK:check` crashed (SIGSEGV) (src/shop/app.py:3)", []),
        ("import os; os._exit(0)", "", "`APP_CHECK:check` ended its process with exit code 0", []),
        ("print('noise'); import sys; sys.exit(0)", "", "`APP_CHECK:check` called `sys.exit(0)` (src/shop/app.py:3)", []),
        ("class App: __init__ = lambda *a, **b: None", "", "`shop.app:app` is no krepis App", []),
    ]),
)  # fmt: skip
def test_an_app_that_does_not_start_is_a_finding(root, tmp_path, before, rest, said, details):
    write_app(root, before, rest)
    app = found(root, tmp_path, "app")["app"]
    assert (app["state"], app["needed"]) == ("broken", True)
    assert re.sub(r"/\S+/app_check\.py", "APP_CHECK", app["said"]) == said
    assert app["details"] == details
    assert app["remedy"]


def test_the_way_to_it_is_shown_when_asked_for(root, tmp_path):
    write_app(root, "raise ValueError('no good')")
    assert "Traceback" not in run(root, tmp_path, "--only=app").stdout
    shown = run(root, tmp_path, "--only=app", "--debug").stdout
    assert 'src/shop/app.py", line 3, in <module>' in shown


def test_wiring_that_is_wrong_is_said_with_all_its_problems(root, tmp_path):
    before = "async def place(ctx, command: int): ...\nasync def order(ctx, command: str): ...\n"
    (root / "src/shop/app.py").write_text(
        f"from krepis.app import App\n{before}app = App('shop', handlers=[place, order])\n"
    )
    app = found(root, tmp_path, "app")["app"]
    assert app["said"].startswith("the app `shop` can't start, ")
    assert len([line for line in app["details"] if line.startswith("- ")]) == 2


DATABASE = ", store=Database({url!r})"


@pytest.mark.parametrize(
    ("url", "content", "state", "said", "remedy"),
    [
        (
            "sqlite:///shop.db",
            None,
            "missing",
            "sqlite:///shop.db: there is no such file yet",
            "`krepis db upgrade` makes it",
        ),
        ("sqlite:///shop.db", b"SQLite format 3\0 and so on", "ok", "sqlite:///shop.db", ""),
        (
            "sqlite:///shop.db",
            b"a diary",
            "broken",
            "sqlite:///shop.db: it is no database of SQLite",
            "is it the right file?",
        ),
        ("sqlite://", None, "ok", "sqlite://", ""),
    ],
)
def test_the_database_of_the_app_is_looked_at_and_not_touched(root, tmp_path, url, content, state, said, remedy):
    write_app(root, "from krepis.sql import Database", DATABASE.format(url=url))
    if content is not None:
        (root / "shop.db").write_bytes(content)
    database = found(root, tmp_path, "database")["database"]
    assert (database["state"], database["said"], database["remedy"]) == (state, said, remedy)
    assert ((root / "shop.db").read_bytes() if (root / "shop.db").exists() else None) == content


def test_a_database_that_is_away_is_said_without_its_password(root, tmp_path):
    write_app(root, "from krepis.sql import Database", DATABASE.format(url="postgresql://me:hunter2@127.0.0.1:1/shop"))
    ran = run(root, tmp_path, "--json", "--only=database")
    database = {one["name"]: one for one in json.loads(ran.stdout)["findings"]}["database"]
    assert database["state"] == "broken"
    assert database["said"].startswith("postgresql://me:***@127.0.0.1:1/shop: ")
    assert "hunter2" not in ran.stdout + ran.stderr


def test_somebody_who_answers_where_the_environment_points_to_is_enough(tmp_path):
    (tmp_path / "nothing").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        url = f"postgresql://me:hunter2@127.0.0.1:{port}/shop"
        database = found(tmp_path / "nothing", tmp_path, "database", DATABASE_URL=url)["database"]
    assert (database["state"], database["said"]) == ("ok", f"something answers at 127.0.0.1:{port} (DATABASE_URL)")


@pytest.mark.parametrize(
    "url", ["postgresql://[", "postgresql://h:99999/x", "postgresql://%ff:x@/\x1b", "postgresql:///x?host=/nowhere"]
)
def test_a_url_that_makes_no_sense_is_a_finding(tmp_path, url):
    (tmp_path / "nothing").mkdir()
    database = found(tmp_path / "nothing", tmp_path, "database", DATABASE_URL=url)["database"]
    assert database["state"] == "broken"
    assert "the probe failed" not in database["said"]


def test_a_probe_that_crashes_is_said_and_the_others_go_on(root, tmp_path):
    fakes = tmp_path / "fakes"
    script(fakes / "keyring.py", "import ctypes\nctypes.string_at(0)\n")
    script(fakes / "krepis_native.py", "raise ImportError('wrong ELF class: \\x1b[31mELFCLASS32')\n")
    findings = found(root, tmp_path, "keychain", "native", "sandbox", PYTHONPATH=str(fakes))
    assert findings["keychain"]["said"] == "the probe failed: `krepis_cli.doctor.keychain:probe` crashed (SIGSEGV)"
    assert findings["native"]["said"] == (
        "krepis_native can't be loaded: ImportError: wrong ELF class: \\x1b[31mELFCLASS32"
    )
    assert [findings[name]["state"] for name in ("keychain", "native")] == ["broken", "broken"]
    assert findings["sandbox"]["state"] in ("ok", "missing")


def test_a_probe_that_hangs_is_given_up_and_the_others_go_on(root, tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "PROBE_S", 4.0)
    script(tmp_path / "fakes/keyring.py", "import time\ntime.sleep(3600)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "fakes"))
    findings = {finding.name: finding for finding in doctor.examine(root, only=("keychain", "sqlite"), jobs=1)}
    assert findings["keychain"].said.endswith("`krepis_cli.doctor.keychain:probe` did not answer within 4 s")
    assert findings["sqlite"].state == "ok"


@pytest.mark.skipif(not os.environ.get("KREPIS_LONG"), reason="waits for seconds; a hang is seen in the test before it")
def test_an_app_that_hangs_is_given_up_and_its_line_is_named(root, monkeypatch):
    monkeypatch.setattr(looked, "APP_S", 10.0)
    write_app(root, "import time; time.sleep(3600)")
    (app,) = doctor.examine(root, only=("app",))
    assert "did not answer within 10 s (src/shop/app.py:3)" in app.said


@pytest.mark.parametrize(
    ("text", "state", "said"),
    [
        ("#!/bin/sh\necho cargo 1.99.0\n", "ok", "cargo 1.99.0 at "),
        ("#!/bin/sh\nprintf 'cargo \\033[31m1\\n'\n", "ok", "cargo \\x1b[31m1 at "),
        ("#!/bin/sh\nexit 1\n", "broken", ""),
        (None, "missing", "cargo is not in PATH"),
    ],
)
def test_cargo_is_run_and_not_believed(root, tmp_path, text, state, said):
    if text is not None:
        script(tmp_path / "bin/cargo", text)
    cargo = found(root, tmp_path, "cargo")["cargo"]
    assert (cargo["state"], cargo["needed"]) == (state, False)
    assert cargo["said"].startswith(said)


@pytest.mark.parametrize(
    ("shell", "file"),
    drawn([("bash", ".bashrc"), ("zsh", ".zfunc/_krepis"), ("fish", ".config/fish/completions/krepis.fish")]),
)
def test_completion_is_found_where_the_command_says_that_it_goes(root, tmp_path, shell, file):
    assert found(root, tmp_path, "completion", SHELL=f"/bin/{shell}")["completion"]["state"] == "missing"
    made = subprocess.run([KREPIS, "completion", shell], capture_output=True, text=True, check=True)
    script(tmp_path / "home" / file, made.stdout)
    assert found(root, tmp_path, "completion", SHELL=f"/bin/{shell}")["completion"]["state"] == "ok"


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no folder that is closed to everybody")
def test_a_folder_in_which_nobody_can_write_is_broken(tmp_path):
    folder = found(Path("/proc"), tmp_path, "folder")["folder"]
    assert folder["state"] == "broken"
    assert folder["said"].startswith("nothing can be written: ")
    assert folder["remedy"]


def test_on_a_terminal_states_have_colours_and_in_a_pipe_they_have_none(tmp_path):
    (tmp_path / "nothing").mkdir()
    ours, theirs = pty.openpty()
    command = [KREPIS, "doctor", "--only", "sqlite"]
    env = environment(tmp_path, TERM="xterm")
    process = subprocess.Popen(command, cwd=tmp_path / "nothing", env=env, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    with suppress(OSError):  # the end of a terminal, on Linux
        while some := os.read(ours, 4096):
            shown += some
    os.close(ours)
    assert process.wait(60) == 0
    assert b"\x1b[32mok     \x1b[0m  sqlite" in shown
    assert "\x1b" not in run(tmp_path / "nothing", tmp_path, "--only", "sqlite").stdout


def test_nothing_is_left_in_the_project(root, tmp_path):
    def there():
        return sorted(str(path) for path in root.rglob("*") if "__pycache__" not in path.parts)

    before = there()
    found(root, tmp_path)
    assert there() == before


def test_a_log_is_opened_and_counted(root, tmp_path):
    from krepis_cli.history.log import OperationLog

    with OperationLog(root) as log:
        proposal = log.propose("test")
        proposal.write("made.txt", b"made\n")
        log.apply(proposal)
    log = found(root, tmp_path, "log")["log"]
    assert (log["state"], log["said"]) == ("ok", "1 operation")


def test_all_candidates_are_told_to_programs(root, tmp_path, python):
    facts = found(root, tmp_path, "project-python")["project-python"]["facts"]
    chosen = [one for one in facts["candidates"] if one["chosen"]]
    assert [one["path"] for one in chosen] == [str(root / ".venv/bin/python")]
    assert {"path", "origin", "version", "problem", "lacks", "wanted", "prefix"} <= set(chosen[0])


@pytest.mark.parametrize(
    "name", [b"caf\xe9", b"\x1b[31mred", b"new\nline", "\u202eleft".encode(), b'it\'s "quoted" $HOME']
)
def test_a_project_in_a_folder_with_a_hostile_name_is_looked_at_like_any_other(root, tmp_path, name):
    hostile = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
    root.rename(hostile)
    ran = run(hostile, tmp_path, "--only=app", "--only=project-python", "--only=folder")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert all(line.isprintable() for line in ran.stdout.splitlines())
    findings = found(hostile, tmp_path, "app", "project-python", "folder", "log")
    assert {finding["state"] for finding in findings.values()} == {"ok"}
    (hostile / "krepis.toml").rename(hostile / "away")
    assert "`krepis new NAME` makes one" in run(hostile, tmp_path, "--only=project-python").stdout


@pytest.mark.parametrize("jobs", ["0", "many", "65"])
def test_a_number_of_jobs_that_is_none_is_wrong_use(root, tmp_path, jobs):
    assert run(root, tmp_path, "--jobs", jobs).returncode == 2


def test_ctrl_c_ends_it_and_all_its_probes(root, tmp_path):
    ready = tmp_path / "ready"
    write_app(
        root,
        f"import os, time; open({str(ready)!r} + 'x', 'w').write(str(os.getpid())); os.rename({str(ready)!r} + 'x', {str(ready)!r}); time.sleep(3600)",
    )
    process = subprocess.Popen(
        [KREPIS, "doctor"],
        cwd=root,
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until(ready.exists)
    process.send_signal(2)
    _, said = process.communicate(timeout=60)
    assert process.returncode in (-2, 130)
    assert "Traceback" not in said
    until(lambda: not alive(int(ready.read_text())))
