"""Headers that keep browsers from doing with answers what they were not made for, on every answer of the service."""

from __future__ import annotations

import re
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

from krepis.errors import KrepisError
from krepis.limits._order import Ranked

if TYPE_CHECKING:
    from krepis.app import Service
    from krepis.http.facts import Answer, Facts, Headers
    from krepis.http.table import CompiledDoor
    from krepis.part import Start

HSTS_S = 31_536_000
REFERRER_POLICY = "no-referrer"
FRAME_ANCESTORS = "'none'"
CONTENT_POLICY = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'"

_VALUE = re.compile(r"[\x20-\x7e]*")


class SecurityHeaders(Ranked):
    """What goes with which answer:

    - all: `X-Content-Type-Options: nosniff`, `Referrer-Policy`;
    - over https: `Strict-Transport-Security` (RFC 6797) for `hsts_s` seconds, with `hsts_subdomains` for those, too;
      0 leaves it out. Behind a proxy, `TrustedProxies` has to stand before this part to know https;
    - HTML: `Content-Security-Policy` with `frame_ancestors` and, for doors of the app, `content_policy`. Krepis's own
      pages bring their own policy along, so `/docs` works. A policy that the answer has already stays.

    Whatever is mounted (`Doors.mount`) answers for itself.
    """

    rank = 2

    def __init__(
        self,
        *,
        hsts_s: int = HSTS_S,
        hsts_subdomains: bool = False,
        referrer_policy: str = REFERRER_POLICY,
        frame_ancestors: str = FRAME_ANCESTORS,
        content_policy: str = CONTENT_POLICY,
    ) -> None:
        for name, text in (
            ("referrer_policy", referrer_policy),
            ("frame_ancestors", frame_ancestors),
            ("content_policy", content_policy),
        ):
            if not _VALUE.fullmatch(text):
                raise KrepisError(f"`SecurityHeaders({name}=...)` is no value of a header", hint="ASCII, on one line")
        if hsts_s < 0:
            raise KrepisError(f"`SecurityHeaders(hsts_s={hsts_s})` is before now", hint="0 leaves the header out")
        self._always: Headers = [
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", referrer_policy.encode()),
        ]
        hsts = b"max-age=%d" % hsts_s + b"; includeSubDomains" * hsts_subdomains
        self._secure: Headers = [*self._always, (b"strict-transport-security", hsts)] if hsts_s else self._always
        frames = f"frame-ancestors {frame_ancestors}"
        self._frames = frames.encode()
        self._policy = f"{content_policy}; {frames}".strip("; ").encode()

    def running(self, service: Service) -> AbstractAsyncContextManager[Any] | None:
        self.check_order(service)
        return None

    def door(self, door: CompiledDoor | None, proceed: Start) -> Start:
        policy = self._frames if door is None else self._policy

        async def guarded(facts: Facts) -> Answer:
            reply = await proceed(facts)
            headers = reply.headers
            if _is_html(headers) and all(name != b"content-security-policy" for name, _ in headers):
                headers.append((b"content-security-policy", policy))
            headers += self._secure if facts.scheme == "https" else self._always
            return reply

        return guarded


def _is_html(headers: Headers) -> bool:
    for name, value in headers:
        if name == b"content-type":
            return value.startswith((b"text/html", b"application/xhtml"))
    return False
