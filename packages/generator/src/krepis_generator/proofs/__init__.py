"""Writes the tests of a project: its scenarios, its rules at their limits, who gets in, and what always holds."""

from __future__ import annotations

from krepis_generator import names
from krepis_generator.proofs.access import access_modules
from krepis_generator.proofs.accounts import account_modules
from krepis_generator.proofs.adapters import adapter_modules
from krepis_generator.proofs.always import always_modules
from krepis_generator.proofs.commands import command_modules
from krepis_generator.proofs.domain import domain_modules
from krepis_generator.proofs.fixed import fixed_modules
from krepis_generator.proofs.inputs import input_modules
from krepis_generator.proofs.kit import kit_modules
from krepis_generator.proofs.requests import calls_module
from krepis_generator.proofs.rows import rows_module
from krepis_generator.proofs.scenarios import scenario_modules
from krepis_generator.repositories import Repositories
from krepis_generator.source import File, Module
from krepis_spec.blueprint import Blueprint

__all__ = ("ask", "write")


def ask(blueprint: Blueprint, repositories: Repositories) -> None:
    """Asks the repositories for what tests need: to put every thing there, and to look at it."""
    for entity in blueprint.entities:
        repositories.find(entity.name)
        repositories.write(entity.name, "add")
        for field in entity.fields:
            if names.is_relation(field.type):
                repositories.relate(entity.name, field.name)


def write(blueprint: Blueprint, repositories: Repositories) -> list[Module | File]:
    """The tests. Asks first, so this comes before the repositories are written."""
    ask(blueprint, repositories)
    return [
        *kit_modules(blueprint),
        rows_module(blueprint),
        calls_module(blueprint),
        *scenario_modules(blueprint),
        *account_modules(blueprint),
        *domain_modules(blueprint),
        *command_modules(blueprint),
        *adapter_modules(blueprint, repositories),
        *access_modules(blueprint),
        *input_modules(blueprint),
        *always_modules(blueprint),
        *fixed_modules(blueprint),
    ]
