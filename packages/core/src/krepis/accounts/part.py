"""`Accounts`: the part of an app that knows its callers.

```python
accounts = Accounts(AccountSettings(keys=(hs256("2026-07", settings.key),), issuer="https://library.example"))
app = App("library", handlers=HANDLERS, parts=(accounts,), store=database, doors=doors)
```
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any

from krepis.accounts import commands, sql_api_keys, sql_logins, sql_sessions, sql_single_use
from krepis.accounts.passwords import Argon2Passwords
from krepis.accounts.ports import (
    Grants,
    Logins,
    Passwords,
    RefreshTokenReused,
    SingleUseTokens,
    WritableApiKeys,
    WritableSessions,
)
from krepis.accounts.settings import AccountSettings
from krepis.accounts.sql_api_keys import SqlApiKeys
from krepis.accounts.sql_callers import Callers, Memory, SqlCallers, identify
from krepis.accounts.sql_logins import SqlLogins
from krepis.accounts.sql_sessions import SqlSessions
from krepis.accounts.sql_single_use import SqlSingleUseTokens
from krepis.accounts.tables import TABLES
from krepis.beside import beside
from krepis.context import Context, Sources
from krepis.errors import KrepisError
from krepis.part import Part, Render, Run
from krepis.port import Store
from krepis.sql import Sql, missing_tables
from krepis.wiring import Binding, bind

if TYPE_CHECKING:
    from uuid import UUID

    from krepis.app import Service
    from krepis.handler import Handler
    from krepis.wiring import Graph

SWEPT_ROWS_MAX = 1_000
"""Rows that one transaction of the sweep removes at most, so that nobody waits for it long."""


class Accounts(Part):
    """Binds `Passwords`, `Logins`, `WritableSessions`, `WritableApiKeys` and `SingleUseTokens`, handles `Identify`,
    `RefreshSession`, `LogOut` and `LogOutEverywhere`, and sweeps what has expired.

    `grants` is the app's own adapter of `Grants`: what a subject has is then read at each request, and what sessions and
    keys were given when they were made no longer counts. Without it, roles change with a new session or with `regrant`.
    """

    def __init__(self, settings: AccountSettings, *, grants: Callable[..., Grants] | None = None) -> None:
        self.settings = settings
        self.memory = Memory(settings)
        self.passwords: Argon2Passwords | None = None
        """The one of the started app, which counts the hashes that it computes."""
        self._store: Store | None = None
        self._graph: Graph | None = None
        self._grants = grants
        self._bindings = tuple(self._made_bindings())

    def bindings(self) -> Sequence[Binding]:
        return self._bindings

    def handlers(self) -> Sequence[Callable[..., Any]]:
        return (identify, *commands.HANDLERS)

    def statements(self) -> Sequence[Callable[..., Any]]:
        return (SqlSessions, SqlApiKeys, SqlSingleUseTokens, SqlLogins)

    def check(self, graph: Graph, store: Store | None) -> Iterable[KrepisError]:
        if self._store not in (None, store):
            yield KrepisError("one `Accounts` stands in two apps", hint="make one for each app")
        self._store = store
        self._graph = graph
        yield from missing_tables(store, TABLES, "the accounts")

    def around(self, handler: Handler, proceed: Run) -> Run:
        assert self._graph is not None, "an app checks its parts before it starts"
        if not self._graph.reaches(handler, WritableSessions):
            return proceed

        async def ending_what_was_stolen(ctx: Context, message: Any, render: Render) -> Any:
            try:
                return await proceed(ctx, message, render)
            except RefreshTokenReused as reuse:
                # Here, since what was refused is rolled back, and this must stay.
                await self._end_stolen(ctx, reuse.session)
                raise

        return ending_what_was_stolen

    def running(self, service: Service) -> AbstractAsyncContextManager[Any] | None:
        if service.by_hand:
            return None

        @asynccontextmanager
        async def running() -> AsyncGenerator[None]:
            async with beside(self._sweep_now_and_then(service)):
                yield
            await self._try_sweep(service)

        return running()

    async def sweep(self, ctx: Context) -> int:
        """Remove what has expired or was ended, and note when API keys were used; answers with the rows removed. The app does it
        by itself every `sweep_s`.
        """
        await self._note_uses(ctx)
        removed = 0
        for statement in (sql_sessions.SWEEP, sql_api_keys.SWEEP, sql_single_use.SWEEP, sql_logins.SWEEP):
            removed += await self._swept(ctx, statement, now=ctx.now())
        return removed + await self._swept(ctx, sql_logins.SHORTEN, rows_max=self.settings.throttle.rows_max)

    async def _swept(self, ctx: Context, statement: Any, **parameters: Any) -> int:
        removed = 0
        while True:
            count = await self._write(ctx, lambda sql: sql.run(statement, count=SWEPT_ROWS_MAX, **parameters))
            removed += count
            if count < SWEPT_ROWS_MAX:
                return removed

    async def _note_uses(self, ctx: Context) -> None:
        uses, self.memory.uses = self.memory.uses, {}
        rows = [{"key": key, "at": at, "used": at} for key, at in uses.items()]
        if rows:
            await self._write(ctx, lambda sql: sql.run_many(sql_api_keys.USED, rows))

    async def _end_stolen(self, ctx: Context, session: UUID) -> None:
        ctx.log.warning("refresh_token_reused", session=str(session))
        self.memory.known.forget(session)
        own = ctx.begin()
        await self._write(own, lambda sql: sql.run(sql_sessions.END_ANY, session=session, now=own.now()))

    async def _sweep_now_and_then(self, service: Service) -> None:
        while True:
            await asyncio.sleep(self.settings.sweep_s)
            await self._try_sweep(service)

    async def _try_sweep(self, service: Service) -> None:
        ctx = service.context(timeout=self.settings.sweep_s, intent="sweep accounts")
        try:
            await self.sweep(ctx)
        except Exception as error:  # noqa: BLE001 - what was not swept is swept next time
            ctx.log.warning("sweep_failed", error=type(error).__name__)

    async def _write(self, ctx: Context, work: Callable[[Sql], Any]) -> Any:
        assert self._store is not None, "an app checks its parts before it starts"
        return await self._store.transact(ctx.begin(), "write", work)

    def _made_bindings(self) -> Iterable[Binding]:
        """The factories say by their annotations what they need; the rest comes from here."""
        settings, memory = self.settings, self.memory

        def passwords(sources: Sources) -> Argon2Passwords:
            self.passwords = Argon2Passwords(settings.hashing, sources)
            return self.passwords

        def logins(hashes: Passwords) -> SqlLogins:
            assert isinstance(hashes, Argon2Passwords), "the adapter that is bound beside this one"
            assert self._store is not None, "an app checks its parts before it starts"
            return SqlLogins(settings.throttle, hashes, self._store)

        def api_keys(sql: Sql) -> SqlApiKeys:
            return SqlApiKeys(settings, memory.known, sql)

        yield bind(Passwords, passwords, scope="app")
        yield bind(Logins, logins, scope="app")
        yield bind(WritableApiKeys, api_keys)
        yield bind(SingleUseTokens, SqlSingleUseTokens)
        yield from self._with_grants() if self._grants is not None else self._without_grants()

    def _with_grants(self) -> Iterable[Binding]:
        settings, memory = self.settings, self.memory

        def sessions(sql: Sql, grants: Grants) -> SqlSessions:
            return SqlSessions(settings, memory.tokens, memory.known, sql, grants)

        def callers(sql: Sql, grants: Grants) -> SqlCallers:
            return SqlCallers(settings, memory, sql, grants)

        assert self._grants is not None
        yield bind(Grants, self._grants)
        yield bind(WritableSessions, sessions)
        yield bind(Callers, callers)

    def _without_grants(self) -> Iterable[Binding]:
        settings, memory = self.settings, self.memory

        def sessions(sql: Sql) -> SqlSessions:
            return SqlSessions(settings, memory.tokens, memory.known, sql, None)

        def callers(sql: Sql) -> SqlCallers:
            return SqlCallers(settings, memory, sql, None)

        yield bind(WritableSessions, sessions)
        yield bind(Callers, callers)
