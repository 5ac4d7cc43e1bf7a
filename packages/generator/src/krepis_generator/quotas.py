"""Quotas (`at most: 3 per month per actor`): the service counts in its own store, in the transaction of the command.

A count has to outlive a restart, to hold for all processes, and not to count what was refused. So it is a row like any other: the
blueprint gets an entity for it, and each command with a quota begins with lines that look at the row, refuse, and count. They are
written in the language itself, and built as all else is.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from msgspec.structs import replace

from krepis_spec import types as t
from krepis_spec.blocks import Scope, statements_of
from krepis_spec.blueprint import Blueprint, Entity, Field, Operation, Quota
from krepis_spec.document import Block
from krepis_spec.expressions import Source, Statement
from krepis_spec.problems import Problems
from krepis_spec.types import Type

ENTITY = "Usage"
TOO_MANY = 429
NAME_CHARACTERS_MAX = 100

_PERIODS: Mapping[str, str] = MappingProxyType(
    {
        "minute": 'f"{date(now)} {hour(now)}:{minute(now)}"',
        "hour": 'f"{date(now)} {hour(now)}"',
        "day": "str(date(now))",
        "week": "str(date(now) - days(weekday(now)))",
        "month": 'f"{year(now)}-{month(now)}"',
        "year": "str(year(now))",
    }
)
"""What a period is called, in the language."""


def with_quotas(blueprint: Blueprint) -> Blueprint:
    """The blueprint where quotas are entities and statements; the same one if it has none."""
    limited = [operation for operation in blueprint.operations if operation.quotas and operation.body is not None]
    if not limited:
        return blueprint
    known = replace(blueprint, entities=(*blueprint.entities, _entity(limited[0].quotas[0])))
    operations = tuple(_counted(one, known) if one in limited else one for one in blueprint.operations)
    return replace(known, operations=operations)


def _entity(quota: Quota) -> Entity:
    text = t.TextType(max=NAME_CHARACTERS_MAX)
    return Entity(
        name=ENTITY,
        span=quota.span,
        doc="How often somebody has done something in a period that has a limit.",
        fields=(
            *(Field(name=name, span=quota.span, type=text, immutable=True) for name in ("operation", "who", "period")),
            Field(name="count", span=quota.span, type=t.IntType()),
        ),
        unique=(("operation", "who", "period"),),
    )


def _counted(operation: Operation, blueprint: Blueprint) -> Operation:
    """The operation with a block that counts first."""
    begun: list[Statement] = []
    for number, quota in enumerate(operation.quotas):
        name = "known_usage" if not number else f"known_usage_{number + 1}"
        begun += _statements(_text(operation, quota, name, blueprint), operation, quota, blueprint)
    return replace(operation, body=(*begun, *(operation.body or ())))


def _text(operation: Operation, quota: Quota, name: str, blueprint: Blueprint) -> str:
    key = f'operation="{operation.name}", who={_who(quota, blueprint)}, period={_PERIODS[quota.period]}'
    reason = f"at most {quota.count} per {quota.period}"
    return f"""\
{name} = find({ENTITY}, {key})
require({name} is None or {name}.count < {quota.count}, "{reason}", status={TOO_MANY})
put({ENTITY}, {key}, count=1 if {name} is None else {name}.count + 1)"""


def _who(quota: Quota, blueprint: Blueprint) -> str:
    match quota.per:
        case "actor":
            return "str(actor.id)" if blueprint.service.auth is not None else '"anybody"'
        case "tenant":
            return "tenant"
        case "service":
            return '"everybody"'


def _statements(text: str, operation: Operation, quota: Quota, blueprint: Blueprint) -> tuple[Statement, ...]:
    names: dict[str, tuple[Type, Source]] = {"now": (t.DatetimeType(), "now"), "tenant": (t.TextType(), "tenant")}
    if blueprint.service.auth is not None:
        names["actor"] = (t.EntityType("User"), "actor")
    problems = Problems()
    found = statements_of(
        Block("krepis", text, quota.span), Scope(blueprint=blueprint, mode="command", names=names), problems
    )
    assert not problems, f"the lines that count for `{operation.name}` are wrong: {problems.sorted()}"
    return found
