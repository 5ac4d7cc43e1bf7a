"""A unit of work on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, TypeVar

from krepis.context import Context
from krepis.errors import DeadlinePassed
from krepis.sql._attempts import Spent, spent_by_end, spent_by_failure
from krepis.sql._compile import Plan, Plans
from krepis.sql._postgres_desk import Desk, PostgresDesks, seconds_left
from krepis.sql._tenancy import ScopedPlans
from krepis.sql._waiting import Again
from krepis.sql.errors import BadValueError
from krepis.sql.statement import Statement
from krepis.sql.unit import Sql

T = TypeVar("T")

BEGIN_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


class PostgresSql(Sql):
    """Its statements run one after the other, also when a handler gathers them: a connection has one at a time.

    A phased unit begins without a connection (`desk` is `None`): the first read begins a read-only transaction, the
    first write ends that and begins one that writes.
    """

    __slots__ = (
        "_begin_write",
        "_ctx",
        "_desks",
        "_ended",
        "_lock",
        "_phased",
        "_plans",
        "_writing",
        "depth",
        "desk",
        "fault",
    )

    def __init__(
        self,
        ctx: Context,
        desks: PostgresDesks,
        plans: Plans | ScopedPlans,
        begin_write: str,
        desk: Desk | None,
        *,
        writing: bool,
    ) -> None:
        self._ctx = ctx
        self._desks = desks
        self._plans = plans
        self._begin_write = begin_write
        self._phased = desk is None
        self._writing = writing
        self.depth = 0
        self._lock = asyncio.Lock()
        self._ended: Spent | None = None
        self.desk = desk
        self.fault: BaseException | None = None

    async def first(self, statement: Statement[T], /, **params: Any) -> T | None:
        plan = self._plans[statement]
        rows = await self._fetch(plan, plan.bind(**params))
        return plan.row(*rows[0]) if rows else None

    async def all(self, statement: Statement[T], /, **params: Any) -> list[T]:
        plan = self._plans[statement]
        return plan.rows(await self._fetch(plan, plan.bind(**params)))

    async def run(self, statement: Statement[Any], /, **params: Any) -> int:
        plan = self._plans[statement]
        values = plan.bind(**params)
        async with self._lock:
            desk = await self._reach(writes=True)
            try:
                prepared = await desk.prepared(plan.text, seconds_left(self._ctx))
                await prepared.fetch(*values, timeout=seconds_left(self._ctx))
            except Exception as error:
                raise self._failed(error, plan.text) from error
            return _touched(prepared.get_statusmsg())

    async def run_many(self, statement: Statement[Any], rows: Sequence[Mapping[str, Any]], /) -> None:
        plan = self._plans[statement]
        values = [plan.bind(**row) for row in rows]
        if not values:
            return
        async with self._lock:
            desk = await self._reach(writes=True)
            try:
                prepared = await desk.prepared(plan.text, seconds_left(self._ctx))
                await prepared.executemany(values, timeout=seconds_left(self._ctx))
            except Exception as error:
                raise self._failed(error, plan.text) from error

    def savepoint(self) -> AbstractAsyncContextManager[None]:
        return _WholeWrite(self) if self._phased and not self._writing else _Savepoint(self)

    @property
    def writing(self) -> bool:
        return self._writing

    async def release(self) -> None:
        assert not self._writing, "the connection of an open write transaction can't be released"
        if self._phased and self.desk is not None and self.fault is None:
            desk, self.desk = self.desk, None
            await self._desks.leave(desk)

    def end(self) -> None:
        """From now on the unit answers with an error."""
        self._ended = spent_by_end()

    async def roll_back(self) -> None:
        """Undo what is open, and give the connection back."""
        if self.desk is not None:
            desk, self.desk = self.desk, None
            self._writing = False
            await self._desks.roll_back(desk)

    async def tell(self, text: str) -> None:
        """Send statements without parameters: savepoints."""
        async with self._lock:
            await self._desks.tell(await self._reach(writes=False), self._ctx, text)

    async def _fetch(self, plan: Plan, values: tuple[Any, ...]) -> list[Any]:
        async with self._lock:
            desk = await self._reach(writes=plan.writes)
            try:
                prepared = await desk.prepared(plan.text, seconds_left(self._ctx))
                return await prepared.fetch(*values, timeout=seconds_left(self._ctx))
            except Exception as error:
                raise self._failed(error, plan.text) from error

    async def _reach(self, *, writes: bool) -> Desk:
        if self._ended is not None:
            self._ended.execute()
        if self.fault is not None:
            spent_by_failure().execute()
        if not self._phased or self._writing or (self.desk is not None and not writes):
            assert self.desk is not None
            return self.desk
        if self.desk is None:
            self.desk = await self._desks.begin(self._ctx, self._begin_write if writes else BEGIN_READ)
        else:
            # The read-only transaction ends and the writing one begins in one round trip.
            try:
                await self._desks.tell(self.desk, self._ctx, f"COMMIT; {self._begin_write}")
            except Exception as error:
                self.fault = error
                raise
        self._writing = writes
        return self.desk

    def _failed(self, error: Exception, text: str) -> Exception:
        assert self.desk is not None
        raised = error if isinstance(error, DeadlinePassed) else self._desks.fault(self.desk, error, text)
        # A value that the driver refused never reached the server; one that the server refused spoilt the transaction.
        if not isinstance(raised, BadValueError) or getattr(error, "sqlstate", None) is not None:
            self.fault = raised
        return raised


class _Savepoint(AbstractAsyncContextManager[None]):
    __slots__ = ("_name", "_unit")

    def __init__(self, unit: PostgresSql) -> None:
        self._unit = unit

    async def __aenter__(self) -> None:
        unit = self._unit
        unit.depth += 1
        self._name = f"krepis_{unit.depth}"
        await unit.tell(f"SAVEPOINT {self._name}")

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        unit = self._unit
        unit.depth -= 1
        fault = unit.fault
        if error is not None and not isinstance(error, Exception):
            unit.fault = fault or error  # cancelled: whatever waits for an answer now is the rollback of everything
            return
        if isinstance(fault, (Again, DeadlinePassed)):
            return
        if error is None and fault is None:
            await unit.tell(f"RELEASE {self._name}")
            return
        unit.fault = None
        await unit.tell(f"ROLLBACK TO {self._name}; RELEASE {self._name}")
        if error is None:
            spent_by_failure().execute()


class _WholeWrite(AbstractAsyncContextManager[None]):
    """A savepoint of a phased unit that had not written before: undoing it is undoing the write transaction."""

    __slots__ = ("_unit",)

    def __init__(self, unit: PostgresSql) -> None:
        self._unit = unit

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        unit = self._unit
        fault = unit.fault
        if isinstance(fault, (Again, DeadlinePassed)) or (error is None and fault is None):
            return
        unit.fault = None
        await unit.roll_back()
        if error is None and fault is not None:
            spent_by_failure().execute()


def _touched(status: str) -> int:
    # "INSERT 0 5", "UPDATE 5"; what touches no rows has no number ("CREATE TABLE").
    count = status.rpartition(" ")[2]
    return int(count) if count.isdigit() else 0
