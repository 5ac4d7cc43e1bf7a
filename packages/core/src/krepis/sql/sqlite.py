"""SQLite as a store: units of work in transactions on the loop. The connections are `_sqlite_desk`'s affair."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from sqlalchemy import MetaData

from krepis.context import Context
from krepis.port import Mode
from krepis.sql._attempts import check_unspent, prefer_again, run_again
from krepis.sql._compile import Plans
from krepis.sql._dialects import sqlite_dialect
from krepis.sql._limits import Limits, Synchronous
from krepis.sql._sqlite_desk import SqliteDesks
from krepis.sql._sqlite_faults import key_names
from krepis.sql._sqlite_unit import PhasedSqliteSql, SqliteSql
from krepis.sql._waiting import Again
from krepis.sql.unit import Sql

T = TypeVar("T")
Work = Callable[[Sql], Awaitable[T]]


class SqliteEngine:
    """One database file, or one in memory (`path` is `None`)."""

    def __init__(
        self,
        path: Path | None,
        metadata: MetaData | None,
        limits: Limits,
        synchronous: Synchronous,
        *,
        may_create: bool,
    ) -> None:
        self.plans = Plans(sqlite_dialect())
        self._desks = SqliteDesks(path, limits, synchronous, may_create=may_create)
        self._keys = key_names(metadata)
        self._limits = limits

    async def open(self, ctx: Context) -> None:
        await self._desks.open(ctx)

    async def close(self) -> None:
        self._desks.close()

    async def script(self, ctx: Context, texts: list[str]) -> None:
        """Run DDL in one transaction."""
        desk = await self._desks.begin_write(ctx)
        try:
            for text in texts:
                desk.cursor.execute(text)
            self._desks.commit(desk, ctx)
        finally:
            self._desks.leave(desk)

    async def transact(self, ctx: Context, mode: Mode, work: Work[T], opening: str = "") -> T:
        del opening  # a unit that writes is alone, and serializable
        once = self._write if mode == "write" else self._read if mode == "read" else self._phased
        try:
            return await once(ctx, work)
        except Again as again:
            signal = again
        return await run_again(ctx, self._limits, signal, lambda: once(ctx, work))

    async def _write(self, ctx: Context, work: Work[T]) -> T:
        desks = self._desks
        desk = await desks.begin_write(ctx)
        unit = SqliteSql(desk.cursor, self.plans.of(ctx), self._keys, writing=True)
        try:
            result = await work(unit)
            check_unspent(unit)
            desks.commit(desk, ctx)
        except BaseException as error:
            prefer_again(unit, error)
            raise
        else:
            return result
        finally:
            unit.end()
            desks.leave(desk, unit.fault)

    async def _read(self, ctx: Context, work: Work[T]) -> T:
        desks = self._desks
        desk = await desks.begin_read(ctx)
        unit = SqliteSql(desk.cursor, self.plans.of(ctx), self._keys, writing=False)
        try:
            result = await work(unit)
            check_unspent(unit)
        except BaseException as error:
            prefer_again(unit, error)
            raise
        else:
            return result
        finally:
            unit.end()
            desks.leave(desk, unit.fault)

    async def _phased(self, ctx: Context, work: Work[T]) -> T:
        unit = PhasedSqliteSql(ctx, self._desks, self.plans.of(ctx), self._keys)
        try:
            result = await work(unit)
            check_unspent(unit)
            if unit.writing:
                assert unit.desk is not None
                self._desks.commit(unit.desk, ctx)
        except BaseException as error:
            prefer_again(unit, error)
            raise
        else:
            return result
        finally:
            unit.end()
