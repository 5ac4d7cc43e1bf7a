"""Verbs of plugins: found, described, run, and what they propose done through the log."""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import structs

from krepis.verbs import Parser, printable
from krepis_cli.plugins.messages import Description, Message, NoiseError, Option, WrongMessageError, decoded
from krepis_cli.plugins.options import add_options
from krepis_cli.plugins.settings import PluginsSettings
from terminal import compare, in_pipes

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[4]
SNAPSHOTS = Path(__file__).parent / "snapshots"

OPTIONS = [
    {"name": "word", "required": True, "help": "one word, 100% of it"},
    {"name": "rest", "many": True, "kind": "integer", "help": "numbers"},
    {"name": "--flag", "kind": "flag"},
    {"name": "--most-of", "kind": "number", "default": 2.5, "help": "how much"},
    {"name": "--colour", "kind": "choice", "choices": ["red", "blue"], "default": "red"},
    {"name": "--tag", "many": True},
    {"name": "--nothing"},
]
ECHO = f"""
told = begin(*{OPTIONS!r}, help="Say what was heard.\\n\\nexamples:\\n  krepis odd word 1 2 --flag")
tell("answer", facts={{"told": told}}, lines=["heard"])
tell("finished")
"""


def test_a_plugin_hears_what_the_command_line_says(shelf):
    shelf.add(ECHO)
    words = "odd", "a", "1", "2", "--flag", "--most-of", "3", "--colour", "blue", "--tag", "x", "--tag", "y"
    code, facts = shelf.facts(*words)
    assert code == 0, facts
    told = facts["told"]
    assert code == 0
    assert told["arguments"] == {
        "word": "a",
        "rest": [1, 2],
        "flag": True,
        "most_of": 3.0,
        "colour": "blue",
        "tag": ["x", "y"],
        "nothing": None,
    }
    assert (told["project"], told["folder"]) == (str(shelf.project), str(shelf.project))
    assert (told["json"], told["quiet"], told["terminal"]["live"]) == (True, False, False)


def test_options_that_were_not_given_have_their_defaults(shelf):
    shelf.add(ECHO)
    _, facts = shelf.facts("odd", "a")
    assert facts["told"]["arguments"] == {
        "word": "a",
        "rest": [],
        "flag": False,
        "most_of": 2.5,
        "colour": "red",
        "tag": [],
        "nothing": None,
    }


def test_the_help_of_a_plugin_reads_as_that_of_any_verb(shelf):
    shelf.add(ECHO)
    code, out, said = shelf.krepis("odd", "--help")
    assert (code, said) == (0, "")
    compare(SNAPSHOTS / "plugin-help.txt", out)


def test_the_overview_says_what_the_package_says_about_itself(shelf):
    shelf.add(ECHO)
    _, out, _ = shelf.krepis("--help")
    assert [line.split() for line in out.splitlines() if line.startswith("  odd ")] == [["odd", "Odd"]]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("a", "--colour", "green"), "wrong_use"),
        (("a", "x"), "wrong_use"),
        (("a", "--most-of", "nan"), "wrong_use"),
        ((), "wrong_use"),
        (("a", "--flga"), "no_such_option"),
    ],
)
def test_a_wrong_command_line_never_reaches_the_plugin(shelf, words, code):
    shelf.add(f"{ECHO}Path({str(shelf.packages / 'ran')!r}).touch()")
    ended, facts = shelf.facts("odd", *words)
    assert (ended, facts["code"]) == (2, code)
    assert not (shelf.packages / "ran").exists()


def test_names_that_are_not_utf_8_arrive_as_they_are(shelf):
    shelf.add(
        "told = begin({'name': 'word'})\nos.write(2, os.fsencode(told['arguments']['word']))\n"
        "tell('propose', changes=[{'path': 'new.txt', 'text': ''}])\ntell('finished')"
    )
    folder = shelf.project / os.fsdecode(b"\xff\n")
    folder.mkdir()
    code, _, said = in_pipes("odd", "--debug", b"\xfe\x1b", cwd=folder, env=shelf.environment)
    assert (code, said.splitlines()[-1]) == (0, "�\\x1b")
    assert shelf.krepis("history")[0] == 0
    assert shelf.operations() == ["odd"]


def test_what_a_plugin_proposes_is_one_operation_that_can_be_taken_back(shelf):
    changes = [
        [{"path": "a/b.sh", "text": "é\n", "mode": "755"}, {"path": "empty", "folder": True}],
        [{"path": "kept.txt", "remove": True}, {"path": "data", "base64": "AP8="}],
    ]
    proposals = "".join(f"tell('propose', changes={one!r})\n" for one in changes)
    shelf.add(f"begin()\n{proposals}tell('answer', lines=['made it'])\ntell('finished', exit_code=3)")
    before = shelf.files()
    code, out, said = shelf.krepis("odd")
    assert (code, said) == (3, "")
    assert out == "made it\nA a/\nA a/b.sh\nA data\nA empty/\nD kept.txt\n"
    assert shelf.files() == {"krepis.toml": b"# A project.\n", "a/b.sh": "é\n".encode(), "data": b"\0\xff"}
    assert stat.S_IMODE((shelf.project / "a/b.sh").stat().st_mode) == 0o755
    assert shelf.operations() == ["odd"]
    assert shelf.krepis("undo")[0] == 0
    assert shelf.files() == before


def test_a_dry_run_shows_the_changes_and_makes_none(shelf):
    shelf.add("begin()\ntell('propose', changes=[{'path': 'kept.txt', 'text': 'new\\n'}])\ntell('finished')")
    code, out, _ = shelf.krepis("odd", "--dry-run")
    assert (code, out) == (0, "M kept.txt\n--- a/kept.txt\n+++ b/kept.txt\n@@ -1 +1 @@\n-kept\n+new\n")
    assert (shelf.files()["kept.txt"], shelf.operations()) == (b"kept\n", [])


def test_a_proposal_that_changes_nothing_is_no_operation(shelf):
    shelf.add("begin()\ntell('propose', changes=[{'path': 'kept.txt', 'text': 'kept\\n'}])\ntell('finished')")
    assert shelf.facts("odd") == (0, {"changes": [], "operation": None})
    assert shelf.operations() == []


def test_outside_of_a_project_nothing_can_be_proposed(shelf, tmp_path):
    shelf.add("begin()\ntell('propose', changes=[{'path': 'x', 'text': ''}])\ntell('finished')")
    code, out, _ = shelf.krepis("odd", "--json", cwd=tmp_path)
    assert (code, json.loads(out)["code"]) == (1, "plugin_no_project")


def test_an_error_of_a_plugin_looks_like_any_other(shelf):
    error = {"sentence": "it is \x1b[31mopen", "code": "door_open", "place": "house.txt:3", "hint": "close it"}
    shelf.add(f"begin()\ntell('error', exit_code=3, **{error!r})")
    said = "krepis: it is \\x1b[31mopen (door_open)\n  at: house.txt:3\n  hint: close it\n"
    assert shelf.krepis("odd") == (3, "", said)


def test_a_person_is_asked_on_the_terminal(shelf):
    shelf.add(
        "begin()\ntell('progress', what='reading', done=1)\ntell('ask', question='really?')\n"
        "tell('say', text=f\"you said {hear()['yes']}\\x1b[2J\")\ntell('finished')"
    )
    terminal = shelf.terminal("odd", KREPIS_PLUGINS_SILENCE_S="60")
    terminal.read_until("really? [y/N]")
    terminal.type("y\n")
    code, text = terminal.end()
    assert code == 0
    assert "you said True\\x1b[2J\n" in text


def test_where_nobody_can_be_asked_the_verb_ends(shelf):
    shelf.add("begin()\ntell('ask', question='really?')\nhear()\ntell('finished')")
    ended, facts = shelf.facts("odd")
    assert (ended, facts["code"]) == (1, "not_confirmed")
    assert shelf.facts("odd", "--yes") == (0, {})


def test_in_pipes_a_plugin_says_nothing_but_its_answer_and_warnings(shelf):
    shelf.add(
        "begin()\ntell('say', text='hi')\ntell('warn', text='mind')\ntell('answer', lines=['yes'])\ntell('finished')"
    )
    assert shelf.krepis("odd") == (0, "yes\n", "krepis: odd: mind\n")
    assert shelf.krepis("odd", "--quiet") == (0, "yes\n", "")


def test_plugin_list_says_what_is_installed_and_what_is_wrong_with_it(shelf):
    shelf.add(ECHO, "odd", "run", "Bad_Name")
    shelf.add(ECHO, "twin", package="krepis-one", version="1.0")
    shelf.add(ECHO, "twin", package="krepis-two", version="2.0")
    shelf.add("sys.exit(9)", "broken", package="krepis-broken", version="3.1")
    shelf.add("begin({'name': '--json'})", "wrong", package="krepis-wrong", version="1")
    code, out, said = shelf.krepis("plugin", "list")
    assert (code, said) == (0, "")
    compare(SNAPSHOTS / "plugin-list.txt", out)
    ended, facts = shelf.facts("plugin", "list")
    assert ended == 0
    assert [plugin["verb"] for plugin in facts["plugins"] if plugin["works"]] == ["odd"]


def test_plugin_show_shows_one_of_them(shelf):
    shelf.add(ECHO)
    code, out, said = shelf.krepis("plugin", "show", "odd")
    assert (code, said) == (0, "")
    compare(SNAPSHOTS / "plugin-show.txt", out)
    ended, facts = shelf.facts("plugin", "show", "krepis-odd")
    assert ended == 0
    assert [option["name"] for option in facts["plugins"][0]["options"]] == [option["name"] for option in OPTIONS]


def test_plugin_show_of_one_that_does_not_answer_is_no(shelf):
    shelf.add("sys.exit(9)")
    code, out, _ = shelf.krepis("plugin", "show", "odd")
    assert code == 1
    assert "state    not usable: the plugin `odd` ended with exit code 9 before it had finished (plugin_crash)\n" in out
    assert shelf.facts("plugin", "show", "nobody")[1]["code"] == "no_such_plugin"


def test_without_plugins_the_list_says_so(shelf):
    assert shelf.krepis("plugin", "list") == (0, "no plugin is installed\n", "")


def test_a_plugin_never_has_the_verb_of_another(shelf):
    shelf.add("begin()\ntell('finished', exit_code=1)", "history")
    assert shelf.krepis("history")[0] == 0
    shelf.add("", "twin", package="krepis-one")
    shelf.add("", "twin", package="krepis-two")
    ended, facts = shelf.facts("twin")
    assert (ended, facts["code"]) == (1, "plugin_refused")


def test_a_wrong_setting_is_said_with_its_place(shelf):
    shelf.add(ECHO)
    (shelf.project / "krepis.toml").write_text("[plugins]\nstart_s = -1\n")
    ended, facts = shelf.facts("odd", "a", KREPIS_PLUGINS_STOP_S="2")
    assert ended == 1
    # The environment of these tests is the stronger one, and the file is judged all the same.
    assert "krepis.toml:2" in json.dumps(facts)


def test_the_limits_on_the_page_are_those_of_the_code():
    page = (ROOT / "docs/plugins.md").read_text(encoding="utf-8")
    shown = dict(re.findall(r"^\| `(\w+)` \| (\d+) \|", page, re.MULTILINE))
    assert {name: float(number) for name, number in shown.items()} == structs.asdict(PluginsSettings())


def test_every_plugin_is_started_in_one_place():
    sources = (ROOT / "packages/cli/src/krepis_cli/plugins").glob("*.py")
    starters = "subprocess|os.fork|os.spawn|os.exec|multiprocessing|os.system"
    assert [file.name for file in sources if re.search(f"(?:{starters})", file.read_text(encoding="utf-8"))] == [
        "start.py"
    ]


@given(st.binary())
@example(b'{"type":"say","text":"' + b"x" * 70_000 + b'"}')
@example(b'{"type":"finished","exit_code":' + b"9" * 5000 + b"}")
@example(b'{"type":"answer","facts":{"x":' + b"[" * 100_000)
@example(b'{"type":"answer","facts":{"x":1e999}}')
def test_whatever_is_on_a_line_is_a_message_or_one_of_two_errors(line):
    with contextlib.suppress(NoiseError, WrongMessageError):
        assert isinstance(decoded(line), Message)


MESSAGES = st.sampled_from("hello description say warn progress answer ask error propose finished".split())
VALUES = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3))
FIELDS = st.sampled_from("protocol help options text what done facts lines question sentence changes exit_code".split())


@given(MESSAGES, st.dictionaries(FIELDS, VALUES))
def test_a_message_with_any_fields_is_right_or_wrong(kind, fields):
    with contextlib.suppress(WrongMessageError):
        assert isinstance(decoded(json.dumps({"type": kind, **fields}).encode()), Message)


def test_the_limits_of_a_project_stand_in_its_krepis_toml(shelf):
    shelf.add("begin()\ntime.sleep(3600)")
    (shelf.project / "krepis.toml").write_text("[plugins]\nsilence_s = 0.25\n")
    ended, facts = shelf.facts("odd")
    assert (ended, facts["code"]) == (1, "plugin_late")
    assert "it said nothing for 0.25 s" in facts["error"]


def test_a_plugin_may_be_written_in_any_language(shelf):
    script = """
        read -r hello; echo '{"type": "hello", "protocol": 1}'
        read -r describe; echo '{"type": "description", "help": "In bash."}'
        read -r run; echo '{"type": "answer", "lines": ["from bash"]}'; echo '{"type": "finished"}'
    """
    shelf.add(f"os.execvp('bash', ['bash', '-c', {script!r}])")
    assert shelf.krepis("odd") == (0, "from bash\n", "")


TEXTS = st.text() | st.sampled_from(["100% %(prog)s %(prog)d", "\x1b[2J", "%(default)s", "a\nb", "[x] (y) {z}"])
NAMES = st.from_regex(r"(--)?[a-z][a-z0-9]{0,5}(-[a-z0-9]{1,5}){0,2}", fullmatch=True)
CHOICES = st.lists(st.from_regex(r"[\w.@%+=:,/-]{1,20}", fullmatch=True), max_size=3)
OPTION = st.builds(
    Option,
    name=NAMES,
    kind=st.sampled_from(["text", "flag", "integer", "number", "choice"]),
    help=TEXTS,
    default=st.none() | TEXTS | st.integers(),
    choices=CHOICES.map(tuple),
    many=st.booleans(),
    required=st.booleans(),
)


@given(TEXTS, st.lists(OPTION, max_size=6))
def test_whatever_a_plugin_describes_is_refused_or_has_a_help_that_steers_no_terminal(text, options):
    parser = Parser(prog="krepis odd")
    try:
        add_options(parser, Description(text, tuple(options)))
    except ValueError:
        return
    shown = parser.format_help()
    assert "\n".join(map(printable, shown.split("\n"))) == shown
    assert all(option.name in shown for option in options if option.name.startswith("--"))


@pytest.mark.parametrize("name", ["--x\n", "x\n"])
def test_a_name_ends_where_it_ends(name):
    with pytest.raises(WrongMessageError):
        decoded(json.dumps({"type": "description", "help": "", "options": [{"name": name}]}).encode())


def test_the_shell_completes_the_options_of_a_plugin(shelf):
    shelf.add(ECHO)
    _, out, _ = shelf.krepis("completion", "words", "--", "odd", "--c")
    assert out == "--colour\t(default: red)\n"
    _, out, _ = shelf.krepis("completion", "words", "--", "odd", "--colour", "")
    assert out.split() == ["red", "blue"]
