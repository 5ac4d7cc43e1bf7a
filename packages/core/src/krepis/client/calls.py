"""One call of another service: what is sent, until when, and what its failures are called here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Self, cast
from urllib.parse import quote

from krepis.client.answer import Decoders, HttpAnswer, UnexpectedAnswerError
from krepis.client.connections import IDLE_S, Connections
from krepis.client.guard import Guard, NotAllowedError
from krepis.context import Context
from krepis.deadline import Within
from krepis.errors import DeadlinePassed, KrepisError, Unavailable
from krepis.propagation import outgoing
from krepis.schema.encode import encode
from krepis.types.secret import Secret

if TYPE_CHECKING:
    import ssl

    import httpx

BODY_BYTES_MAX = 1 << 20
TIMEOUT_S = 10.0
CONNECTIONS_MAX = 100

_CHUNK_BYTES = 65_536
_KEYED = frozenset({"POST", "PATCH"})
_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "te", "trailer", "upgrade", "expect"})
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*\Z")
_PLACE = re.compile(r"\{([a-z_][a-z0-9_]*)\}")

Headers = Mapping[str, str | Secret]


class HttpClient:
    """A client of one service (`base`), or of whoever an address names (`base=None`). An adapter of scope `app` derives
    from it; it is entered when the app starts. The methods are `request`, and `get`, `post`, `put`, `patch`, `delete`.

    `headers` go with every call; a `Secret` is shown nowhere. `hosts` are all that may be called; without `base` and
    `hosts` these are public addresses, and `private=True` takes that away. `trusted` hands the whole context, actor and
    tenant included, to a service of one's own. `verify` is an `ssl.SSLContext` for a certificate authority of one's own.
    """

    def __init__(
        self,
        base: str | None = None,
        *,
        headers: Headers | None = None,
        timeout_s: float = TIMEOUT_S,
        body_bytes_max: int = BODY_BYTES_MAX,
        connections_max: int = CONNECTIONS_MAX,
        hosts: Sequence[str] = (),
        private: bool | None = None,
        trusted: bool = False,
        verify: ssl.SSLContext | None = None,
    ) -> None:
        try:
            import httpx
        except ImportError:
            raise KrepisError("`HttpClient` needs httpx", hint='pip install "krepis[client]"') from None
        self._httpx = httpx
        self.timeout_s = timeout_s
        self.body_bytes_max = body_bytes_max
        self.trusted = trusted
        self._base = None if base is None else _based(base)
        self._headers = _checked(headers or {})
        self._guard = Guard(hosts, private=(base is not None or bool(hosts)) if private is None else private)
        self._connections_max = connections_max
        self._verify = verify
        self._connections: Connections | None = None
        self._decoders = Decoders()

    async def __aenter__(self) -> Self:
        verify = self._verify or self._httpx.create_ssl_context(trust_env=False)
        limits = self._httpx.Limits(
            max_connections=1,
            # A connection to a judged address is not kept: one made for a name must not serve another name.
            max_keepalive_connections=1 if self._guard.private else 0,
            keepalive_expiry=IDLE_S,
        )
        self._connections = Connections(
            lambda: self._httpx.AsyncHTTPTransport(verify=verify, trust_env=False, limits=limits),
            self._connections_max,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        connections, self._connections = self._connections, None
        if connections is not None:
            await connections.close()

    async def get(self, ctx: Context, place: str, **options: Any) -> HttpAnswer:
        """`request` with GET."""
        return await self.request(ctx, "GET", place, **options)

    async def post(self, ctx: Context, place: str, **options: Any) -> HttpAnswer:
        """`request` with POST."""
        return await self.request(ctx, "POST", place, **options)

    async def put(self, ctx: Context, place: str, **options: Any) -> HttpAnswer:
        """`request` with PUT."""
        return await self.request(ctx, "PUT", place, **options)

    async def patch(self, ctx: Context, place: str, **options: Any) -> HttpAnswer:
        """`request` with PATCH."""
        return await self.request(ctx, "PATCH", place, **options)

    async def delete(self, ctx: Context, place: str, **options: Any) -> HttpAnswer:
        """`request` with DELETE."""
        return await self.request(ctx, "DELETE", place, **options)

    async def request(
        self,
        ctx: Context,
        method: str,
        place: str,
        *,
        path: Mapping[str, object] | None = None,
        query: Mapping[str, object] | None = None,
        headers: Headers | None = None,
        json: Any = None,
        body: bytes | None = None,
        content_type: str = "application/json",
        idempotency_key: str | None = None,
    ) -> HttpAnswer:
        """Call, and read the whole answer, whatever its status is.

        `place` is a path under the base (`/rates/{currency}`, filled with `path`, each value one segment), or without a
        base an absolute address. `json` is any value that messages may hold; `body` are bytes. POST and PATCH carry an
        `idempotency-key` made of the context's, if it has one, and of what is sent; `idempotency_key` names another.

        Raises `Unavailable` when there is no whole answer in time, `DeadlinePassed` when that time was the context's,
        `NotAllowedError` for an address that may not be called, `UnexpectedAnswerError` for a body that is too large.
        """
        connections = self._connections
        if connections is None:
            raise KrepisError(
                f"`{type(self).__name__}` is not open", hint='bind it with scope="app", or use `async with`'
            )
        remaining = ctx.remaining()
        if remaining is not None and remaining <= 0:
            raise DeadlinePassed
        content = encode(json) if json is not None else body
        url = self._url(place, path or {}, query or {})
        sent = self._sent(ctx, headers or {})
        if content is not None:
            sent.setdefault("content-type", content_type)
        if (key := idempotency_key or _key(ctx, method, str(url), content)) is not None:
            sent["idempotency-key"] = _value("idempotency-key", key)
        shown = f"{method} {url.scheme}://{url.netloc.decode()}{place if self._base is not None else ''}"
        inner = ctx.narrow(timeout=self.timeout_s)
        request = self._httpx.Request(method, url, headers=sent, content=content)
        try:
            return await Within(
                self._exchange(connections, inner, request, shown), inner.origin.sources, inner.deadline
            )
        except DeadlinePassed:
            if inner.deadline == ctx.deadline:
                raise
            raise _away(ctx, shown, f"no answer within {self.timeout_s:g} s") from None
        except (self._httpx.TransportError, OSError, UnicodeError) as error:
            raise _away(ctx, shown, type(error).__name__) from None

    async def _exchange(self, connections: Connections, ctx: Context, request: httpx.Request, shown: str) -> HttpAnswer:
        await self._guard.admit(request)
        async with connections.one(ctx) as connection:
            response = await connection.handle_async_request(request)
            try:
                body = await self._read(response, shown)
            finally:
                await response.aclose()
        headers = {name.lower(): value for name, value in response.headers.items()}
        return HttpAnswer(response.status_code, headers, body, shown, self._decoders)

    async def _read(self, response: httpx.Response, shown: str) -> bytes:
        if response.headers.get("content-encoding", "identity").strip().lower() not in ("identity", ""):
            raise UnexpectedAnswerError(f"{shown} answered with a compressed body, which was not asked for")
        body = bytearray()
        async for chunk in response.aiter_raw(_CHUNK_BYTES):
            body += chunk
            if len(body) > self.body_bytes_max:
                raise UnexpectedAnswerError(
                    f"{shown} answered with more than {self.body_bytes_max} bytes",
                    hint="ask for less, or raise `body_bytes_max` of the client",
                )
        return bytes(body)

    def _url(self, place: str, path: Mapping[str, object], query: Mapping[str, object]) -> httpx.URL:
        filled = _PLACE.sub(lambda found: _segment(found[1], path), place)
        if self._base is not None:
            if (
                not filled.startswith("/")
                or filled.startswith("//")
                or re.search(r"[\x00-\x20\\?#]|/\.\.?(/|\Z)", filled)
            ):
                raise KrepisError(
                    f"`{place}` is no path under the base of the client",
                    hint="begin with one `/`; values go into `path=` and `query=`",
                )
            filled = self._base + filled
        try:
            url = self._httpx.URL(filled)
            if query:
                url = url.copy_merge_params({name: _asked(value) for name, value in query.items()})
        except (self._httpx.InvalidURL, ValueError):
            raise NotAllowedError("the address is none", hint="it begins with `https://` and a host") from None
        return url

    def _sent(self, ctx: Context, headers: Headers) -> dict[str, str]:
        carried = {name: value for name, value in outgoing(ctx, trusted=self.trusted).items() if _VALUE.match(value)}
        carried |= {"accept": "*/*", "accept-encoding": "identity", "user-agent": "krepis"}
        carried["request-timeout"] = f"{self.timeout_s:.3f}"
        remaining = ctx.remaining()
        if remaining is not None:
            carried["request-timeout"] = f"{max(0.0, min(remaining, self.timeout_s)):.3f}"
        named = {**self._headers, **_checked(headers)}
        own = {name: value.reveal() if isinstance(value, Secret) else value for name, value in named.items()}
        return {**carried, **own}


def _key(ctx: Context, method: str, url: str, content: bytes | None) -> str | None:
    """A key for this request alone: the same for each attempt, another for each other thing that is sent."""
    if method not in _KEYED or ctx.idempotency_key is None:
        return None
    digest = sha256()
    for part in (ctx.idempotency_key.encode(), method.encode(), url.encode(), content or b""):
        digest.update(len(part).to_bytes(8) + part)
    return digest.hexdigest()[:32]


def _away(ctx: Context, shown: str, because: str) -> Unavailable:
    ctx.log.warning("http_call_failed", call=shown, because=because)
    return Unavailable()


def _based(base: str) -> str:
    if not re.match(r"https?://[^/?#@\s\\]+(?:/[^?#\s\\]*)?\Z", base):
        raise KrepisError(
            "the base of the client is no address of a service",
            hint='write scheme and host, and no user, query or fragment: "https://rates.example.org/v1"',
        )
    return base.rstrip("/")


def _segment(name: str, path: Mapping[str, object]) -> str:
    if name not in path:
        raise KrepisError(f"the path has a place for `{name}`, and no value", hint=f"give `path={{{name!r}: ...}}`")
    text = str(path[name])
    if text in ("", ".", ".."):
        raise KrepisError(f"`{name}` is {text!r}, which would name another path", hint="check it before the call")
    return quote(text, safe="")


def _asked(value: object) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return [str(one) for one in cast("list[object]", value)] if isinstance(value, list | tuple) else str(value)


def _checked(headers: Headers) -> dict[str, str | Secret]:
    checked: dict[str, str | Secret] = {}
    for name, value in headers.items():
        if not _TOKEN.match(name) or name.lower() in _OURS:
            raise KrepisError(f"`{name[:40]!r}` is no header that a call may set", hint="the client sets the framing")
        _value(name, value.reveal() if isinstance(value, Secret) else value)
        checked[name.lower()] = value
    return checked


def _value(name: str, value: str) -> str:
    if not _VALUE.match(value):
        raise KrepisError(
            f"the value of the header `{name}` has a line break or a character that none may have (RFC 9110, 5.5)",
            hint="check where it comes from; encode what isn't ASCII",
        )
    return value
