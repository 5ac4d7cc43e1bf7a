"""The wire form of a context: one protobuf message (`proto/krepis/context.proto`) for every transport.

`pack` and `unpack` are for processes that trust each other. What comes from outside goes through `believe`, which keeps
the trace and a shorter deadline and drops the rest.
"""

from __future__ import annotations

from types import MappingProxyType

from google.protobuf.message import DecodeError

from krepis._proto.context_pb2 import Context as WireContext
from krepis.context import Actor, Context, Origin, Sources, Trace, new_trace, read_tracestate
from krepis.errors import Malformed

CONTEXT_BYTES_MAX = 65_536
_MICROSECONDS = 1_000_000


def pack(ctx: Context) -> bytes:
    """`ctx` as bytes. The deadline travels as the time that is left, so the two clocks need not agree."""
    wire = WireContext(baggage=dict(ctx.baggage), intents=ctx.intents)
    wire.trace.trace_id = ctx.trace.trace_id.to_bytes(16)
    wire.trace.span_id = ctx.trace.span_id.to_bytes(8)
    wire.trace.flags = ctx.trace.flags & 0xFF
    wire.trace.state = ctx.trace.state
    remaining = ctx.remaining()
    if remaining is not None:
        wire.timeout_us = max(0, int(remaining * _MICROSECONDS))
    if ctx.tenant is not None:
        wire.tenant = ctx.tenant
    if ctx.actor is not None:
        wire.actor.id = ctx.actor.id
        wire.actor.roles.extend(sorted(ctx.actor.roles))
        wire.actor.permissions.extend(sorted(ctx.actor.permissions))
        wire.actor.credential = ctx.actor.credential
    if ctx.idempotency_key is not None:
        wire.idempotency_key = ctx.idempotency_key
    return wire.SerializeToString(deterministic=True)


def unpack(raw: bytes, sources: Sources) -> Context:
    """The context that a trusted process packed, with a span of its own under the sender's.

    Raises `Malformed` for bytes that are no context or are larger than `CONTEXT_BYTES_MAX`.
    """
    if len(raw) > CONTEXT_BYTES_MAX:
        raise Malformed(f"the context is larger than {CONTEXT_BYTES_MAX} bytes")
    try:
        wire = WireContext.FromString(raw)
    except DecodeError as error:
        raise Malformed("these bytes are no context") from error
    actor = None
    if wire.HasField("actor"):
        one = wire.actor
        actor = Actor(one.id, frozenset(one.roles), frozenset(one.permissions), one.credential)
    deadline = None
    if wire.HasField("timeout_us"):
        deadline = sources.monotonic() + wire.timeout_us / _MICROSECONDS
    return Context(
        trace=_trace(wire, sources),
        origin=Origin(sources),
        deadline=deadline,
        actor=actor,
        tenant=wire.tenant if wire.HasField("tenant") else None,
        intents=tuple(wire.intents),
        idempotency_key=wire.idempotency_key if wire.HasField("idempotency_key") else None,
        baggage=MappingProxyType(dict(wire.baggage)),
    )


def believe(raw: bytes, own: Context) -> Context:
    """`own`, narrowed by what a caller outside sent: its trace, and its deadline when that is earlier.

    Raises `Malformed` as `unpack` does.
    """
    claimed = unpack(raw, own.origin.sources)
    limits = [limit for limit in (own.deadline, claimed.deadline) if limit is not None]
    return Context(
        trace=claimed.trace,
        origin=own.origin,
        deadline=min(limits, default=None),
        actor=own.actor,
        tenant=own.tenant,
        intents=own.intents,
        idempotency_key=own.idempotency_key,
        baggage=own.baggage,
    )


def _trace(wire: WireContext, sources: Sources) -> Trace:
    trace_id = int.from_bytes(wire.trace.trace_id)
    span_id = int.from_bytes(wire.trace.span_id)
    if len(wire.trace.trace_id) != 16 or len(wire.trace.span_id) != 8 or not trace_id or not span_id:
        return new_trace(sources)
    own = sources.number() & 0xFFFFFFFFFFFFFFFF or 1
    return Trace(trace_id, own, span_id, wire.trace.flags & 0xFF, read_tracestate(wire.trace.state))
