"""What another process does to a database while a test watches.

- `_other_process.py increments URL COUNT`: add 1 to a stock, COUNT times
- `_other_process.py hold URL SECONDS`: hold a write transaction open
- `_other_process.py orders URL SEED`: write orders of five lines until killed; print each one once it is stored
"""

from __future__ import annotations

import asyncio
import sys
from random import Random

from _shop import ORDER, SET_STOCK, STOCK, metadata

from krepis._system import SystemSources
from krepis.context import root
from krepis.sql import Database, Sql

LINES = 5


async def increments(database: Database, count: str) -> None:
    async def work(sql: Sql) -> None:
        stock = await sql.one(STOCK, isbn="1")
        await sql.run(SET_STOCK, book="1", count=stock + 1)

    for _ in range(int(count)):
        await database.transact(root(SystemSources(), timeout=30), "write", work)


async def hold(database: Database, seconds: str) -> None:
    async def work(sql: Sql) -> None:
        await sql.run(SET_STOCK, book="none", count=1)
        print("ready", flush=True)
        await asyncio.sleep(float(seconds))

    await database.transact(root(SystemSources(), timeout=30), "write", work)


async def orders(database: Database, seed: str) -> None:
    random = Random(int(seed))
    number = 0
    while True:
        number += 1
        size = random.randint(1, 10**6)

        async def work(sql: Sql, size: int = size) -> None:
            ctx = root(SystemSources())
            for _ in range(LINES):
                await sql.run(ORDER, id=ctx.new_id(), isbn="1", count=size)

        await database.transact(root(SystemSources(), timeout=30), "write", work)
        print(size, flush=True)


async def main() -> None:
    what, url, *arguments = sys.argv[1:]
    database = Database(url, metadata=metadata)
    await database.open()
    await {"increments": increments, "hold": hold, "orders": orders}[what](database, *arguments)
    await database.close()


asyncio.run(main())
