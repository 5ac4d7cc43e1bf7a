"""Errors of the command have one form, the right exit code, and never a traceback unless it is asked for."""

from __future__ import annotations

import json
import os
import re
import stat
from pathlib import Path
from random import Random

import pytest

from terminal import compare, in_pipes

SEED = int(os.environ["KREPIS_SEED"])
SNAPSHOTS = Path(__file__).parent / "snapshots"
ALL = (
    "rnu",
    "run2000",
    "--versoin",
    "--zzz",
    "probe",
    "probe --colr sya",
    "probe --jsn",
    "probe sya",
    "probe zzz",
    "probe say --colr red",
    "probe say --colour blue",
    "probe say --colour",
    "probe hostile x",
    "probe refuse",
    "probe unavailable",
    "probe invalid",
    "probe fail",
    "probe bug",
    "probe open",
)


def shown(said: str, probe: dict[str, str]) -> str:
    """The same on every machine."""
    folder = str(Path(probe["PYTHONPATH"]).parent)
    return re.sub(r"probe_verb.py:\d+", "probe_verb.py:N", said.replace(folder, "TMP"))


def test_errors_read_as_they_should(probe: dict[str, str]) -> None:
    pages = []
    for words in ALL:
        code, out, said = in_pipes(*words.split(), env=probe)
        pages.append(f"$ krepis {words}\n{out}{shown(said, probe)}exit code {code}\n")
    compare(SNAPSHOTS / "errors.txt", "\n".join(pages))


def test_errors_are_one_object_for_machines(probe: dict[str, str]) -> None:
    shown = (SNAPSHOTS / "errors.txt").read_text(encoding="utf-8")
    codes = dict(zip(ALL, map(int, re.findall(r"^exit code (\d+)$", shown, re.MULTILINE)), strict=True))
    for words in Random(SEED).sample(ALL, len(ALL) // 2):
        code, out, said = in_pipes(*words.split(), "--json", env=probe)
        facts = json.loads(out)
        assert (said, out.count("\n"), code) == ("", 1, codes[words])
        assert set(facts) <= {"error", "code", "place", "hint", "errors", "left"}
    assert json.loads(in_pipes("--json", "probe", "fail", env=probe)[1]) == {
        "error": "it can't be",
        "code": "impossible",
        "place": "shop/app.py:7",
        "hint": "do without",
    }


def test_a_traceback_is_shown_to_whoever_asks_and_kept_for_the_others(probe: dict[str, str]) -> None:
    code, _, said = in_pipes("probe", "bug", env=probe)
    assert (code, "Traceback" in said, "KeyError: 'the key'" in said) == (1, False, True)
    kept = Path(probe["XDG_CACHE_HOME"]) / "krepis" / "last-traceback.txt"
    assert kept.read_text(encoding="utf-8").startswith("Traceback (most recent call last):\n")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert "Traceback (most recent call last):\n" in in_pipes("probe", "bug", "--debug", env=probe)[2]
    assert "Traceback (most recent call last):\n" in in_pipes("probe", "bug", env={**probe, "KREPIS_DEBUG": "1"})[2]
    assert in_pipes("probe", "fail", "--debug", env=probe)[2].count("krepis: it can't be (impossible)\n") == 1


def test_where_no_traceback_can_be_kept_the_option_is_named(probe: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where a folder should be", encoding="utf-8")
    assert "  hint: `--debug` shows the traceback\n" in in_pipes("probe", "bug", env=probe)[2]


def test_a_verb_that_can_not_be_loaded_is_an_error_of_that_verb_alone(probe: dict[str, str]) -> None:
    site = Path(probe["PYTHONPATH"])
    (site / "probe_verb.py").write_text("import no_such_thing\n", encoding="utf-8")
    code, _, said = in_pipes("probe", env=probe)
    assert (code, "ModuleNotFoundError: No module named 'no_such_thing' (bug)" in said) == (1, True)
    (site / "probe_verb.py").unlink()
    code, _, said = in_pipes("probe", env=probe)
    assert (code, "there is no module `probe_verb` (broken_verb)" in said) == (1, True)
    assert in_pipes("--version", env=probe)[0] == 0
    assert in_pipes("--help", env=probe)[0] == 0


@pytest.mark.parametrize("name", ["../x", "a b", "", "x;y", "\x1b[31m", "9"])
def test_a_package_with_a_nonsensical_verb_is_passed_over(probe: dict[str, str], name: str) -> None:
    facts = Path(probe["PYTHONPATH"]) / "probe-1.0.dist-info" / "entry_points.txt"
    facts.write_text(f"[krepis.verbs]\n{name} = probe_verb\ngood = probe_verb\n", encoding="utf-8")
    code, out, said = in_pipes("--help", env=probe)
    assert (code, said) == (0, "")
    assert "  good " in out
    assert [line for line in out.splitlines() if "Try the command out" in line] == [
        line for line in out.splitlines() if line.startswith("  good ")
    ]


def test_what_every_verb_takes_may_stand_before_it(probe: dict[str, str]) -> None:
    assert in_pipes("--json", "probe", "say", "a", env=probe)[1] == '{"words":["a"],"colour":null}\n'
    assert in_pipes("probe", "--json", "say", "a", env=probe)[1] == '{"words":["a"],"colour":null}\n'
    assert in_pipes("probe", "say", "--", "--json", env=probe)[1] == "--json\n"
    assert in_pipes("help", "probe", "say", env=probe)[1] == in_pipes("probe", "say", "--help", env=probe)[1]


@pytest.mark.parametrize("word", ["x" * 100_000, "\x1b[31m" * 9, b"\xff\xfe", "\n\n", "-\x1b[2J", "--\u202e", "run\r"])
def test_words_of_any_kind_are_refused_in_few_words(probe: dict[str, str], word: str | bytes) -> None:
    for words in ([word], ["probe", word], ["probe", "fail", word], ["probe", "say", "--colour", word]):
        code, _, said = in_pipes(*words, env=probe)
        first, hint, end = said.split("\n")
        assert (code, end, hint[:8]) == (2, "", "  hint: ")
        assert first.isprintable()
        assert len(first) < 1000


def test_every_problem_is_told_to_machines(tmp_path: Path) -> None:
    (tmp_path / "krepis.toml").write_text("[run]\nport = 70000\nworker = 2\n", encoding="utf-8")
    code, out, said = in_pipes("run", "a:b", "--json", cwd=tmp_path)
    told = json.loads(out)
    assert (code, said, told["code"]) == (1, "", "settings")
    assert [one["hint"].partition(" ")[0] for one in told["problems"]] == ["`port`", "there"]


def test_the_version_and_the_overview_are_told_to_machines_too(probe: dict[str, str]) -> None:
    version = json.loads(in_pipes("--version", "--json", env=probe)[1])["version"]
    assert in_pipes("--version", "--quiet", env=probe)[:2] == (0, f"krepis {version}\n")
    told = json.loads(in_pipes("--json", "--help", env=probe)[1])
    assert (told["version"], told["verbs"]["probe"]) == (version, "Try the command out")
    overview = in_pipes("--help", env=probe)[1]
    assert in_pipes(env=probe) == (2, "", overview)
    assert in_pipes("help", env=probe) == in_pipes("help", "--quiet", env=probe) == (0, overview, "")


def test_other_ends_of_a_verb_keep_their_exit_code(probe: dict[str, str]) -> None:
    assert in_pipes("probe", "open", env=probe)[:2] == (3, "2 are left\n")
    assert in_pipes("probe", "noise", env=probe)[0] == 1
