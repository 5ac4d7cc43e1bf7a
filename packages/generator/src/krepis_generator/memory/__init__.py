"""The writers of the repositories in memory: the same methods as on SQL, for tests and for trials of handlers."""

from __future__ import annotations

from krepis_generator import names
from krepis_generator.memory.fixed import rows_module
from krepis_generator.memory.repository import repository_module
from krepis_generator.memory.tables import tables_module
from krepis_generator.memory.views import views_module
from krepis_generator.repositories import Repositories
from krepis_generator.source import Module
from krepis_spec.blueprint import Blueprint

__all__ = ("write",)


def write(blueprint: Blueprint, repositories: Repositories) -> list[Module]:
    """All modules of `adapters/memory`."""
    if not repositories.entities():
        return []
    links = any(names.is_relation(field.type) for entity in blueprint.entities for field in entity.fields)
    views = views_module(blueprint)
    return [
        rows_module(blueprint, links=links),
        tables_module(blueprint, repositories),
        *([views] if views is not None else []),
        *(repository_module(blueprint.entity(name), repositories) for name in repositories.entities()),
    ]
