"""Completion in real shells: a person types, presses TAB, and what the shell then has is what was meant."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from serving import KREPIS
from terminal import Terminal, in_pipes

HOSTILE = "a b'$(touch pwned)\"`touch pwned`.txt"
START = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish", "--no-config", "-i"],
}
LOAD = {
    "bash": 'bind "set bell-style none"; bind "set enable-bracketed-paste off"; eval "$(krepis completion bash)"',
    "zsh": 'bindkey -e; autoload -U compinit; compinit -u -D; eval "$(krepis completion zsh)"',
    "fish": "krepis completion fish | source",
}


@pytest.fixture(params=["bash", "zsh", "fish"])
def shell(request: pytest.FixtureRequest) -> str:
    if shutil.which(str(request.param)) is None:
        pytest.skip(f"{request.param} is not installed")
    return request.param


class Typing:
    """A shell with completion, in a folder with files of difficult names."""

    def __init__(self, shell: str, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        path = f"{KREPIS.parent}{os.pathsep}{os.environ['PATH']}"
        environment = {**os.environ, **environment, "PATH": path, "HOME": str(folder.parent), "LC_ALL": "C.UTF-8"}
        self.terminal = Terminal(START[shell], cwd=folder, env=environment)
        self.terminal.type(f"{LOAD[shell]}; echo rea''dy\n")
        self.terminal.read_until("ready\r\n")

    def words(self, typed: str) -> str:
        """The words of the line after `typed`, each in angle brackets: they are printed instead of run."""
        before = len(self.terminal.text)
        self.terminal.type(f"{typed}\x01printf '<%s>' \x05; echo ' pri''nted'\n")
        shown = self.terminal.read_until(" printed", before).partition(" printed")[0]
        return shown[shown.rindex("<krepis>") + len("<krepis>") :]


@pytest.fixture
def typing(shell: str, probe: dict[str, str], tmp_path: Path):
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / HOSTILE).touch()
    (folder / "-rf").touch()
    typing = Typing(shell, folder, probe)
    yield typing
    typing.terminal.kill()


@pytest.mark.slow
def test_verbs_actions_options_values_and_files_are_completed(typing: Typing) -> None:
    assert typing.words("krepis pro\tsa\t--col\tgr\t").strip() == "<probe><say><--colour><green>"
    assert typing.words("krepis help pro\t").strip() == "<help><probe>"
    assert typing.words("krepis --quiet probe hang-\t").strip() == "<--quiet><probe><hang-quietly>"
    assert typing.words("krepis probe say a\t").strip() == f"<probe><say><{HOSTILE}>"
    assert typing.words("krepis nosuch a\t").strip() in ("<nosuch><a>", f"<nosuch><{HOSTILE}>")
    assert not (typing.folder / "pwned").exists()


@pytest.mark.slow
def test_what_stands_in_the_line_is_never_run(typing: Typing) -> None:
    for line in ('krepis "$(touch pwned)" \t', "krepis probe `touch pwned` sa\t", "krepis probe say $(touch pwned\t"):
        typing.terminal.type(f"{line}\t\x15")
    assert typing.words("krepis probe ope\t").strip() == "<probe><open>"
    assert not (typing.folder / "pwned").exists()


@pytest.mark.parametrize(
    ("line", "fitting"),
    [
        (["pro"], ["probe"]),
        (["--"], ["--help", "--version"]),
        (["--json", "pro"], ["probe"]),
        (["help", "pro"], ["probe"]),
        (["nosuch", ""], []),
        (["probe", "no"], ["notes", "noise"]),
        (["probe", "say", "--colour", ""], ["red", "green"]),
        (["probe", "say", "--colour=r"], ["--colour=red"]),
        (["probe", "say", "--colour", "="], ["red", "green"]),
        (["probe", "say", "--colour", "=", "g"], ["green"]),
        (["probe", "say", "--colour", "red", "x", "--q"], ["--quiet"]),
        (["probe", "say", "--", "--q"], [":files"]),
        (["probe", "say", "say"], [":files"]),
        (["probe", "fail", "x"], []),
        (["probe", "\x1b[31m", ""], []),
        (["db", "down"], ["downgrade"]),
        ([], None),
    ],
)
def test_what_fits(probe: dict[str, str], line: list[str], fitting: list[str] | None) -> None:
    code, out, said = in_pipes("completion", "words", "--", *line, env=probe)
    words = [one.partition("\t")[0] for one in out.splitlines()]
    assert (code, said) == (0, "")
    assert words == fitting or (fitting is None and {"db", "probe", "run"} <= set(words))


def test_a_verb_that_changes_or_fails_is_asked_again(probe: dict[str, str]) -> None:
    file = Path(probe["PYTHONPATH"]) / "probe_verb.py"
    good = file.read_text(encoding="utf-8")
    ask = ("completion", "words", "--", "probe", "sa")
    file.write_text("print('noise')\nraise RuntimeError\n", encoding="utf-8")
    assert in_pipes(*ask, env=probe) == (0, "", "")
    file.write_text(f"print('noise')\n{good}", encoding="utf-8")
    assert in_pipes(*ask, env=probe) == (0, "say\tsay words\n", "")
    file.write_text(good.replace('"say"', '"sarong"'), encoding="utf-8")
    os.utime(file, (1, 1))
    assert in_pipes(*ask, env=probe)[1] == "sarong\tsay words\n"


def test_values_that_a_shell_would_run_are_not_offered(probe: dict[str, str]) -> None:
    file = Path(probe["PYTHONPATH"]) / "probe_verb.py"
    hostile = file.read_text(encoding="utf-8").replace('["red", "green"]', '["$(touch pwned)", "a b", "gr`x`", "g"]')
    file.write_text(hostile.replace("100%% of it", "\x1b[31mred\x07\tx"), encoding="utf-8")
    assert in_pipes("completion", "words", "--", "probe", "say", "--colour", "", env=probe)[1] == "g\n"
    assert in_pipes("completion", "words", "--", "probe", "say", "--colo", env=probe)[1] == "--colour\t[31mredx\n"


def test_what_a_package_says_about_its_verb_steers_nothing(probe: dict[str, str]) -> None:
    file = Path(probe["PYTHONPATH"]) / "probe_verb.py"
    file.write_text('"""Try \x1b[2Jthis\tor\x85that\u2028.\n"""\n' + file.read_text(encoding="utf-8"), encoding="utf-8")
    for _ in range(2):
        assert in_pipes("completion", "words", "--", "prob", env=probe)[1] == "probe\tTry [2Jthis or that\n"
        assert " probe Try [2Jthis or that " in " ".join(in_pipes("--help", env=probe)[1].split())


def test_the_script_is_told_to_machines_too() -> None:
    assert json.loads(in_pipes("completion", "bash", "--json")[1])["script"] == in_pipes("completion", "bash")[1]
