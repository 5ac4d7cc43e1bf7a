"""Whatever a plugin does, the command ends with one error of its verb, and the project is as it was."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from random import Random

import pytest

from serving import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("unchanged")]

# With the same seed the same third of each list; all of it in long runs.
CHANCE = Random(int(os.environ["KREPIS_SEED"]))


def drawn(cases):
    return cases if os.environ.get("KREPIS_LONG") else CHANCE.sample(cases, len(cases) // 3)


PROPOSED = 'tell("propose", changes=[{"path": "new.txt", "text": "new"}])\n'

# what it does, how the command calls it, a part of what it says about it
BEFORE_IT_RUNS = [
    ("sys.exit(4)", "plugin_crash", "ended with exit code 4 before it had finished"),
    ("raise ValueError('no idea')", "plugin_crash", "it said: ValueError: no idea"),
    ("os.kill(os.getpid(), signal.SIGSEGV)", "plugin_crash", "was killed by SIGSEGV"),
    ("tell('hello', protocol=2)", "plugin_version", "speaks version 2 of the protocol, and this command version 1"),
    ("tell('say', text='hi')", "plugin_message", "said `say` where `hello` was expected"),
    ("print('hello there')", "plugin_noise", "`hello there`: JSON is malformed"),
    ("sys.stdout.buffer.write(b'\\xff\\xfe\\n')", "plugin_noise", "�"),
    ("print('{\"x\":' * 200000)", "plugin_noise", "it is nested too deep"),
    ("print('\\x1b[31m\\x1b]0;owned\\x07')", "plugin_noise", "\\x1b[31m"),
    ("tell('hello'); print('{}')", "plugin_message", "Object missing required field `protocol`"),
]

WHILE_IT_RUNS = [
    ("sys.exit(0)", "plugin_crash", "ended with exit code 0 before it had finished"),
    ("os._exit(7)", "plugin_crash", "ended with exit code 7"),
    ("os.kill(os.getpid(), signal.SIGKILL)", "plugin_crash", "was killed by SIGKILL"),
    ("sys.stdout.close(); os.close(1); sys.exit(5)", "plugin_crash", "ended with exit code 5"),
    ("print('debugging'); tell('finished')", "plugin_noise", "standard output is for the protocol alone"),
    ('sys.stdout.buffer.write(b\'{"type":"say","text":"\\xff"}\\n\')', "plugin_noise", ""),
    ('print(\'{"type":"say","text":"","x":\' + \'[\' * 200000)', "plugin_noise", "nested too deep"),
    ("tell('dance')", "plugin_message", "Invalid value 'dance'"),
    ("print('42')", "plugin_message", "Expected `object`, got `int`"),
    ("tell('say', text=7)", "plugin_message", "Expected `str`, got `int` - at `$.text`"),
    ("tell('hello', protocol=1)", "plugin_message", "said something at the wrong time"),
    ("tell('finished', exit_code=77)", "plugin_message", "`$.exit_code`"),
    ("tell('error', sentence='it is closed')", "plugin_failed", "it is closed"),
    ("tell('error', sentence='no', code='Not A Code')", "plugin_message", "`$.code`"),
    ("tell('progress', what='x', done=10**400)", "plugin_message", "`$.done`"),
]


@pytest.mark.parametrize(("source", "code", "part"), drawn(BEFORE_IT_RUNS))
def test_a_plugin_that_fails_before_it_runs_is_one_error(shelf, source, code, part):
    shelf.add(source)
    ended, facts = shelf.facts("odd")
    assert (ended, facts["code"]) == (1, code)
    assert part in " ".join(map(str, facts.values()))
    assert facts["place"] == "krepis-odd 0.1 (krepis_odd)"


@pytest.mark.parametrize(("source", "code", "part"), drawn(WHILE_IT_RUNS))
def test_a_plugin_that_fails_while_it_runs_is_one_error_and_changes_nothing(shelf, source, code, part):
    shelf.add(f"begin()\n{PROPOSED}{source}\nsys.stdin.read()")
    ended, facts = shelf.facts("odd")
    assert (ended, facts["code"]) == (1, code)
    assert part in " ".join(map(str, facts.values()))


@pytest.mark.parametrize(
    ("source", "environment", "part"),
    [
        ("time.sleep(3600)", {"KREPIS_PLUGINS_START_S": "0.5"}, "did not answer in 0.5 s and was killed"),
        ("begin()\ntime.sleep(3600)", {"KREPIS_PLUGINS_SILENCE_S": "0.5"}, "it said nothing for 0.5 s"),
        (
            "begin()\nwhile True: tell('progress', what='x', done=1); time.sleep(0.01)",
            {"KREPIS_PLUGINS_RUN_S": "0.5"},
            "ran longer than 0.5 s",
        ),
        (
            "signal.pthread_sigmask(signal.SIG_BLOCK, {2, 15})\nwhile True: pass",
            {"KREPIS_PLUGINS_START_S": "1"},
            "did not",
        ),
    ],
)
def test_a_plugin_that_hangs_is_killed_with_all_that_it_started(shelf, source, environment, part):
    child = "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(3600)'])\n"
    note = "Path(os.environ['NOTE']).write_text(f'{os.getpid()} {child.pid}')\n"
    shelf.add(f"child = {child}{note}{source}")
    written = shelf.packages / "pids"
    ended, facts = shelf.facts("odd", NOTE=str(written), **environment)
    assert (ended, facts["code"]) == (1, "plugin_late")
    assert part in facts["error"]
    assert [pid for pid in written.read_text().split() if _lives(int(pid))] == []


@pytest.mark.parametrize(
    ("source", "part"),
    [
        ("while True: os.write(1, b'x' * 65536)", "a line of more than 1048576 bytes"),
        ("while True: tell('say', text='x' * 60000)", "more output than a plugin may have in all"),
    ],
)
def test_a_plugin_that_writes_without_end_is_cut(shelf, source, part):
    shelf.add(f"begin()\n{source}")
    limits = {"KREPIS_PLUGINS_LINE_BYTES": str(1 << 20), "KREPIS_PLUGINS_OUTPUT_BYTES": str(4 << 20)}
    ended, facts = shelf.facts("odd", **limits)
    assert (ended, facts["code"]) == (1, "plugin_output")
    assert part in facts["error"]


def test_noise_on_standard_error_is_kept_away_and_its_end_is_shown_when_asked_for(shelf):
    shelf.add("begin()\nos.write(2, b'\\x1b[2J' * 3_000_000 + b'the end\\n')\ntell('finished')")
    assert shelf.krepis("odd") == (0, "", "")
    code, out, said = shelf.krepis("odd", "--debug")
    assert (code, out) == (0, "")
    assert said.endswith("the end\n")
    assert "\x1b" not in said
    assert len(said) < 40_000


def test_a_plugin_that_goes_on_after_it_has_finished_is_killed(shelf):
    shelf.add(
        "begin()\ntell('answer', lines=['done'])\ntell('finished')\nsignal.signal(2, signal.SIG_IGN)\ntime.sleep(3600)"
    )
    assert shelf.krepis("odd", KREPIS_PLUGINS_STOP_S="0.2")[:2] == (0, "done\n")


def test_a_plugin_whose_module_is_not_there_is_one_error(shelf):
    shelf.add("")
    (shelf.packages / "krepis_odd.py").unlink()
    ended, facts = shelf.facts("odd")
    assert (ended, facts["code"]) == (1, "plugin_crash")
    assert "No module named krepis_odd" in facts["hint"]


@pytest.mark.parametrize(
    ("option", "part"),
    drawn(
        [
            ({"name": "--json"}, "`--json` is an option of every verb"),
            ({"name": "--dry-run"}, "`--dry-run` is an option of every verb"),
            ({"name": "--x", "kind": "flag", "default": True}, "is a flag"),
            ({"name": "--x", "kind": "choice"}, "has choices exactly when"),
            ({"name": "--x", "kind": "integer", "default": "7"}, "can't have the default '7'"),
            ({"name": "--x", "kind": "rope"}, "Invalid enum value 'rope'"),
            ({"name": "-x"}, "`$.options[0].name`"),
            ({"name": "--a b"}, "`$.options[0].name`"),
        ]
    ),
)
def test_options_that_can_not_be_are_one_error(shelf, option, part):
    shelf.add(f"begin({option!r})")
    ended, facts = shelf.facts("odd")
    assert (ended, facts["code"][:7]) == (1, "plugin_")
    assert part in facts["error"]


@pytest.mark.parametrize(
    ("change", "part"),
    drawn(
        [
            ({"path": "../out.txt", "text": ""}, "../out.txt"),
            ({"path": "/etc/out.txt", "text": ""}, "not relative to the project"),
            ({"path": ".git/hooks/pre-commit", "text": ""}, "belongs to a tool"),
            ({"path": "a/.GIT/x", "text": ""}, "belongs to a tool"),
            ({"path": ".krepis/history", "remove": True}, "belongs to a tool"),
            ({"path": "a\0b", "text": ""}, "zero byte"),
            ({"path": "out/x", "text": ""}, "symbolic link"),
            ({"path": "kept.txt/x", "text": ""}, "is no folder"),
            ({"path": "x", "text": "", "remove": True}, "it is either"),
            ({"path": "x"}, "it is either"),
            ({"path": "x", "base64": "%"}, "no base64"),
            ({"path": "x", "text": "", "mode": "4755"}, "mode"),
            ({"path": "x", "remove": True, "mode": "755"}, "has no mode"),
        ]
    ),
)
def test_a_proposal_that_can_not_be_is_refused_as_a_whole(shelf, change, part, tmp_path):
    (shelf.project / "out").symlink_to(tmp_path)
    shelf.add(f"begin()\n{PROPOSED}tell('propose', changes=[{change!r}])\ntell('finished')\nsys.stdin.read()")
    ended, facts = shelf.facts("odd")
    assert ended == 1
    assert part in " ".join(map(str, facts.values()))
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("stubborn", [False, True])
def test_ctrl_c_reaches_a_plugin_and_then_kills_it(shelf, stubborn):
    heard = shelf.packages / "heard"
    answer = "lambda *_: note.write_text('heard')" + ("" if stubborn else " and sys.exit()")
    shelf.add(
        f"note = Path({str(heard)!r})\nchild = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(3600)'])\n"
        f"begin()\n{PROPOSED}signal.signal(signal.SIGINT, {answer})\n"
        "tell('warn', text=f'ready {os.getpid()} {child.pid} .')\nwhile True: time.sleep(0.1)"
    )
    terminal = shelf.terminal("odd", KREPIS_PLUGINS_STOP_S="1" if stubborn else "60")
    pids = terminal.read_until(" .").split("ready ")[1].split()[:2]
    terminal.type("\x03")
    code, text = terminal.end()
    assert (code, heard.read_text()) == (-signal.SIGINT, "heard")
    assert "krepis: stopped by Ctrl-C" in text
    assert [pid for pid in pids if _lives(int(pid))] == []


def test_ctrl_c_while_plugins_are_asked_waits_for_none_of_them(shelf):
    pid = shelf.packages / "pid"
    shelf.add(f"Path({str(pid)!r}).write_text(f'{{os.getpid()}} ')\ntime.sleep(3600)")
    terminal = shelf.terminal("plugin", "list", KREPIS_PLUGINS_START_S="600")
    assert wait_until(lambda: pid.exists() and pid.read_text().endswith(" "), 60)
    terminal.type("\x03")
    assert terminal.end()[0] == -signal.SIGINT
    assert sys.platform != "linux" or wait_until(lambda: not _lives(int(pid.read_text())), 60)


@pytest.mark.skipif(
    sys.platform != "linux", reason="elsewhere a plugin sees the end of its input, and may leave or not"
)
def test_a_plugin_does_not_outlive_a_command_that_is_killed(shelf):
    shelf.add(f"begin()\n{PROPOSED}tell('warn', text=f'ready {{os.getpid()}} .')\nwhile True: time.sleep(0.1)")
    terminal = shelf.terminal("odd")
    pid = int(terminal.read_until(" .").split("ready ")[1].split()[0])
    terminal.kill()
    assert wait_until(lambda: not _lives(pid), 60)


def _lives(pid: int) -> bool:
    """Whether there is such a process that is no zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or ") Z" not in stat.read_text()
