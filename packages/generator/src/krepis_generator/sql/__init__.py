"""The writers of SQL: tables, the first migration, and a repository for each entity that somebody asks for."""

from __future__ import annotations

from collections.abc import Iterator

from krepis_generator.repositories import Repositories
from krepis_generator.source import Module
from krepis_generator.sql.indexes import asked_for
from krepis_generator.sql.layout import Table, tables_of
from krepis_generator.sql.migration import first_migration
from krepis_generator.sql.queries import UnsupportedError
from krepis_generator.sql.repository import repository_module
from krepis_generator.sql.rows import rows_module
from krepis_generator.sql.tables import tables_module
from krepis_spec.blueprint import Blueprint
from krepis_spec.document import Span

__all__ = ("tables", "unsupported", "write")


def tables(blueprint: Blueprint, repositories: Repositories) -> tuple[Table, ...]:
    """All tables, with the indexes that the questions need."""
    return tables_of(blueprint, asked_for(repositories))


def write(blueprint: Blueprint, repositories: Repositories) -> list[Module]:
    """All modules of `adapters/sql`. Raises `UnsupportedError` for a question that `unsupported` would have told."""
    found = tables(blueprint, repositories)
    modules = [repository_module(blueprint.entity(name), repositories, found) for name in repositories.entities()]
    shared = rows_module(blueprint, modules)
    return [
        tables_module(blueprint, found),
        *([shared] if shared is not None else []),
        *modules,
        first_migration(blueprint, found),
    ]


def unsupported(blueprint: Blueprint, repositories: Repositories) -> list[tuple[Span, str, str]]:
    """What of the questions no statement can answer: the place, what is the matter, what to do."""
    return list(_unsupported(blueprint, repositories))


def _unsupported(blueprint: Blueprint, repositories: Repositories) -> Iterator[tuple[Span, str, str]]:
    found = tables(blueprint, repositories)
    for name in repositories.entities():
        try:
            repository_module(blueprint.entity(name), repositories, found)
        except UnsupportedError as error:
            yield error.span, error.message, error.hint
