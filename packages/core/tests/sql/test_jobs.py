"""Jobs run as commands, from the command line, through the same pipeline; long ones go on where they were killed."""

from __future__ import annotations

import asyncio
import importlib.util
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from _verb import run_verb
from sqlalchemy import MetaData

from krepis import Command, Context, Query
from krepis._cli import job
from krepis.app import App
from krepis.errors import WiringError
from krepis.jobs import Jobs, Step
from krepis.sql import Database
from serving import KREPIS

KILLS = 4 if os.environ.get("KREPIS_LONG") else 2

SHOP = '''
import asyncio, os
from datetime import date
from typing import Annotated, Protocol
from sqlalchemy import Column, Integer, MetaData, Table, Text, bindparam, func, insert, select
from krepis import App, Command, Context, Rejection, Value, WritePort, bind
from krepis.idempotency import Idempotency, TABLES as IDEMPOTENCY
from krepis.jobs import Jobs, Step, TABLES as JOBS
from krepis.schedules import Schedules, every, TABLES as SCHEDULES
from krepis.sql import Database, Sql, include_tables, statement
from krepis.types import between

metadata = MetaData()
include_tables(metadata, *IDEMPOTENCY, *JOBS, *SCHEDULES)
books = Table("books", metadata, Column("id", Integer, primary_key=True), Column("label", Text))
ADD = statement(insert(books).values(label=bindparam("label")))
COUNT = statement(select(func.count()).select_from(books), into=int)

class Added(Value):
    count: int
    by: str
    tenant: str | None

class AddBook(Command[Added]):
    """Add a book.

    More about it.
    """
    label: str
    on: date | None = None
    tags: list[str] = []
    limit: Annotated[int, between(1, 10)] = 1
    fault: str = ""
    nap: float = 0.0

class ImportBooks(Command[Step]):
    """Import books, three a page."""
    count: int
    cursor: str | None = None
    pause_ms: int = 0
    fail_at: int = -1
    hang_at: int = -1

class SoldOut(Rejection):
    message = "only {left} are left"

class Books(WritePort, Protocol):
    async def add(self, ctx: Context, label: str) -> int: ...

class SqlBooks:
    def __init__(self, sql: Sql) -> None:
        self._sql = sql
    async def add(self, ctx: Context, label: str) -> int:
        await self._sql.run(ADD, label=label)
        return await self._sql.one(COUNT)

async def add_book(ctx: Context, command: AddBook, *, books: Books) -> Added:
    count = await books.add(ctx, command.label)
    if command.fault == "refuse":
        raise SoldOut(left=3)
    if command.fault == "break":
        raise LookupError("a bug")
    if command.fault == "hang":
        print("hanging", flush=True)
        await asyncio.sleep(60)
    await asyncio.sleep(command.nap)
    return Added(count=count, by=ctx.actor.id, tenant=ctx.tenant)

async def import_books(ctx: Context, command: ImportBooks, *, books: Books) -> Step:
    start = int(command.cursor or 0)
    end = min(start + 3, command.count)
    for number in range(start, end):
        await books.add(ctx, f"book {number}")
    if start == command.fail_at:
        raise SoldOut(left=start)
    if start == command.hang_at and os.path.exists(os.environ["JOBS_HANG"]):
        print("hanging", flush=True)
        await asyncio.sleep(60)
    await asyncio.sleep(command.pause_ms / 1000)
    return Step(cursor=None if end == command.count else str(end), done=end - start)

app = App(
    "shop",
    handlers=(add_book, import_books),
    adapters=(bind(Books, SqlBooks),),
    store=Database(os.environ["JOBS_DB"], metadata=metadata),
    parts=(
        Idempotency(),
        Jobs(add=AddBook, import_books=ImportBooks),
        Schedules(every("second", AddBook(label="scheduled"))),
    ),
)
'''


class Desk:
    """A project's folder with a database, and its command line."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url
        self.hang = folder / "hang"
        self.environment = {**os.environ, "JOBS_DB": url, "JOBS_HANG": str(self.hang)}
        (folder / "shop.py").write_text(SHOP, encoding="utf-8")
        (folder / "krepis.toml").write_text('app = "shop:app"\n', encoding="utf-8")
        asyncio.run(self._make())

    async def _make(self) -> None:
        store = self.app.store
        assert isinstance(store, Database)
        await store.open()
        await store.create_tables()
        await store.close()

    def run(self, *words: str) -> tuple[int, Any, str]:
        """Exit code, standard output (as JSON if it is), standard error; in this process, which starts faster."""
        out, errors = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(errors):
            code = run_verb(job, words, self.app)
        try:
            shown = json.loads(out.getvalue())
        except ValueError:
            shown = out.getvalue()
        return code, shown, errors.getvalue()

    @property
    def app(self) -> App:
        name = f"shop_{abs(hash(self.url + str(self.folder)))}"
        if name not in sys.modules:
            spec = importlib.util.spec_from_file_location(name, self.folder / "shop.py")
            assert spec is not None
            assert spec.loader is not None
            module = sys.modules[name] = importlib.util.module_from_spec(spec)
            os.environ.update({"JOBS_DB": self.url, "JOBS_HANG": str(self.hang)})
            spec.loader.exec_module(module)
        return sys.modules[name].app

    def begin(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [KREPIS, "job", *words],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ask(self, text: str) -> list[Any]:
        from sqlalchemy import text as sql_text

        from krepis._system import SystemSources
        from krepis.context import root
        from krepis.sql import statement

        async def ask() -> list[Any]:
            database = Database(self.url)
            await database.open()
            try:
                wanted = statement(sql_text(text))
                return await database.transact(root(SystemSources(), timeout=20), "read", lambda sql: sql.all(wanted))
            finally:
                await database.close()

        return [row[0] for row in asyncio.run(ask())]

    def labels(self) -> list[str]:
        return self.ask("SELECT label FROM books ORDER BY id")


@pytest.fixture(params=["file", "postgres"])
def desk(request: pytest.FixtureRequest, make_url: Callable[[str], str], tmp_path: Path) -> Desk:
    return Desk(tmp_path, make_url(request.param))


@pytest.mark.slow
def test_a_job_is_a_command(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    code, answer, _ = desk.run("run", "add", "label=tea", "on=2026-01-02", "tags=a", "tags=b", "--tenant", "north")
    assert (code, answer) == (0, {"count": 1, "by": "system", "tenant": "north"})
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"label": "cake", "tags": ["a"]}')))
    code, answer, _ = desk.run("run", "add", "--message", "-")
    assert (code, answer["count"]) == (0, 2)
    assert desk.run("list")[:2] == (
        0,
        "add                  Add a book.\nimport_books         Import books, three a page.\n",
    )
    assert desk.run("list", "--json")[1] == {"add": "Add a book.", "import_books": "Import books, three a page."}
    assert desk.run("run", "add", "label=jam", "nap=1.1")[0] == 0  # long enough for a schedule, were it a job's affair
    assert desk.labels() == ["tea", "cake", "jam"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["ad"], 2, "did you mean `add`?"),
        (["add"], 2, "label: is missing (missing)"),
        (["add", "label=x", "limit=11", "on=soon"], 2, "limit: "),
        (["add", "label=x", "colour=red"], 2, "colour: "),
        (["add", "label"], 2, "`label` is not of the form FIELD=VALUE (malformed)"),
        (["add", "--message", "{"], 2, "malformed"),
        (["add", "--message", '{"label": 1}'], 2, "label: "),
        (["add", "label=x", "--message", "{}"], 2, "not both"),
        (["add", "label=x", "--resume"], 2, "there is nothing to resume or restart"),
        (["import_books", "count=3", "--key", "k"], 2, "keeps its own keys"),
        (["import_books", "--resume", "--restart"], 2, "takes no fields"),
        (["import_books", "--resume"], 1, "there is nothing to resume"),
        (["add", "label=x", "--timeout", "0"], 2, "is not a number of seconds"),
        (["add", "label=x", "fault=refuse"], 1, "krepis: only 3 are left (sold_out)"),
        (["add", "label=x", "fault=break"], 1, "LookupError"),
        (["add", "label=x", "fault=hang", "--timeout", "0.05"], 1, "deadline"),
        (["add", "label=x", "--key", ""], 1, "bad_idempotency_key"),
    ],
)
def test_what_can_not_be_done_is_said(request: pytest.FixtureRequest, words: list[str], code: int, said: str) -> None:
    desk: Desk = request.getfixturevalue("still_desk")
    exit_code, _, errors = desk.run("run", *words)
    assert (exit_code, said in errors) == (code, True), errors
    assert desk.labels() == []


@pytest.fixture(scope="module")
def still_desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    folder = tmp_path_factory.mktemp("desk")
    return Desk(folder, f"sqlite:///{folder / 'shop.db'}")


@pytest.mark.slow
def test_refusals_as_json_have_their_code_and_fields(still_desk: Desk) -> None:
    code, shown, _ = still_desk.run("run", "add", "limit=11", "--json")
    assert (code, shown["code"]) == (2, "invalid")
    assert [error["path"] for error in shown["errors"]] == ["limit", "label"] or len(shown["errors"]) == 2
    code, shown, _ = still_desk.run("run", "add", "label=x", "fault=refuse", "--json")
    assert (code, shown) == (1, {"error": "only 3 are left", "code": "sold_out", "facts": {"left": 3}})


@pytest.mark.slow
def test_a_job_with_a_key_runs_once(desk: Desk) -> None:
    answers = [desk.run("run", "add", "label=tea", "--key", "november")[:2] for _ in range(2)]
    assert answers == [(0, {"count": 1, "by": "system", "tenant": None})] * 2
    assert desk.labels() == ["tea"]
    assert desk.run("run", "add", "label=cake", "--key", "november")[0] == 1


@pytest.mark.slow
def test_a_long_job_goes_on_where_it_stopped(desk: Desk) -> None:
    assert desk.run("run", "import_books", "count=7")[:2] == (0, {"cursor": None, "done": 7})
    assert len(desk.labels()) == 7
    assert desk.run("run", "import_books", "count=9", "fail_at=6")[0] == 1
    code, _, errors = desk.run("run", "import_books", "count=9")
    assert code == 3
    assert "`import_books` was begun and is not done: 2 pages, 6 things" in errors
    assert "--resume" in errors
    assert desk.run("run", "import_books", "--resume")[0] == 1  # it fails there again
    assert desk.run("run", "import_books", "--restart", "count=2")[:2] == (0, {"cursor": None, "done": 2})
    assert len(desk.labels()) == 7 + 6 + 2
    assert desk.ask("SELECT name FROM krepis_jobs") == []


@pytest.mark.slow
def test_a_long_job_that_is_killed_in_the_middle_of_a_page_does_no_page_twice(desk: Desk) -> None:
    desk.hang.touch()
    words = ["run", "import_books", "count=60", "hang_at=9"]
    for _ in range(KILLS):
        process = desk.begin(*words)
        assert process.stdout is not None
        assert process.stdout.readline() == "hanging\n"
        process.kill()
        process.communicate()
        assert desk.labels() == [f"book {number}" for number in range(9)]
        words = ["run", "import_books", "--resume"]
    desk.hang.unlink()
    assert desk.run(*words)[:2] == (0, {"cursor": None, "done": 60})
    assert desk.labels() == [f"book {number}" for number in range(60)]
    assert desk.ask("SELECT name FROM krepis_jobs") == []


@pytest.mark.slow
def test_two_that_resume_one_run_do_no_page_twice(desk: Desk) -> None:
    desk.run("run", "import_books", "count=60", "pause_ms=5", "fail_at=3")
    desk.ask("SELECT 1")
    _set_message(desk)
    both = [desk.begin("run", "import_books", "--resume") for _ in range(2)]
    said = [process.communicate(timeout=60) for process in both]
    codes = sorted(process.returncode for process in both)
    assert codes in ([0, 1], [0, 0]), said
    assert sorted(desk.labels()) == sorted(f"book {number}" for number in range(60))


def _set_message(desk: Desk) -> None:
    """Let the run not fail any more."""
    from sqlalchemy import text as sql_text

    from krepis._system import SystemSources
    from krepis.context import root
    from krepis.sql import statement

    async def change() -> None:
        database = Database(desk.url)
        await database.open()
        try:
            wanted = statement(sql_text("UPDATE krepis_jobs SET message = :message"))
            ctx, message = root(SystemSources(), timeout=20), '{"count":60,"pause_ms":5}'
            await database.transact(ctx, "write", lambda sql: sql.run(wanted, message=message))
        finally:
            await database.close()

    asyncio.run(change())


@pytest.mark.slow
def test_a_job_that_is_told_to_stop_undoes_what_it_was_at(desk: Desk) -> None:
    process = desk.begin("run", "add", "label=x", "fault=hang")
    assert process.stdout is not None
    assert process.stdout.readline() == "hanging\n"
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 1
    assert "stopped" in errors
    assert desk.labels() == []


class Count(Query[int]):
    pass


class NoCursor(Command[Step]):
    pass


class Paged(Command[Step]):
    cursor: str | None = None


def count(ctx: Context, query: Count) -> int:
    return 1


def no_cursor(ctx: Context, command: NoCursor) -> Step:
    return Step(cursor=None)


def paged(ctx: Context, command: Paged) -> Step:
    return Step(cursor=None)


@pytest.mark.parametrize(
    ("job", "problem"),
    [
        (Count, "`Count`, which is no command"),
        (Command, "`Command`, which is no command"),
        (NoCursor, "has no `cursor`"),
        (Paged, "a long job needs the table `krepis_jobs`"),
    ],
)
def test_what_is_no_job_stops_the_start(job: type[Any], problem: str) -> None:
    store = Database("sqlite://", metadata=MetaData())
    with pytest.raises(WiringError, match=problem):
        App("test", handlers=(count, no_cursor, paged), store=store, parts=(Jobs(job=job),)).check()
