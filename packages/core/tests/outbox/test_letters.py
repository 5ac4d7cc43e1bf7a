"""What can't be delivered becomes a dead letter: shown, replayed and discarded with `krepis events`."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from _bank import Book, Paid, Pay, an_app, booked, on_paid, stored
from _verb import run_verb
from sqlalchemy import MetaData, bindparam, select, update

from krepis import App, Context
from krepis._cli import events as verb
from krepis._system import SystemSources
from krepis.context import root
from krepis.errors import WiringError
from krepis.outbox import Outbox
from krepis.outbox.tables import dead_letters, deliveries, events
from krepis.sql import Database, statement
from krepis.testing import MemoryStore, TestService, start

FEW = 3


async def on_paid_never(ctx: Context, event: Paid, *, book: Book) -> None:
    if event.step < 0:
        raise LookupError("no such step\x1b[31m")
    await book.add(ctx, "never", event.account, event.step)


async def exhaust(service: TestService) -> None:
    for _ in range(FEW):
        await service.settle(failures=True)
        service.sources.advance(timedelta(hours=1))


async def test_after_its_attempts_a_delivery_is_given_up_and_the_next_ones_go_on(url: str):
    app = an_app(url, on_paid_never, outbox=Outbox(attempts_max=FEW))
    async with start(app) as service:
        await service.dispatch(Pay(account="a", steps=[1, -1, 2]))
        for attempt in range(FEW):
            assert await stored(app.store, select(dead_letters.c.position)) == [], f"before attempt {attempt}"
            await service.settle(failures=True)
            service.sources.advance(timedelta(hours=1))
        assert await booked(app) == [("never", "a", 1), ("never", "a", 2)]
        letters = await stored(app.store, select(dead_letters.c.attempts, dead_letters.c.error))
        assert letters == [(FEW, "LookupError: no such step\x1b[31m")]
        assert [line["event"] for line in service.sources.lines if line["level"] == "error"] == ["reaction_gave_up"]


CHANGES: list[tuple[dict[str, Any], str]] = [
    ({"name": "Gone"}, "the code has no event named `Gone`"),
    ({"name": "Jotted"}, "takes no `Jotted` any more"),
    ({"body": '{"step": "x", "account": "a"}'}, "the body of `Paid` does not fit: step"),
    ({"body": "{"}, "the body of `Paid` can't be read"),
    ({"body": '{"account": "' + "[" * 100_000 + '"}'}, "the body of `Paid` does not fit"),
    ({"context": b"\xff\xff"}, "these bytes are no context"),
]


@pytest.mark.parametrize(("change", "error"), CHANGES)
async def test_an_event_that_the_code_can_not_read_is_poison_at_once(url: str, change: dict[str, Any], error: str):
    app = an_app(url, on_paid)
    async with start(app) as service:
        await service.dispatch(Pay(account="a", steps=[1, 2]))
        await altered(app, 1, change)
        await service.settle()
        assert await booked(app) == [("on_paid", "a", 2)]
        (found,) = await stored(app.store, select(dead_letters.c.error))
        assert error in found


async def altered(app: App, position: int, change: dict[str, Any]) -> None:
    values = {name: bindparam(f"new_{name}", type_=events.c[name].type) for name in change}
    query = statement(update(events).where(events.c.position == bindparam("which")).values(values))
    given = {f"new_{name}": value for name, value in change.items()}
    assert isinstance(app.store, Database)
    await app.store.transact(root(SystemSources()), "write", lambda sql: sql.run(query, which=position, **given))


async def test_a_delivery_to_a_reaction_that_is_gone_waits_and_is_then_a_dead_letter(url: str):
    outbox = Outbox(orphans_kept_s=60)
    app = an_app(url, on_paid, outbox=outbox)
    async with start(app) as service:
        await service.dispatch(Pay(account="a", steps=[1]))
        renamed = statement(update(deliveries).values(reaction="library.old"))
        assert isinstance(app.store, Database)
        await app.store.transact(root(SystemSources()), "write", lambda sql: sql.run(renamed))
        assert outbox._courier is not None
        await outbox._courier._clean()
        assert await stored(app.store, select(dead_letters.c.error)) == []
        service.sources.advance(timedelta(seconds=61))
        await outbox._courier._clean()
        assert await stored(app.store, select(dead_letters.c.error)) == [
            "the code has no reaction `library.old` any more"
        ]
        assert await stored(app.store, select(deliveries.c.position)) == []


async def test_a_delivery_that_kills_its_process_each_time_is_given_up(url: str):
    app = an_app(url, on_paid, outbox=Outbox(attempts_max=FEW))
    async with start(app) as service:
        await service.dispatch(Pay(account="a", steps=[1]))
        died = statement(update(deliveries).values(attempts=FEW))
        assert isinstance(app.store, Database)
        await app.store.transact(root(SystemSources()), "write", lambda sql: sql.run(died))
        await service.settle()
        (error,) = await stored(app.store, select(dead_letters.c.error))
        assert "the process died" in error
        assert await booked(app) == []


def run(app: App, *words: str) -> int:
    return run_verb(verb, words, app)


@pytest.fixture
async def dead(shared_url: str) -> App:
    """An app with two dead letters, at positions 2 and 4."""
    app = an_app(shared_url, on_paid_never, outbox=Outbox(attempts_max=FEW))
    async with start(app) as service:
        await service.dispatch(Pay(account="a", steps=[1, -1]), service.context(tenant="north"))
        await service.dispatch(Pay(account="b", steps=[3, -2]))
        await exhaust(service)
    return app


async def asked(app: App, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = await asyncio.to_thread(run, app, *words)
    captured = capsys.readouterr()
    return code, captured.out + captured.err


async def test_dead_letters_are_listed(dead: App, capsys: pytest.CaptureFixture[str]):
    code, text = await asked(dead, capsys, "list")
    assert code == 1
    assert "2 dead, 0 deliveries wait" in text
    assert "LookupError: no such step\\x1b[31m" in text, "nothing steers the terminal"
    code, text = await asked(dead, capsys, "list", "--json", "--after", "2")
    found = json.loads(text)
    assert [(letter["position"], letter["about"]) for letter in found["letters"]] == [(4, "b")]
    assert (found["dead"], found["waiting"]) == (2, 0)


async def test_a_dead_letter_is_shown(dead: App, capsys: pytest.CaptureFixture[str]):
    code, text = await asked(dead, capsys, "show", "2")
    assert code == 0
    for piece in ("Paid about a", '{"step":-1,"account":"a"}', "Pay", "north", f"{FEW} attempts", "LookupError"):
        assert piece in text
    code, text = await asked(dead, capsys, "show", "1")
    assert (code, text.splitlines()[0]) == (1, "krepis: there is no dead letter at position 1 (no_such_letter)")


async def test_a_dead_letter_is_replayed(dead: App, capsys: pytest.CaptureFixture[str]):
    async with start(dead):
        await altered(dead, 2, {"body": '{"step": 9, "account": "a"}'})
    code, text = await asked(dead, capsys, "replay", "2")
    assert (code, "replayed 1" in text) == (0, True)
    assert (await asked(dead, capsys, "replay", "2"))[0] == 1
    async with start(dead) as service:
        assert await service.settle() == 1
        assert ("never", "a", 9) in await booked(dead)
    assert "1 dead, 0 deliveries" in (await asked(dead, capsys, "list"))[1]


async def test_dead_letters_are_discarded(dead: App, capsys: pytest.CaptureFixture[str]):
    assert (await asked(dead, capsys, "discard", "2", "--reaction", "other"))[0] == 1
    assert (await asked(dead, capsys, "discard", "--all"))[0] == 0
    code, text = await asked(dead, capsys, "list")
    assert (code, text.strip()) == (0, "0 dead, 0 deliveries wait")


@pytest.mark.parametrize("words", [("replay",), ("replay", "2", "--all"), ("discard",)])
async def test_it_must_be_said_which(dead: App, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]):
    code, text = await asked(dead, capsys, *words)
    assert (code, text.strip()) == (2, "krepis: name one position, or `--all` (wrong_use)")


def test_an_app_without_an_outbox_has_no_dead_letters(capsys: pytest.CaptureFixture[str]):
    assert run(App("plain", handlers=(), store=MemoryStore()), "list") == 2
    assert "has no outbox" in capsys.readouterr().err


def test_a_database_without_the_tables_of_the_outbox_is_refused_at_the_start():
    app = App("plain", handlers=(), store=Database("sqlite://", metadata=MetaData()), parts=(Outbox(),))
    with pytest.raises(WiringError, match="the outbox needs the tables `krepis_events`"):
        app.check()
