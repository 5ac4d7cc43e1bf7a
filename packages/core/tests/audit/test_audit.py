"""Each command leaves one entry, in its own transaction; the entries become one chain."""

import asyncio
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any

import pytest
from _audited_bank import (
    COUNT,
    Close,
    CountPayments,
    Pay,
    Refused,
    an_app,
    broken,
    in_unit,
    kept,
    metadata,
    serving,
    settled,
    verdict,
    waiting,
)
from msgspec import json
from sqlalchemy import MetaData, select

from krepis import App, KrepisError
from krepis.access import NotAllowed
from krepis.audit import Audit, tables
from krepis.audit.chain import ENTRY_BYTES_MAX, GENESIS
from krepis.audit.part import KEY_BYTES_MIN
from krepis.context import Actor
from krepis.errors import WiringError
from krepis.sql import Database, statement
from krepis.testing import MemoryStore


async def test_a_command_leaves_an_entry_that_says_who_what_when_and_why(url):
    audit = Audit()
    async with serving(url, audit) as service:
        ctx = service.context(actor=Actor("ann"), tenant="north", intent="month's end")
        await service.dispatch(ctx, Pay(to="Bob", amount=5))
        (row,) = await settled(service, 1)
        assert (await verdict(service, audit)).broken is None
    entry = json.decode(row.entry)
    at = datetime.fromisoformat(entry.pop("at"))
    assert abs((datetime.now(UTC) - at).total_seconds()) < 60
    assert len(entry.pop("span")) == 16
    assert entry == {
        "actor": "ann",
        "tenant": "north",
        "command": "Pay",
        "intents": ["month's end", "Pay"],
        "trace": ctx.trace.id,
        "outcome": "done",
        "message": {"to": "Bob", "amount": 5, "password": "***", "pin": "***"},
    }
    assert (row.number, row.command, row.actor, row.tenant, row.previous) == (1, "Pay", "ann", "north", GENESIS)
    assert row.at == at


async def test_a_command_without_a_unit_of_work_leaves_one_and_a_query_does_not(url):
    async with serving(url) as service:
        await service.dispatch(service.context(), CountPayments())
        await service.dispatch(service.context(actor=Actor("a", frozenset({"boss"}))), Close())
        assert [row.command for row in await settled(service, 1)] == ["Close"]


async def test_a_refused_command_leaves_nothing(url):
    async with serving(url) as service:
        for amount in (0, -1):
            with pytest.raises((Refused, LookupError)):
                await service.dispatch(service.context(), Pay(to="Bob", amount=amount))
        with pytest.raises(NotAllowed):
            await service.dispatch(service.context(actor=Actor("ann")), Close())
        assert await waiting(service) == 0
        assert await kept(service) == []


async def test_a_refused_command_leaves_an_entry_where_that_is_asked_for(url):
    async with serving(url, Audit(refused=True)) as service:
        for amount in (0, -1, 1):
            with pytest.raises((Refused, LookupError)) if amount < 1 else nullcontext():
                await service.dispatch(service.context(actor=Actor("ann")), Pay(to="Bob", amount=amount))
        with pytest.raises(NotAllowed):
            await service.dispatch(service.context(actor=Actor("ann")), Close())
        found = await settled(service, 4)
        assert await in_unit(service, lambda sql: sql.one(COUNT), "read") == 1
    outcomes = {json.decode(row.entry)["outcome"] for row in found}
    assert outcomes == {"refused: refused", "failed: LookupError", "done", "refused: not_allowed"}
    assert all("hunter2" not in row.entry for row in found)


async def test_what_is_left_out_leaves_nothing(url):
    async with serving(url, Audit(leave_out=(Pay,))) as service:
        await service.dispatch(service.context(), Pay(to="Bob"))
        assert await waiting(service) == 0


async def test_an_entry_is_in_the_chain_at_once(url):
    async with serving(url) as service:
        await service.dispatch(service.context(), Pay(to="warm"))
        await settled(service, 1)
        loop = asyncio.get_running_loop()
        start = loop.time()
        await service.dispatch(service.context(), Pay(to="Bob"))
        await settled(service, 2)
        assert loop.time() - start < 0.5, "it does not wait for the next look, which comes every second"


async def test_commands_at_the_same_time_become_one_chain(url):
    audit = Audit(key="k" * KEY_BYTES_MIN)
    async with serving(url, audit) as service:
        ctx = service.context(timeout=30)
        await asyncio.gather(*(service.dispatch(ctx, Pay(to=str(n))) for n in range(100)))
        found = await settled(service, 100)
        assert sorted(json.decode(row.entry)["message"]["to"] for row in found) == sorted(map(str, range(100)))
        said = await verdict(service, audit)
        assert (said.count, said.broken) == (100, None)


async def test_more_than_one_batch_is_moved(url, monkeypatch):
    audit = Audit()
    monkeypatch.setattr(audit, "running", lambda service: None)
    async with serving(url, audit) as service:
        ctx = service.context(timeout=60)
        for n in range(20):
            await asyncio.gather(*(service.dispatch(ctx, Pay(to=f"{n}-{m}")) for m in range(30)))
        assert await waiting(service) == 600
        from krepis.audit.sequencer import Sequencer

        database: Any = service.app.store
        async with Sequencer(database, service.sources, audit.hashing).running():
            await settled(service, 600)
        assert (await verdict(service, audit)).broken is None


async def test_several_services_share_one_chain(shared_url):
    audits = [Audit(), Audit(), Audit()]
    async with (
        serving(shared_url, audits[0]) as one,
        serving(shared_url, audits[1], fresh=False) as two,
        serving(shared_url, audits[2], fresh=False) as three,
    ):
        services = (one, two, three)
        await asyncio.gather(
            *(service.dispatch(service.context(timeout=30), Pay(to=str(n))) for n in range(30) for service in services)
        )
        assert [row.number for row in await settled(one, 90)] == list(range(1, 91))
        assert (await verdict(two, audits[1])).broken is None


async def test_the_chain_goes_on_where_it_ended(shared_url):
    for start in range(3):
        audit = Audit()
        async with serving(shared_url, audit, fresh=start == 0) as service:
            await service.dispatch(service.context(), Pay(to="Bob"))
            await settled(service, start + 1)
            assert (await verdict(service, audit)).broken is None


async def test_a_stop_moves_what_is_committed(shared_url):
    async with serving(shared_url) as service:
        await service.dispatch(service.context(), Pay(to="Bob"))
    audit = Audit(leave_out=(Pay,))
    async with serving(shared_url, audit, fresh=False) as service:
        assert (await waiting(service), len(await kept(service))) == (0, 1)


async def test_a_job_moves_what_waits_when_it_ends_and_not_before(shared_url, monkeypatch):
    two = select(tables.pending).order_by(tables.pending.c.id).limit(2)
    monkeypatch.setattr(tables, "PENDING", statement(two, into=tables.Pending))
    async with serving(shared_url, by_hand=True) as service:
        for n in range(5):
            await service.dispatch(service.context(), Pay(to=str(n)))
        await asyncio.sleep(0.05)
        assert (await waiting(service), len(await kept(service))) == (5, 0)
    async with serving(shared_url, fresh=False, by_hand=True) as service:
        assert (await waiting(service), len(await kept(service))) == (0, 5)


async def test_what_only_looks_moves_nothing_when_it_ends(shared_url):
    quiet = Audit()
    async with serving(shared_url, by_hand=True) as service:
        await service.dispatch(service.context(), Pay(to="Bob"))
        async with serving(shared_url, quiet, fresh=False, by_hand=True) as other:
            await other.dispatch(other.context(), CountPayments())
        assert await waiting(service) == 1


async def test_a_test_settles_the_chain(url):
    audit = Audit()
    async with serving(url, audit, by_hand=True) as service:
        await service.dispatch(service.context(), Pay(to="Bob"))
        assert await audit.settle(service) == (1, [])
        assert await audit.settle(service) == (0, [])
        assert (await verdict(service, audit)).count == 1


HOSTILE = ["\x00", "\ud800", "\n\r\u2028", "a" * 100_000, "😀" * 20_000, "'; DROP TABLE krepis_audit; --", "\x1b[2J"]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
async def test_a_hostile_message_is_kept_small_and_in_one_line(url, text):
    audit = Audit()
    async with serving(url, audit) as service:
        await service.dispatch(service.context(actor=Actor(text), tenant=text, intent=text), Pay(to=text))
        (row,) = await settled(service, 1)
        assert (await verdict(service, audit)).broken is None
    assert len(row.entry.encode()) <= ENTRY_BYTES_MAX
    assert "\n" not in row.entry


async def test_a_large_message_is_kept_without_its_middle(url):
    async with serving(url) as service:
        await service.dispatch(service.context(), Pay(to="\x01" * 8000))
        (row,) = await settled(service, 1)
    assert "characters]" in json.decode(row.entry)["message"]["to"]
    assert json.decode(row.entry)["message"]["amount"] == 1


async def test_a_chain_that_was_cut_is_not_gone_on_with(shared_url, capsys):
    audit = Audit()
    async with serving(shared_url, audit) as service:
        for n in range(3):
            await service.dispatch(service.context(), Pay(to=str(n)))
        await settled(service, 3)

        async def cut(sql):
            from sqlalchemy import text

            from krepis.sql import statement

            await sql.run(statement(text("DELETE FROM krepis_audit WHERE number = 3")))

        await in_unit(service, cut)
        await service.dispatch(service.context(), Pay(to="after"))
        async with asyncio.timeout(5):
            while await audit.ready() is None:  # noqa: ASYNC110 - it is asked as an orchestrator asks
                await asyncio.sleep(0.01)
        assert await waiting(service) == 1, "the entry waits, and the command was done"
        said = await broken(service, audit)
        assert (said.number, said.kind) == (3, "truncated")
    assert "audit_stuck" in capsys.readouterr().err


def test_an_app_without_the_tables_does_not_start():
    app = App("x", handlers=(), store=Database("sqlite://", metadata=MetaData()), parts=(Audit(),))
    with pytest.raises(WiringError, match="the audit log needs the tables `krepis_audit_pending`"):
        app.check()


def test_an_app_without_a_database_does_not_start():
    with pytest.raises(WiringError, match="the audit log keeps its tables in a database"):
        App("x", handlers=(), store=MemoryStore(), parts=(Audit(),)).check()


@pytest.mark.parametrize("key", ["k" * (KEY_BYTES_MIN - 1), b""])
def test_a_key_that_is_too_short_is_refused(key):
    with pytest.raises(KrepisError, match="the key of the audit log has"):
        Audit(key=key)


def test_a_key_of_the_least_length_will_do():
    Audit(key="k" * KEY_BYTES_MIN)


def test_the_tables_are_in_the_metadata_of_the_service():
    assert {"krepis_audit", "krepis_audit_head", "krepis_audit_pending"} <= set(metadata.tables)
    an_app("sqlite://").check()
