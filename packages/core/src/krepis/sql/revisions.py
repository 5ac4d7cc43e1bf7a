"""Which revision a database has, and which the code wants: enough to refuse a start, without importing Alembic.

Revision files are ordinary Alembic ones; only their `revision`, `down_revision` and docstring are read, as syntax.
"""

from __future__ import annotations

import ast
import sys
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from sqlalchemy import String, column, select, table, text

from krepis.context import Context
from krepis.errors import KrepisError
from krepis.sql.errors import SchemaError
from krepis.sql.statement import statement
from krepis.sql.tenants import across_tenants
from krepis.sql.unit import Sql

if TYPE_CHECKING:
    from krepis.sql.database import Database

VERSION_TABLE = "alembic_version"

_CURRENT = statement(select(column("version_num", String)).select_from(table(VERSION_TABLE)), into=str)
_HAS_TABLE_SQLITE = across_tenants(
    statement(text("SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'alembic_version'")),
    "the revision is the database's",
)
_HAS_TABLE_POSTGRES = statement(text("SELECT count(to_regclass('alembic_version'))"))


class Revision(Struct, frozen=True):
    """One migration: its id, the ids it follows, and the first line of its docstring."""

    id: str
    follows: tuple[str, ...]
    message: str


class Revisions:
    """All migrations of a folder, each after those that it follows."""

    def __init__(self, revisions: list[Revision]) -> None:
        self.by_id = {revision.id: revision for revision in revisions}
        followed = {before for revision in revisions for before in revision.follows}
        self.heads = tuple(sorted(id for id in self.by_id if id not in followed))

    def reached(self, ids: tuple[str, ...]) -> set[str]:
        """The revisions that a database at `ids` has been through."""
        found: set[str] = set()
        waiting = list(ids)
        while waiting:
            id = waiting.pop()
            if id in self.by_id and id not in found:
                found.add(id)
                waiting.extend(self.by_id[id].follows)
        return found

    def pending(self, current: tuple[str, ...]) -> list[Revision]:
        """What an upgrade from `current` would run, the first first."""
        done = self.reached(current)
        order: list[Revision] = []
        waiting = [revision for revision in self.by_id.values() if revision.id not in done]
        while waiting:
            ready = [revision for revision in waiting if all(before in done for before in revision.follows)]
            if not ready:
                raise SchemaError(f"the migrations {', '.join(r.id for r in waiting)} follow one that does not exist")
            order += ready
            done |= {revision.id for revision in ready}
            waiting = [revision for revision in waiting if revision.id not in done]
        return order


def migrations_folder(migrations: Path | str) -> Path:
    """The folder behind `Database(migrations=...)`: a path, or `package:folder/in/it`."""
    if isinstance(migrations, str) and ":" in migrations[2:]:  # a drive letter is no package
        package, _, inside = migrations.rpartition(":")
        return Path(str(files(package))) / inside
    return Path(migrations)


def read_revisions(migrations: Path | str) -> Revisions:
    """Read the revision files. A folder without any is fine: a young project has none."""
    folder = migrations_folder(migrations) / "versions"
    return Revisions([found for path in sorted(folder.glob("*.py")) if (found := _read(path)) is not None])


async def current_revisions(database: Database, ctx: Context) -> tuple[str, ...]:
    """What the table `alembic_version` says; empty for a database that was never upgraded."""

    async def work(sql: Sql) -> tuple[str, ...]:
        has_table = _HAS_TABLE_SQLITE if database.is_sqlite else _HAS_TABLE_POSTGRES
        if not (await sql.one(has_table))[0]:
            return ()
        return tuple(sorted(await sql.all(_CURRENT)))

    return await database.transact(ctx, "read", work)


async def check_revision(database: Database, ctx: Context) -> None:
    """Raise `SchemaError` unless the database is exactly where the code is."""
    assert database.migrations is not None
    revisions = read_revisions(database.migrations)
    current = await current_revisions(database, ctx)
    if current == revisions.heads:
        return
    there = ", ".join(f"`{id}`" for id in current) or "at no revision"
    wanted = ", ".join(f"`{id}`" for id in revisions.heads) or "no revision"
    unknown = [id for id in current if id not in revisions.by_id]
    raise SchemaError(
        f"the database {database.name} is {'at ' if current else ''}{there}, this code wants {wanted}",
        hint="the database is newer than this code; deploy the newer code" if unknown else "run `krepis db upgrade`",
    )


def _read(path: Path) -> Revision | None:
    try:
        tree = ast.parse(path.read_bytes(), str(path))
    except SyntaxError as error:
        raise KrepisError(f"the migration `{path}` is not Python: {error}", hint="mend the file") from error
    values: dict[str, Any] = {}
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(target, ast.Name) and target.id in {"revision", "down_revision"}:
            values[target.id] = ast.literal_eval(node.value)  # type: ignore[attr-defined]
    if "revision" not in values:
        return None
    before = values.get("down_revision")
    follows = () if before is None else (before,) if isinstance(before, str) else tuple(before)
    message = (ast.get_docstring(tree) or "").partition("\n")[0]
    return Revision(sys.intern(values["revision"]), follows, message)
