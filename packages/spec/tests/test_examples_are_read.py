"""The specs in `examples/`: each is read without a problem, and its blueprint and plan survive being written."""

import json
from pathlib import Path

import msgspec
import pytest

from krepis_spec import from_json, plan_of, read, to_json
from krepis_spec.blueprint import VERSION
from krepis_spec.showing import nodes_in
from krepis_spec.types import AnyType

EXAMPLES = sorted((Path(__file__).resolve().parents[3] / "examples").glob("*.md"))
NAMES = [one.stem for one in EXAMPLES]


@pytest.fixture(scope="module", params=EXAMPLES, ids=NAMES)
def blueprint(request):
    return read(request.param)


def test_there_are_examples_of_different_kinds():
    assert {"bookshop", "booking", "subscriptions", "todo", "tracker", "wallet"} <= set(NAMES)


def test_an_example_survives_json(blueprint):
    assert from_json(to_json(blueprint)) == blueprint


def test_what_has_been_asked_of_a_blueprint_is_no_part_of_it(blueprint):
    before = to_json(blueprint)
    assert blueprint.index.operations
    assert to_json(blueprint) == before


def test_the_json_says_of_which_version_it_is(blueprint):
    assert json.loads(to_json(blueprint))["version"] == VERSION


def test_everything_has_a_type(blueprint):
    unknown = [
        one for one in nodes_in(msgspec.structs.astuple(blueprint)) if isinstance(getattr(one, "type", None), AnyType)
    ]
    assert unknown == []


def test_an_example_has_a_plan(blueprint):
    assert plan_of(blueprint).text().count("\n") > 20
