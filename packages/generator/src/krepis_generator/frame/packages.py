"""The packages of a project: what each folder is for, in one sentence."""

from __future__ import annotations

from krepis_generator.source import File, Module
from krepis_spec.blueprint import Blueprint

_PROMISES = (
    ("application", "What the service can do: one module per use case."),
    ("domain", "What the service knows and decides: immutable values and pure functions."),
    ("adapters", "Where the service meets the world."),
    ("adapters/memory", "The repositories without a database, for tests and for trials of handlers."),
    ("adapters/sql", "The repositories and tables on SQL."),
    ("adapters/sql/migrations", "The way of the database from one version of the tables to the next."),
    ("adapters/sql/migrations/versions", "One module per step."),
)


def package_modules(blueprint: Blueprint) -> list[Module | File]:
    """An `__init__` for each folder, and the mark of a typed package."""
    service = blueprint.service
    root = f"src/{service.name}"
    top = Module(f"{root}/__init__.py", service.purpose or f"{service.title}.", spans=[service.span])
    inner = [Module(f"{root}/{folder}/__init__.py", promise) for folder, promise in _PROMISES]
    return [top, *inner, File(f"{root}/py.typed", "")]
