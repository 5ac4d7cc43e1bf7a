"""`Audit`: the part of an app that writes an entry for each command."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

from krepis.audit import tables
from krepis.audit.chain import Entries, Hashing, Outcome
from krepis.audit.sequencer import Sequencer
from krepis.context import Context, root
from krepis.errors import KrepisError, Rejection
from krepis.handler import Handler
from krepis.part import Invoke, Part, Render, Run
from krepis.redaction import Redaction
from krepis.sql import Database, Sql, missing_tables
from krepis.types.secret import Secret

if TYPE_CHECKING:
    from krepis.app import Service
    from krepis.port import Store
    from krepis.wiring import Graph

KEY_BYTES_MIN = 32
REFUSAL_TIMEOUT_S = 5.0


class Audit(Part):
    """Keeps an entry of each command that was done, in the command's own transaction: no entry, no change.

    - `key`: with it, the chain is made with HMAC-SHA-256, and nobody without the key can make one that fits. At least
      `KEY_BYTES_MIN` bytes, kept outside of the database, the same from the first entry on.
    - `refused`: commands that were refused or failed are entries, too (`outcome`), each in a transaction of its own.
    - `leave_out`: commands that are not kept.
    - `secret_names`: parts of names whose values are hidden, beside `krepis.redaction.SECRET_NAMES`.
    """

    def __init__(
        self,
        *,
        key: Secret | str | bytes | None = None,
        refused: bool = False,
        leave_out: Sequence[type[Any]] = (),
        secret_names: Iterable[str] = (),
    ) -> None:
        self.hashing = Hashing(_key(key))
        self._refused = refused
        self._leave_out = frozenset(leave_out)
        self._entries = Entries(Redaction(secret_names))
        self._sequencer: Sequencer | None = None

    def statements(self) -> Sequence[Callable[..., Any]]:
        return (tables.Row,)

    def check(self, graph: Graph, store: Store | None) -> Iterable[KrepisError]:
        return missing_tables(store, tables.TABLES, "the audit log")

    def inside(self, handler: Handler, proceed: Invoke) -> Invoke:
        if not self._keeps(handler):
            return proceed
        entries = self._entries

        async def audited(ctx: Context, message: Any, unit: Sql) -> Any:
            answer = await proceed(ctx, message, unit)
            await unit.run(tables.ADD_PENDING, id=ctx.new_id(), at=ctx.now(), entry=entries.entry(ctx, message, "done"))
            return answer

        return audited

    def around(self, handler: Handler, proceed: Run) -> Run:
        if not self._keeps(handler):
            return proceed

        async def waking(ctx: Context, message: Any, render: Render) -> Any:
            answer = await proceed(ctx, message, render)
            if self._sequencer is not None:
                self._sequencer.wake()
            return answer

        return self._noting(waking) if self._refused else waking

    def running(self, service: Service) -> AbstractAsyncContextManager[Any]:
        database = service.app.store
        assert isinstance(database, Database), "`check` has refused an app without one"
        self._sequencer = Sequencer(database, service.sources, self.hashing)
        self._store = database
        return self._sequencer.running_by_hand() if service.by_hand else self._sequencer.running()

    async def settle(self, service: Service) -> tuple[int, list[BaseException]]:
        assert self._sequencer is not None, "only a service that runs is settled"
        try:
            return await self._sequencer.move_all(), []
        except Exception as error:  # noqa: BLE001 - whoever asks is told
            return 0, [error]

    async def ready(self) -> str | None:
        """Why the chain can't go on."""
        return None if self._sequencer is None else self._sequencer.stuck

    def _keeps(self, handler: Handler) -> bool:
        return handler.kind == "command" and handler.message not in self._leave_out

    def _noting(self, proceed: Run) -> Run:
        async def noting(ctx: Context, message: Any, render: Render) -> Any:
            try:
                return await proceed(ctx, message, render)
            except Rejection as refusal:
                await self._note(ctx, message, "refused", refusal.code)
                raise
            except Exception as error:
                await self._note(ctx, message, "failed", type(error).__name__)
                raise

        return noting

    async def _note(self, ctx: Context, message: Any, outcome: Outcome, code: str) -> None:
        """Keep what was not done. When that can't be kept either, the log says so: the refusal is the answer."""
        row = {"at": ctx.now(), "entry": self._entries.entry(ctx, message, outcome, code)}
        own = root(ctx.origin.sources, timeout=REFUSAL_TIMEOUT_S, intents=("audit",))

        async def work(sql: Sql) -> None:
            await sql.run(tables.ADD_PENDING, id=own.new_id(), **row)

        sequencer = self._sequencer
        if sequencer is None:
            return
        try:
            await self._store.transact(own, "write", work)
            sequencer.wake()
        except Exception as error:  # noqa: BLE001 - see above
            lost = {"outcome": outcome, "code": code, "error": error}
            ctx.origin.sources.emit("error", "audit_lost", {"trace": ctx.trace.id, **lost})


def _key(key: Secret | str | bytes | None) -> bytes | None:
    if key is None:
        return None
    raw = key if isinstance(key, bytes) else (key.reveal() if isinstance(key, Secret) else key).encode()
    if len(raw) < KEY_BYTES_MIN:
        raise KrepisError(
            f"the key of the audit log has {len(raw)} bytes, it needs {KEY_BYTES_MIN}",
            hint="make one: python -c 'import secrets; print(secrets.token_hex(32))'",
        )
    return raw
