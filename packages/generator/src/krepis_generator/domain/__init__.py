"""Writes the domain of a project: entities, values, events, and the decisions of its commands."""

from __future__ import annotations

from collections.abc import Iterator

from krepis_generator.domain.decisions import Decision, decision
from krepis_generator.domain.plan import Plan, event_class, reaction_operation
from krepis_generator.domain.rejections import Reasons
from krepis_generator.domain.things import events_module, things
from krepis_generator.python.functions import helpers_in
from krepis_generator.python.library import helper_modules
from krepis_generator.source import Module
from krepis_spec import expressions as e
from krepis_spec import types as t
from krepis_spec.blueprint import Blueprint, Event, Field, Port, PortOperation
from krepis_spec.facts import Lookup, Question
from krepis_spec.showing import nodes_in
from krepis_spec.types import Type

__all__ = ("called_operations", "decisions_of", "write")


def write(blueprint: Blueprint) -> list[Module]:
    """The modules of the domain, in the order of their paths."""
    reasons = Reasons(blueprint)
    modules = list(things(blueprint, reasons))
    helpers: dict[str, None] = dict.fromkeys(["Period"] if _has_periods(blueprint) else [])
    for one in decisions_of(blueprint, reasons):
        modules.append(one.module)
        helpers.update(dict.fromkeys(one.helpers))
    for operation in blueprint.operations:
        if operation.body is not None:
            helpers.update(dict.fromkeys(_asked_with(Plan(operation, blueprint))))
    events = events_module(
        blueprint, [_called_event(port, operation) for port, operation in called_operations(blueprint)]
    )
    modules += [module for module in (events, reasons.shared()) if module is not None]
    modules += helper_modules(blueprint.service.name, helpers)
    return sorted(modules, key=lambda module: module.path)


def _asked_with(plan: Plan) -> Iterator[str]:
    """The functions that a handler itself needs: for what it looks up and asks, and for an answer that it makes."""
    for read in plan.facts.reads:
        match read:
            case Lookup(values=values, loops=loops):
                yield from helpers_in(nodes_in((*values, *(loop.source for loop in loops))))
            case Question(arguments=arguments):
                yield from helpers_in(nodes_in(tuple(value for _, value in arguments)))
            case _:
                pass
    if plan.answers() == "settled" and plan.facts.last is None:
        yield from helpers_in(nodes_in(plan.returned()))


def decisions_of(blueprint: Blueprint, reasons: Reasons) -> list[Decision]:
    """The decisions of all operations that have anything to decide."""
    plans = [Plan(operation, blueprint) for operation in blueprint.operations if operation.body is not None]
    found = [plan for plan in plans if plan.decides]
    reactions = (Plan(reaction_operation(reaction, blueprint), blueprint) for reaction in blueprint.reactions)
    found += [plan for plan in reactions if plan.alters]
    return [decision(plan.operation, plan, reasons) for plan in found]


def called_operations(blueprint: Blueprint) -> list[tuple[Port, PortOperation]]:
    """The operations of ports that commands call without waiting for an answer: through the outbox, after the commit."""
    bodies = [operation.body or () for operation in blueprint.operations]
    bodies += [one.body for one in blueprint.reactions if Plan(reaction_operation(one, blueprint), blueprint).alters]
    unused = {
        node.action.subject
        for node in nodes_in(tuple(bodies))
        if isinstance(node, e.Do) and node.action.action == "call"
    }
    return [
        (port, operation)
        for port in blueprint.ports
        for operation in port.operations
        if f"{port.name}.{operation.name}" in unused
    ]


def _called_event(port: Port, operation: PortOperation) -> Event:
    """The fact that a call was asked for. Its id comes first, so that calls of one kind do not wait for each other."""
    id = Field(name="id", span=operation.span, type=t.UuidType())
    return Event(
        name=event_class(port.name, operation.name),
        span=operation.span,
        doc=f"`{port.name}.{operation.name}` is to be called.",
        fields=(id, *operation.inputs),
    )


def _has_periods(blueprint: Blueprint) -> bool:
    fields = [
        field.type for thing in (*blueprint.entities, *blueprint.values, *blueprint.events) for field in thing.fields
    ]
    inputs = [one.type for operation in blueprint.operations for one in operation.inputs]
    return any(_holds_period(type) for type in (*fields, *inputs))


def _holds_period(type: Type) -> bool:
    match type:
        case t.PeriodType():
            return True
        case t.OptionalType(of=of) | t.ListType(of=of) | t.SetType(of=of):
            return _holds_period(of)
        case t.RecordType(fields=fields):
            return any(_holds_period(field.type) for field in fields)
        case _:
            return False
