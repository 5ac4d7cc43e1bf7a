"""Which web pages of other origins may use the service from a browser (WHATWG Fetch, "CORS protocol").

It protects no service: it tells browsers what they may show to scripts. An origin that is not listed gets the same
answers without the headers, and its browser keeps them from the page.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

from krepis.errors import KrepisError
from krepis.limits._order import Ranked

if TYPE_CHECKING:
    from krepis.app import Service
    from krepis.http.facts import Answer, Facts, Headers
    from krepis.http.table import CompiledDoor
    from krepis.part import Start

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
HEADERS = (
    "authorization",
    "content-type",
    "idempotency-key",
    "if-match",
    "if-none-match",
    "last-event-id",
    "request-timeout",
    "traceparent",
    "tracestate",
)
EXPOSED = ("etag", "location", "ratelimit", "ratelimit-policy", "retry-after")
MAX_AGE_S = 600

_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(?:[a-z0-9.-]+|\[[0-9a-f:]+\])(?::[0-9]{1,5})?")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_DEFAULT_PORT = re.compile(r"http://.*:80|https://.*:443")


class Cors(Ranked):
    """Pages of `origins` may call the doors.

    `origins` are written as browsers send them: `https://shop.example.org`, with the port if it is not the usual one;
    `("*",)` means every page, `null` pages without an origin (files, sandboxes). `credentials` lets browsers send
    cookies and certificates; then origins have to be named. `methods` and `headers` are what scripts may send beside
    what is always allowed, `expose` the headers of answers that they may read. `max_age_s` is how long a browser may
    remember the answer to its question.
    """

    rank = 3

    def __init__(
        self,
        *,
        origins: Sequence[str],
        methods: Sequence[str] = METHODS,
        headers: Sequence[str] = HEADERS,
        expose: Sequence[str] = EXPOSED,
        credentials: bool = False,
        max_age_s: int = MAX_AGE_S,
    ) -> None:
        _check(origins, (*methods, *headers, *expose), credentials=credentials, max_age_s=max_age_s)
        self._any = "*" in origins
        self._origins = frozenset(origin.encode() for origin in origins)
        self._methods = frozenset(method.encode() for method in methods)
        self._credentials: Headers = [(b"access-control-allow-credentials", b"true")] if credentials else []
        self._preflight: Headers = [(b"access-control-max-age", b"%d" % max_age_s)]
        if headers:
            listed = ", ".join(header.lower() for header in headers).encode()
            self._preflight.append((b"access-control-allow-headers", listed))
        self._exposed: Headers = [(b"access-control-expose-headers", ", ".join(expose).encode())] if expose else []

    def running(self, service: Service) -> AbstractAsyncContextManager[Any] | None:
        self.check_order(service)
        return None

    def door(self, door: CompiledDoor | None, proceed: Start) -> Start:
        del door

        async def shared(facts: Facts) -> Answer:
            reply = await proceed(facts)
            headers = reply.headers
            if not self._any:
                # Also without an `Origin`: a cache must not give a page the answer that was made for another.
                vary(headers, b"Origin")
            origin = facts.headers.get(b"origin")
            if origin is None or not (self._any or origin in self._origins):
                return reply
            headers.append((b"access-control-allow-origin", b"*" if self._any else origin))
            headers += self._credentials
            if facts.method != "OPTIONS" or b"access-control-request-method" not in facts.headers:
                headers += self._exposed
            elif reply.status == 204:
                self._allow(headers)
            return reply

        return shared

    def _allow(self, headers: Headers) -> None:
        """What a script may do here, as answer to a preflight: of the methods those that the path has."""
        here = next((value for name, value in headers if name == b"allow"), b"").split(b", ")
        allowed = [method for method in here if method in self._methods]
        headers.append((b"access-control-allow-methods", b", ".join(allowed)))
        headers += self._preflight


def vary(headers: Headers, name: bytes) -> None:
    """Add a name to `Vary`, beside those that are there."""
    for at, (header, value) in enumerate(headers):
        if header == b"vary":
            if name.lower() not in (known.strip().lower() for known in value.split(b",")) and value != b"*":
                headers[at] = (header, value + b", " + name)
            return
    headers.append((b"vary", name))


def _check(origins: Sequence[str], names: Sequence[str], *, credentials: bool, max_age_s: int) -> None:
    if isinstance(origins, str) or not origins:
        raise KrepisError("`Cors(origins=...)` takes a tuple of origins", hint='write `origins=("https://a.example",)`')
    if credentials and {"*", "null"} & {*origins}:
        raise KrepisError(
            "`Cors` with credentials would let every page act for whoever is signed in",
            hint="name the origins; neither `*` nor `null` goes with `credentials=True`",
        )
    for origin in origins:
        if origin in ("*", "null"):
            continue
        if not _ORIGIN.fullmatch(origin) or _DEFAULT_PORT.fullmatch(origin):
            raise KrepisError(
                f"`{origin}` is no origin as browsers write it",
                hint="scheme and host in small letters, without a path, a slash at the end or the usual port: "
                "`https://shop.example.org`",
            )
    for name in names:
        if not _TOKEN.fullmatch(name) or name == "*":
            raise KrepisError(f"`{name}` is no name of a method or header", hint="name each one; `*` is none")
    if max_age_s < 0:
        raise KrepisError(f"`Cors(max_age_s={max_age_s})` is before now", hint="0 means: ask each time")
