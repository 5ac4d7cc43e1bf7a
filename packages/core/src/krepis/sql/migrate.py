"""Migrations: ordinary Alembic revisions, without an `env.py` or an `alembic.ini` in the user's project.

Whatever runs is one transaction, on SQLite too: killed halfway, the database is where it was. Two processes that
upgrade at once do so one after the other (an advisory lock on PostgreSQL, BEGIN IMMEDIATE on SQLite); the second finds
nothing left to do. The database must not be served by `Database.open` for any of this.

On SQLite foreign keys are not enforced while a migration runs, since rebuilding a table drops the old one; they are
checked once before the commit.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from msgspec import Struct
from sqlalchemy import Connection, create_engine, inspect
from sqlalchemy.pool import NullPool
from sqlalchemy.types import TypeDecorator

from krepis.errors import KrepisError
from krepis.sql.errors import SchemaError
from krepis.sql.revisions import VERSION_TABLE, Revision, Revisions, migrations_folder, read_revisions
from krepis.sql.types import Portable

if TYPE_CHECKING:
    from krepis.sql.database import Database

T = TypeVar("T")

UPGRADE_WAIT_MAX_S = 60
"""How long one upgrade waits for another one that runs at the same time."""

_ADVISORY_LOCK = 0x6B72657069730001  # "krepis", and the first lock of it
_TEMPLATES = Path(__file__).parent / "_alembic"


class Status(Struct, frozen=True, kw_only=True):
    """Where a database is, where the code is, and what an upgrade would run."""

    exists: bool
    current: tuple[str, ...]
    heads: tuple[str, ...]
    pending: tuple[Revision, ...]


class Change(Struct, frozen=True, kw_only=True):
    """What an upgrade or downgrade did; `made` when there was no database before."""

    made: bool
    before: tuple[str, ...]
    after: tuple[str, ...]


async def upgrade(database: Database, target: str = "head") -> Change:
    """Bring the database to `target`: a revision, `head`, or `+2`. Makes a missing SQLite file and its folder."""
    return await _migrate(database, target, lambda script, current: script._upgrade_revs(target, current))  # noqa: SLF001


async def downgrade(database: Database, target: str) -> Change:
    """Bring the database back to `target`: a revision, `-1`, or `base`."""
    return await _migrate(database, target, lambda script, current: script._downgrade_revs(target, current))  # noqa: SLF001


async def status(database: Database) -> Status:
    """Compare the database with the migrations; changes nothing and makes no file."""
    revisions = _revisions(database)
    exists = database.path is None or database.path.exists()
    current = await _connected(database, _current) if exists else ()
    pending = tuple(revisions.pending(current))
    return Status(exists=exists, current=current, heads=revisions.heads, pending=pending)


async def check(database: Database) -> list[str]:
    """What differs between `metadata` and the database's tables, one sentence each; none is good."""
    return await _connected(database, lambda connection: _drift(database, connection))


async def new(database: Database, message: str) -> Path:
    """Write a revision with what `check` finds, to be read and mended by a person.

    Needs an upgraded database; for the first revision of all, an empty one is made.
    """
    revisions = _revisions(database)
    where = await status(database)
    if where.pending:
        raise SchemaError(
            f"{len(where.pending)} migrations are not in {database.name} yet, so there is nothing to compare with",
            hint="run `krepis db upgrade`",
        )
    folder = migrations_folder(_migrations(database)) / "versions"
    folder.mkdir(parents=True, exist_ok=True)
    number = f"{len(revisions.by_id) + 1:04d}"
    with _refused("no migration can be written"):
        return await _connected(
            database,
            lambda connection: _generate(database, connection, message, number),
            may_create=not revisions.by_id,
        )


async def _migrate(database: Database, target: str, steps: Callable[[Any, Any], Any]) -> Change:
    made = database.path is not None and not database.path.exists()

    def run(connection: Connection) -> Change:
        _lock(connection)
        before = _current(connection)
        script = _script(database)
        _environment(database, connection, script, lambda current, _: steps(script, current))
        _check_foreign_keys(connection)
        return Change(made=made, before=before, after=_current(connection))

    with _refused(f"the database can't go to `{target}`"):
        return await _connected(database, run, may_create=True)


@contextmanager
def _refused(what: str) -> Generator[None]:
    """Alembic's refusals in our form."""
    from alembic.util import CommandError

    try:
        yield
    except CommandError as error:
        raise SchemaError(f"{what}: {error}", hint="see `krepis db status`") from error


def _script(database: Database) -> Any:
    from alembic.script import ScriptDirectory

    versions = migrations_folder(_migrations(database)) / "versions"
    return ScriptDirectory(
        str(_TEMPLATES),
        version_locations=[str(versions)],
        file_template="%(rev)s_%(slug)s",
        messaging_opts={"quiet": True},
    )


def _environment(database: Database, connection: Connection, script: Any, steps: Callable[[Any, Any], Any]) -> None:
    """Run `steps(current, context)` the way Alembic's own commands do."""
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext

    with EnvironmentContext(Config(), script, fn=steps) as environment:
        environment.configure(
            connection=connection,
            target_metadata=database.metadata,
            render_as_batch=database.is_sqlite,
            compare_type=True,
            transactional_ddl=True,
            render_item=_rendered,
            version_table=VERSION_TABLE,
        )
        environment.run_migrations()


def _rendered(kind: str, item: Any, context: Any) -> str | Literal[False]:
    """How a written migration names a type; `False` is Alembic's own way."""
    if kind != "type" or not isinstance(item, TypeDecorator):
        return False
    if isinstance(item, Portable):
        context.imports.add("import krepis.sql")
        return f"krepis.sql.{item!r}"
    context.imports.add(f"import {type(cast('Any', item)).__module__}")
    return False


def _generate(database: Database, connection: Connection, message: str, number: str) -> Path:
    from alembic.autogenerate.api import RevisionContext
    from alembic.config import Config

    script = _script(database)
    arguments: dict[str, Any] = {
        "message": message,
        "autogenerate": True,
        "sql": False,
        "head": "head",
        "splice": False,
        "branch_label": None,
        "version_path": None,
        "rev_id": number,
        "depends_on": None,
    }
    revision = RevisionContext(Config(), script, arguments)

    def compare(current: Any, context: Any) -> list[Any]:
        revision.run_autogenerate(current, context)
        return []

    _environment(database, connection, script, compare)
    written: Any = list(revision.generate_scripts())[-1]
    return Path(written.path)


def _drift(database: Database, connection: Connection) -> list[str]:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    if database.metadata is None:
        raise KrepisError("there is no metadata to compare with", hint="give `Database(..., metadata=...)`")
    context = MigrationContext.configure(connection, opts={"compare_type": True, "target_metadata": database.metadata})
    sentences: list[str] = []
    for part in compare_metadata(context, database.metadata):
        # The changes of one column come as a list.
        sentences += [_sentence(change) for change in (cast("list[Any]", part) if isinstance(part, list) else [part])]
    return sentences


def _sentence(change: tuple[Any, ...]) -> str:
    match change:
        case ("add_table" | "remove_table" as what, table):
            return f"the table `{table.name}` is only {_where(what)}"
        case ("add_column" | "remove_column" as what, _, table, column):
            return f"the column `{table}.{column.name}` is only {_where(what)}"
        case ("add_index" | "remove_index" | "add_constraint" | "remove_constraint" as what, item):
            return f"the {what.partition('_')[2]} `{item.name}` of `{item.table.name}` is only {_where(what)}"
        case ("add_fk" | "remove_fk" as what, item):
            return f"the foreign key `{item.name}` of `{item.parent.name}` is only {_where(what)}"
        case (str(what), _, str(table), str(column), *_, before, after):
            return f"the column `{table}.{column}` differs in {what.removeprefix('modify_')}: {before!r} there, {after!r} here"
        case _:
            return repr(change)


def _where(what: str) -> str:
    return "in the code" if what.startswith("add_") else "in the database"


def _current(connection: Connection) -> tuple[str, ...]:
    if not inspect(connection).has_table(VERSION_TABLE):
        return ()
    rows = connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE} ORDER BY 1")  # noqa: S608 - a constant
    return tuple(row[0] for row in rows)


def _revisions(database: Database) -> Revisions:
    return read_revisions(_migrations(database))


def _migrations(database: Database) -> Path | str:
    if database.in_memory:
        raise KrepisError("a database in memory has no migrations: its tables are made when it is opened")
    if database.migrations is None:
        raise KrepisError(f"{database!r} has no migrations", hint="give `Database(..., migrations=...)`")
    return database.migrations


def _lock(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{UPGRADE_WAIT_MAX_S}s'")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})")


def _check_foreign_keys(connection: Connection) -> None:
    if connection.dialect.name != "sqlite":
        return
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    if broken:
        rows = ", ".join(sorted({f"`{table}` to `{parent}`" for table, _, parent, _ in broken}))
        raise SchemaError(f"after the migration {len(broken)} rows point nowhere, from {rows}; nothing was changed")


async def _connected(database: Database, work: Callable[[Connection], T], *, may_create: bool = False) -> T:
    """Run `work` in one transaction of a connection of its own."""
    if not database.is_sqlite:
        return await _on_postgres(database, work)
    if database.in_memory:
        raise KrepisError("a database in memory has no migrations: its tables are made when it is opened")
    if database.path is not None and not (may_create or database.path.exists()):
        raise KrepisError(f"there is no database `{database.path}`", hint="run `krepis db upgrade`")
    if database.path is not None and may_create:
        database.path.parent.mkdir(parents=True, exist_ok=True)
    return _on_sqlite(database, work)


async def _on_postgres(database: Database, work: Callable[[Connection], T]) -> T:
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine(database.url.set(drivername="postgresql+asyncpg"), poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(work)
    except OSError as error:
        raise KrepisError(f"PostgreSQL can't be reached at {database.name}: {error}", hint="start it") from error
    finally:
        await engine.dispose()


def _on_sqlite(database: Database, work: Callable[[Connection], T]) -> T:
    def connect() -> sqlite3.Connection:
        # This is a command's own process: waiting may block it.
        connection = sqlite3.connect(str(database.path), isolation_level=None, timeout=UPGRADE_WAIT_MAX_S)
        for pragma in ("journal_mode=WAL", "foreign_keys=OFF"):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            return work(connection)
    finally:
        engine.dispose()
