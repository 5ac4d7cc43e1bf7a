"""The connections to one PostgreSQL database: a small pool that costs no round trip of its own.

A connection comes back clean, since every unit ends with COMMIT or ROLLBACK; so nothing is reset. One that died is
dropped and replaced when it is next needed, which is how a service comes back by itself after its database does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from types import MappingProxyType
from typing import Any

import asyncpg
from sqlalchemy import URL

from krepis.context import Context
from krepis.errors import DeadlinePassed
from krepis.sql._attempts import Lost
from krepis.sql._limits import Limits
from krepis.sql._postgres_faults import connect_fault, fault, must_be_replaced
from krepis.sql._waiting import Places
from krepis.sql.errors import CommitUnknown

_SETTINGS = MappingProxyType({"application_name": "krepis", "jit": "off"})
"""Short transactions gain nothing from compiled queries, and pay for them."""

_CONNECT: Callable[..., Awaitable[Any]] = getattr(asyncpg, "connect")  # noqa: B009 - it has no types to be read


class Desk:
    """A place for one connection, and the statements prepared on it."""

    __slots__ = ("_made", "_statements", "connection")

    def __init__(self) -> None:
        self.connection: Any = None
        self._statements: dict[str, Any] = {}
        self._made = 0

    @property
    def is_open(self) -> bool:
        return self.connection is not None and not self.connection.is_closed()

    async def prepared(self, text: str, timeout_s: float | None) -> Any:
        """The statement for `text`, prepared on this connection once."""
        statement = self._statements.get(text)
        if statement is None:
            self._made += 1
            statement = await self.connection.prepare(text, name=f"krepis_{self._made}", timeout=timeout_s)
            self._statements[text] = statement
        return statement

    def drop(self) -> None:
        """Let go of the connection without a word; the server rolls back."""
        connection, self.connection = self.connection, None
        self._statements = {}
        if connection is not None:
            connection.terminate()


class PostgresDesks:
    """The pool. `begin` gives a connection in a transaction; `commit`, `roll_back` or `leave` ends it and gives it back."""

    def __init__(self, url: URL, limits: Limits) -> None:
        self._dsn = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self.name = url.render_as_string(hide_password=True)
        self._limits = limits
        self._desks: list[Desk] = []
        self._places = self._made_places()
        self._endings: set[asyncio.Task[None]] = set()

    async def open(self, ctx: Context) -> None:
        self._desks = [Desk() for _ in range(self._limits.pool_max)]
        self._places = self._made_places()
        await self._connect(self._desks[-1], ctx)

    def close(self) -> None:
        for desk in self._desks:
            desk.drop()
        self._desks = []

    async def begin(self, ctx: Context, text: str) -> Desk:
        desk = self._places.take() or await self._places.wait(ctx)
        try:
            if not desk.is_open:
                desk.drop()
                await self._connect(desk, ctx)
            await self.tell(desk, ctx, text)
        except BaseException:
            desk.drop()  # what it was told, and whether it heard, is unknown
            self._places.give(desk)
            raise
        return desk

    async def tell(self, desk: Desk, ctx: Context, text: str) -> None:
        """Send one or several statements without parameters, in one round trip."""
        try:
            await desk.connection.execute(text, timeout=seconds_left(ctx))
        except Exception as error:
            raise self.fault(desk, error, text) from error

    def fault(self, desk: Desk, error: Exception, text: str) -> Exception:
        """See `_postgres_faults.fault`; a connection of no more use is dropped."""
        raised = fault(error, text, closed=not desk.is_open)
        if must_be_replaced(error) or not desk.is_open:
            desk.drop()
        return raised

    async def commit(self, desk: Desk, ctx: Context) -> None:
        """COMMIT, to its end: a cancellation in the middle waits for what the server says, and is then forgotten.

        What is committed can't be undone, so the truthful answer is the result, a little late.
        """
        if not desk.is_open:
            self.give(desk)
            raise Lost
        left = ctx.remaining()
        limit_s = (self._limits.wait_max_s if left is None else max(left, 0)) + self._limits.rollback_wait_max_s
        await self._to_its_end(self._commit(desk, limit_s), forget_cancellation=True)

    async def roll_back(self, desk: Desk) -> None:
        """ROLLBACK and give the connection back; goes on in the background when the caller is cancelled again."""
        await self._to_its_end(self._roll_back(desk), forget_cancellation=False)

    async def leave(self, desk: Desk) -> None:
        """Like `roll_back`, without a task around it: for a transaction that was only reading and has not failed."""
        try:
            await desk.connection.execute("ROLLBACK", timeout=self._limits.rollback_wait_max_s)
        except Exception:  # noqa: BLE001 - what was read is read
            desk.drop()
        except BaseException:
            desk.drop()
            raise
        finally:
            self.give(desk)

    def give(self, desk: Desk) -> None:
        if desk in self._desks:
            self._places.give(desk)
        else:
            desk.drop()  # the pool was closed in the meantime

    async def _commit(self, desk: Desk, limit_s: float) -> None:
        try:
            await desk.connection.execute("COMMIT", timeout=limit_s)
        except Exception as error:
            raised = self.fault(desk, error, "COMMIT")
            if isinstance(raised, (Lost, DeadlinePassed)):
                desk.drop()
                raise CommitUnknown from error
            raise raised from error
        finally:
            self.give(desk)

    async def _roll_back(self, desk: Desk) -> None:
        try:
            if desk.is_open:
                await desk.connection.execute("ROLLBACK", timeout=self._limits.rollback_wait_max_s)
        except Exception:  # noqa: BLE001 - whatever it was, the server rolls back when the connection is gone
            desk.drop()
        finally:
            self.give(desk)

    async def _to_its_end(self, ending: Coroutine[Any, Any, None], *, forget_cancellation: bool) -> None:
        task = asyncio.ensure_future(ending)
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if not forget_cancellation:
                raise
            current = asyncio.current_task()
            if current is not None:
                current.uncancel()
            await task

    async def _connect(self, desk: Desk, ctx: Context) -> None:
        limit_s = self._limits.connect_wait_max_s
        left = ctx.remaining()
        try:
            desk.connection = await _CONNECT(
                self._dsn,
                timeout=limit_s if left is None else min(left, limit_s),
                statement_cache_size=0,
                server_settings=dict(_SETTINGS),
            )
        except Exception as error:
            raise connect_fault(error, self.name) from error

    def _made_places(self) -> Places[Desk]:
        limits = self._limits
        return Places(self._desks, waiting_max=limits.waiting_max, wait_max_s=limits.wait_max_s)


def seconds_left(ctx: Context) -> float | None:
    """How long a statement may take; raises `DeadlinePassed` when that is no time at all."""
    left = ctx.remaining()
    if left is not None and left <= 0:
        raise DeadlinePassed
    return left
