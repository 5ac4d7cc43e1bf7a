"""`Health`: is it alive, is it ready, what is it.

- `/health`: 200 as long as the process answers. Nothing else is looked at: an orchestrator that restarts on it must not
  restart a service because its database is away.
- `/ready`: 200, or 503 with the reasons: the store can't be reached or is behind the code, a part or an adapter says so,
  the service is stopping.
- `/version`: the app, its version and build.

What `/ready` says is found out at most once in `cached_s` and within `timeout_s`, however many ask: nobody can make it
expensive. The reasons are sentences of ours, and of those who have a `ready` method; what an exception says goes into the
log, not to the caller.

```python
class SmtpMail(Mail):
    async def ready(self) -> str | None:
        return None if self._connected else "the mail server is away"
```
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

from msgspec import json

from krepis.context import root
from krepis.errors import Rejection
from krepis.http.facts import Answer, Facts, answer
from krepis.part import Part, Start
from krepis.redaction import Redaction
from krepis.telemetry._pages import free_pages

if TYPE_CHECKING:
    from krepis.app import Service
    from krepis.port import Store

CACHED_S = 1.0
TIMEOUT_S = 1.0
REASON_CHARACTERS_MAX = 200

Check = Callable[[], Awaitable[str | None]]


class Health(Part):
    """Answers at `health`, `ready` and `version_page`; `None` for one leaves it out."""

    def __init__(
        self,
        *,
        version: str = "",
        build: str = "",
        health: str | None = "/health",
        ready: str | None = "/ready",
        version_page: str | None = "/version",
        timeout_s: float = TIMEOUT_S,
        cached_s: float = CACHED_S,
    ) -> None:
        self._version = version
        self._build = build
        self._paths = (health, ready, version_page)
        self._timeout_s = timeout_s
        self._cached_s = cached_s
        self._readiness: _Readiness | None = None

    def pages(self, service: Service) -> Sequence[tuple[str, Start]]:
        readiness = self._readiness = _Readiness(service, self._timeout_s, self._cached_s)
        about = {"app": service.app.name, "version": self._version, "build": self._build}

        async def health(facts: Facts) -> Answer:
            return _said(200, {"status": "ok"})

        async def ready(facts: Facts) -> Answer:
            reasons = await readiness.reasons()
            return _said(503 if reasons else 200, {"ready": not reasons, "reasons": reasons})

        async def version(facts: Facts) -> Answer:
            return _said(200, about)

        starts: tuple[Start, ...] = (health, ready, version)
        return free_pages(service, [(path, start) for path, start in zip(self._paths, starts, strict=True) if path])

    def running(self, service: Service) -> AbstractAsyncContextManager[Any]:
        return self._running()

    @asynccontextmanager
    async def _running(self) -> AsyncGenerator[None]:
        assert self._readiness is not None, "the pages of a service are made before it runs"
        try:
            yield
        finally:
            self._readiness.stopping = True


class _Readiness:
    """What keeps a service from being ready, looked up at most once in a while."""

    def __init__(self, service: Service, timeout_s: float, cached_s: float) -> None:
        self.stopping = False
        self._service = service
        self._timeout_s = timeout_s
        self._cached_s = cached_s
        self._redaction = Redaction(characters_max=REASON_CHARACTERS_MAX)
        self._checks = dict(self._all_checks())
        self._known: dict[str, str] = {}
        self._until = -1.0
        self._asking: asyncio.Task[dict[str, str]] | None = None

    async def reasons(self) -> dict[str, str]:
        """By name; empty when it is ready."""
        if self.stopping:
            return {"service": "it is stopping"}
        if asyncio.get_running_loop().time() < self._until:
            return self._known
        if self._asking is None:
            self._asking = asyncio.ensure_future(self._ask())
        # One who goes away must not end what others wait for.
        return await asyncio.shield(self._asking)

    async def _ask(self) -> dict[str, str]:
        try:
            found = await asyncio.gather(*(self._one(name, check) for name, check in self._checks.items()))
            self._known = {name: reason for name, reason in found if reason is not None}
            self._until = asyncio.get_running_loop().time() + self._cached_s
            return self._known
        finally:
            self._asking = None

    async def _one(self, name: str, check: Check) -> tuple[str, str | None]:
        try:
            async with asyncio.timeout(self._timeout_s):
                reason = await check()
        except TimeoutError:
            return name, f"no answer within {self._timeout_s:g} s"
        except Rejection as refusal:
            return name, refusal.sentence
        except Exception as error:  # noqa: BLE001 - whatever it is, the service goes on
            self._service.sources.emit("warning", "not_ready", {"check": name, "error": error})
            return name, "the check failed; the log says how"
        return name, None if reason is None else self._redaction.text(str(reason))

    def _all_checks(self) -> Iterator[tuple[str, Check]]:
        service = self._service
        if service.app.store is not None:
            yield "store", _StoreCheck(service, service.app.store, self._timeout_s).reason
        for part in service.app.parts:
            if callable(ready := getattr(part, "ready", None)):
                yield type(part).__name__, cast(Check, ready)
        for binding, adapter in service.adapters.items():
            if callable(ready := getattr(adapter, "ready", None)):
                yield binding.port.__name__, cast(Check, ready)


class _StoreCheck:
    """Reaches the store in a unit of work that reads; a `Database` must also have seen the code's migrations."""

    def __init__(self, service: Service, store: Store, timeout_s: float) -> None:
        self._service = service
        self._store = store
        self._timeout_s = timeout_s
        self._revisions: Any = None

    async def reason(self) -> str | None:
        from krepis.sql import Database
        from krepis.sql.errors import StoreBusy

        ctx = root(self._service.sources, timeout=self._timeout_s, intents=("readiness",))
        try:
            if isinstance(self._store, Database):
                return await self._database(self._store, ctx)
            await self._store.transact(ctx, "read", _nothing)
        except StoreBusy:
            return "it is busy"
        return None

    async def _database(self, database: Any, ctx: Any) -> str | None:
        from krepis.sql.revisions import current_revisions, read_revisions

        current = await current_revisions(database, ctx)
        if database.migrations is None or database.in_memory:
            return None
        if self._revisions is None:
            self._revisions = read_revisions(database.migrations)
        revisions = self._revisions
        # A database that is newer was migrated for the code that comes next; until that is here, this one serves.
        if current == revisions.heads or any(id not in revisions.by_id for id in current):
            return None
        return "the database is behind the code: run `krepis db upgrade`"


async def _nothing(unit: Any) -> None:
    return None


def _said(status: int, document: dict[str, Any]) -> Answer:
    return answer(status, b"application/json", json.encode(document), (b"cache-control", b"no-store"))
