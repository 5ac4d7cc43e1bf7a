"""What the command writes, to whom, and how it ends when nobody takes it or a person stops it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from serving import KREPIS
from terminal import Terminal, compare, heeding_ctrl_c, in_pipes

SNAPSHOTS = Path(__file__).parent / "snapshots"


@pytest.fixture
def environment(probe: dict[str, str]) -> dict[str, str]:
    return {**os.environ, **probe}


def bash(environment: dict[str, str], script: str) -> tuple[int, str, str]:
    done = subprocess.run(
        ["bash", "-c", script, "bash", str(KREPIS)], env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


def test_the_overview_reads_as_it_should(tmp_path: Path) -> None:
    # Without `site` there are no installed packages: the overview of core alone, wherever this runs.
    core = Path(__file__).parents[2] / "src"
    code = f"import sys; sys.path.insert(0, {str(core)!r}); sys.argv[1:] = ['--help']; import krepis.__main__"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    compare(SNAPSHOTS / "overview.txt", done.stdout)


@pytest.mark.parametrize("words", ["db", "db upgrade", "job run", "completion"])
def test_the_help_of_a_verb_reads_as_it_should(words: str) -> None:
    code, out, said = in_pipes(*words.split(), "--help", env={"COLUMNS": "100"})
    assert (code, said) == (0, "")
    compare(SNAPSHOTS / f"help-{words.replace(' ', '-')}.txt", out)


def test_nothing_that_is_said_steers_a_terminal(environment: dict[str, str]) -> None:
    code, text = Terminal([KREPIS, "probe", "hostile"], env=environment).end()
    assert code == 1
    left = text.replace("\x1b[31mfine\x1b[0m", "").replace("\n", "").replace("\t", "")
    assert left.isprintable()
    assert "\\x1b]0;owned\\x07\\x1b[2J\\u202etxt\\x9b31m\\x7f" in text
    assert "two\tcolumns\na\\nb\n" in text
    code, out, _ = in_pipes("probe", "hostile", "--json", env=environment)
    answer, error = out.splitlines()
    assert out.replace("\n", "").isprintable()
    assert json.loads(answer)["text"] == "\x1b]0;owned\x07\x1b[2J\u202etxt\x9b31m\x7f"
    assert json.loads(error)["hint"] == json.loads(answer)["text"]


@pytest.mark.parametrize(
    "words", ["config check", "config show", "run", "run no.such:app", "db status", "audit list --json"]
)
def test_a_folder_with_a_hostile_name_is_named_on_one_line(
    environment: dict[str, str], tmp_path: Path, words: str
) -> None:
    folder = tmp_path / b"x\x1b[2J\nkrepis: all is well\r \xe2\x80\xae\xff".decode("utf-8", "surrogateescape")
    folder.mkdir()
    for toml in (None, "", "app = 1\n", "["):
        if toml is not None:
            (folder / "krepis.toml").write_text(toml, encoding="utf-8")
        code, text = Terminal([KREPIS, *words.split()], cwd=folder, env=environment).end()
        assert code in (0, 1)
        assert text.replace("\n", "").isprintable()
        assert "\nkrepis: all is well" not in text
        assert "Traceback" not in text


def test_names_that_are_no_utf_8_are_shown_and_told_to_machines(environment: dict[str, str]) -> None:
    assert in_pipes("probe", "say", b"caf\xe9", env=environment)[:2] == (0, "caf\\udce9\n")
    _, out, _ = in_pipes("probe", "say", b"caf\xe9", "--json", env=environment)
    assert json.loads(out)["words"] == ["caf\udce9"]
    latin = {**environment, "PYTHONIOENCODING": "ascii"}
    assert in_pipes("probe", "say", "été", env=latin)[:2] == (0, "\\xe9t\\xe9\n")


@pytest.mark.parametrize(
    ("setting", "coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False), ({"NO_COLOR": ""}, True)],
)
def test_colours_are_for_terminals_that_want_them(
    environment: dict[str, str], setting: dict[str, str], coloured: bool
) -> None:
    words = [KREPIS, "probe", "say", "hi", "--colour", "red"]
    expected = "\x1b[1m\x1b[31mhi\x1b[0m\n" if coloured else "hi\n"
    assert Terminal(words, env={**environment, **setting}).end() == (0, expected)
    assert in_pipes(*words[1:], env={**environment, **setting})[1] == "hi\n"
    assert json.loads(Terminal([*words, "--json"], env=environment).end()[1])["words"] == ["hi"]


def test_notes_are_for_people_and_warnings_for_all(environment: dict[str, str]) -> None:
    assert Terminal([KREPIS, "probe", "notes"], env=environment).end()[1] == "do this next\nkrepis: mind this\ndone\n"
    assert Terminal([KREPIS, "probe", "notes", "--quiet"], env=environment).end()[1] == "done\n"
    assert in_pipes("probe", "notes", env=environment)[1:] == ("done\n", "krepis: mind this\n")
    assert in_pipes("probe", "notes", "--quiet", env=environment)[1:] == ("done\n", "")


@pytest.mark.slow
def test_progress_is_shown_on_a_terminal_and_goes_away(environment: dict[str, str]) -> None:
    _, text = Terminal([KREPIS, "probe", "progress"], env=environment).end()
    assert "\rcounting: " in text
    assert text.endswith("\r\x1b[Kcounted 30\n")
    assert in_pipes("probe", "progress", env=environment)[1:] == ("counted 30\n", "")
    assert Terminal([KREPIS, "probe", "progress", "--quiet"], env=environment).end()[1] == "counted 30\n"


@pytest.mark.parametrize(
    ("typed", "said"),
    [("y\n", "yes"), ("YES\n", "yes"), ("\n", "no"), ("no\n", "no"), ("\x04", "no"), ("what\ny\n", "yes")],
)
def test_a_question_is_asked_on_the_terminal(environment: dict[str, str], typed: str, said: str) -> None:
    terminal = Terminal([KREPIS, "probe", "ask"], env=environment)
    terminal.read_until("Really? [y/N] ")
    terminal.type(typed)
    code, text = terminal.end()
    assert (code, text.splitlines()[-1].rpartition(" ")[2]) == (0, said)


def test_where_nobody_can_be_asked_the_option_is_named(environment: dict[str, str]) -> None:
    code, out, said = in_pipes("probe", "ask", env=environment, sent="y\n")
    assert (code, out) == (1, "")
    assert said.endswith("(not_confirmed)\n  hint: `--yes` says yes\n")


@pytest.mark.parametrize(
    "words", ["--version", "--help", "probe --help", "probe say hi", "probe say hi --json", "probe fail --json"]
)
def test_output_that_nobody_takes_is_an_error(environment: dict[str, str], words: str) -> None:
    for place in (">/dev/full", ">&-"):
        code, _, said = bash(environment, f'"$1" {words} {place}')
        assert (code, said.count("\n"), "standard output can't be written to" in said) == (1, 1, True), said
    assert bash(environment, f'"$1" {words} >&- 2>&-')[0] == 1


@pytest.mark.parametrize("words", ["--help", "probe many", "probe many --json"])
def test_a_reader_that_leaves_ends_the_command_quietly(environment: dict[str, str], words: str) -> None:
    reading, writing = os.pipe()
    process = subprocess.Popen([KREPIS, *words.split()], env=environment, stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    if "many" in words:
        assert os.read(reading, 4)
    os.close(reading)
    assert process.communicate() == (None, b"")
    assert process.returncode == -signal.SIGPIPE


@pytest.mark.parametrize("action", ["hang", "hang-quietly"])
def test_ctrl_c_is_answered_with_a_word_and_the_signal(environment: dict[str, str], action: str) -> None:
    terminal = Terminal([KREPIS, "probe", action], env=environment)
    terminal.read_until("ready")
    terminal.type("\x03")
    code, text = terminal.end()
    assert code == -signal.SIGINT
    assert text.endswith("\nkrepis: stopped by Ctrl-C\n")
    assert "Traceback" not in text


def test_ctrl_c_while_a_verb_is_loaded_is_answered_too(environment: dict[str, str]) -> None:
    slow = "import sys, time\nprint('loading', file=sys.stderr, flush=True)\ntime.sleep(600)\n"
    Path(environment["PYTHONPATH"], "probe_verb.py").write_text(slow, encoding="utf-8")
    process = subprocess.Popen(
        [KREPIS, "probe", "say"],
        env=environment,
        stderr=subprocess.PIPE,
        preexec_fn=heeding_ctrl_c,  # noqa: PLW1509 - a test has one thread
    )
    assert process.stderr is not None
    assert process.stderr.readline() == b"loading\n"
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60)[1] == b"\nkrepis: stopped by Ctrl-C\n"
    assert process.returncode == -signal.SIGINT


def test_what_was_registered_for_the_end_runs_and_a_second_ctrl_c_does_not_wait_for_it(
    environment: dict[str, str],
) -> None:
    at_end = "import atexit, sys, time\natexit.register(lambda: (print('tidy', file=sys.stderr), time.sleep(600)))\n"
    file = Path(environment["PYTHONPATH"], "probe_verb.py")
    docstring, code = file.read_text(encoding="utf-8").split("\nimport sys\n")
    file.write_text(f"{docstring}\n{at_end}import sys\n{code}", encoding="utf-8")
    terminal = Terminal([KREPIS, "probe", "hang"], env=environment)
    terminal.read_until("ready")
    terminal.type("\x03")
    assert "krepis: stopped by Ctrl-C" in terminal.read_until("tidy")
    terminal.type("\x03")
    assert terminal.end()[0] == -signal.SIGINT


def test_a_loop_of_a_shell_ends_with_the_command(environment: dict[str, str]) -> None:
    loop = 'for one in 1 2 3; do "$1" probe hang; done; echo not reached'
    terminal = Terminal(["bash", "-c", loop, "bash", str(KREPIS)], env=environment)
    terminal.read_until("ready")
    terminal.type("\x03")
    assert "not reached" not in terminal.end()[1]
