"""JSON Schemas say what the decoder does, and are valid themselves."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Annotated, Any

import _schemas as made
import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from krepis.errors import Invalid
from krepis.message import Command, Value
from krepis.schema import tree
from krepis.schema.component import component_names
from krepis.schema.decode import Decoder
from krepis.schema.inspection import schema_of
from krepis.schema.jsonschema import Components, json_schema
from krepis.schema.jsontext import Broken, Pairs, Whole, parse
from krepis.schema.leaf import BAD, read
from krepis.types import ABSENT, Absent, Money, Secret, between, decimals, length, secret_length

ROUNDS = settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much),
)


class Line(Value):
    """One book and how many of it."""

    isbn: Annotated[str, length(10, 13)]
    count: Annotated[int, between(1, 99)] = 1


class Order(Command[None]):
    """A customer orders books."""

    lines: Annotated[list[Line], length(1, 50)]
    password: Annotated[Secret, secret_length(12, 128)]
    note: str | Absent | None = ABSENT
    total: Money | None = None
    paid: made.Card | made.Cash | None = None
    discount: Annotated[Decimal, decimals(2), between(Decimal(0), Decimal(50))] = Decimal("0.50")


def component(name: str) -> dict[str, Any]:
    return Components((schema_of(Order),)).written[name]


def test_a_strict_object_says_so() -> None:
    assert component("Line") == {
        "type": "object",
        "title": "Line",
        "description": "One book and how many of it.",
        "properties": {
            "isbn": {"type": "string", "minLength": 10, "maxLength": 13, "pattern": "^[^\\u0000]*$"},
            "count": {"type": "integer", "format": "int64", "minimum": 1, "maximum": 99, "default": 1},
        },
        "required": ["isbn"],
        "additionalProperties": False,
    }


def test_a_secret_is_written_only() -> None:
    assert component("Order")["properties"]["password"] == {
        "type": "string",
        "format": "password",
        "writeOnly": True,
        "minLength": 12,
        "maxLength": 128,
        "pattern": "^[^\\u0000]*$",
    }


def test_null_joins_the_type() -> None:
    assert component("Order")["properties"]["note"]["type"] == ["string", "null"]


def test_an_absent_default_is_not_written() -> None:
    assert "default" not in component("Order")["properties"]["note"]


def test_a_decimal_is_text_and_so_is_its_default() -> None:
    assert component("Order")["properties"]["discount"] == {
        "type": "string",
        "format": "decimal",
        "pattern": "^[0-9]{1,36}(?:\\.[0-9]{1,2})?$",
        "description": "at least 0 and at most 50",
        "default": "0.50",
    }


def test_a_union_of_tagged_values_names_its_discriminator() -> None:
    prefix = "#/components/schemas/"
    assert component("Order")["properties"]["paid"]["anyOf"][0] == {
        "oneOf": [
            {"$ref": f"{prefix}Card", "required": ["type"]},
            {"$ref": f"{prefix}Cash", "required": ["type"]},
        ],
        "discriminator": {"propertyName": "type", "mapping": {"Card": f"{prefix}Card", "cash": f"{prefix}Cash"}},
    }


def test_a_field_in_a_query_has_no_null() -> None:
    schema = schema_of(Order)
    fields = {field.name: field for field in schema.fields()}
    assert Components((schema,)).field(schema, fields["note"], nullable=False)["type"] == "string"


def test_two_types_of_one_name_have_two_component_names_in_any_order() -> None:
    one, two = schema_of(_line(int)), schema_of(_line(str))
    names = component_names((one, two))
    assert names == component_names((two, one))
    assert len(set(names.values())) == 2


def _line(kind: type) -> type[Any]:
    class Line(Value):
        value: kind  # type: ignore[valid-type]

    Line.__annotations__["value"] = kind
    return Line


def test_a_type_alone_keeps_its_short_name() -> None:
    assert set(Components((schema_of(Order), schema_of(Line))).written) == {"Card", "Cash", "Line", "Money", "Order"}


def test_a_generic_type_is_named_with_its_part() -> None:
    assert "Page_Line" in json_schema(schema_of(made.Page[Line]))["$defs"]


@ROUNDS
@given(st.data())
def test_every_schema_is_a_schema(data: st.DataObject) -> None:
    Draft202012Validator.check_schema(json_schema(schema_of(data.draw(made.structs(made.types())))))


@ROUNDS
@given(st.data())
def test_schema_and_decoder_agree(data: st.DataObject) -> None:
    decoder = Decoder(data.draw(made.structs(made.types())))
    validator = Draft202012Validator(json_schema(decoder.schema), format_checker=FORMATS)
    for _ in range(5):
        body = made.written(data.draw(made.documents(decoder.schema, faults=data.draw(st.booleans()))))
        if not inexpressible(body, decoder):
            assert accepted(decoder, body) == (not list(validator.iter_errors(json.loads(body)))), (
                body,
                list(validator.iter_errors(json.loads(body))),
                decoder.errors(body.encode()),
            )


def accepted(decoder: Decoder[Any], body: str) -> bool:
    try:
        decoder.decode(body.encode())
    except Invalid:
        return False
    return True


def inexpressible(body: str, decoder: Decoder[Any]) -> bool:
    """Whether a document holds what JSON Schema (or Python's reading of it) has no words for."""
    errors = decoder.errors(body.encode())
    schema = msgspec.json.encode(decoder.schema)
    return (
        _odd(parse(body.encode()))
        or any("at most 9.99" in error.message or error.code == "nul" for error in errors)
        or b'"frozenset"' in schema
        or "\\n" in body
    )


def _odd(document: Any) -> bool:
    """Duplicate keys, whole numbers with a fraction, numbers that no double holds."""
    if isinstance(document, Pairs):
        keys = [key for key, _ in document]
        return len(set(keys)) < len(keys) or any(_odd(value) for _, value in document)
    if isinstance(document, list):
        return any(map(_odd, document))
    if isinstance(document, Broken):
        return float(document).is_integer() or float(document) in (float("inf"), -float("inf"))
    return isinstance(document, Whole) and len(document) > 19


FORMATS = FormatChecker(formats=())
for format_name, format_node in (
    ("date-time", tree.DateTimeNode()),
    ("date", tree.DateNode()),
    ("uuid", tree.UuidNode()),
    ("duration", tree.DurationNode()),
):

    def fits(value: object, node: Any = format_node) -> bool:
        result = read(node, value) if isinstance(value, str) else None
        return result is not BAD and getattr(result, "tzinfo", True) is not None

    FORMATS.checks(format_name)(fits)
