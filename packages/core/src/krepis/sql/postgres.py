"""PostgreSQL as a store, through asyncpg: commands serializable, queries in a read-only snapshot."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy import URL

from krepis.context import Context
from krepis.errors import DeadlinePassed, KrepisError
from krepis.port import Mode
from krepis.sql._attempts import check_unspent, prefer_again, run_again
from krepis.sql._compile import Plans
from krepis.sql._dialects import postgres_dialect
from krepis.sql._limits import Isolation, Limits
from krepis.sql._postgres_desk import PostgresDesks
from krepis.sql._postgres_unit import BEGIN_READ, PostgresSql
from krepis.sql._waiting import Again, Patience
from krepis.sql.errors import StoreAway, StoreBusy
from krepis.sql.unit import Sql

T = TypeVar("T")
Work = Callable[[Sql], Awaitable[T]]


class PostgresEngine:
    """One database on a server."""

    def __init__(self, url: URL, limits: Limits, isolation: Isolation) -> None:
        self.plans = Plans(postgres_dialect())
        self._desks = PostgresDesks(url, limits)
        self._limits = limits
        self._begin_write = f"BEGIN ISOLATION LEVEL {isolation.upper()} READ WRITE"

    async def open(self, ctx: Context) -> None:
        """Connect; a server that is just starting is waited for, `connect_wait_max_s` long."""
        patience = Patience(ctx, wait_max_s=self._limits.connect_wait_max_s)
        while True:
            try:
                return await self._desks.open(ctx)
            except StoreAway as away:
                try:
                    await patience.pause()
                except StoreBusy:
                    raise KrepisError(
                        f"PostgreSQL can't be reached at {self._desks.name}: {away.__cause__}",
                        hint="start it, or mend the url",
                    ) from away

    async def close(self) -> None:
        self._desks.close()

    async def script(self, ctx: Context, texts: list[str]) -> None:
        """Run DDL in one transaction."""
        desk = await self._desks.begin(ctx, "BEGIN")
        try:
            await self._desks.tell(desk, ctx, ";\n".join(texts) or "SELECT 1")
        except BaseException:
            await self._desks.roll_back(desk)
            raise
        await self._desks.commit(desk, ctx)

    async def transact(self, ctx: Context, mode: Mode, work: Work[T], opening: str = "") -> T:
        begin_write = f"{self._begin_write}; {opening}" if opening else self._begin_write
        try:
            return await self._once(ctx, mode, work, begin_write)
        except Again as again:
            signal = again
        return await run_again(ctx, self._limits, signal, lambda: self._once(ctx, mode, work, begin_write))

    async def _once(self, ctx: Context, mode: Mode, work: Work[T], begin_write: str) -> T:
        desks = self._desks
        writing = mode == "write"
        desk = None if mode == "phased" else await desks.begin(ctx, begin_write if writing else BEGIN_READ)
        unit = PostgresSql(ctx, desks, self.plans.of(ctx), begin_write, desk, writing=writing)
        try:
            result = await work(unit)
            check_unspent(unit)
            if unit.writing and (left := ctx.remaining()) is not None and left <= 0:
                raise DeadlinePassed
        except BaseException as error:
            unit.end()
            await unit.roll_back()
            prefer_again(unit, error)
            raise
        unit.end()
        if unit.desk is not None:
            await (desks.commit(unit.desk, ctx) if unit.writing else desks.leave(unit.desk))
        return result
