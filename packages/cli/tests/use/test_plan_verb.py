"""`krepis plan`: what a spec would become, all of its mistakes, and nothing written."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from _specs import OPEN, SPEC, WRONG

from serving import KREPIS
from terminal import Terminal, in_pipes


def test_a_plan_says_what_will_be_made_and_writes_nothing(spec: Path):
    code, out, said = in_pipes("plan", spec.name, cwd=spec.parent)
    assert (code, said) == (0, "")
    assert "Thing" in out
    assert "POST /things" in " ".join(out.replace("|", " ").split())
    assert list(spec.parent.iterdir()) == [spec]


def test_the_same_spec_has_the_same_plan(spec: Path):
    assert in_pipes("plan", spec) == in_pipes("plan", spec.name, cwd=spec.parent)


def test_a_program_gets_the_plan_as_data(spec: Path):
    code, out, said = in_pipes("plan", spec, "--json")
    facts = json.loads(out)
    assert (code, said) == (0, "")
    assert (facts["into"], facts["folder"], facts["open"]) == ("corner_shop", "new", [])
    assert isinstance(facts["plan"], dict)


def test_what_is_open_is_named(spec: Path):
    spec.write_text(SPEC + OPEN)
    assert json.loads(in_pipes("plan", spec, "--json")[1])["open"] == ["praise_thing"]


def test_every_mistake_is_shown_and_the_answer_is_no(spec: Path):
    spec.write_text(WRONG)
    code, out, said = in_pipes("plan", spec.name, cwd=spec.parent)
    assert (code, out) == (1, "")
    assert said.startswith("krepis: `corner-shop.md` has 2 mistakes (spec_refused)\n")
    assert re.findall(r"^(corner-shop.md:\d+):\d+: \w", said, re.MULTILINE) == ["corner-shop.md:9", "corner-shop.md:30"]


def test_a_program_gets_every_mistake_with_its_place(spec: Path):
    spec.write_text(WRONG)
    code, out, said = in_pipes("plan", spec.name, "--json", cwd=spec.parent)
    facts = json.loads(out)
    assert (code, said, facts["code"]) == (1, "", "spec_refused")
    lines = WRONG.split("\n")
    marked = [lines[one["line"] - 1][one["column"] - 1 : one["end_column"] - 1] for one in facts["problems"]]
    assert {"txt(1..20)", "thnig"} & set(marked), facts


@pytest.mark.parametrize(
    ("into", "said"),
    [
        (None, "makes the folder `corner_shop` for it"),
        ("empty", "builds it into `empty`, which is empty"),
        ("used", "builds it into `used`, beside what lies there"),
        ("built", "`built` holds a project that was built already"),
    ],
)
def test_a_person_is_told_what_the_folder_is(into: str | None, said: str, spec: Path):
    for folder in ("empty", "used", "built/spec.lock"):
        (spec.parent / folder).mkdir(parents=True)
    (spec.parent / "used/file").touch()
    words = [] if into is None else ["--into", into]
    code, text = Terminal([KREPIS, "plan", spec.name, *words], cwd=spec.parent).end()
    assert (code, said in text) == (0, True), text


def test_the_spec_of_a_built_project_is_planned_for_that_project(spec: Path):
    (spec.parent / "spec.lock").mkdir()
    facts = json.loads(in_pipes("plan", spec, "--json")[1])
    assert (facts["into"], facts["folder"]) == (str(spec.parent), "built")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("no.md",), "no_spec"),
        ((".",), "no_spec"),
        ((), "wrong_use"),
        (("corner-shop.md", "--into", "file"), "project_folder"),
    ],
)
def test_what_can_not_be_is_said(words: tuple[str, ...], code: str, spec: Path):
    (spec.parent / "file").touch()
    ended, out, said = in_pipes("plan", *words, "--json", cwd=spec.parent)
    assert (ended, json.loads(out)["code"], said) == (2 if code == "wrong_use" else 1, code, "")
