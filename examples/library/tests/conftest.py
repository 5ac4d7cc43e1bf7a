"""The library on each database that it runs on: SQLite in memory and in a file, PostgreSQL."""

import asyncio
import importlib.util
import json
import os
import shutil
import sys
import threading
from collections import deque
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
from krepis.context import root
from krepis.sql import across_tenants, migrate, statement
from krepis.testing import TestSources, start
from krepis.types import Secret
from sqlalchemy import text

TOKEN_KEY = "for tests, and long enough for a key"
os.environ.setdefault("LIBRARY_TOKEN_KEY", TOKEN_KEY)  # `library.app` reads its settings when it is imported

from library.adapters.sql.tables import metadata  # noqa: E402
from library.app import ON_SQL, build, database  # noqa: E402
from library.settings import LibrarySettings  # noqa: E402

_EMPTY = across_tenants(statement(text(f"TRUNCATE {', '.join(metadata.tables)}")), "each test begins with nothing")


class CatalogueService:
    """The catalogue of all libraries, as a server of its own in a thread. It knows every book as `Emma`.

    `answers` says what it does with the next requests: a status, or "hang" to say nothing until `let_go`; `asked` are the
    paths and headers of all that came; `hanging` is set while one hangs.
    """

    def __init__(self) -> None:
        self.answers: deque[int | str] = deque()
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.hanging = threading.Event()
        self._let_go = threading.Event()
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                service.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
                status = service.answers.popleft() if service.answers else 200
                if status == "hang":
                    service.hanging.set()
                    service._let_go.wait()
                    status = 503
                body = json.dumps({"title": "Emma", "author": "Jane Austen", "published": 1815, "pages": 474}).encode()
                self.send_response(int(status))
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                with suppress(ConnectionError):  # whoever asked has given up
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def renew(self) -> None:
        """As if it had just begun."""
        self.let_go()
        self.hanging, self._let_go = threading.Event(), threading.Event()
        self.answers.clear()
        self.asked.clear()

    def let_go(self) -> None:
        """End what hangs."""
        self._let_go.set()

    def close(self) -> None:
        self.let_go()
        self._server.shutdown()
        self._server.server_close()


class Shelf:
    """A database and a folder: all that a library needs."""

    def __init__(self, url: str, folder: Path, catalogue: CatalogueService) -> None:
        self.settings = LibrarySettings(
            database=url,
            token_key=Secret(TOKEN_KEY),
            files_folder=str(folder / "files"),
            mail_folder=str(folder / "mail"),
            catalogue=catalogue.url,
            requests_per_minute=1_000_000,
            password_memory_kib=64,
        )
        self.store = database(url)

    def app(self, **options):
        """The whole library on it."""
        return build(self.settings, **options)

    async def write(self, work, tenant=None):
        """Run `work(ports)` in a write transaction of its own."""
        return await self.store.transact(root(TestSources(), tenant=tenant), "write", lambda unit: work(_ports(unit)))

    async def read(self, work, tenant=None):
        """Run `work(ports)` in a read-only transaction of its own."""
        return await self.store.transact(root(TestSources(), tenant=tenant), "read", lambda unit: work(_ports(unit)))


def _ports(unit):
    names = {binding.port: binding.port.__name__.removeprefix("Writable").lower() for binding in ON_SQL}
    return SimpleNamespace(**{names[binding.port]: binding.factory(unit) for binding in ON_SQL})


@pytest.fixture(scope="session")
def catalogue_service():
    """One for all tests."""
    service = CatalogueService()
    yield service
    service.close()


@pytest.fixture
def catalogue(catalogue_service):
    """The same, as if it had just begun."""
    catalogue_service.renew()
    yield catalogue_service
    catalogue_service.renew()


@pytest.fixture(scope="session")
def new_shelf(tmp_path_factory, catalogue_service):
    """Makes a library at a url, with a folder of its own."""
    return lambda url: Shelf(url, tmp_path_factory.mktemp("library"), catalogue_service)


@pytest.fixture(scope="session")
def postgres_url():
    """A database on a server of its own, migrated once; each test empties its tables."""
    path = Path(__file__).parents[3] / "packages/core/tests/_postgres.py"
    spec = importlib.util.spec_from_file_location("_krepis_postgres", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with module.running_postgres() as server:
        url = server.make_database("library")
        asyncio.run(migrate.upgrade(database(url)))
        yield url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory):
    """A file that is migrated once; each test gets a copy of it."""
    path = tmp_path_factory.mktemp("sqlite") / "library.db"
    asyncio.run(migrate.upgrade(database(f"sqlite:///{path}")))
    return path


@pytest.fixture
def in_memory(tmp_path, catalogue_service):
    return Shelf("sqlite://", tmp_path, catalogue_service)


@pytest.fixture
def on_sqlite(sqlite_template, tmp_path, catalogue_service):
    return Shelf(f"sqlite:///{shutil.copy(sqlite_template, tmp_path)}", tmp_path, catalogue_service)


@pytest.fixture
async def on_postgres(postgres_url, tmp_path, catalogue_service):
    shelf = Shelf(postgres_url, tmp_path, catalogue_service)
    await shelf.store.open()
    await shelf.store.transact(root(TestSources()), "write", lambda sql: sql.run(_EMPTY))
    await shelf.store.close()
    return shelf


@pytest.fixture(params=["in_memory", "on_sqlite", "on_postgres"])
def anywhere(request):
    """Each store in turn."""
    return request.getfixturevalue(request.param)


@pytest.fixture(params=["on_sqlite", "on_postgres"])
def on_disk(request):
    """Each database in a file or on a server in turn."""
    return request.getfixturevalue(request.param)


@pytest.fixture
async def shelf(anywhere):
    """Each store in turn, open, for the contract tests of the adapters."""
    await anywhere.store.open()
    yield anywhere
    await anywhere.store.close()


@pytest.fixture
async def library(anywhere):
    """The library, open, on each store in turn; the clock stands still."""
    async with start(anywhere.app()) as service:
        yield service
