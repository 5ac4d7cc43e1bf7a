"""The first migration: what Alembic writes when it compares the tables of a project with an empty database."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

from alembic.autogenerate import produce_migrations, render_python_code
from alembic.migration import MigrationContext
from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool
from sqlalchemy.types import TypeDecorator

from krepis.sql.types import Portable
from krepis_generator.source import Module, indented
from krepis_generator.sql.layout import Table
from krepis_generator.sql.tables import metadata_of
from krepis_spec.blueprint import Blueprint
from krepis_spec.naming import snake

REVISION = "0001"


def first_migration(blueprint: Blueprint, tables: Sequence[Table]) -> Module:
    """The revision that makes all tables."""
    title = f"{blueprint.service.title} begins"
    module = Module(
        f"src/{blueprint.service.name}/adapters/sql/migrations/versions/{REVISION}_{snake(title)}.py",
        f"{title}\n\nRevision {REVISION}, the first.",
        spans=[span for table in tables for span in table.spans],
    )
    module.use_module("krepis.sql")
    module.use_module("sqlalchemy as sa")
    module.use("alembic", "op")
    module.add("revision", f'revision = "{REVISION}"')
    for name in ("down_revision", "branch_labels", "depends_on"):
        module.add(name, f"{name} = None")
    for name, text in zip(("upgrade", "downgrade"), _code(blueprint, tables), strict=True):
        module.add(name, f"def {name}() -> None:\n{indented(text)}")
    return module


def _code(blueprint: Blueprint, tables: Sequence[Table]) -> tuple[str, str]:
    metadata = metadata_of(blueprint, tables)
    engine = create_engine("sqlite://", poolclass=StaticPool)
    try:
        with engine.connect() as connection:
            options = {"target_metadata": metadata, "compare_type": True}
            script: Any = produce_migrations(MigrationContext.configure(connection, opts=options), metadata)
    finally:
        engine.dispose()
    return _rendered(script.upgrade_ops), _rendered(script.downgrade_ops)


def _rendered(operations: Any) -> str:
    text = render_python_code(operations, render_as_batch=True, render_item=_type)
    kept = [line for line in text.split("\n") if not re.match(r"\s*# ### ", line)]
    return "\n".join(line.removeprefix("    ") for line in kept)


def _type(kind: str, item: Any, context: Any) -> str | Literal[False]:
    """How a migration names a type: as `krepis db new` does."""
    if kind == "type" and isinstance(item, TypeDecorator) and isinstance(item, Portable):
        return f"krepis.sql.{item!r}"
    return False
