"""The reference of the language, docs/spec-language.md, is true, and nothing that the reader takes is missing from it."""

import re
import subprocess
import sys
from itertools import chain
from typing import get_args, get_type_hints

import pytest

from journeys.markdown import ROOT
from journeys.specs import REFERENCE, examples, refusal
from krepis_spec import operations, read_text, views
from krepis_spec.blocks import table
from krepis_spec.blocks.actions import ACTIONS
from krepis_spec.blocks.literals import PLACES_MAX
from krepis_spec.blocks.operators import POWER_MAX
from krepis_spec.blocks.parsing import NESTING_MAX, TEXT_MAX
from krepis_spec.blueprint import Answer, Operation
from krepis_spec.document import Kind
from krepis_spec.doors import METHODS, SEGMENTS_MAX
from krepis_spec.entity_bullets import MARKS, WITH_VALUE
from krepis_spec.expressions import Action, Arithmetic, Call, Compare, Logic, Negative, Not, Require, Set
from krepis_spec.headings import FORMS
from krepis_spec.inputs import INPUTS_MAX
from krepis_spec.markdown import SPEC_BYTES_MAX, SPEC_LINES_MAX, document_of
from krepis_spec.naming import NAME_CHARACTERS_MAX
from krepis_spec.packages import PACKAGE_CHARACTERS_MAX
from krepis_spec.parameters import PAGE_ITEMS_MAX
from krepis_spec.pieces import split
from krepis_spec.problems import LISTED_MAX, Problems
from krepis_spec.rules import WORDS as RULES
from krepis_spec.service import SETTINGS
from krepis_spec.showing import nodes_in
from krepis_spec.typing import WORDS as TYPES

TOOL = ROOT / "tools/spec_docs.py"
EXAMPLES = examples()
RIGHT = tuple(one for one in EXAMPLES if one.said is None)

UNBUILT = {"redeem"}
"""Actions of the language that the reader refuses until they are built; the page shows what it says."""

LIMITS = (
    SPEC_BYTES_MAX,
    SPEC_LINES_MAX,
    TEXT_MAX,
    NESTING_MAX,
    NAME_CHARACTERS_MAX,
    PACKAGE_CHARACTERS_MAX,
    INPUTS_MAX,
    SEGMENTS_MAX,
    PAGE_ITEMS_MAX,
    PLACES_MAX,
    POWER_MAX,
    LISTED_MAX,
)


def words_of(struct, field):
    """The words that a field of a structure may be."""
    return {word for word in get_args(get_type_hints(struct)[field]) if word}


@pytest.fixture(scope="module")
def sections():
    """What the right examples show, section by section."""
    found = (document_of("spec.md", one.text, Problems()).sections for one in RIGHT)
    return tuple(chain.from_iterable(found))


@pytest.fixture(scope="module")
def nodes():
    """Everything in the blueprints of the right examples."""
    blueprints = (read_text("spec.md", one.source) for one in RIGHT)
    return tuple(chain.from_iterable(map(nodes_in, blueprints)))


def cells(sections, *columns):
    """What stands in the columns of these names."""
    return [
        cell
        for table in chain.from_iterable(one.tables for one in sections)
        for row in table.rows
        for name, cell in zip(table.header, row.cells, strict=True)
        if name.text in columns
    ]


def bullets(sections, *kinds):
    """The keys of bullets, and those that have none, of sections of these kinds."""
    return {(bullet.key or bullet.value).text for one in sections if one.kind in kinds for bullet in one.bullets}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: f"line {one.line}")
def test_every_example_is_what_the_page_says_that_it_is(example):
    assert refusal(example) == example.said


def test_every_kind_of_section_has_an_example(sections):
    assert {one.kind for one in sections} == set(get_args(Kind)) == set(FORMS)


def test_every_setting_has_an_example(sections):
    assert {cell.text for cell in cells(sections, "setting")} == set(SETTINGS)


def test_every_type_has_an_example(sections):
    written = " ".join(cell.text for cell in cells(sections, "type", "input"))
    assert {word for word in TYPES if not re.search(rf"\b{word}\b", written)} == set()


def test_every_rule_has_an_example(sections):
    written = [piece.text for cell in cells(sections, "rules") for piece in split(cell)]
    words = {*RULES, "may be absent", ">=", ">", "<=", "<"}
    assert {word for word in words if not any(f"{piece} ".startswith(f"{word} ") for piece in written)} == set()
    assert {"1..100", "1..", "..5"} - set(written) == set()


def test_every_bullet_has_an_example(sections):
    assert {*WITH_VALUE, *MARKS} - bullets(sections, "entity") == set()
    assert "invariant" in bullets(sections, "value")
    assert set(views._BULLETS) - bullets(sections, "view") == set()
    assert set(operations._BULLETS) - bullets(sections, "command", "query") == set()


def test_every_function_has_an_example(nodes):
    assert {one.name for one in table} - {one.function for one in nodes if isinstance(one, Call)} == set()


def test_every_action_has_an_example(nodes):
    shown = {one.action for one in nodes if isinstance(one, Action)}
    assert {*ACTIONS, "add", "discard", "call"} - shown == UNBUILT
    assert any(isinstance(one, Require) for one in nodes)


@pytest.mark.parametrize("kind", [Arithmetic, Compare, Logic, Set])
def test_every_operator_has_an_example(nodes, kind):
    shown = {one.operator for one in nodes if isinstance(one, kind)}
    assert words_of(kind, "operator") - shown == set()


def test_every_sign_has_an_example(nodes):
    assert {type(one) for one in nodes} >= {Not, Negative}


def test_every_form_of_an_answer_and_an_input_has_an_example(nodes):
    shown = [one for one in nodes if isinstance(one, Operation)]
    assert {one.answer.form for one in shown} == words_of(Answer, "form")
    assert {one.input_form for one in shown} == words_of(Operation, "input_form")


def test_every_method_has_an_example(nodes):
    assert {one.door.method for one in nodes if isinstance(one, Operation) and one.door} == set(METHODS)


@pytest.mark.parametrize("limit", LIMITS)
def test_every_limit_is_named(limit):
    page = (ROOT / REFERENCE).read_text(encoding="utf-8")
    assert re.search(rf"\b{limit:,}\b", page.partition("\n## Limits\n")[2])


def test_the_tables_that_the_reader_knows_are_fresh(tmp_path):
    page = tmp_path / "page.md"
    subprocess.run([sys.executable, TOOL, page], check=True)
    if page.read_bytes() != (ROOT / REFERENCE).read_bytes():
        pytest.fail(f"{REFERENCE}:1: not what the reader knows; run `make docs`", pytrace=False)
