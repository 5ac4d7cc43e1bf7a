"""Events reach their reactions after the commit: once, in order, with the context of whoever emitted them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from _bank import Book, Jotted, Mail, Paid, Pay, SqlBook, an_app, booked, metadata, on_paid, pay, stored
from sqlalchemy import Column, MetaData, String, Table, Uuid, select

from krepis import App, Context, bind
from krepis.events import Events
from krepis.identity import SYSTEM
from krepis.outbox import TABLES, Outbox
from krepis.outbox.tables import deliveries, events
from krepis.sql import Database, include_tables, tenanted
from krepis.testing import start


async def test_an_event_reaches_its_reaction(url: str):
    app = an_app(url, on_paid)
    async with start(app) as service:
        await service.dispatch(Pay(account="a", steps=[1, 2]))
        assert await booked(app) == []
        assert await service.settle() == 2
        assert await booked(app) == [("on_paid", "a", 1), ("on_paid", "a", 2)]
        assert await service.settle() == 0


async def test_a_command_that_fails_emits_nothing(url: str):
    app = an_app(url, on_paid)
    async with start(app) as service:
        with pytest.raises(LookupError):
            await service.dispatch(Pay(account="a", steps=[1], fail=True))
        assert await service.settle() == 0
        assert await stored(app.store, select(events.c.name)) == []


async def test_a_reaction_continues_the_context_of_the_emitter(url: str):
    contexts: list[Context] = []

    async def on_paid_note(ctx: Context, event: Paid, *, events: Events) -> None:
        contexts.append(ctx)
        await events.emit(ctx, Jotted(account=event.account))

    async def on_noted(ctx: Context, event: Jotted) -> None:
        contexts.append(ctx)

    async with start(an_app(url, on_paid_note, on_noted)) as service:
        ctx = service.context(tenant="north")
        await service.dispatch(Pay(account="a", steps=[1]), ctx)
        await service.settle()
    first, second = contexts
    assert first.actor == second.actor == SYSTEM
    assert first.tenant == second.tenant == "north"
    assert first.trace.trace_id == second.trace.trace_id == ctx.trace.trace_id
    assert first.intents == ("Pay", "on_paid_note")
    assert second.intents == ("Pay", "on_paid_note", "on_noted")
    assert (first.remaining() or 0) > 0
    assert first.idempotency_key
    assert first.idempotency_key != second.idempotency_key


async def test_a_failed_reaction_undoes_its_changes_and_is_tried_again_with_the_same_key(url: str):
    keys: list[str | None] = []

    async def on_paid_badly(ctx: Context, event: Paid, *, book: Book) -> None:
        keys.append(ctx.idempotency_key)
        await book.add(ctx, "bad", event.account, event.step)
        if len(keys) < 3:
            raise LookupError("not yet")

    app = an_app(url, on_paid_badly)
    async with start(app) as service:
        await service.dispatch(Pay(account="a", steps=[1]))
        await service.settle(failures=True)
        assert await service.settle() == 0, "its pause has not passed"
        for _ in range(2):
            service.sources.advance(timedelta(seconds=2))
            await service.settle(failures=True)
        assert await booked(app) == [("bad", "a", 1)]
        assert len(set(keys)) == 1
        assert await stored(app.store, select(deliveries.c.position)) == []


async def test_a_failure_is_raised_by_settle(url: str):
    async def on_paid_badly(ctx: Context, event: Paid) -> None:
        raise LookupError("no")

    async with start(an_app(url, on_paid_badly, on_paid)) as service:
        await service.dispatch(Pay(account="a", steps=[1]))
        with pytest.raises(LookupError):
            await service.settle()


async def test_an_aggregate_waits_for_its_failed_event_and_others_do_not(url: str):
    async def on_paid_badly(ctx: Context, event: Paid, *, book: Book) -> None:
        if event.account == "a":
            raise LookupError("no")
        await book.add(ctx, "bad", event.account, event.step)

    app = an_app(url, on_paid_badly)
    async with start(app) as service:
        await service.dispatch(Pay(account="a", steps=[1, 2]))
        await service.dispatch(Pay(account="b", steps=[1, 2]))
        await service.settle(failures=True)
        assert await booked(app) == [("bad", "b", 1), ("bad", "b", 2)]
        assert len(await stored(app.store, select(deliveries.c.position))) == 2


async def test_a_reaction_that_calls_out_calls_before_it_writes(url: str):
    sent: list[str] = []

    class NotedMail(Mail):
        async def send(self, ctx: Context, text: str) -> None:
            sent.append(f"{text} {ctx.idempotency_key}")

    async def on_paid_mail(ctx: Context, event: Paid, *, mail: Mail, book: Book) -> None:
        await mail.send(ctx, event.account)
        await book.add(ctx, "mailed", event.account, event.step)

    app = an_app(url, on_paid_mail, adapters=(bind(Mail, NotedMail, scope="app"),))
    async with start(app) as service:
        await service.dispatch(Pay(account="a", steps=[1]))
        await service.settle()
        assert len(sent) == 1
        assert await booked(app) == [("mailed", "a", 1)]
        assert await stored(app.store, select(deliveries.c.position)) == []


async def test_the_same_seed_gives_the_same_ids_with_an_outbox(url: str):
    app = an_app(url, on_paid)
    async with start(app) as service:
        await service.dispatch(Pay(account="a", steps=[1]))
        ids = await stored(app.store, select(events.c.id))
    assert str(ids[0]).startswith("01b8dd58-")


async def test_an_app_with_tables_of_many_tenants_delivers_too(url: str):
    """Text is refused in such a database, but the outbox's own names none of their tables."""
    tables = MetaData()
    include_tables(tables, *TABLES, *(table for table in metadata.tables.values() if table.name == "seen"))
    tenanted(
        Table("notes", tables, Column("tenant", String(20), primary_key=True), Column("id", Uuid, primary_key=True))
    )
    app = App(
        "bank",
        handlers=(pay,),
        reactions=(on_paid,),
        adapters=(bind(Book, SqlBook),),
        store=Database(url, metadata=tables),
        parts=(Outbox(),),
    )
    async with start(app) as service:
        await service.dispatch(Pay(account="a", steps=[1]))
        assert await service.settle() == 1
        assert await booked(app) == [("on_paid", "a", 1)]
