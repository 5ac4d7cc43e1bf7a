"""`Accounts` in an app: what stops the start, what is loaded, what is swept, and what tenants see of each other."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from _accounts_club import (
    HANDLERS,
    SqlMembers,
    WritableMembers,
    an_app,
    by,
    doors,
    logged_in,
    metadata,
    registered,
    settings,
)
from sqlalchemy import MetaData, text

from krepis import Actor, App, Command, Context, Value, bind
from krepis.access import NotSignedIn
from krepis.accounts import (
    TABLES,
    Accounts,
    Grant,
    LogOut,
    LogOutEverywhere,
    Session,
    SessionTokens,
    WritableSessions,
    session_of,
)
from krepis.errors import WiringError
from krepis.sql import Database, statement
from krepis.testing import MemoryStore, TestService, TestSources, start

COUNTS = statement(
    text(
        "SELECT (SELECT count(*) FROM krepis_sessions) AS a, (SELECT count(*) FROM krepis_api_keys) AS b,"
        " (SELECT count(*) FROM krepis_single_use_tokens) AS c, (SELECT count(*) FROM krepis_login_throttle) AS d"
    )
)


class Opened(Command[SessionTokens]):
    subject: str
    of: str | None


class Listed(Value):
    sessions: list[Session]
    ended: int


class EndAll(Command[Listed]):
    subject: str


async def opened(ctx: Context, command: Opened, *, sessions: WritableSessions) -> SessionTokens:
    return await sessions.open(ctx, Grant(command.subject, tenant=command.of))


async def end_all(ctx: Context, command: EndAll, *, sessions: WritableSessions) -> Listed:
    found = await sessions.of(ctx, command.subject)
    return Listed(sessions=found, ended=await sessions.close_all(ctx, command.subject, but=session_of(ctx)))


def a_tenants_app() -> App:
    store = Database("sqlite://", metadata=metadata)
    return App("tenants", handlers=(opened, end_all), store=store, parts=(Accounts(settings()),))


def a_wrong_app(store: Any, *parts: Accounts) -> App:
    adapters = (bind(WritableMembers, SqlMembers),)
    return App("club", handlers=HANDLERS, adapters=adapters, doors=doors(), store=store, parts=parts)


async def counts(club: TestService) -> Any:
    store = club.service.app.store
    assert isinstance(store, Database)
    return await store.transact(club.context(), "read", lambda sql: sql.first(COUNTS))


def test_tables_that_are_missing_stop_the_start_with_what_to_do() -> None:
    with pytest.raises(WiringError, match=r"the accounts needs? the tables `krepis_sessions`.*") as raised:
        a_wrong_app(Database("sqlite://", metadata=MetaData()), Accounts(settings())).check()
    assert "include_tables" in str(raised.value)


def test_a_store_that_is_no_database_stops_the_start() -> None:
    with pytest.raises(WiringError, match="keeps its tables in a database"):
        a_wrong_app(MemoryStore(), Accounts(settings())).check()


def test_one_part_in_two_apps_stops_the_start() -> None:
    part = Accounts(settings())
    a_wrong_app(Database("sqlite://", metadata=metadata), part).check()
    with pytest.raises(WiringError, match="stands in two apps"):
        a_wrong_app(Database("sqlite://", metadata=metadata), part).check()


def test_the_ports_load_no_library() -> None:
    code = "import sys, krepis.accounts; print([n for n in ('sqlalchemy', 'argon2', 'joserfc') if n in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize("library", ["argon2", "joserfc.jwk"])
def test_a_library_that_is_missing_is_named_with_what_to_install(library: str) -> None:
    code = (
        f"import sys; sys.modules[{library!r}] = None\n"
        "from krepis._system import SystemSources\n"
        "from krepis.accounts import Accounts, AccountSettings, hs256\n"
        "from krepis.accounts.passwords import Argon2Passwords\n"
        "part = Accounts(AccountSettings(keys=(hs256('a', 'x' * 32),), issuer='x'))\n"
        "Argon2Passwords(part.settings.hashing, SystemSources())\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "krepis.errors.KrepisError: accounts need" in ran.stderr
    assert "pip install krepis[accounts]" in ran.stderr


async def test_the_sweep_leaves_what_is_good_and_removes_the_rest(club: TestService) -> None:
    await registered(club)
    (ended, _), (token, _) = await logged_in(club), await logged_in(club)
    made = [
        (await club.post("/keys", json={"name": "robot", "permissions": []}, headers=by(token))).json for _ in range(2)
    ]
    await club.delete(f"/keys/{made[0]['id']}", headers=by(token))
    await club.delete("/session", headers=by(ended))
    await club.post("/resets", json={"email": "ann@example.org"})
    assert await counts(club) == (2, 2, 1, 0)
    (part,) = club.service.app.parts
    assert isinstance(part, Accounts)
    assert await part.sweep(club.context()) == 2
    assert await counts(club) == (1, 1, 1, 0)
    assert (await club.get("/me", headers=by(token))).status == 200
    club.sources.advance(timedelta(days=200))
    await part.sweep(club.context())
    assert await counts(club) == (0, 1, 0, 0)


@asynccontextmanager
async def serving(app: App) -> AsyncGenerator[TestService]:
    """The app as a server starts it: with what runs beside it."""
    sources = TestSources()
    async with app.start(sources) as service:
        yield TestService(service, sources)


async def an_ended_session(club: TestService) -> None:
    await registered(club)
    token, _ = await logged_in(club)
    await club.delete("/session", headers=by(token))


async def test_the_app_sweeps_by_itself() -> None:
    async with serving(an_app("sqlite://", sweep_s=0.02)) as club:
        await an_ended_session(club)
        for _ in range(200):
            if await counts(club) == (0, 0, 0, 0):
                break
            await asyncio.sleep(0.02)
        assert await counts(club) == (0, 0, 0, 0)


@pytest.mark.parametrize(("start_one", "left"), [(serving, 0), (start, 1)], ids=["a server", "a job"])
async def test_whoever_serves_sweeps_when_it_stops_and_a_job_leaves_it_to_them(
    make_url: Callable[[str], Any], start_one: Any, left: int
) -> None:
    url = await make_url("file")
    async with start_one(an_app(url)) as club:
        await an_ended_session(club)
    async with start(an_app(url)) as club:
        assert await counts(club) == (left, 0, 0, 0)


async def test_a_sweep_that_fails_is_logged_and_the_next_one_comes() -> None:
    async with serving(an_app("sqlite://")) as club:
        (part,) = club.service.app.parts
        assert isinstance(part, Accounts)
        store = club.service.app.store
        assert isinstance(store, Database)
        drop = statement(text("DROP TABLE krepis_login_throttle"))
        await store.transact(club.context(), "write", lambda sql: sql.run(drop))
    assert [line["event"] for line in club.sources.lines] == ["sweep_failed"]


async def test_a_tenant_neither_sees_nor_ends_the_sessions_of_another() -> None:
    async with start(a_tenants_app(), TestSources()) as service:
        for tenant in ("acme", "globex", None):
            await service.dispatch(Opened(subject="ann", of=tenant))
        seen = [await service.dispatch(EndAll(subject="ann"), service.context(tenant=t)) for t in ("acme", "acme")]
        assert [(len(one.sessions), one.ended) for one in seen] == [(1, 1), (0, 0)]
        other = await service.dispatch(EndAll(subject="ann"), service.context(tenant="globex"))
        assert (len(other.sessions), other.ended) == (1, 1)
        with pytest.raises(AssertionError, match="tenant"):
            await service.dispatch(Opened(subject="ann", of="acme"), service.context(tenant="globex"))


async def test_a_narrowed_caller_still_has_the_session(small: TestService) -> None:
    ctx = small.context(actor=Actor("ann", frozenset({"a"}), frozenset(), f"session:{UUID(int=1)}"))
    assert session_of(ctx.narrow(roles=frozenset())) == UUID(int=1)
    assert session_of(small.context(actor=Actor("ann", credential="api_key:1"))) is None
    assert session_of(small.context()) is None


@pytest.mark.parametrize("message", [LogOut(), LogOutEverywhere()])
async def test_without_a_name_nobody_logs_out(small: TestService, message: Any) -> None:
    assert isinstance(await small.refused(message), NotSignedIn)


async def test_a_key_has_no_session_to_log_out_of(small: TestService) -> None:
    ctx = small.context(actor=Actor("ann", credential="api_key:1"))
    assert isinstance(await small.refused(LogOut(), ctx), NotSignedIn)


def test_every_table_has_its_prefix() -> None:
    assert all(table.name.startswith("krepis_") for table in TABLES)
