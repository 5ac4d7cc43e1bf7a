"""The part itself: what it puts around and inside of commands, and the removal of old answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from krepis.beside import beside
from krepis.context import Context
from krepis.errors import KrepisError, Malformed, Rejection
from krepis.http.facts import Answer
from krepis.idempotency._answers import AnswerNotKept, AnswerOutdated, Answers, tells_secrets, unreadable
from krepis.idempotency._calls import (
    KEY_CHARACTERS_MAX,
    BadIdempotencyKey,
    Call,
    IdempotencyKeyReused,
    once,
    once_phased,
    unquoted,
)
from krepis.idempotency._tables import CLEAN, FIND, TABLES, Kept
from krepis.identity import SYSTEM
from krepis.part import Invoke, Part, Render, Run
from krepis.sql import Sql, missing_tables

if TYPE_CHECKING:
    from krepis.app import Service
    from krepis.handler import Handler
    from krepis.http.table import CompiledDoor
    from krepis.port import Store
    from krepis.wiring import Graph

ANONYMOUS_KEY_CHARACTERS_MIN = 16
KEEP_S = 24 * 3600.0
ANSWER_BYTES_MAX = 1024 * 1024
CLEAN_EVERY_S = 600.0
CLEAN_ROWS_MAX = 500

REPLAYED = (b"idempotency-replayed", b"true")


class IdempotencyKeyRequired(Malformed):
    """The command is only taken with a key (HTTP 400)."""

    message = "send a new `Idempotency-Key` with each new wish, and the same one when you repeat it"


class Idempotency(Part):
    """Gives the first answer again to whoever sends a command again with the same key.

    - `required`: commands that are refused without a key. Schedules and jobs (`SYSTEM`) need none.
    - `unkept`: commands whose answers are not kept, beside those that hold a secret. A repeated call is refused.
    - `kept`: commands whose answers are kept although a field of theirs is named like a secret's.
    - `keep_s`: how long an answer is kept, at least; `clean_every_s`, `clean_rows_max`: how often older ones are removed,
      and how many in one transaction.
    - `answer_bytes_max`: the largest answer that is stored; a command whose answer is larger fails, and is undone.
    - `anonymous_key_min`: how long the key of a caller without a name must be.
    """

    def __init__(
        self,
        *,
        required: Sequence[type[Any]] = (),
        unkept: Sequence[type[Any]] = (),
        kept: Sequence[type[Any]] = (),
        keep_s: float = KEEP_S,
        answer_bytes_max: int = ANSWER_BYTES_MAX,
        anonymous_key_min: int = ANONYMOUS_KEY_CHARACTERS_MIN,
        clean_every_s: float = CLEAN_EVERY_S,
        clean_rows_max: int = CLEAN_ROWS_MAX,
    ) -> None:
        self._required = tuple(required)
        self._unkept = frozenset(unkept)
        self._kept = frozenset(kept)
        # Commands whose answers are not kept; known when the app has been checked.
        self._untold: frozenset[type[Any]] = frozenset()
        self._keep = timedelta(seconds=keep_s)
        self._answer_bytes_max = answer_bytes_max
        self._anonymous_key_min = anonymous_key_min
        self._clean_every_s = clean_every_s
        self._clean_rows_max = clean_rows_max
        self._store: Store | None = None
        # What `around` knows of a call, for `inside`, by the identity of its unit's origin: both see the same one.
        self._calls: dict[int, Call] = {}

    def statements(self) -> Sequence[Callable[..., Any]]:
        return (Kept,)

    def check(self, graph: Graph, store: Store | None) -> Iterable[KrepisError]:
        self._store = store
        yield from missing_tables(store, TABLES, "idempotency")
        for message in (*self._required, *self._unkept, *self._kept):
            handler = graph.handlers.get(message)
            if handler is None or handler.kind != "command":
                yield KrepisError(
                    f"Idempotency names `{message.__name__}`, which is no command of the app", hint="take it out"
                )
            elif message in self._kept and (message in self._unkept or tells_secrets(handler, by_name=False)):
                yield KrepisError(
                    f"Idempotency is to keep the answers of `{message.__name__}`, and must not",
                    hint="take it out of `kept`: a `Secret` is never stored, and what is `unkept` isn't either",
                )
        commands = [handler for handler in graph.handlers.values() if handler.kind == "command"]
        self._untold = self._unkept | {
            one.message for one in commands if tells_secrets(one, by_name=one.message not in self._kept)
        }
        for handler in commands:
            if handler.message not in self._untold and (problem := unreadable(handler)):
                yield problem

    def around(self, handler: Handler, proceed: Run) -> Run:
        if handler.kind != "command":
            return proceed
        required = handler.message in self._required

        def around(ctx: Context, message: Any, render: Render) -> Coroutine[Any, Any, Any]:
            if ctx.idempotency_key is not None:
                return self._called(ctx, message, render, proceed)
            if required and ctx.actor != SYSTEM:
                raise IdempotencyKeyRequired
            return proceed(ctx, message, render)

        return around

    def inside(self, handler: Handler, proceed: Invoke) -> Invoke:
        if handler.kind != "command":
            return proceed
        calls = self._calls
        answers = Answers(handler, self._answer_bytes_max, keeps=handler.message not in self._untold)

        def inside(ctx: Context, message: Any, unit: Any) -> Any:
            call = calls.get(id(ctx.origin))
            if call is None:
                return proceed(ctx, message, unit)
            run = once if unit.writing else once_phased
            return run(call, answers, ctx, unit, lambda: proceed(ctx, message, unit))

        return inside

    def refusals(self, door: CompiledDoor) -> Iterable[type[Rejection]]:
        if door.method == "GET":
            return ()
        required = any(door.message == one.__name__ for one in self._required)
        untold = any(door.message == one.__name__ for one in self._untold)
        wanted = (IdempotencyKeyRequired,) if required else ()
        return (BadIdempotencyKey, IdempotencyKeyReused, *wanted, AnswerNotKept if untold else AnswerOutdated)

    def running(self, service: Service) -> AbstractAsyncContextManager[Any] | None:
        return None if service.by_hand else beside(self._clean_on(service))

    async def clean(self, service: Service) -> int:
        """Remove what is older than `keep_s`, in bounded batches; answers with how many there were."""
        store, removed = service.app.store, 0
        assert store is not None, "`check` has seen a database"
        while True:
            ctx = service.context(actor=SYSTEM, timeout=60, intent="clean idempotency keys")
            rows = {"before": ctx.now() - self._keep, "count_max": self._clean_rows_max}
            batch: int = await store.transact(ctx, "write", lambda sql, rows=rows: sql.run(CLEAN, **rows))
            removed += batch
            if batch < self._clean_rows_max:
                return removed
            await asyncio.sleep(0)  # others are waiting, too

    async def _called(self, ctx: Context, message: Any, render: Render, proceed: Run) -> Any:
        key = self._key(ctx)
        if key != ctx.idempotency_key:
            ctx = ctx.narrow(idempotency_key=key)
        call = Call(ctx, key, message)

        def rendering(answer: Any) -> Any:
            reply = render(answer)
            if call.replayed and isinstance(reply, Answer):
                reply.headers.insert(0, REPLAYED)  # in front: an ETag stands last
            return reply

        self._calls[id(ctx.origin)] = call
        try:
            try:
                return await proceed(ctx, message, rendering)
            except Rejection:
                # A concurrent call may have won while this one was calling out, and is why this one is refused.
                if not call.phased or not await self._is_answered(ctx, call):
                    raise
                ctx.origin.rewind()
                return await proceed(ctx, message, rendering)
        finally:
            del self._calls[id(ctx.origin)]

    def _key(self, ctx: Context) -> str:
        key = unquoted(ctx.idempotency_key or "")
        if not 1 <= len(key) <= KEY_CHARACTERS_MAX or not key.isascii() or not key.isprintable():
            raise BadIdempotencyKey(f"an idempotency key has 1 to {KEY_CHARACTERS_MAX} printable ASCII characters")
        if ctx.actor is None and len(key) < self._anonymous_key_min:
            raise BadIdempotencyKey(
                f"an idempotency key of a caller without a name has at least {self._anonymous_key_min} characters: "
                "a UUID is a good one"
            )
        return key

    async def _is_answered(self, ctx: Context, call: Call) -> bool:
        async def look(sql: Sql) -> bool:
            return await sql.first(FIND, id=call.id) is not None

        assert self._store is not None
        return await self._store.transact(ctx, "read", look)

    async def _clean_on(self, service: Service) -> None:
        while True:
            # Not all processes at once.
            await asyncio.sleep(self._clean_every_s * (0.5 + (service.sources.number() & 0xFFFF) / 0x10000))
            try:
                await self.clean(service)
            except Exception as error:  # noqa: BLE001 - it is tried again; nothing else depends on it
                ctx = service.context(actor=SYSTEM, intent="clean idempotency keys")
                ctx.log.warning("idempotency_not_cleaned", error=repr(error))
