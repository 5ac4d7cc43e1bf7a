"""What a round of numbering takes for its own process: what can begin at once, and no more than there is a place for."""

from __future__ import annotations

from _bank import Paid, Pay, an_app, on_paid, stored
from sqlalchemy import bindparam, insert, select

from krepis import App
from krepis._system import SystemSources
from krepis.context import root
from krepis.outbox.sequencer import Numbered, Sequencer
from krepis.outbox.tables import deliveries, events
from krepis.sql import Database, statement
from krepis.testing import start
from krepis.wire import pack

ME = 7
REACTION = f"{on_paid.__module__}.{on_paid.__qualname__}"


def mine(numbered: Numbered) -> list[int]:
    return [one.position for one in numbered.made if one.mine]


async def test_a_round_takes_the_first_of_each_aggregate_and_no_more_than_it_has_places_for(url: str):
    app = an_app(url, on_paid)
    async with start(app) as service:
        assert isinstance(app.store, Database)
        await service.dispatch(Pay(account="standing", steps=[1]))
        sequencer = Sequencer(app.store, ME, batch_max=10)
        assert mine(await sequencer.number({REACTION: 2})) == [], "it has its position already"
        await _emit(app, "standing", "a", "a", "b", "c")
        numbered = await sequencer.number({REACTION: 2})
        assert numbered.last == 6
        assert mine(numbered) == [3, 5], "the first of `a` and of `b`; for `c` there is no place"
        taken = next(one for one in numbered.made if one.mine)
        assert (taken.stream, taken.name) == (f"{REACTION} a", "Paid")
        query = select(deliveries.c.position, deliveries.c.owner, deliveries.c.attempts).order_by(deliveries.c.position)
        owners = [tuple(row) for row in await stored(app.store, query)]
        assert owners == [(1, None, 0), (2, None, 0), (3, ME, 1), (4, None, 0), (5, ME, 1), (6, None, 0)]


async def test_a_round_without_places_takes_nothing(url: str):
    app = an_app(url, on_paid)
    async with start(app) as service:
        assert isinstance(app.store, Database)
        await service.dispatch(Pay(account="z", steps=[1]))
        await _emit(app, "a")
        numbered = await Sequencer(app.store, ME, batch_max=10).number()
        assert (numbered.last, mine(numbered), numbered.more) == (2, [], False)


async def _emit(app: App, *accounts: str) -> None:
    """Events as commands leave them: stored, and without a position."""
    assert isinstance(app.store, Database)
    ctx = root(SystemSources())
    columns = [column for column in events.c if column.name != "number"]
    add = statement(insert(events).values({c.name: bindparam(c.name, type_=c.type) for c in columns}))
    row = {"name": Paid.__name__, "tenant": None, "context": pack(ctx), "position": None, "reactions": [REACTION]}
    rows = [
        row | {"id": ctx.new_id(), "about": account, "body": f'{{"account":"{account}","step":1}}', "at": ctx.now()}
        for account in accounts
    ]
    await app.store.transact(ctx, "write", lambda sql: sql.run_many(add, rows))
