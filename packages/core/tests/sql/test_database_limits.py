"""The limits of a database: at each of them, and one beyond. (`waiting_max` stands in `test_units`.)"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from _shop import COUNT, add, metadata
from sqlalchemy import Integer, func, select, text

from krepis._system import SystemSources
from krepis.context import Context, root
from krepis.errors import KrepisError
from krepis.sql import Database, Sql, statement
from krepis.sql._waiting import Again
from krepis.sql.errors import StoreBusy

MY_NUMBER = statement(select(func.pg_backend_pid(type_=Integer)), into=int)
NUMBERS = tuple(statement(text(f"SELECT {number} AS n").columns(n=Integer), into=int) for number in range(9))


@asynccontextmanager
async def opened(url: str, **limits: Any) -> AsyncGenerator[Database]:
    database = Database(url, metadata=metadata, **limits)
    await database.open()
    if not database.in_memory:
        await database.create_tables()
    yield database
    await database.close()


def without_deadline() -> Context:
    return root(SystemSources())


@pytest.mark.parametrize("kind", ["file", "postgres"])
async def test_as_many_units_have_a_connection_as_may_and_one_more_waits(
    make_url: Callable[[str], str], ctx: Context, kind: str
) -> None:
    async with opened(make_url(kind), pool_max=3) as database:
        inside, together, go = 0, asyncio.Event(), asyncio.Event()

        async def look(sql: Sql) -> int:
            nonlocal inside
            inside += 1
            if inside == 3:
                together.set()
            await go.wait()
            return await sql.one(COUNT)

        units = [asyncio.ensure_future(database.transact(ctx.begin(), "read", look)) for _ in range(4)]
        await asyncio.wait_for(together.wait(), 10)
        await asyncio.sleep(0.05)
        assert inside == 3
        go.set()
        assert await asyncio.gather(*units) == [0] * 4


@pytest.mark.parametrize("kind", ["file", "postgres"])
@pytest.mark.parametrize(("held_s", "is_busy"), [(0.02, False), (None, True)])
async def test_who_waits_in_time_is_served_and_who_waits_longer_is_refused(
    make_url: Callable[[str], str], kind: str, held_s: float | None, is_busy: bool
) -> None:
    async with opened(make_url(kind), pool_max=1, wait_max_s=0.3) as database:
        release = asyncio.Event()
        holding = asyncio.ensure_future(database.transact(without_deadline(), "write", lambda _: release.wait()))
        await asyncio.sleep(0.01)
        if held_s is not None:
            asyncio.get_running_loop().call_later(held_s, release.set)
        waiting = database.transact(without_deadline(), "write", lambda sql: add(sql, "1"))
        if is_busy:
            with pytest.raises(StoreBusy):
                await waiting
        else:
            await waiting
        release.set()
        await holding


@pytest.mark.parametrize("kind", ["memory", "file", "postgres"])
@pytest.mark.parametrize(("failures", "is_busy"), [(2, False), (3, True)])
async def test_a_unit_is_tried_as_often_as_it_may_be_and_not_once_more(
    make_url: Callable[[str], str], ctx: Context, kind: str, failures: int, is_busy: bool
) -> None:
    async with opened(make_url(kind), attempts_max=3) as database:
        attempts = 0

        async def work(sql: Sql) -> int:
            nonlocal attempts
            attempts += 1
            if attempts <= failures:
                raise Again
            return await sql.one(COUNT)

        if is_busy:
            with pytest.raises(StoreBusy, match="3 attempts"):
                await database.transact(ctx, "write", work)
        else:
            assert await database.transact(ctx, "write", work) == 0
        assert attempts == 3


@pytest.mark.parametrize(("count", "is_compiled_again"), [(6, False), (7, True)])
async def test_sqlite_keeps_as_many_statements_as_it_may(
    make_url: Callable[[str], str], ctx: Context, count: int, is_compiled_again: bool
) -> None:
    async with opened(make_url("file"), statements_max=8) as database:  # BEGIN and COMMIT are two of them
        engine: Any = database._engine
        compiled = 0

        def compiling(*_: object) -> int:
            nonlocal compiled
            compiled += 1
            return 0  # SQLITE_OK

        async def look(sql: Sql) -> list[int]:
            return [await sql.one(one) for one in NUMBERS[:count]]

        await database.transact(ctx, "write", look)
        engine._desks._desks[0].connection.set_authorizer(compiling)
        for _ in range(2):  # an authorizer makes SQLite compile everything anew, once
            await database.transact(ctx, "write", look)
        compiled = 0
        assert await database.transact(ctx, "write", look) == list(range(count))
        assert (compiled > 0) is is_compiled_again


class SlowWay:
    """Stands between asyncpg and the server; what is sent waits `delay_s` on its way."""

    def __init__(self, folder: str, port: int) -> None:
        self._socket = f"{folder}/.s.PGSQL.{port}"
        self.delay_s = 0.0

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[int]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        yield server.sockets[0].getsockname()[1]
        server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_unix_connection(self._socket)
        await asyncio.gather(self._carry(reader, there_writer, slow=True), self._carry(there_reader, writer))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, slow: bool = False) -> None:
        try:
            while piece := await reader.read(65_536):
                if slow:
                    await asyncio.sleep(self.delay_s)
                writer.write(piece)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()


@pytest.fixture
def slow_way(make_url: Callable[[str], str], postgres: Any) -> SlowWay:
    make_url("postgres")
    (found,) = [path for path in postgres.folder.rglob(".s.PGSQL.*") if path.suffix != ".lock"]
    return SlowWay(str(found.parent), int(found.name.rpartition(".")[2]))


@pytest.mark.parametrize(("delay_s", "is_away"), [(0.01, False), (1.0, True)])
async def test_connecting_may_take_so_long_and_no_longer(slow_way: SlowWay, delay_s: float, is_away: bool) -> None:
    slow_way.delay_s = delay_s
    async with slow_way.open() as port:
        database = Database(f"postgresql://postgres@127.0.0.1:{port}/postgres", connect_wait_max_s=0.5)
        if is_away:
            with pytest.raises(KrepisError, match="can't be reached"):
                await database.open()
        else:
            await database.open()
        await database.close()


@pytest.mark.parametrize(("delay_s", "is_thrown_away"), [(0.01, False), (1.0, True)])
@pytest.mark.parametrize("mode", ["read", "write"])
async def test_a_rollback_may_take_so_long_and_no_longer(
    slow_way: SlowWay, ctx: Context, mode: Any, delay_s: float, is_thrown_away: bool
) -> None:
    async with slow_way.open() as port:
        url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        database = Database(url, pool_max=1, rollback_wait_max_s=0.3)
        await database.open()

        async def failing(sql: Sql) -> None:
            await sql.one(MY_NUMBER)
            slow_way.delay_s = delay_s
            raise LookupError

        before = await database.transact(ctx, "read", lambda sql: sql.one(MY_NUMBER))
        with pytest.raises(LookupError):
            await database.transact(ctx, mode, failing)
        slow_way.delay_s = 0.0
        after = await database.transact(ctx, "read", lambda sql: sql.one(MY_NUMBER))
        assert (after != before) is is_thrown_away
        await database.close()
