"""What a context takes from a caller's headers, and gives to the services that it calls.

Trace Context (W3C, `traceparent` and `tracestate`) and Baggage (W3C) in and out, `request-timeout` (the seconds that the
caller will wait), and `krepis-context` (the wire form of `krepis.wire`, base64url). Of a caller outside nothing but the
trace and a shorter deadline is believed: no tenant, no actor.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import quote, unquote_to_bytes

from krepis.context import Context, Origin, Sources, Trace, new_trace, read_tracestate
from krepis.errors import Malformed

BAGGAGE_BYTES_MAX = 8192  # W3C Baggage, section 3.3.2
BAGGAGE_MEMBERS_MAX = 64
NO_BAGGAGE: Mapping[str, str] = MappingProxyType({})

_HEX = frozenset("0123456789abcdef")


def incoming(
    sources: Sources, headers: Mapping[bytes, bytes], *, deadline: float, started: float, intents: tuple[str, ...]
) -> Context:
    """The root context of a request from outside. What doesn't parse is ignored, as both W3C documents ask for."""
    parent = headers.get(b"traceparent")
    wanted = headers.get(b"request-timeout")
    carried = headers.get(b"baggage")
    key = headers.get(b"idempotency-key")
    if wanted is not None:
        deadline = min(deadline, started + _seconds(wanted))
    ctx = Context(
        new_trace(sources) if parent is None else _continued(sources, parent, headers.get(b"tracestate", b"")),
        Origin(sources),
        deadline,
        None,
        None,
        intents,
        None if key is None else key.decode("latin-1"),  # whole: `krepis.idempotency` refuses what is no key
        NO_BAGGAGE if carried is None else read_baggage(carried),
    )
    packed = headers.get(b"krepis-context")
    return ctx if packed is None else _believed(packed, ctx)


def outgoing(ctx: Context, *, trusted: bool = False) -> dict[str, str]:
    """The headers that carry `ctx` to another service: its trace, its baggage, the time that is left.

    `trusted` adds the whole context, actor and tenant included, for a service of one's own.
    """
    headers = {"traceparent": ctx.trace.traceparent}
    if trusted:
        from krepis.wire import pack

        headers["krepis-context"] = urlsafe_b64encode(pack(ctx)).decode()
    if ctx.trace.state:
        headers["tracestate"] = ctx.trace.state
    if ctx.baggage:
        headers["baggage"] = ",".join(f"{quote(name)}={quote(value)}" for name, value in ctx.baggage.items())
    remaining = ctx.remaining()
    if remaining is not None:
        headers["request-timeout"] = f"{max(0.0, remaining):.3f}"
    return headers


def read_traceparent(text: str) -> tuple[int, int, int] | None:
    """Trace id, parent id and flags of a `traceparent`, or `None` (W3C Trace Context, section 3.2)."""
    parts = text.split("-")
    if len(parts) < 4 or [len(part) for part in parts[:4]] != [2, 32, 16, 2] or not set("".join(parts[:4])) <= _HEX:
        return None
    version, trace_id, parent_id, flags = (int(part, 16) for part in parts[:4])
    if version == 0xFF or (version == 0 and len(parts) != 4) or not trace_id or not parent_id:
        return None
    return trace_id, parent_id, flags


def read_baggage(raw: bytes) -> Mapping[str, str]:
    """The members of a `baggage` header; properties after `;` are dropped, and all of it when it is over the limits."""
    if len(raw) > BAGGAGE_BYTES_MAX:
        return NO_BAGGAGE
    members: dict[str, str] = {}
    for member in raw.split(b","):
        name, found, value = member.partition(b";")[0].partition(b"=")
        key = name.strip().decode("latin-1")
        if found and key and len(members) < BAGGAGE_MEMBERS_MAX:
            members[key] = unquote_to_bytes(value.strip()).decode("utf-8", "replace")
    return MappingProxyType(members)


def _continued(sources: Sources, parent: bytes, state: bytes) -> Trace:
    known = read_traceparent(parent.decode("latin-1").strip())
    if known is None:
        return new_trace(sources)
    trace_id, parent_id, flags = known
    own = sources.number() & 0xFFFFFFFFFFFFFFFF or 1
    return Trace(trace_id, own, parent_id, flags & 1, read_tracestate(state.decode("latin-1")))


def _believed(packed: bytes, ctx: Context) -> Context:
    from krepis.wire import believe

    try:
        return believe(urlsafe_b64decode(packed), ctx)
    except (ValueError, Malformed):
        return ctx


def _seconds(raw: bytes) -> float:
    """Seconds as digits with at most one point; anything else is no limit."""
    text = raw.strip()
    if text.replace(b".", b"", 1).isdigit() and len(text) <= 12:
        return float(text)
    return float("inf")
