"""Values of the language's types for tests: plausible ones, those at the limits, and those just beyond.

A value is a Python value as the domain holds it; `spelled` writes it as code of the domain, `sent` as a caller sends it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

from msgspec import Struct

from krepis_generator import names
from krepis_generator.proofs.patterns import places
from krepis_generator.python.printer import plain
from krepis_generator.quoting import text_literal
from krepis_generator.source import Module
from krepis_spec import types as t
from krepis_spec.blueprint import Blueprint
from krepis_spec.types import Type

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
"""When tests happen: where the clock of krepis' testing kit stands."""

WHOLE_MAX = 2**63 - 1


class Beyond(Struct, frozen=True):
    """A value that breaks one limit, and which one in a few words."""

    value: Any
    why: str


def plausible(type: Type, name: str, blueprint: Blueprint) -> Any:  # noqa: C901 - one branch a type
    """A value of that type that nobody wonders at. Of a type that holds entities there is none but the empty one."""
    match type:
        case t.TextType():
            return text(type, name)
        case t.IntType():
            return _near(1, type.min, type.max)
        case t.DecimalType():
            return _amount(type)
        case t.BoolType():
            return False
        case t.DateType():
            return NOON.date()
        case t.DatetimeType():
            return NOON
        case t.DurationType():
            return timedelta(hours=1)
        case t.PeriodType():
            return (NOON, NOON + timedelta(hours=1))
        case t.ChoiceType():
            return type.choices[0]
        case t.ListType() | t.SetType():
            return _many(type, name, blueprint)
        case t.RecordType():
            return {one.name: plausible(one.type, one.name, blueprint) for one in type.fields}
        case t.ValueType():
            fields = blueprint.value(type.name).fields
            return {one.name: plausible(one.type, one.name, blueprint) for one in fields}
        case t.SecretType():
            return "x" * type.min if type.min > 16 else "a word for tests"[: type.max]
        case t.PropertiesType() | t.JsonType():
            return {}
        case t.UuidType() | t.EntityType():
            return UUID(int=1)
        case _:
            return None


def text(type: t.TextType, name: str, *, at: int = 0) -> str:
    """A text that says what it is for, cut to its limits; one of a pattern has the characters that stand `at` that place."""
    match type.form:
        case "email":
            return f"{name}@example.org"
        case "url":
            return f"https://example.org/{name}"
        case "slug":
            return f"a-{name.replace('_', '-')}"
        case "plain":
            pass
    if type.pattern is not None:
        return "".join(one[at % len(one)] for one in places(type.pattern))
    words = f"{names.a(names.words(name)).capitalize()}"
    return words.ljust(type.min, "x")[: type.max]


def inside(type: Type, name: str, blueprint: Blueprint) -> list[Any]:
    """The values at the limits of a type, the allowed ones."""
    match plain(type):
        case t.TextType(pattern=None, form="plain", min=low, max=high) if low or high is not None:
            return ["x" * one for one in dict.fromkeys((low, high)) if one is not None]
        case t.IntType(min=low, max=high):
            return [one for one in dict.fromkeys((low, high)) if one is not None]
        case t.DecimalType() as amount:
            return [one for one in dict.fromkeys(ends(amount)) if one is not None]
        case t.SecretType(min=low, max=high):
            return ["x" * low, "x" * high]
        case t.ListType(min=low, max=high) as many if low or high is not None:
            one = plausible(many.of, names.singular(name), blueprint)
            return [[one] * count for count in dict.fromkeys((low, high)) if count is not None]
        case _:
            return []


def beyond(type: Type, name: str, blueprint: Blueprint) -> list[Beyond]:
    """The values just outside of the limits of a type, and those of another form."""
    match plain(type):
        case t.TextType() as given:
            return _texts_beyond(given)
        case t.IntType(min=low, max=high):
            below = [Beyond(low - 1, f"less than {low}")] if low is not None else []
            return below + ([Beyond(high + 1, f"more than {high}")] if high is not None else [])
        case t.DecimalType() as amount:
            return _amounts_beyond(amount)
        case t.SecretType(min=low, max=high):
            return [Beyond("x" * (low - 1), f"less than {low}"), Beyond("x" * (high + 1), f"more than {high}")]
        case t.ChoiceType(choices=choices):
            return [Beyond(f"no_{choices[0]}", "none of the choices")]
        case t.ListType(min=low, max=high) as many:
            one = plausible(many.of, names.singular(name), blueprint)
            few = [Beyond([one] * (low - 1), f"less than {low}")] if low else []
            return few + ([Beyond([one] * (high + 1), f"more than {high}")] if high is not None else [])
        case _:
            return []


def _texts_beyond(type: t.TextType) -> list[Beyond]:
    if type.form != "plain":
        return [Beyond("no such thing", f"no {type.form}")]
    found = [Beyond("x" * (type.min - 1), f"shorter than {type.min}")] if type.min else []
    if type.max is not None:
        found.append(Beyond("x" * (type.max + 1), f"longer than {type.max}"))
    if type.pattern is not None:
        fitting = "".join(one[0] for one in places(type.pattern))
        others = ("", fitting[:-1], f"{fitting}!", f"{fitting}\n")
        found += [Beyond(one, "of another form") for one in others if not _fits(type.pattern, one)][:3]
    return found


def _fits(pattern: str, value: str) -> bool:
    return re.fullmatch(pattern, value, re.ASCII) is not None


def _amounts_beyond(type: t.DecimalType) -> list[Beyond]:
    step = _step(type)
    low, high = ends(type)
    found = [Beyond(low - step, f"less than {low}")] if low is not None else []
    found += [Beyond(high + step, f"more than {high}")] if high is not None else []
    return [*found, Beyond(_amount(type) + step / 10, "too many places")]


def ends(type: t.DecimalType) -> tuple[Decimal | None, Decimal | None]:
    """The least and the greatest allowed value."""
    step = _step(type)
    low = Decimal(type.min) if type.min is not None else Decimal(type.above) + step if type.above is not None else None
    high = Decimal(type.max) if type.max is not None else Decimal(type.below) - step if type.below is not None else None
    return low, high


def _step(type: t.DecimalType) -> Decimal:
    return Decimal(1).scaleb(-type.places)


def _amount(type: t.DecimalType) -> Decimal:
    return _near(Decimal(1), *ends(type)).quantize(_step(type))


def _near(wanted: Any, low: Any, high: Any) -> Any:
    if low is not None and wanted < low:
        return low
    return high if high is not None and wanted > high else wanted


def _many(type: t.ListType | t.SetType, name: str, blueprint: Blueprint) -> Any:
    return [plausible(type.of, names.singular(name), blueprint) for _ in range(type.min)]


def spelled(value: Any, type: Type, module: Module, blueprint: Blueprint) -> str:
    """The value as code of the domain."""
    match plain(type):
        case _ if value is None or isinstance(value, bool):
            return repr(value)
        case t.DecimalType():
            module.use("decimal", "Decimal")
            return f'Decimal("{value}")'
        case t.DateType() if isinstance(value, date):
            module.use("datetime", "date")
            return f"date({value.year}, {value.month}, {value.day})"
        case t.DatetimeType() if isinstance(value, datetime):
            return instant(value, module)
        case t.DurationType():
            module.use("datetime", "timedelta")
            return f"timedelta(seconds={value.total_seconds():.0f})"
        case t.PeriodType():
            module.use(f"{blueprint.service.name}.domain.period", "Period")
            start, end = value
            return f"Period(start={instant(start, module)}, end={instant(end, module)})"
        case t.ListType(of=of):
            items = [spelled(one, of, module, blueprint) for one in value]
            return f"({', '.join(items)}{',' if len(items) == 1 else ''})"
        case t.SetType(of=of):
            items = [spelled(one, of, module, blueprint) for one in value]
            return f"frozenset(({', '.join(items)},))" if items else "frozenset()"
        case t.ValueType(name=name):
            module.use(f"{blueprint.service.name}.domain.{names.one(name)}", name)
            fields = [one for one in blueprint.value(name).fields if one.name in value]
            given = (f"{one.name}={spelled(value[one.name], one.type, module, blueprint)}" for one in fields)
            return f"{name}({', '.join(given)})"
        case t.UuidType() | t.EntityType() if isinstance(value, UUID):
            module.use("uuid", "UUID")
            return f"UUID(int={value.int})"
        case _:
            return repr_of(value)


def repr_of(value: Any) -> str:
    """A plain value as Python."""
    match value:
        case str():
            return text_literal(value)
        case int() if abs(value) >= 10_000 and not isinstance(value, bool):
            return f"{value:_}"
        case dict():
            given = cast(Mapping[str, Any], value)
            return "{" + ", ".join(f"{text_literal(key)}: {repr_of(one)}" for key, one in given.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(repr_of(one) for one in cast(list[Any], value)) + "]"
        case _:
            return repr(value)


def instant(at: datetime, module: Module) -> str:
    module.use("datetime", "UTC", "datetime")
    parts = [at.year, at.month, at.day, at.hour, at.minute, at.second, at.microsecond]
    while len(parts) > 3 and parts[-1] == 0:
        parts.pop()
    return f"datetime({', '.join(map(str, parts))}, tzinfo=UTC)"


def sent(value: Any, type: Type) -> Any:
    """The value as it is in JSON."""
    match plain(type):
        case t.DecimalType() if isinstance(value, Decimal):
            return str(value)
        case t.DatetimeType() if isinstance(value, datetime):
            return value.isoformat().replace("+00:00", "Z")
        case t.DateType() if isinstance(value, date):
            return value.isoformat()
        case t.DurationType() if isinstance(value, timedelta):
            return f"PT{value.total_seconds():.0f}S"
        case t.PeriodType() if isinstance(value, tuple):
            start, end = cast(tuple[datetime, datetime], value)
            return {"start": sent(start, t.DatetimeType()), "end": sent(end, t.DatetimeType())}
        case t.ListType(of=of) | t.SetType(of=of) if isinstance(value, list):
            return [sent(one, of) for one in cast(list[Any], value)]
        case t.RecordType(fields=fields) if isinstance(value, dict):
            given = cast(dict[str, Any], value)
            return {one.name: sent(given[one.name], one.type) for one in fields if one.name in given}
        case _:
            return value
