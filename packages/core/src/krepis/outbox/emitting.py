"""The adapter behind `Events`: writes an event into the transaction of whoever emits it, with one statement."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct
from sqlalchemy import bindparam, insert

from krepis.context import Context
from krepis.errors import KrepisError
from krepis.events import Events
from krepis.message import Event
from krepis.outbox.kinds import Kinds
from krepis.outbox.tables import events
from krepis.sql import Sql, statement
from krepis.wire import CONTEXT_BYTES_MAX, pack

CHAIN_MAX = 100
"""The longest chain of intents under which events are emitted: longer ones are reactions that set each other off."""

_STORED = ("id", "name", "about", "tenant", "body", "context", "reactions", "at")

EMIT = statement(insert(events).values({name: bindparam(name, type_=events.c[name].type) for name in _STORED}))


class Emitted(Struct, frozen=True):
    """How events are emitted in one app: their kinds, who reacts to which class, how long a body may be."""

    kinds: Kinds
    reactions: Mapping[type[Event], tuple[str, ...]] = MappingProxyType({})
    body_max: int = 262_144

    def body(self, event: Event) -> str:
        """`event` as JSON. Raises `KrepisError` when it is longer than an event may be."""
        body = self.kinds.body(event)
        if len(body.encode()) > self.body_max:
            raise KrepisError(
                f"`{type(event).__name__}` has {len(body.encode())} bytes, and an event may have {self.body_max}",
                hint="let the event name what it is about, or raise `Outbox(body_max=...)`",
            )
        return body

    def context(self, ctx: Context, event: Event) -> bytes:
        """The context to go on with. Raises `KrepisError` for a chain without end."""
        packed = pack(ctx)
        if len(ctx.intents) >= CHAIN_MAX or len(packed) > CONTEXT_BYTES_MAX:
            ending = " -> ".join(ctx.intents[-4:])
            raise KrepisError(
                f"`{type(event).__name__}` would be the next of a chain of {len(ctx.intents)} intents: ... {ending}",
                hint="its reactions set each other off; let one of them see that there is nothing left to do",
            )
        return packed


class SqlEvents(Events):
    """`Events` in the database of the app."""

    def __init__(self, sql: Sql, emitted: Emitted) -> None:
        self._sql = sql
        self._emitted = emitted

    async def emit(self, ctx: Context, event: Event) -> None:
        emitted = self._emitted
        await self._sql.run(
            EMIT,
            id=ctx.new_id(),
            name=type(event).__name__,
            about=emitted.kinds.about(event),
            tenant=ctx.tenant,
            body=emitted.body(event),
            context=emitted.context(ctx, event),
            reactions=list(emitted.reactions.get(type(event), ())),
            at=ctx.now(),
        )
