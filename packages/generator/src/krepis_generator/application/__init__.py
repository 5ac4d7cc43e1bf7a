"""Writes the application of a project: messages and handlers, what callers see, reactions."""

from __future__ import annotations

from krepis_generator import names
from krepis_generator.application.handling import Handler
from krepis_generator.application.reacting import reactions
from krepis_generator.application.views import callers_module, views_module
from krepis_generator.domain import decisions_of
from krepis_generator.domain.plan import Plan
from krepis_generator.domain.rejections import Reasons
from krepis_generator.repositories import Repositories
from krepis_generator.source import Module
from krepis_spec.blueprint import Blueprint

__all__ = ("write",)


def write(blueprint: Blueprint, repositories: Repositories) -> list[Module]:
    """The modules of the application that this room writes, in the order of their paths. Asks the repositories for what they need."""
    decisions = {one.plan.operation.name: one for one in decisions_of(blueprint, Reasons(blueprint))}
    modules: list[Module] = []
    for operation in blueprint.operations:
        if operation.body is not None:
            decision = decisions.get(operation.name)
            plan = Plan(operation, blueprint) if decision is None else decision.plan
            modules.append(Handler(plan, decision, repositories).written())
    modules += reactions(blueprint, repositories, decisions)
    if blueprint.views:
        modules.append(views_module(blueprint))
    if names.user(blueprint) is not None and blueprint.service.auth is not None:
        modules.append(callers_module(blueprint, may_be_nobody=_asks_for_nobody(modules)))
    return sorted(modules, key=lambda module: module.path)


def _asks_for_nobody(modules: list[Module]) -> bool:
    return any("caller_or_none" in definition.text for module in modules for definition in module.definitions)
