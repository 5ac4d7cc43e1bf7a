"""Who really calls, when proxies stand between: what they say is believed from the right, as long as they are ours.

```text
X-Forwarded-For: 6.6.6.6, 203.0.113.9, 10.0.0.7        peer 10.0.0.2, trusted: 10.0.0.0/8
                 (claimed) <- the caller <- ours
```

Each proxy adds at the right whom it has seen. So everything left of the first address that is not ours was written by
somebody we know nothing about.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Literal

from krepis.errors import KrepisError
from krepis.limits._order import Ranked

if TYPE_CHECKING:
    from krepis.app import Service
    from krepis.http.facts import Answer, Facts
    from krepis.http.table import CompiledDoor
    from krepis.part import Start

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

HOPS_MAX = 16
ADDRESSES_REMEMBERED_MAX = 1024
ADDRESS_CHARACTERS_MAX = 64
"""More than the longest IPv6 address in brackets with its port."""

_PAIR = re.compile(r'\s*([!#$%&\'*+.^_`|~0-9A-Za-z-]+)=("(?:[^"\\]|\\.)*"|[^\s;,"]*)\s*(?:([;,])|$)')


class TrustedProxies(Ranked):
    """Takes `facts.client` and `facts.scheme` from the headers of trusted proxies, and leaves them alone otherwise.

    `networks` are addresses (`10.0.0.2`), networks (`10.0.0.0/8`, `fd00::/8`) or `unix` for peers on a Unix socket.
    `header` is the one that the proxies write: `x-forwarded-for` (with `x-forwarded-proto`) or `forwarded` (RFC 7239).
    The other one is not read: a proxy passes on what it doesn't know, so callers could write it. At most `hops_max`
    hops are looked at. What is no address ends the way: the last address that was seen for sure stays.
    """

    rank = 1

    def __init__(
        self,
        *networks: str,
        header: Literal["x-forwarded-for", "forwarded"] = "x-forwarded-for",
        hops_max: int = HOPS_MAX,
    ) -> None:
        if not networks:
            raise KrepisError("`TrustedProxies()` trusts nobody", hint='name networks: TrustedProxies("10.0.0.0/8")')
        if header not in ("x-forwarded-for", "forwarded"):
            raise KrepisError(f"there is no way to read `{header}`", hint="`x-forwarded-for` or `forwarded`")
        if hops_max < 1:
            raise KrepisError(f"`TrustedProxies(hops_max={hops_max})` sees no proxy", hint="at least 1")
        self._unix = "unix" in networks
        self._networks = tuple(_network(one) for one in networks if one != "unix")
        self._read = _forwarded if header == "forwarded" else _x_forwarded
        self._hops_max = hops_max
        self._seen: dict[str, tuple[str, bool] | None] = {}

    def running(self, service: Service) -> AbstractAsyncContextManager[Any] | None:
        self.check_order(service)
        return None

    def door(self, door: CompiledDoor | None, proceed: Start) -> Start:
        del door

        async def seen_through(facts: Facts) -> Answer:
            if self.trusts(facts.client):
                self._look(facts)
            return await proceed(facts)

        return seen_through

    def trusts(self, client: str) -> bool:
        """Whether that peer is one of ours."""
        if not client:
            return self._unix
        known = self._known(client)
        return known is not None and known[1]

    def _known(self, text: str) -> tuple[str, bool] | None:
        """The address in a text, as it is usually written, and whether it is one of ours; `None` for no address."""
        if text in self._seen:
            return self._seen[text]
        if len(text) > ADDRESS_CHARACTERS_MAX:
            return None
        if len(self._seen) >= ADDRESSES_REMEMBERED_MAX:
            self._seen.clear()
        address = address_of(text)
        known = None if address is None else (str(address), any(address in network for network in self._networks))
        self._seen[text] = known
        return known

    def _look(self, facts: Facts) -> None:
        for client, scheme in reversed(self._read(facts.headers, self._hops_max)):
            known = self._known(client)
            if known is None:
                return
            facts.client, ours = known
            if scheme in ("http", "https"):
                facts.scheme = scheme
            if not ours:
                return


def address_of(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address in what a proxy wrote: with a port or without, IPv6 in brackets or bare; `None` for anything else."""
    if text.startswith("["):
        text, closed, port = text[1:].partition("]")
        if not closed or (port and not (port[0] == ":" and port[1:].isdecimal())):
            return None
    elif text.count(":") == 1:
        text, _, port = text.partition(":")
        if not port.isdecimal():
            return None
    if "%" in text or not text.isascii():  # a zone means something on the machine that wrote it only
        return None
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _x_forwarded(headers: Mapping[bytes, bytes], hops_max: int) -> Sequence[tuple[str, str]]:
    """Address and scheme of each hop, the nearest last. Where there are not as many schemes as hops, the nearest proxy's
    speaks for all.
    """
    clients = _listed(headers.get(b"x-forwarded-for", b""), hops_max)
    schemes = [scheme.lower() for scheme in _listed(headers.get(b"x-forwarded-proto", b""), hops_max)]
    if len(schemes) != len(clients):
        schemes = (schemes[-1:] or [""]) * len(clients)
    return list(zip(clients, schemes, strict=True))


def _listed(raw: bytes, hops_max: int) -> list[str]:
    return [part.strip().decode("latin-1") for part in raw.rsplit(b",", hops_max)[-hops_max:]] if raw else []


def _forwarded(headers: Mapping[bytes, bytes], hops_max: int) -> Sequence[tuple[str, str]]:
    """`for` and `proto` of each element of RFC 7239, section 4; nothing of a field that breaks its grammar."""
    text = headers.get(b"forwarded", b"").decode("latin-1")
    hops: list[tuple[str, str]] = []
    pairs: dict[str, str] = {}
    at = 0
    while at < len(text):
        found = _PAIR.match(text, at)
        if found is None:
            return ()
        at = found.end()
        value = found[2]
        pairs[found[1].lower()] = re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
        if found[3] != ";":
            hops.append((pairs.get("for", "unknown"), pairs.get("proto", "").lower()))
            pairs = {}
    return hops[-hops_max:]


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise KrepisError(
            f"`{text}` is no address and no network: {error}", hint="write `10.0.0.2`, `10.0.0.0/8` or `unix`"
        ) from error
