"""What the code of each operation does that others have to know: how it refuses, what it takes, which reactions there are.

For doors, the policy and the composition root.
"""

from __future__ import annotations

from collections.abc import Iterator

from krepis_generator import names
from krepis_generator.domain import called_operations
from krepis_generator.domain.checks import may_break_limits, needs_check, reasons_of
from krepis_generator.domain.decisions import names_entity
from krepis_generator.domain.plan import Plan, event_class
from krepis_generator.domain.rejections import Reasons, requirements
from krepis_generator.domain.things import is_held, wrong_step
from krepis_generator.frame.things import Thing, thing_of
from krepis_generator.python.printer import plain
from krepis_spec import expressions as e
from krepis_spec import types as t
from krepis_spec.blueprint import Blueprint, Operation
from krepis_spec.facts import Login, Lookup
from krepis_spec.naming import snake
from krepis_spec.showing import nodes_in
from krepis_spec.types import Type

Place = tuple[str, str]
"""A module and a name in it."""


class Rejections:
    """How operations can be refused by their own code, beside what core refuses at every door."""

    def __init__(self, blueprint: Blueprint) -> None:
        self._blueprint = blueprint
        self._reasons = Reasons(blueprint)
        self._domain = f"{blueprint.service.name}.domain"

    def of(self, operation: Operation) -> list[Place]:
        """The rejections of an operation with a block: what is not there, reasons, steps, what is taken, limits."""
        if operation.body is None:
            return []
        plan = Plan(operation, self._blueprint)
        found = [*self._missing(operation, plan), *self._said(operation), *self._of_changes(plan)]
        return list(dict.fromkeys(found))

    def _missing(self, operation: Operation, plan: Plan) -> Iterator[Place]:
        for one in operation.inputs:
            if names_entity(one.type):
                for entity in _entities_in(one.type):
                    yield self._in(entity, names.missing(entity))
        for read in plan.facts.reads:
            if isinstance(read, Lookup) and read.required:
                yield self._in(read.entity, names.missing(read.entity))
            elif isinstance(read, Login):
                yield from (("krepis.accounts", name) for name in ("WrongCredentials", "TooManyLogins"))
        for node in nodes_in(plan.facts.body):
            if isinstance(node, e.Action) and node.action == "get":
                yield self._in(node.subject, names.missing(node.subject))

    def _said(self, operation: Operation) -> Iterator[Place]:
        for node in requirements(operation):
            reason = self._reasons.of(node.code)
            yield reason.module, reason.name

    def _of_changes(self, plan: Plan) -> Iterator[Place]:
        fits = True
        for member in plan.members():
            entity = self._blueprint.entity(member.entity)
            if member.effect == "remove":
                yield from self._of_removal(member.entity)
                continue
            yield from self._of_steps(plan, member.entity)
            if needs_check(entity, self._blueprint):
                for code in reasons_of(entity, self._blueprint):
                    reason = self._reasons.of(code)
                    yield reason.module, reason.name
                fits = fits and not may_break_limits(entity, self._blueprint)
            yield from self._of_keys(plan, member.entity)
        for action in plan.effects:
            if action.action == "delete" and action.of is not None:
                yield from self._of_removal(_entity(action.of.type))
        if not fits:
            yield "krepis", "Invalid"

    def _of_steps(self, plan: Plan, entity: str) -> Iterator[Place]:
        changed = plan.changed().get(entity, set())
        for steps in self._blueprint.entity(entity).transitions:
            if steps.field in changed:
                yield self._in(entity, wrong_step(entity, steps.field))

    def _of_keys(self, plan: Plan, entity: str) -> Iterator[Place]:
        """What can be taken, or overlap: by what is made anew, and by what a key is set to."""
        made = bool(plan.creations(entity))
        changed = plan.changed().get(entity, set())
        known = self._blueprint.entity(entity)
        single = [(field.name,) for field in known.fields if field.unique or field.name == known.address]
        for key in (*single, *known.unique):
            if made or changed.intersection(key):
                yield self._in(entity, names.taken(entity, key))
        if known.no_overlap and (made or changed):
            yield self._in(entity, names.overlapping(entity))

    def _of_removal(self, entity: str) -> Iterator[Place]:
        if is_held(entity, self._blueprint):
            yield self._in(entity, names.in_use(entity))

    def _in(self, entity: str, name: str) -> Place:
        return f"{self._domain}.{names.one(entity)}", name


def rejections_of(operation: Operation, blueprint: Blueprint) -> list[Place]:
    """`Rejections.of`, for one operation."""
    return Rejections(blueprint).of(operation)


def third_parameter(operation: Operation, blueprint: Blueprint) -> Thing | None:
    """The entity that a handler gets from its finder."""
    return thing_of(blueprint, operation)


def calling_reactions(blueprint: Blueprint) -> list[Place]:
    """The reactions that call ports after the commit of a command: modules and functions."""
    application = f"{blueprint.service.name}.application"
    found = [
        f"when_{snake(event_class(port.name, operation.name))}" for port, operation in called_operations(blueprint)
    ]
    return [(f"{application}.{name}", name) for name in found]


def _entities_in(type: Type) -> Iterator[str]:
    match type:
        case t.EntityType(name=name):
            yield name
        case t.OptionalType(of=of) | t.ListType(of=of) | t.SetType(of=of):
            yield from _entities_in(of)
        case t.RecordType(fields=fields):
            for field in fields:
                yield from _entities_in(field.type)
        case _:
            pass


def _entity(type: Type) -> str:
    inner = plain(type)
    assert isinstance(inner, t.EntityType), "only entities go"
    return inner.name
