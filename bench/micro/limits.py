"""What each limit costs around a door call, when it is on; and a statement on a table of many tenants.

The calls go through a started door without a socket. The rounds of all cases are interleaved; the median is printed, in
microseconds per call. The table of rates lies in a file with its lock, as under `krepis run`.
"""

import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

from bench.micro import measuring
from sqlalchemy import Column, MetaData, String, Table, bindparam, insert, select

from krepis import Actor, App, Context, Query
from krepis._system import SystemSources
from krepis.context import root
from krepis.http import Doors
from krepis.http.facts import Facts
from krepis.limits import Concurrency, Cors, Rates, SecurityHeaders, TrustedProxies, rate
from krepis.part import Part
from krepis.sql import Database, Sql, statement, tenanted

WIDE = rate(1_000_000, per_s=1)
HEADERS = {
    b"host": b"shop.example.org",
    b"origin": b"https://shop.example.org",
    b"x-forwarded-for": b"203.0.113.9, 10.0.0.7",
    b"x-forwarded-proto": b"https",
}


class Greet(Query[str]):
    name: str = "you"


def greet(ctx: Context, query: Greet) -> str:
    return "hello " + query.name


def an_app(*parts: Part) -> App:
    doors = Doors()
    doors.get("/greet", Greet)
    return App("limits", handlers=(greet,), doors=doors, parts=parts)


def apps(folder: Path) -> dict[str, App]:
    """One app for each limit, and one with all."""
    proxies = TrustedProxies("10.0.0.0/8")
    return {
        "a door without limits": an_app(),
        "TrustedProxies, two hops": an_app(proxies),
        "SecurityHeaders": an_app(SecurityHeaders()),
        "Cors, a page of a listed origin": an_app(Cors(origins=("https://shop.example.org",))),
        "Rates per address": an_app(Rates(per_address=WIDE, file=folder / "address")),
        "Concurrency, with a place free": an_app(Concurrency()),
        "all of them": an_app(
            TrustedProxies("10.0.0.0/8"),
            SecurityHeaders(),
            Cors(origins=("https://shop.example.org",)),
            Rates(per_address=WIDE, file=folder / "all"),
            Concurrency(),
        ),
    }


async def measure(count: int, repeat: int) -> dict[str, float]:
    sources = SystemSources()
    with tempfile.TemporaryDirectory() as folder:
        async with AsyncExitStack() as stack:
            cases: dict[str, Callable[[], Awaitable[object]]] = {}
            for name, app in apps(Path(folder)).items():
                service = await stack.enter_async_context(app.start(sources))
                start = service.doors.match("GET", "/greet")[0].start
                cases[name] = lambda start=start: start(
                    Facts("GET", "/greet", (), b"name=ann", HEADERS, b"", time.monotonic(), client="10.0.0.2")
                )
            for name, parts in {"dispatched": (), "dispatched, Rates per actor": (_by_actor(folder),)}.items():
                service = await stack.enter_async_context(an_app(*parts).start(sources))
                ctx = service.context(actor=Actor("ann"), timeout=3600)
                cases[name] = lambda service=service, ctx=ctx: service.dispatch(ctx, Greet(name="ann"))
            cases |= {
                "one row of SQLite in memory, by its key": await _row(stack, of_tenants=False),
                "the same, of a table of many tenants": await _row(stack, of_tenants=True),
            }
            return await measuring.steps_in_turns(count, repeat, cases)


def _by_actor(folder: str) -> Rates:
    return Rates(per_actor=WIDE, file=Path(folder) / "actor")


async def _row(stack: AsyncExitStack, *, of_tenants: bool) -> Callable[[], Awaitable[object]]:
    columns = Column("tenant", String(20), primary_key=True), Column("isbn", String(20), primary_key=True)
    table = Table("books", MetaData(), *columns)
    if of_tenants:
        tenanted(table)
    database = Database("sqlite://", metadata=table.metadata)
    await database.open()
    stack.push_async_callback(database.close)
    ctx = root(SystemSources(), tenant="north")
    add = statement(insert(table).values({} if of_tenants else {"tenant": "north"}).values(isbn=bindparam("isbn")))
    where = (
        [table.c.isbn == bindparam("isbn")]
        if of_tenants
        else [table.c.tenant == "north", table.c.isbn == bindparam("isbn")]
    )
    find = statement(select(table.c.isbn).where(*where), into=str)

    async def fill(sql: Sql) -> None:
        await sql.run_many(add, [{"isbn": f"{number}"} for number in range(1000)])

    await database.transact(ctx, "write", fill)

    async def find_one(sql: Sql) -> str | None:
        return await sql.first(find, isbn="500")

    return lambda: database.transact(ctx, "read", find_one)


if __name__ == "__main__":
    sys.exit(measuring.calls("limits", __doc__, measure, count=50_000))
