"""`name=value` in calls: which names there are, which are needed, and whether a value may be written there."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping

from msgspec import Struct

from krepis_spec.blocks.literals import limits_broken
from krepis_spec.blocks.reading import Reading
from krepis_spec.blueprint import Field
from krepis_spec.document import Span
from krepis_spec.expressions import Expression, Keyword
from krepis_spec.fitting import present
from krepis_spec.problems import did_you_mean
from krepis_spec.types import ListType, OptionalType, PropertiesType, SetType, TokenType, Type


class Slot(Struct, frozen=True):
    """What one name takes. `refused` says why it cannot be given although it is known."""

    type: Type
    required: bool = False
    refused: str | None = None


def written(reading: Reading, node: ast.expr, wanted: Type, what: str) -> Expression:
    """That node as a value that is written into something of type `wanted`."""
    found = reading.fitting(node, wanted, what)
    if reading.fits(found.type, wanted):
        for span, reason in limits_broken(found, wanted):
            reading.problem(span, reason)
    return found


def keywords(
    reading: Reading, node: ast.Call, slots: Mapping[str, Slot], what: str, *, limits: bool = True, needed: bool = True
) -> tuple[Keyword, ...]:
    """The keywords of a call, each read for its slot. `what` is whose they are, for messages: "`Book`"."""
    found: dict[str, Keyword] = {}
    for one in node.keywords:
        if one.arg is None:
            reading.problem(one.value, "`**` is not part of the language", "name each: `field=value`")
            continue
        if one.arg in found:
            reading.problem(name_span(reading, one), f"`{one.arg}` is given twice")
        found[one.arg] = Keyword(one.arg, _value(reading, one, one.arg, slots, what, limits=limits))
    missing = [name for name, slot in slots.items() if slot.required and name not in found]
    if missing and needed and not any(one.arg is None for one in node.keywords):
        listed = ", ".join(f"`{name}`" for name in missing)
        reading.problem(node, f"{what} needs {listed} here", f"give it: `{missing[0]}=...`")
    return tuple(found.values())


def _value(
    reading: Reading, node: ast.keyword, name: str, slots: Mapping[str, Slot], what: str, *, limits: bool
) -> Expression:
    slot = slots.get(name)
    if slot is None:
        reading.problem(name_span(reading, node), f"{what} has no `{name}`", did_you_mean(name, slots))
        return reading.expression(node.value)
    if slot.refused is not None:
        reading.problem(name_span(reading, node), slot.refused)
    place = f"`{name}` of {what}"
    return written(reading, node.value, slot.type, place) if limits else reading.fitting(node.value, slot.type, place)


def name_span(reading: Reading, node: ast.keyword) -> Span:
    """The name before the equals sign."""
    whole = reading.places.of(node)
    if whole.end_line != whole.line or node.arg is None:
        return Span(whole.line, whole.column, whole.line, whole.column + len(node.arg or " "))
    return Span(whole.line, whole.column, whole.line, min(whole.end_column, whole.column + len(node.arg)))


def no_arguments(reading: Reading, nodes: Iterable[ast.expr], what: str) -> None:
    """Says of each argument without a name that it needs one."""
    for node in nodes:
        reading.problem(node, f"{what} takes its values by name", "write `field=value`")


def is_needed(field: Field) -> bool:
    """Whether whoever makes a thing has to give that field. A list or set may be left out where it may be empty."""
    made = (
        field.default is not None
        or field.derived_from is not None
        or field.now
        or field.now_on_change
        or field.sequence
        or isinstance(field.type, OptionalType | TokenType | PropertiesType)
    )
    empty = isinstance(present(field.type), ListType | SetType) and getattr(field.type, "min", 0) == 0
    return not made and not empty


def slots_of(fields: Iterable[Field]) -> dict[str, Slot]:
    """What may be given when a thing with these fields is made."""
    return {field.name: Slot(field.type, is_needed(field), _why_made(field)) for field in fields}


def _why_made(field: Field) -> str | None:
    if field.derived_from is not None:
        return f"`{field.name}` is made from `{field.derived_from}`"
    if field.sequence:
        return f"`{field.name}` is a number that the server counts"
    if isinstance(field.type, TokenType):
        return f"`{field.name}` is a token, and tokens are made by the server"
    return None
