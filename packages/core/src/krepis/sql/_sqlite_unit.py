"""A unit of work on SQLite: every method is `async` by contract and never suspends, but for phased units.

SQLite is called on the event loop: a statement of microseconds costs less than the way to a thread and back.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, TypeVar

from krepis.context import Context
from krepis.sql._attempts import Spent, spent_by_end, spent_by_failure
from krepis.sql._compile import Plans
from krepis.sql._sqlite_desk import Desk, SqliteDesks
from krepis.sql._sqlite_faults import Keys, fault
from krepis.sql._tenancy import ScopedPlans
from krepis.sql._waiting import Again
from krepis.sql.errors import BadValueError
from krepis.sql.statement import Statement
from krepis.sql.unit import Sql

T = TypeVar("T")

_DRIVER_ERRORS = (sqlite3.Error, OverflowError, UnicodeEncodeError)


class SqliteSql(Sql):
    """The unit of a command (`write`) or query (`read`): it has its connection from the start."""

    __slots__ = ("_keys", "_plans", "_writing", "cursor", "depth", "fault")

    def __init__(self, cursor: Any, plans: Plans | ScopedPlans, keys: Keys, *, writing: bool) -> None:
        self.cursor: Any = cursor
        self._plans = plans
        self._keys = keys
        self._writing = writing
        self.depth = 0
        self.fault: BaseException | None = None
        """Why the unit is spent, if it is."""

    async def first(self, statement: Statement[T], /, **params: Any) -> T | None:
        plan = self._plans[statement]
        values = plan.bind(**params)
        try:
            row = self.cursor.execute(plan.text, values).fetchone()
        except _DRIVER_ERRORS as error:
            raise self._failed(error, plan.text) from error
        return None if row is None else plan.row(*row)

    async def all(self, statement: Statement[T], /, **params: Any) -> list[T]:
        plan = self._plans[statement]
        values = plan.bind(**params)
        try:
            rows = self.cursor.execute(plan.text, values).fetchall()
        except _DRIVER_ERRORS as error:
            raise self._failed(error, plan.text) from error
        return plan.rows(rows)

    async def run(self, statement: Statement[Any], /, **params: Any) -> int:
        plan = self._plans[statement]
        values = plan.bind(**params)
        try:
            return self.cursor.execute(plan.text, values).rowcount
        except _DRIVER_ERRORS as error:
            raise self._failed(error, plan.text) from error

    async def run_many(self, statement: Statement[Any], rows: Sequence[Mapping[str, Any]], /) -> None:
        plan = self._plans[statement]
        bind = plan.bind
        values = [bind(**row) for row in rows]
        try:
            self.cursor.executemany(plan.text, values)
        except _DRIVER_ERRORS as error:
            raise self._failed(error, plan.text) from error

    def savepoint(self) -> AbstractAsyncContextManager[None]:
        return _Savepoint(self)

    @property
    def writing(self) -> bool:
        return self._writing

    async def release(self) -> None:
        assert not self._writing, "the connection of an open write transaction can't be released"

    def end(self) -> None:
        """From now on the unit answers with an error."""
        self.cursor = spent_by_end()

    def _failed(self, error: Exception, text: str) -> Exception:
        raised = fault(error, text, self._keys)
        if not isinstance(raised, BadValueError):  # that one never reached the database
            self.fault = raised
            self.cursor = spent_by_failure()
        return raised


class PhasedSqliteSql(SqliteSql):
    """Reads from a reader's snapshot until the first write, which takes the writer; the snapshot is gone then."""

    __slots__ = ("_ctx", "_desks", "desk")

    def __init__(self, ctx: Context, desks: SqliteDesks, plans: Plans | ScopedPlans, keys: Keys) -> None:
        super().__init__(None, plans, keys, writing=False)
        self._ctx = ctx
        self._desks = desks
        self.desk: Desk | None = None

    async def first(self, statement: Statement[T], /, **params: Any) -> T | None:
        await self._reach(writes=self._plans[statement].writes)
        return await super().first(statement, **params)

    async def all(self, statement: Statement[T], /, **params: Any) -> list[T]:
        await self._reach(writes=self._plans[statement].writes)
        return await super().all(statement, **params)

    async def run(self, statement: Statement[Any], /, **params: Any) -> int:
        await self._reach(writes=True)
        return await super().run(statement, **params)

    async def run_many(self, statement: Statement[Any], rows: Sequence[Mapping[str, Any]], /) -> None:
        await self._reach(writes=True)
        await super().run_many(statement, rows)

    def savepoint(self) -> AbstractAsyncContextManager[None]:
        return _Savepoint(self) if self._writing else _WholeWrite(self)

    async def release(self) -> None:
        await super().release()
        self.leave()

    def end(self) -> None:
        self.leave()
        super().end()

    def leave(self) -> None:
        """Give the connection back; what is open on it is rolled back."""
        if self.desk is not None:
            desk, self.desk = self.desk, None
            self.cursor = None
            self._writing = False
            self._desks.leave(desk, self.fault)

    async def _reach(self, *, writes: bool) -> None:
        if isinstance(self.cursor, Spent) or self._writing:
            return
        if writes:
            self.leave()
            self.desk = await self._desks.begin_write(self._ctx)
            self.cursor = self.desk.cursor
            self._writing = True
        elif self.desk is None:
            self.desk = await self._desks.begin_read(self._ctx)
            self.cursor = self.desk.cursor


class _Savepoint(AbstractAsyncContextManager[None]):
    __slots__ = ("_cursor", "_name", "_unit")

    def __init__(self, unit: SqliteSql) -> None:
        self._unit = unit

    async def __aenter__(self) -> None:
        unit = self._unit
        unit.depth += 1
        self._name = f"krepis_{unit.depth}"
        self._cursor = unit.cursor
        self._cursor.execute(f"SAVEPOINT {self._name}")

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        unit, cursor = self._unit, self._cursor
        unit.depth -= 1
        spent = unit.fault is not None
        if isinstance(unit.fault, Again) or not cursor.connection.in_transaction:
            return  # the whole transaction is gone or has to go, so there is nothing to return to
        if error is not None or spent:
            cursor.execute(f"ROLLBACK TO {self._name}")
            unit.fault = None
            unit.cursor = cursor
        cursor.execute(f"RELEASE {self._name}")
        if error is None and spent:
            spent_by_failure().execute()


class _WholeWrite(AbstractAsyncContextManager[None]):
    """A savepoint of a phased unit that had not written before: undoing it is undoing the write transaction."""

    __slots__ = ("_unit",)

    def __init__(self, unit: PhasedSqliteSql) -> None:
        self._unit = unit

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        unit = self._unit
        if isinstance(unit.fault, Again) or (error is None and unit.fault is None):
            return
        spent, unit.fault = unit.fault, None
        unit.leave()
        if error is None and spent is not None:
            spent_by_failure().execute()
