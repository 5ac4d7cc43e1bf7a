"""Types become trees of plain data; what a tree can't say is refused with a way out."""

from __future__ import annotations

import dataclasses
import enum
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple

import _schemas as made
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Meta

from krepis.errors import KrepisError
from krepis.message import Command, Event, Value, field
from krepis.schema import tree
from krepis.schema.decode import Decoder
from krepis.schema.inspection import schema_of
from krepis.schema.tree import Field, Schema
from krepis.types import Absent, Email, Offset, Secret, between, decimals, length, matches, paged


class Node(Value):
    """A node of a tree.

    With others under it.
    """

    name: Annotated[str, length(1, 20), Meta(description="What people call it.", examples=["root"])]
    children: list[Node] = []


class Rename(Value, rename="camel"):
    first_name: str = field(default="x")


def fields(kind: Any) -> dict[str, Field]:
    return {part.name: part for part in schema_of(kind).fields()}


def test_a_type_may_contain_itself() -> None:
    schema = schema_of(Node)
    (key,) = schema.definitions
    assert schema.root == tree.RefNode(target=key)
    assert fields(Node)["children"].node == tree.ArrayNode(item=tree.RefNode(target=key))


def test_words_come_from_docstrings_and_metas() -> None:
    (definition,) = schema_of(Node).definitions.values()
    assert definition.doc == "A node of a tree.\n\nWith others under it."
    assert fields(Node)["name"].node == tree.TextNode(
        length_min=1, length_max=20, doc="What people call it.", examples=("root",)
    )


def test_a_default_is_written_as_json() -> None:
    assert fields(Rename)["first_name"].default == "x"


def test_fields_know_how_they_are_written() -> None:
    assert fields(Rename)["first_name"].encode_name == "firstName"


def test_whole_numbers_have_64_bits() -> None:
    assert schema_of(int).root == tree.IntNode(minimum=-(2**63), maximum=2**63 - 1)


def test_exclusive_bounds_of_whole_numbers_become_inclusive() -> None:
    assert schema_of(Annotated[int, Meta(gt=0, lt=5)]).root == tree.IntNode(minimum=1, maximum=4)


def test_commands_are_strict_and_events_are_not() -> None:
    class Happened(Event):
        at: int

    class Do(Command[None]):
        at: int

    Happened.__annotations__["at"] = Do.__annotations__["at"] = int
    assert [schema_of(kind).definitions.popitem()[1].strict for kind in (Happened, Do)] == [False, True]


def test_two_types_of_one_name_are_two_definitions() -> None:
    left, right = (msgspec.defstruct("Same", [("x", kind)], module="m") for kind in (int, str))
    assert sorted(schema_of(tuple[left, right]).definitions) == ["m.Same", "m.Same#2"]


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much),
)
@given(st.data())
def test_every_tree_is_plain_data(data: st.DataObject) -> None:
    schema = schema_of(data.draw(made.structs(made.types())))
    assert msgspec.json.decode(msgspec.json.encode(schema), type=Schema) == schema


@dataclasses.dataclass
class Plain:
    x: int


class Lax(enum.Enum):
    A = "a"

    @classmethod
    def _missing_(cls, value: object) -> Lax:
        return cls.A


class Mixed(enum.Enum):
    A = "a"
    B = 1


class Point(NamedTuple):
    x: int


class Bits(enum.Flag):
    A = 1


Listed = msgspec.defstruct("Listed", [("x", int)], array_like=True)
Left = msgspec.defstruct("Left", [("x", int)])
Right = msgspec.defstruct("Right", [("x", int)])


@pytest.mark.parametrize(
    ("kind", "sentence", "hint"),
    [
        (object, "`object`, which messages can't carry", "use `Any`"),
        (complex, "`complex`", "two fields"),
        (bytearray, "`bytearray`", "use `bytes`"),
        (Plain, "`Plain`", "use a `Value`"),
        (Point, "`Point`", "use a `Value`"),
        (Lax, "`Lax`", "no `_missing_`"),
        (Mixed, "`Mixed`", "only texts or only whole numbers"),
        (Bits, "`Bits`", "only texts or only whole numbers"),
        (Listed, "written as an array", "remove `array_like`"),
        (Literal[True], "a literal", "use `bool`"),
        (dict[int, str], "keys of the type `int`", "use `str`"),
        (set[float], "is a set of something else", "use a `list`"),
        (str | bytes, "both written as text", "use one kind"),
        (Left | Right, "both written as object", "tag=True"),
        (Decimal | int, "mixes `Decimal`", "use `Decimal` alone"),
        (Annotated[Decimal, Meta(ge=0)], "a decimal, so `ge` means nothing", "between(Decimal(0)"),
        (Annotated[Secret, length(1, 2)], "a secret, so `min_length` means nothing", "secret_length"),
        (Annotated[int | None, between(1, 2)], "a union, so `ge` means nothing", "annotate the part"),
        (Annotated[str, between(1, 2)], "text, so `ge` means nothing", "remove it"),
        (Annotated[int, decimals(2)], "so `Places` means nothing", "remove it"),
        (Annotated[Email, matches("a.*")], "two annotations that set `pattern`", "keep one"),
        (Annotated[str, Meta(pattern=r"^\s$")], "Python reads in its own way", "matches"),
        (Annotated[datetime, Meta(tz=False)], "an instant without its offset", "UTC"),
        (Annotated[int, between(1, 2**70)], "the bound", "64 bits"),
        (Annotated[Node, paged(1, 2)], "limits of a page", "`Offset` or `Cursor`"),
        (Secret | int, "can't be decoded", "change the annotation"),
    ],
)
def test_what_a_tree_can_not_say_is_refused_with_its_place(kind: Any, sentence: str, hint: str) -> None:
    message = msgspec.defstruct("Order", [("amount", kind)])
    with pytest.raises(KrepisError) as refusal:
        schema_of(message)
    assert sentence in str(refusal.value)
    assert hint in refusal.value.hint


def test_the_refusal_names_message_and_field() -> None:
    inner = msgspec.defstruct("Line", [("count", list[complex])])
    with pytest.raises(KrepisError, match=r"`Line\.count\.\[\]` has the type"):
        schema_of(msgspec.defstruct("Order", [("lines", list[inner])]))


def test_a_default_that_breaks_its_own_rule_is_refused() -> None:
    with pytest.raises(KrepisError, match=r"the default of `Late\.at`"):
        Decoder(msgspec.defstruct("Late", [("at", datetime, datetime(2026, 1, 1))]))  # noqa: DTZ001 - naive on purpose


def test_a_message_must_not_share_a_name_with_its_page() -> None:
    with pytest.raises(KrepisError, match="`limit`"):
        Decoder(msgspec.defstruct("Two", [("limit", int), ("page", Offset)]))


def test_absent_makes_no_alternative() -> None:
    kind = msgspec.defstruct("Change", [("name", str | Absent, msgspec.UNSET)])
    assert fields(kind)["name"] == Field(name="name", encode_name="name", node=tree.TextNode(), required=False)


def test_a_type_that_stands_nowhere_yet_is_a_clear_error() -> None:
    class Broken(Value):
        x: Missing  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(KrepisError, match="can't be resolved"):
        schema_of(Broken)
