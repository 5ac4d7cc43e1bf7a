"""Limits of fields that a block may break: which ones a `checked_...` function has to hold a changed thing against.

A field whose every new value is an input with the same limits, a constant within them, or nothing that a block sets, needs no
check: the door has made it.
"""

from __future__ import annotations

from decimal import Decimal

from krepis_spec import expressions as e
from krepis_spec import types as t
from krepis_spec.blueprint import Blueprint, Entity, Field, Value
from krepis_spec.expressions import Expression
from krepis_spec.showing import nodes_in
from krepis_spec.types import Type


def unproven(entity: Entity | Value, blueprint: Blueprint) -> list[Field]:
    """The fields with limits that some block sets to what may break them."""
    given: dict[str, list[Expression]] = {}
    for name, value in _settings(entity.name, blueprint):
        given.setdefault(name, []).append(value)
    return [
        field
        for field in entity.fields
        if has_limits(field.type) and any(not _holds(value, field.type) for value in given.get(field.name, ()))
    ]


def has_limits(type: Type) -> bool:
    match _plain(type):
        case t.TextType(min=low, max=high, pattern=pattern, form=form):
            return low > 0 or high is not None or pattern is not None or form != "plain"
        case t.IntType(min=low, max=high):
            return low is not None or high is not None
        case t.DecimalType(min=low, max=high, above=above, below=below):
            return any(one is not None for one in (low, high, above, below))
        case t.ListType(min=low, max=high) | t.SetType(min=low, max=high):
            return low > 0 or high is not None
        case _:
            return False


def _settings(entity: str, blueprint: Blueprint) -> list[tuple[str, Expression]]:
    """Each field of the entity that a block sets, and to what."""
    found: list[tuple[str, Expression]] = []
    bodies = [operation.body or () for operation in blueprint.operations] + [one.body for one in blueprint.reactions]
    for node in nodes_in(tuple(bodies)):
        match node:
            case e.Set(of=of, field=field, operator=operator, value=value) if _is(of.type, entity):
                type = value.type if not operator else _unlimited(value.type)
                found.append((field, value if not operator else _typed(value, type)))
            case e.Action(action="create" | "put", subject=subject, keywords=keywords) if subject == entity:
                found.extend((one.name, one.value) for one in keywords)
            case e.Action(action="update", of=of, keywords=keywords) if of is not None and _is(of.type, entity):
                found.extend((one.name, one.value) for one in keywords)
            case e.Construct(type=t.ValueType(name=name), keywords=keywords) if name == entity:
                found.extend((one.name, one.value) for one in keywords)
            case _:
                pass
    return found


def _typed(value: Expression, type: Type) -> Expression:
    """A stand-in of that type: what an augmented assignment makes has no limits of its own."""
    return e.Name(type=type, span=value.span, name="", source="local")


def _unlimited(type: Type) -> Type:
    match _plain(type):
        case t.IntType():
            return t.IntType()
        case t.DecimalType(places=places, currency=currency):
            return t.DecimalType(places=places, currency=currency)
        case t.ListType(of=of):
            return t.ListType(of)
        case _:
            return t.TextType()


def _is(type: Type, entity: str) -> bool:
    return _plain(type) == t.EntityType(entity)


def _plain(type: Type) -> Type:
    return type.of if isinstance(type, t.OptionalType) else type


def _holds(value: Expression, wanted: Type) -> bool:
    """Whether nothing that the expression can give breaks the limits of `wanted`."""
    if isinstance(value, e.Constant):
        return value.value is None or _constant_holds(value, _plain(wanted))
    given, wanted = _plain(value.type), _plain(wanted)
    match given, wanted:
        case t.TextType(), t.TextType():
            longest = wanted.max is None or (given.max is not None and given.max <= wanted.max)
            fits = given.min >= wanted.min and longest
            return fits and wanted.pattern in {None, given.pattern} and wanted.form in {"plain", given.form}
        case t.IntType(), t.IntType():
            return _within(given.min, wanted.min, 1) and _within(given.max, wanted.max, -1)
        case t.DecimalType(), t.DecimalType():
            return _decimal_within(given, wanted)
        case ((t.ListType() | t.SetType()), (t.ListType() | t.SetType())):
            return given.min >= wanted.min and (
                wanted.max is None or (given.max is not None and given.max <= wanted.max)
            )
        case _:
            return True


def _constant_holds(value: e.Constant, wanted: Type) -> bool:
    match wanted:
        case t.IntType(min=low, max=high) if isinstance(value.value, int):
            return (low is None or value.value >= low) and (high is None or value.value <= high)
        case t.DecimalType():
            number = Decimal(str(value.value))
            low, high = wanted.min, wanted.max
            fits = (low is None or number >= Decimal(low)) and (high is None or number <= Decimal(high))
            above = wanted.above is None or number > Decimal(wanted.above)
            return fits and above and (wanted.below is None or number < Decimal(wanted.below))
        case t.TextType(min=low, max=high, pattern=pattern, form=form):
            length = len(str(value.value))
            return length >= low and (high is None or length <= high) and pattern is None and form == "plain"
        case _:
            return True


def _within(given: int | None, wanted: int | None, sign: int) -> bool:
    return wanted is None or (given is not None and sign * given >= sign * wanted)


def _decimal_within(given: t.DecimalType, wanted: t.DecimalType) -> bool:
    return all(
        limit is None or limit == own
        for limit, own in (
            (wanted.min, given.min),
            (wanted.max, given.max),
            (wanted.above, given.above),
            (wanted.below, given.below),
        )
    )
