"""Values of a thing that keep its invariants: the plausible ones, moved where they would break one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from krepis_generator.proofs import values
from krepis_generator.proofs.meaning import Meaning, NotKnown
from krepis_generator.python.printer import plain
from krepis_spec import expressions as e
from krepis_spec import types as t
from krepis_spec.blueprint import Blueprint, Entity, Field, Invariant
from krepis_spec.expressions import Expression
from krepis_spec.showing import nodes_in


def fields_of(condition: Expression) -> list[str]:
    """The own fields that a condition speaks of."""
    found = (one.name for one in nodes_in(condition) if isinstance(one, e.Name) and one.source == "field")
    return list(dict.fromkeys(found))


def holds(invariant: Invariant, fields: dict[str, Any], blueprint: Blueprint) -> bool:
    """Raises `NotKnown`: that can't be said here."""
    try:
        return bool(Meaning(blueprint, (), values.NOON).value(invariant.condition, fields))
    except (TypeError, KeyError, AttributeError, ArithmeticError) as error:
        raise NotKnown(str(error)) from error


def kept(entity: Entity, fields: dict[str, Any], blueprint: Blueprint) -> dict[str, Any]:
    """The same values, with one moved for each invariant that they break; what no single move mends stays."""
    types = {one.name: one for one in entity.fields}
    for invariant in entity.invariants:
        if _all_hold([invariant], fields, blueprint):
            continue
        moves = (
            {**fields, name: value}
            for name in reversed(fields_of(invariant.condition))
            if name in fields
            for value in _moved(fields[name], types[name])
        )
        fields = next((one for one in moves if _all_hold(entity.invariants, one, blueprint)), fields)
    return fields


def _all_hold(invariants: Any, fields: dict[str, Any], blueprint: Blueprint) -> bool:
    try:
        return all(holds(one, fields, blueprint) for one in invariants)
    except NotKnown:
        return True


def _moved(value: Any, field: Field) -> Iterator[Any]:
    match plain(field.type):
        case t.BoolType():
            yield not value
        case t.IntType(max=high) if isinstance(value, int):
            yield from (value + by for by in (1, 2, 10) if high is None or value + by <= high)
        case t.DecimalType() as amount if isinstance(value, Decimal):
            high = values.ends(amount)[1]
            yield from (value + by for by in (1, 10, 100) if high is None or value + by <= high)
        case t.DateType() | t.DatetimeType() if isinstance(value, date | datetime):
            yield from (value + timedelta(days=by) for by in (1, 30))
        case t.ChoiceType(choices=choices):
            yield from choices
        case _:
            pass
