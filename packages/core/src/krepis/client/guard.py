"""Whom a client may call: keeps addresses that came from outside away from the private network (SSRF).

A name is resolved once, every address that it has is judged, and the connection goes to the address that was judged: a
name that resolves to something else a moment later changes nothing. The certificate is still that of the name.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING

from krepis.errors import KrepisError

if TYPE_CHECKING:
    import httpx

_NAT64 = 0x0064FF9B0000000000000000  # 64:ff9b::/96 (RFC 6052), an IPv4 address in the last 32 bits


class NotAllowedError(KrepisError):
    """An address that this client must not call. Where the address came from a caller, refuse it as invalid."""


class Guard:
    """`hosts`: names that may be called, none for all; `private`: whether addresses that are not public may be."""

    def __init__(self, hosts: Sequence[str], *, private: bool) -> None:
        self._hosts = frozenset(host.lower().rstrip(".") for host in hosts)
        self.private = private

    async def admit(self, request: httpx.Request) -> None:
        """Let a request pass, directed to an address that was judged. Raises `NotAllowedError`, or `OSError` for a name
        that has no address.
        """
        url = request.url
        host = url.host.lower().rstrip(".")
        if url.scheme not in ("http", "https") or not host or url.userinfo:
            raise NotAllowedError("only http and https addresses without user information are called")
        if self._hosts and host not in self._hosts:
            raise NotAllowedError(f"`{host}` is not among the hosts of this client", hint="add it to `hosts=`")
        if self.private:
            return
        addresses = await _resolved(host, url.port or (443 if url.scheme == "https" else 80))
        if not all(is_public(address) for address in addresses):
            raise NotAllowedError(f"`{host}` is not a public address", hint="name it in `hosts=` if it is meant")
        request.url = url.copy_with(host=addresses[0])  # the header `Host` is set already, with the name
        if url.scheme == "https":
            request.extensions = {**request.extensions, "sni_hostname": url.host}


def is_public(text: str) -> bool:
    """Whether an address can be reached by everybody; an IPv4 address inside of an IPv6 one is judged as itself."""
    address: IPv4Address | IPv6Address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and int(address) >> 32 == _NAT64:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if address.teredo is not None:
            return False
        address = inner or address
    return address.is_global and not address.is_multicast


async def _resolved(host: str, port: int) -> list[str]:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(where[0]) for *_, where in found))
