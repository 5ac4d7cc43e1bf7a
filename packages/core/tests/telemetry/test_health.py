"""Alive, ready with reasons, and what it is; nobody makes readiness expensive, and it says nothing secret."""

import asyncio
import inspect
import time
from pathlib import Path
from typing import Any

import pytest
from _postgres import running_postgres
from _watched import an_app

from krepis import App, Command, Context, OutboundPort, bind
from krepis.http import Doors
from krepis.http.facts import Facts
from krepis.part import Part
from krepis.sql import Database
from krepis.telemetry import Health
from krepis.testing import start


class Mail(OutboundPort):
    async def send(self, ctx: Context) -> None: ...


class OwnMail(Mail):
    def __init__(self) -> None:
        self.asked = 0
        self.reason: Any = None

    async def send(self, ctx: Context) -> None:
        return None

    async def ready(self) -> str | None:
        self.asked += 1
        reason: Any = self.reason
        if not inspect.iscoroutinefunction(reason):
            return reason
        return await reason()


def mailing(mail: OwnMail, *parts: Part, **options: Any) -> App:
    def make() -> OwnMail:
        return mail

    return App("shop", handlers=(), adapters=(bind(Mail, make, scope="app"),), parts=(Health(**options), *parts))


async def test_a_service_is_alive_ready_and_says_what_it_is():
    async with start(an_app(Health(version="1.4.2", build="abc"))) as service:
        assert (await service.get("/health")).json == {"status": "ok"}
        ready = await service.get("/ready")
        assert (ready.status, ready.json) == (200, {"ready": True, "reasons": {}})
        assert ready.headers["cache-control"] == "no-store"
        assert (await service.get("/version")).json == {"app": "shop", "version": "1.4.2", "build": "abc"}
        assert (await service.request("HEAD", "/ready")).status == 200


async def test_the_pages_have_other_places_or_none():
    async with start(an_app(Health(health="/alive", ready=None, version_page=None))) as service:
        assert [(await service.get(path)).status for path in ("/alive", "/health", "/ready", "/version")] == [200] + [
            404
        ] * 3


async def test_an_adapter_and_a_part_say_why_they_are_not_ready():
    class Slow(Part):
        async def ready(self) -> str | None:
            return "still reading"

    mail = OwnMail()
    mail.reason = "the mail server at smtp://ann:hunter2@mail is away"
    async with start(mailing(mail, Slow())) as service:
        reply = await service.get("/ready")
        assert reply.status == 503
        reasons = {"Slow": "still reading", "Mail": "the mail server at smtp://ann:***@mail is away"}
        assert reply.json == {"ready": False, "reasons": reasons}
        assert (await service.get("/health")).status == 200


async def test_what_an_exception_says_goes_to_the_log_and_not_to_the_caller():
    async def fail() -> str:
        raise LookupError("inner matters")

    mail = OwnMail()
    mail.reason = fail
    async with start(mailing(mail)) as service:
        reply = await service.get("/ready")
    assert reply.json["reasons"] == {"Mail": "the check failed; the log says how"}
    assert "inner matters" in str(service.sources.lines[-1]["error"])


async def test_a_check_that_hangs_ends_in_time():
    async def hang() -> str:
        await asyncio.sleep(3600)
        return ""

    mail = OwnMail()
    mail.reason = hang
    async with start(mailing(mail, timeout_s=0.05)) as service:
        begun = time.monotonic()
        reply = await service.get("/ready")
        assert time.monotonic() - begun < 10, "not the hour that the check takes"
    assert reply.json["reasons"] == {"Mail": "no answer within 0.05 s"}


async def test_however_many_ask_it_is_found_out_once():
    async def slowly() -> None:
        await asyncio.sleep(0.02)

    mail = OwnMail()
    mail.reason = slowly
    async with start(mailing(mail, cached_s=0.2)) as service:
        replies = await asyncio.gather(*(service.get("/ready") for _ in range(500)))
        assert {reply.status for reply in replies} == {200}
        assert mail.asked == 1
        await asyncio.sleep(0.25)
        await service.get("/ready")
        assert mail.asked == 2


async def test_one_who_goes_away_does_not_end_the_check_of_the_others():
    async def slowly() -> str:
        await asyncio.sleep(0.05)
        return "away"

    mail = OwnMail()
    mail.reason = slowly
    async with start(mailing(mail)) as service:
        first, second = (asyncio.ensure_future(service.get("/ready")) for _ in range(2))
        await asyncio.sleep(0.01)
        first.cancel()
        assert (await second).json["reasons"] == {"Mail": "away"}


async def test_a_service_that_stops_is_not_ready_while_it_drains():
    class Wait(Command[None]):
        pass

    async def wait(ctx: Context, command: Wait) -> None:
        await asyncio.sleep(0.3)

    wait.__annotations__.update(ctx=Context, command=Wait)
    app = App("shop", handlers=(wait,), doors=Doors(), parts=(Health(),))
    async with app.start() as service:
        work = asyncio.ensure_future(service.dispatch(service.context(), Wait()))
        await asyncio.sleep(0.01)

        async def ask() -> Any:
            await asyncio.sleep(0.1)
            door, params = service.doors.match("GET", "/ready")
            return await door.start(Facts("GET", "/ready", params, b"", {}, b"", 0.0))

        asking = asyncio.ensure_future(ask())
    await work
    reply = await asking
    assert (reply.status, reply.body) == (503, b'{"ready":false,"reasons":{"service":"it is stopping"}}')


REVISION = '"""{id}"""\nrevision = "{id}"\ndown_revision = {down}\n\n\ndef upgrade():\n    pass\n\n\ndef downgrade():\n    pass\n'


async def test_a_database_that_falls_behind_the_code_is_a_reason_and_one_that_is_ahead_is_none(tmp_path: Path):
    from krepis.sql import migrate

    versions = tmp_path / "versions"
    versions.mkdir()
    (versions / "0001.py").write_text(REVISION.format(id="0001", down=None))
    (versions / "0002.py").write_text(REVISION.format(id="0002", down="'0001'"))
    database = Database(f"sqlite:///{tmp_path / 'x.db'}", migrations=tmp_path)
    await migrate.upgrade(database)
    app = App("x", handlers=(), store=database, parts=(Health(cached_s=0.0),))
    async with start(app) as service:
        assert (await service.get("/ready")).status == 200
        import sqlite3

        def at(id: str) -> None:
            with sqlite3.connect(tmp_path / "x.db") as connection:
                connection.execute("UPDATE alembic_version SET version_num = ?", (id,))
            connection.close()

        at("0001")
        reply = await service.get("/ready")
        assert reply.json["reasons"] == {"store": "the database is behind the code: run `krepis db upgrade`"}
        at("0003")
        assert (await service.get("/ready")).status == 200


@pytest.mark.slow
async def test_a_database_that_is_away_is_a_reason_until_it_is_back():
    with running_postgres() as server:
        app = App("x", handlers=(), store=Database(server.url()), parts=(Health(cached_s=0.0),))
        async with app.start() as service:

            async def ask() -> tuple[int, bytes]:
                door, params = service.doors.match("GET", "/ready")
                reply = await door.start(Facts("GET", "/ready", params, b"", {}, b"", 0.0))
                return reply.status, reply.body

            assert (await ask())[0] == 200
            await asyncio.to_thread(server.stop, "immediate")
            status, body = await ask()
            assert status == 503
            assert b'"store":' in body
            assert str(server.folder).encode() not in body
            await asyncio.to_thread(server.start)
            assert (await ask())[0] == 200


@pytest.mark.parametrize("path", ["/health", "/ready", "/version"])
async def test_only_get_and_head_are_answered(path):
    async with start(an_app(Health())) as service:
        assert (await service.post(path)).status == 405


async def test_what_only_has_pages_or_lines_puts_nothing_around_a_handler():
    from _watched import Show

    from krepis.telemetry import AccessLog, Logs

    async with start(an_app()) as bare, start(an_app(Health(), Logs(), AccessLog())) as service:
        plain, watched = bare.service.plans[Show], service.service.plans[Show]
        assert watched.run.__func__ is plain.run.__func__  # type: ignore[attr-defined]
        assert watched.mode is plain.mode is None
