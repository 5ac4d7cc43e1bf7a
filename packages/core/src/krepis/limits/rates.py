"""How often each caller may ask: per actor, per address, and per message, counted over all processes of a server.

```python
Rates(
    per_actor=rate(100, per_s=60),
    per_address=rate(300, per_s=60),
    of={SearchBooks: rate(10, per_s=1)},            # instead of `per_actor`
    of_address={SignIn: rate(10, per_s=60)},        # besides `per_address`
)
```

`rate(100, per_s=60)` lets 100 calls through at once, and one more every 0.6 s; what is refused does not count. A refusal
is 429 with `Retry-After`, `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10).

- Addresses are counted at the door, before anything is read. Of IPv6 addresses the first 64 bits count, since whoever has
  one has all that begin so. Behind a proxy, put `TrustedProxies` before this part.
- Actors are counted around the handler, wherever the message comes from; a caller without an actor is counted by address
  alone, and what the service does itself (`krepis.identity.SYSTEM`) not at all.
- Only the monotonic clock counts: setting the wall clock changes nothing.
"""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import Struct

from krepis._system import SystemSources
from krepis.context import Context, Sources
from krepis.errors import KrepisError, Quota, Rejection, TooManyRequests
from krepis.identity import SYSTEM
from krepis.limits._buckets import SLOT_BYTES, WAYS, Buckets
from krepis.limits._order import Ranked

if TYPE_CHECKING:
    from krepis.app import Service
    from krepis.handler import Handler
    from krepis.http.facts import Answer, Facts
    from krepis.http.table import CompiledDoor
    from krepis.part import Render, Run, Start
    from krepis.port import Store
    from krepis.wiring import Graph

BUCKETS_MAX = 65_536
"""16 bytes each: a table of 1 MiB."""

COUNT_MAX = 1_000_000
PER_S_MAX = 31 * 86_400
IPV6_PREFIX = 64
FREE_PATHS = ("/health", "/ready", "/live")

_SECOND_NS = 1_000_000_000


class Rate(Struct, frozen=True):
    """`count` calls in `per_s` seconds; make one with `rate`."""

    count: int
    per_s: float

    @property
    def interval_ns(self) -> int:
        """One call's share of the window, rounded down, so that `count` of them never exceed it."""
        return self.window_ns // self.count

    @property
    def window_ns(self) -> int:
        return int(self.per_s * _SECOND_NS)


def rate(count: int, per_s: float) -> Rate:
    """`count` calls in `per_s` seconds. Raises `KrepisError` for what is no rate."""
    if not 1 <= count <= COUNT_MAX or not 0.001 <= per_s <= PER_S_MAX:
        raise KrepisError(
            f"`rate({count}, per_s={per_s})` is no rate",
            hint=f"1 to {COUNT_MAX} calls, in 0.001 to {PER_S_MAX} seconds",
        )
    return Rate(count, per_s)


class _Limit(NamedTuple):
    """One rate with its own family of buckets."""

    name: str
    rate: Rate
    prefix: bytes
    interval_ns: int
    window_ns: int

    @classmethod
    def of(cls, name: str, what: str, given: Rate) -> _Limit:
        # A changed rate begins with new buckets, since the old ones mean something else.
        prefix = f"{name}\0{what}\0{given.count}/{given.window_ns}\0".encode()
        return cls(name, given, prefix, given.interval_ns, given.window_ns)


class Rates(Ranked):
    """Counts callers, and refuses those who ask too often with `TooManyRequests`.

    `of` has rates of single messages, for which they stand in place of `per_actor`; `of_address` rates of messages per
    address, at their doors. `file` is where the processes of a machine share their counts; without one it lies in a
    private folder among the temporary files, by the app's name. With `shared=False`, and under test sources, each
    process counts for itself. `buckets_max` is how many callers are remembered (a multiple of 8). `ipv6_prefix` is how
    many bits of an IPv6 address make a caller. `free` are paths of pages that are never counted.
    """

    rank = 4

    def __init__(
        self,
        *,
        per_actor: Rate | None = None,
        per_address: Rate | None = None,
        of: Mapping[type[Any], Rate] = MappingProxyType({}),
        of_address: Mapping[type[Any], Rate] = MappingProxyType({}),
        file: Path | str | None = None,
        shared: bool = True,
        buckets_max: int = BUCKETS_MAX,
        ipv6_prefix: int = IPV6_PREFIX,
        free: Iterable[str] = FREE_PATHS,
    ) -> None:
        if buckets_max < WAYS or buckets_max % WAYS:
            raise KrepisError(
                f"`Rates(buckets_max={buckets_max})` is no multiple of {WAYS}", hint=f"{BUCKETS_MAX}, say"
            )
        if not 1 <= ipv6_prefix <= 128:
            raise KrepisError(f"`Rates(ipv6_prefix={ipv6_prefix})` is no length of a prefix", hint="1 to 128 bits")
        self._per_actor = None if per_actor is None else _Limit.of("actor", "", per_actor)
        self._per_address = None if per_address is None else _Limit.of("address", "", per_address)
        self._of = {message: _Limit.of("actor", message.__name__, given) for message, given in of.items()}
        self._of_address = {m.__name__: _Limit.of("address", m.__name__, given) for m, given in of_address.items()}
        self._named = (*of, *of_address)
        self._file = None if file is None else Path(file)
        self._shared = shared
        self._buckets_max = buckets_max
        self._ipv6_prefix = ipv6_prefix
        self._free = tuple(free)
        self._buckets: Buckets | None = None
        self._service: Service | None = None

    def check(self, graph: Graph, store: Store | None) -> Iterable[KrepisError]:
        for message in self._named:
            if message not in graph.handlers:
                name = getattr(message, "__name__", str(message))
                yield KrepisError(
                    f"`Rates` has a rate of `{name}`, which has no handler", hint="name a message that the app handles"
                )

    def refusals(self, door: CompiledDoor) -> Iterator[type[Rejection]]:
        by_actor = self._per_actor is not None or any(m.__name__ == door.message for m in self._of)
        by_address = self._per_address is not None or door.message in self._of_address
        if by_address or (by_actor and door.access != "open"):
            yield TooManyRequests

    def around(self, handler: Handler, proceed: Run) -> Run:
        limit = self._of.get(handler.message, self._per_actor)
        if limit is None or handler.kind == "reaction":
            return proceed

        def counted(ctx: Context, message: Any, render: Render) -> Coroutine[Any, Any, Any]:
            actor = ctx.actor
            if actor is not None and actor.id != SYSTEM.id:
                tenant = ctx.tenant or ""
                key = f"{len(tenant)}:{tenant}{actor.id}".encode("utf-8", "surrogatepass")
                refusal = self._judge(limit, key, ctx.origin.sources)
                if refusal is not None:
                    raise refusal
            return proceed(ctx, message, render)

        return counted

    def door(self, door: CompiledDoor | None, proceed: Start) -> Start:
        own = None if door is None else self._of_address.get(door.message)
        limits = tuple(limit for limit in (own, self._per_address) if limit is not None)
        if not limits:
            return proceed
        free = self._free if door is None else ()

        async def counted(facts: Facts) -> Answer:
            service = self._service
            if service is not None and not any(
                facts.path == path or facts.path.startswith(path + "/") for path in free
            ):
                key = address_key(facts.client, self._ipv6_prefix)
                for limit in limits:
                    refusal = self._judge(limit, key, service.sources)
                    if refusal is not None:
                        return service.doors.refused(facts, refusal)
            return await proceed(facts)

        return counted

    def running(self, service: Service) -> AbstractAsyncContextManager[Any]:
        self.check_order(service)
        return self._running(service)

    @asynccontextmanager
    async def _running(self, service: Service) -> AsyncGenerator[None]:
        self._buckets, close = self._opened(service)
        self._service = service
        try:
            yield
        finally:
            self._service = self._buckets = None
            close()

    def _opened(self, service: Service) -> tuple[Buckets, Callable[[], None]]:
        count, sources = self._buckets_max, service.sources
        if self._file is None and not (self._shared and isinstance(sources, SystemSources)):
            return Buckets(bytearray(count * SLOT_BYTES), 0, count, sources.entropy(16)), lambda: None
        from krepis.limits._table_file import TableFile, default_file  # here: it is for systems with `fcntl`

        table = TableFile(self._file or default_file(service.app.name, count), count, sources)
        return table.buckets, table.close

    def _judge(self, limit: _Limit, key: bytes, sources: Sources) -> TooManyRequests | None:
        buckets = self._buckets
        if buckets is None:  # before the start has come this far, only the service itself is at work
            return None
        now_ns = int(sources.monotonic() * _SECOND_NS)
        spent = buckets.take(limit.prefix + key, limit.interval_ns, limit.window_ns, now_ns)
        if spent is None:
            return None
        wait_ns, reset_ns = spent
        refusal = TooManyRequests()
        refusal.retry_after = wait_ns / _SECOND_NS
        refusal.quota = Quota(limit.name, limit.rate.count, limit.rate.per_s, 0, reset_ns / _SECOND_NS)
        return refusal


def address_key(client: str, ipv6_prefix: int) -> bytes:
    """What stands for an address: an IPv4 one itself, also when it comes in IPv6 clothes, of an IPv6 one its prefix."""
    if ":" not in client:
        return client.encode("utf-8", "surrogatepass")
    try:
        address = ipaddress.IPv6Address(client.partition("%")[0])
    except ValueError:
        return client.encode("utf-8", "surrogatepass")
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped).encode()
    return b"6:" + (int(address) >> (128 - ipv6_prefix)).to_bytes(16)
