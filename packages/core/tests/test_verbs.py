"""Other packages add verbs to `krepis`; which ones are there is looked up once."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from serving import KREPIS

VERB = '''"""Say hello.

example: krepis hello --to ada
"""

def add_arguments(parser):
    parser.add_argument("--to", default="you")

def main(args, console):
    console.answer({"to": args.to}, f"hello {args.to}")
    return 0
'''


@pytest.fixture
def installed(tmp_path: Path) -> dict[str, str]:
    """An environment in which a package with a verb is installed."""
    site = tmp_path / "site"
    facts = site / "greeter-1.0.dist-info"
    facts.mkdir(parents=True)
    (site / "greeter_verb.py").write_text(VERB, encoding="utf-8")
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: greeter\nVersion: 1.0\n", encoding="utf-8")
    (facts / "entry_points.txt").write_text("[krepis.verbs]\nhello = greeter_verb\n", encoding="utf-8")
    return {**os.environ, "PYTHONPATH": str(site), "XDG_CACHE_HOME": str(tmp_path / "cache")}


def run(environment: dict[str, str], *words: str) -> tuple[int, str]:
    done = subprocess.run([KREPIS, *words], env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_verb_of_another_package_runs(installed: dict[str, str]) -> None:
    assert run(installed, "hello", "--to", "ada") == (0, "hello ada\n")


def test_the_overview_lists_it_with_its_sentence(installed: dict[str, str]) -> None:
    assert " hello Say hello " in " ".join(run(installed, "--help")[1].split())


def test_the_index_is_kept_and_made_anew_when_an_installation_changes(installed: dict[str, str]) -> None:
    run(installed, "--help")
    (index,) = Path(installed["XDG_CACHE_HOME"], "krepis").iterdir()
    assert "\nhello\tgreeter_verb\tSay hello\t" in index.read_text(encoding="utf-8")
    site = Path(installed["PYTHONPATH"])
    (site / "greeter-1.0.dist-info" / "entry_points.txt").write_text("", encoding="utf-8")
    (site / "another").mkdir()
    assert "hello" not in run(installed, "--help")[1]


@pytest.mark.parametrize("cut", [0, 1, 40, -1, -9, -200])
@pytest.mark.parametrize("more", ["", "\n", "hello\tsys\n", "\0\udcff\t\t\t\t\t\t\n"])
def test_a_broken_index_is_made_anew(installed: dict[str, str], cut: int, more: str) -> None:
    overview = run(installed, "--help")
    (index,) = Path(installed["XDG_CACHE_HOME"], "krepis").iterdir()
    content = index.read_text(encoding="utf-8")[:cut] + more
    index.write_text(content, encoding="utf-8", errors="surrogateescape")
    assert run(installed, "--help") == overview
    assert run(installed, "hello") == (0, "hello you\n")


def test_a_cache_that_can_not_be_written_costs_nothing_but_time(installed: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where a folder should be", encoding="utf-8")
    assert run(installed, "hello")[0] == 0


def test_nothing_is_kept_in_the_current_folder(installed: dict[str, str], tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    for home, cache in (("home", "cache"), (str(tmp_path / "home"), "cache"), ("", "")):
        environment = {**installed, "HOME": home, "XDG_CACHE_HOME": cache}
        done = subprocess.run([KREPIS, "hello"], env=environment, cwd=here, capture_output=True, check=False)
        assert (done.returncode, list(here.iterdir())) == (0, [])
    assert (tmp_path / "home" / ".cache" / "krepis").is_dir()


def test_the_version_is_shown(installed: dict[str, str]) -> None:
    assert run(installed, "--version")[1].startswith("krepis 0.")
