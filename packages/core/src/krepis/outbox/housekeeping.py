"""What is done now and then: forgetting old events, and giving up deliveries to reactions that are gone from the code."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import BigInteger, Integer, bindparam, delete, exists, insert, select

from krepis.outbox.sequencer import own_work
from krepis.outbox.tables import dead_letters, deliveries, events
from krepis.sql import Database, Instant, Sql, statement

WINDOW = statement(
    select(events.c.position, events.c.at)
    .where(events.c.position > bindparam("after", type_=BigInteger))
    .order_by(events.c.position)
    .limit(bindparam("count_max", type_=Integer))
)
FORGET = statement(
    delete(events).where(
        events.c.position > bindparam("after", type_=BigInteger),
        events.c.position <= bindparam("until", type_=BigInteger),
        ~exists().where(deliveries.c.position == events.c.position),
        ~exists().where(dead_letters.c.position == events.c.position),
    )
)
ORPHANS = statement(
    select(deliveries.c.position, deliveries.c.reaction, deliveries.c.attempts)
    .join(events, events.c.position == deliveries.c.position)
    .where(
        deliveries.c.owner.is_(None),
        deliveries.c.reaction.not_in(bindparam("known", expanding=True)),
        events.c.at < bindparam("before", type_=Instant()),
    )
    .order_by(deliveries.c.position)
    .limit(bindparam("count_max", type_=Integer))
)
NO_LONGER = statement(
    delete(deliveries).where(
        deliveries.c.position == bindparam("which", type_=BigInteger),
        deliveries.c.reaction == bindparam("whose", type_=deliveries.c.reaction.type),
        deliveries.c.owner.is_(None),
    )
)
BURY = statement(insert(dead_letters))


async def forget(database: Database, before: datetime, count_max: int) -> int:
    """Delete events stored before that instant which nobody waits for any more, `count_max` at a time.

    Undelivered events and those of dead letters stay. Answers with how many are gone.
    """
    after, gone = 0, 0
    while True:
        window = await _window(database, after, count_max)
        old = [position for position, at in window if at < before]
        if old:
            gone += await _forget(database, after, old[-1])
        if len(old) < count_max:
            return gone
        after = old[-1]
        await asyncio.sleep(0.01)


async def bury_orphans(
    database: Database, known: Sequence[str], *, before: datetime, at: datetime, count_max: int
) -> int:
    """Make dead letters of deliveries to reactions that the code doesn't have, of events stored before that instant."""

    async def buried(sql: Sql) -> int:
        orphans = await sql.all(ORPHANS, known=list(known), before=before, count_max=count_max)
        for position, reaction, attempts in orphans:
            if await sql.run(NO_LONGER, which=position, whose=reaction):
                error = f"the code has no reaction `{reaction}` any more"
                await sql.run(BURY, position=position, reaction=reaction, attempts=attempts, error=error, died_at=at)
        return len(orphans)

    found = await own_work(
        database, lambda sql: sql.all(ORPHANS, known=list(known), before=before, count_max=1), reads=True
    )
    return await own_work(database, buried) if found else 0


async def _window(database: Database, after: int, count_max: int) -> list[tuple[int, datetime]]:
    return await own_work(database, lambda sql: sql.all(WINDOW, after=after, count_max=count_max), reads=True)


async def _forget(database: Database, after: int, until: int) -> int:
    return await own_work(database, lambda sql: sql.run(FORGET, after=after, until=until))
