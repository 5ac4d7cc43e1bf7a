"""The declaration of HTTP doors.

```python
doors = Doors(base_path="/api")
doors.post("/orders", PlaceOrder, status=201)
doors.get("/orders/{order}", ShowOrder, etag=True)
doors.put("/books/{isbn}", ReviseBook, if_match="version")
doors.get("/books", SearchBooks, sources={"locale": header("accept-language")})
```

A field of the message is taken from the path where the path names it, else from the query string (GET, DELETE) or from
the JSON body (POST, PUT, PATCH), under its own name; `sources` overrides that field by field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Literal, TypedDict, Unpack

from msgspec import Struct

from krepis.errors import KrepisError, Rejection
from krepis.identity import Credential, bearer
from krepis.message import Command, Query, replace

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Place = Literal["path", "query", "header", "cookie", "body", "if-match"]

BODY_BYTES_MAX = 1_048_576
TIMEOUT_S = 30.0
PATH_BYTES_MAX = 8_192
QUERY_FIELDS_MAX = 256

_PATTERN = re.compile(r"/|(?:/(?:[^/{}]+|\{[^/{}]+\}))+")


class Source(Struct, frozen=True):
    """Where a field comes from, and under which name."""

    place: Place
    name: str


def path(name: str) -> Source:
    """From the path's `{name}`."""
    return Source("path", name)


def query(name: str) -> Source:
    """From the query string's `name`; a field of a list type takes every occurrence."""
    return Source("query", name)


def header(name: str) -> Source:
    """From the header `name`, in any case of letters."""
    return Source("header", name.lower())


def cookie(name: str) -> Source:
    """From the cookie `name`."""
    return Source("cookie", name)


def body(name: str) -> Source:
    """From the JSON body's member `name`."""
    return Source("body", name)


class Limits(Struct, frozen=True):
    """What a door lets in: bytes of a body, seconds until an answer, bytes of a path, names in a query string."""

    body_bytes_max: int = BODY_BYTES_MAX
    timeout_s: float = TIMEOUT_S
    path_bytes_max: int = PATH_BYTES_MAX
    query_fields_max: int = QUERY_FIELDS_MAX


class Errors(Struct, frozen=True):
    """The service-wide shape of errors.

    Without a `template` errors are RFC 9457 problems. A template is plain JSON data in which a string that is one of
    `$status`, `$code`, `$title`, `$detail`, `$trace`, `$errors` (a list), `$fields` (messages by field) and `$facts` is
    replaced by that value. `statuses` overrides the status by the rejection's code.
    """

    template: Any = None
    media_type: str = "application/problem+json"
    statuses: Mapping[str, int] = {}


class Envelope(Struct, frozen=True):
    """A single answer inside an object: `Envelope("order")` answers `{"order": ...}`."""

    name: str


class Listing(Struct, frozen=True):
    """A page inside an object of other names: `Listing("orders", total="ordersCount", next=None)`.

    `None` leaves that member out.
    """

    items: str = "items"
    total: str | None = "total"
    next: str | None = "next"


class Door(Struct, frozen=True):
    """One declared door."""

    method: Method
    pattern: str
    message: type[Any]
    status: int
    sources: Mapping[str, Source]
    envelope: str | None
    answer_envelope: Envelope | Listing | None
    media_type: str
    etag: bool | str
    if_match: str | None
    rejects: tuple[type[Rejection], ...]
    limits: Limits


class Mount(Struct, frozen=True):
    """An ASGI application under a path; it sees the rest of the path, as ASGI's `root_path` says."""

    prefix: str
    application: Callable[..., Any]


class Options(TypedDict, total=False):
    """The options of a door.

    `status` of a success (200); `sources`: a field's place; `envelope`: the member of the body that holds the input;
    `answer_envelope`: a name, `Envelope` or `Listing`; `media_type` of a text answer (`text/plain`, `text/html`);
    `etag`: `True` for a hash of the answer, or the field of the answer that is its version; `if_match`: the message's
    field that takes the version from `If-Match`; `timeout` in seconds; `body_max` in bytes; `rejects`: the rejections
    that callers are to know of, for the OpenAPI document.
    """

    status: int
    sources: Mapping[str, Source]
    envelope: str
    answer_envelope: str | Envelope | Listing
    media_type: str
    etag: bool | str
    if_match: str
    timeout: float
    body_max: int
    rejects: Sequence[type[Rejection]]


class Doors:
    """The doors of a service. Each method adds one door; `Options` says what may be given with it.

    `credentials` says where requests carry who calls, for an app that handles `krepis.identity.Identify`.
    """

    def __init__(
        self,
        *,
        base_path: str = "",
        errors: Errors | None = None,
        limits: Limits | None = None,
        credentials: Sequence[Credential] = (bearer(),),
        openapi: str | None = "/openapi.json",
        docs: str | None = "/docs",
        title: str | None = None,
        version: str = "0.1.0",
        description: str = "",
    ) -> None:
        self.base_path = base_path.rstrip("/")
        self.errors = errors or Errors()
        self.limits = limits or Limits()
        self.credentials = tuple(credentials)
        self.openapi = openapi
        self.docs = docs
        self.title = title
        self.version = version
        self.description = description
        self.declared: list[Door] = []
        self.mounts: list[Mount] = []

    def get(self, pattern: str, message: type[Query[Any]], **options: Unpack[Options]) -> None:
        """A query; HEAD comes with it."""
        self._add("GET", pattern, message, options)

    def post(self, pattern: str, message: type[Command[Any] | Query[Any]], **options: Unpack[Options]) -> None:
        """A command, or a query whose input is too large for a query string."""
        self._add("POST", pattern, message, options)

    def put(self, pattern: str, message: type[Command[Any]], **options: Unpack[Options]) -> None:
        """A command that is idempotent by its nature."""
        self._add("PUT", pattern, message, options)

    def patch(self, pattern: str, message: type[Command[Any]], **options: Unpack[Options]) -> None:
        """A command that changes what was given."""
        self._add("PATCH", pattern, message, options)

    def delete(self, pattern: str, message: type[Command[Any]], **options: Unpack[Options]) -> None:
        """A command that removes."""
        self._add("DELETE", pattern, message, options)

    def mount(self, prefix: str, application: Callable[..., Any]) -> None:
        """Serve an ASGI application under `prefix`."""
        self.mounts.append(Mount(self.base_path + prefix.rstrip("/"), application))

    def _add(self, method: Method, pattern: str, message: type[Any], options: Options) -> None:
        _check(method, pattern, message, options)
        envelope = options.get("answer_envelope")
        limits = self.limits
        self.declared.append(
            Door(
                method=method,
                pattern=self.base_path + pattern,
                message=message,
                status=options.get("status", 200),
                sources=options.get("sources", {}),
                envelope=options.get("envelope"),
                answer_envelope=Envelope(envelope) if isinstance(envelope, str) else envelope,
                media_type=options.get("media_type", "application/json"),
                etag=options.get("etag", False),
                if_match=options.get("if_match"),
                rejects=tuple(options.get("rejects", ())),
                limits=replace(
                    limits,
                    body_bytes_max=options.get("body_max", limits.body_bytes_max),
                    timeout_s=options.get("timeout", limits.timeout_s),
                ),
            )
        )


def _check(method: Method, pattern: str, message: Any, options: Options) -> None:
    """Refuse at once, where the door is written, what no start could make sense of."""
    place = f"the door `{method} {pattern}`"
    if not {Command, Query} & {*getattr(message, "__mro__", ())}:
        shown = getattr(message, "__name__", message)
        raise KrepisError(f"{place} leads to `{shown}`, which is no message", hint="name its Command or Query class")
    if not _PATTERN.fullmatch(pattern):
        raise KrepisError(
            f"the path of {place} is not of the form `/orders/{{order}}/lines`",
            hint="it begins with `/`, does not end with one, and a parameter fills a whole segment",
        )
    for name in options:
        if name not in Options.__annotations__:
            near = get_close_matches(name, Options.__annotations__, 1)
            raise KrepisError(
                f"{place} has the option `{name}`, which no door has",
                hint=f"did you mean `{near[0]}`?" if near else f"there are: {', '.join(Options.__annotations__)}",
            )
