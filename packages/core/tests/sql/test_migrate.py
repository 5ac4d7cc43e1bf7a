"""Migrations: up, down, refused, written, and one at a time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from _shop import add, metadata, stored
from _verb import run_verb
from sqlalchemy import Column, MetaData, String, Table
from sqlalchemy.types import TypeDecorator

from krepis._cli import db
from krepis.context import Context
from krepis.errors import KrepisError
from krepis.sql import Database, Exact, Portable, SchemaError, migrate

KINDS = ["file", "postgres"]


@pytest.fixture(params=KINDS)
def project(request, make_url, tmp_path: Path) -> Database:
    """A project with tables and no migrations yet, whose database is empty."""
    (tmp_path / "migrations" / "versions").mkdir(parents=True)
    return Database(make_url(request.param), metadata=metadata, migrations=tmp_path / "migrations")


async def written(project: Database) -> Path:
    await migrate.upgrade(project)
    return await migrate.new(project, "the first tables")


def with_metadata(project: Database, changed: MetaData) -> Database:
    return Database(project.url.render_as_string(hide_password=False), metadata=changed, migrations=project.migrations)


async def test_a_written_migration_makes_exactly_the_tables_of_the_code(project: Database):
    path = await written(project)
    change = await migrate.upgrade(project)
    assert path.name == "0001_the_first_tables.py"
    assert (change.before, change.after) == ((), ("0001",))
    assert await migrate.check(project) == []


async def test_a_written_migration_names_our_types(project: Database):
    text = (await written(project)).read_text()
    assert "krepis.sql.Exact(2)" in text
    assert "krepis.sql.Instant()" in text


class Money(Portable):
    cache_ok = True

    def __repr__(self) -> str:
        return "Exact(2)"

    def load_dialect_impl(self, dialect):
        return Exact(2).load_dialect_impl(dialect)


class Shout(TypeDecorator[str]):
    impl = String
    cache_ok = True


async def test_a_type_of_your_own_is_written_as_what_it_is_made_of(project: Database):
    changed = MetaData()
    Table("prices", changed, Column("id", String(5), primary_key=True), Column("price", Money()), Column("s", Shout(9)))
    text = (await written(with_metadata(project, changed))).read_text()
    assert 'sa.Column("price", krepis.sql.Exact(2)' in text.replace("'", '"')
    assert f"import {__name__}\n" in text


async def test_an_upgraded_database_opens(project: Database, ctx: Context):
    await written(project)
    await migrate.upgrade(project)
    await project.open()
    await project.transact(ctx, "write", lambda sql: add(sql, "1"))
    assert await stored(project, ctx) == 1
    await project.close()


@pytest.mark.parametrize("project", ["file"], indirect=True)
async def test_a_new_service_makes_its_file_at_the_first_start_and_changes_none_that_is_there(project: Database):
    await written(project)
    assert project.path is not None
    project.path.unlink(missing_ok=True)
    url = project.url.render_as_string(hide_password=False)
    first = Database(url, metadata=metadata, migrations=project.migrations, make_new=True)
    await first.open()
    await first.close()
    await migrate.downgrade(project, "base")
    with pytest.raises(SchemaError, match="krepis db upgrade"):
        await first.open()


async def test_a_database_behind_the_code_does_not_open_and_says_what_to_run(project: Database):
    await written(project)
    with pytest.raises(SchemaError, match=r"(?s)is at no revision, this code wants `0001`.*run `krepis db upgrade`"):
        await project.open()
    await project.close()


async def test_a_database_ahead_of_the_code_does_not_open(project: Database):
    path = await written(project)
    await migrate.upgrade(project)
    path.unlink()
    with pytest.raises(SchemaError, match="newer than this code"):
        await project.open()
    await project.close()


async def test_downgrading_takes_the_tables_back(project: Database):
    await written(project)
    await migrate.upgrade(project)
    await migrate.downgrade(project, "base")
    differences = await migrate.check(project)
    assert "the table `books` is only in the code" in differences
    assert (await migrate.status(project)).current == ()


async def test_a_change_of_the_code_is_seen_and_written(project: Database):
    await written(project)
    await migrate.upgrade(project)
    changed = MetaData()
    for table in metadata.sorted_tables:
        table.to_metadata(changed)
    changed.tables["books"].append_column(Column("author", String(80)))
    Table("shelves", changed, Column("name", String(20), primary_key=True))
    newer = with_metadata(project, changed)
    found = await migrate.check(newer)
    await migrate.new(newer, "books have authors")
    await migrate.upgrade(newer)
    assert sorted(found) == ["the column `books.author` is only in the code", "the table `shelves` is only in the code"]
    assert await migrate.check(newer) == []


async def test_new_needs_an_upgraded_database(project: Database):
    await written(project)
    with pytest.raises(SchemaError, match="krepis db upgrade"):
        await migrate.new(project, "more")


async def test_a_migration_that_fails_leaves_the_old_state(project: Database):
    path = await written(project)
    await migrate.upgrade(project)
    path.with_name("0002_bad.py").write_text(
        "from alembic import op\nimport sqlalchemy as sa\nrevision = '0002'\ndown_revision = '0001'\n"
        "def upgrade():\n    op.create_table('half', sa.Column('a', sa.Integer))\n    raise RuntimeError('power cut')\n"
    )
    with pytest.raises(RuntimeError, match="power cut"):
        await migrate.upgrade(project)
    assert (await migrate.status(project)).current == ("0001",)
    assert await migrate.check(project) == []


async def test_a_migration_killed_halfway_leaves_the_old_state(project: Database):
    path = await written(project)
    await migrate.upgrade(project)
    path.with_name("0002_killed.py").write_text(
        "from alembic import op\nimport os\nimport sqlalchemy as sa\nrevision = '0002'\ndown_revision = '0001'\n"
        "def upgrade():\n    op.create_table('half', sa.Column('a', sa.Integer))\n    os.kill(os.getpid(), 9)\n"
    )
    assert _upgrading(project).wait(30) == -9
    assert (await migrate.status(project)).current == ("0001",)
    assert await migrate.check(project) == []


async def test_two_upgrades_at_once_follow_one_another(project: Database):
    path = await written(project)
    text = path.read_text()
    path.write_text(
        text.replace("def upgrade() -> None:\n", "def upgrade() -> None:\n    import time; time.sleep(0.3)\n")
    )
    running = [_upgrading(project) for _ in range(2)]
    assert [process.wait(30) for process in running] == [0, 0]
    assert (await migrate.status(project)).current == ("0001",)


async def test_an_unknown_target_is_refused(project: Database):
    await written(project)
    with pytest.raises(SchemaError, match="nowhere"):
        await migrate.upgrade(project, "nowhere")


async def test_a_missing_file_is_not_made_by_a_start(tmp_path: Path):
    database = Database(f"sqlite:///{tmp_path}/none.db", migrations=tmp_path)
    with pytest.raises(KrepisError, match="krepis db upgrade"):
        await database.open()
    assert not (tmp_path / "none.db").exists()


def test_the_command_says_where_a_database_stands(project: Database, capsys):
    import asyncio

    asyncio.run(written(project))
    assert _run(project, "status") == 1
    assert "pending   0001  the first tables" in capsys.readouterr().out
    assert _run(project, "upgrade") == 0
    assert "from no revision to 0001" in capsys.readouterr().out
    assert _run(project, "status", "--json") == 0
    assert '"pending":[]' in capsys.readouterr().out
    assert _run(project, "check") == 0
    assert _run(project, "downgrade", "-1") == 0
    assert _run(project, "check") == 1
    assert _run(project, "upgrade", "nowhere") == 1


def test_a_fresh_project_writes_its_first_migration_and_upgrades(tmp_path: Path, capsys):
    fresh = Database(f"sqlite:///{tmp_path}/data/shop.db", metadata=metadata, migrations=tmp_path / "migrations")
    assert _run(fresh, "status") == 1
    assert "there is no database yet" in capsys.readouterr().out
    assert _run(fresh, "new", "first tables") == 0
    text = next((tmp_path / "migrations" / "versions").glob("0001_*.py")).read_text(encoding="utf-8")
    assert "Revision 0001, the first." in text
    assert _run(fresh, "upgrade") == 0
    assert _run(fresh, "check") == 0
    assert "Generating" not in capsys.readouterr().out


def test_an_upgrade_without_migrations_says_that_it_made_the_file(tmp_path: Path, capsys):
    (tmp_path / "migrations" / "versions").mkdir(parents=True)
    fresh = Database(f"sqlite:///{tmp_path}/shop.db", migrations=tmp_path / "migrations")
    assert _run(fresh, "upgrade") == 0
    assert "made sqlite" in capsys.readouterr().out
    assert _run(fresh, "upgrade") == 0
    assert "nothing to do" in capsys.readouterr().out


def test_the_command_needs_a_database(capsys):
    assert _main(SimpleNamespace(name="shop", store=None), "status") == 2
    assert "has no database" in capsys.readouterr().err


def _run(project: Database, *arguments: str) -> int:
    return _main(SimpleNamespace(name="shop", store=project), *arguments)


def _main(app, *arguments: str) -> int:
    return run_verb(db, arguments, app)


def _upgrading(project: Database) -> subprocess.Popen[bytes]:
    url = project.url.render_as_string(hide_password=False)
    code = (
        "import asyncio; from krepis.sql import Database, Exact, Portable, migrate; "
        f"asyncio.run(migrate.upgrade(Database({url!r}, migrations={str(project.migrations)!r})))"
    )
    return subprocess.Popen([sys.executable, "-c", code])
