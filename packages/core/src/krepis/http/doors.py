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
from krepis.http.streamed import (
    EVENT_STREAM,
    MEDIA_TYPES,
    Rows,
    RowsKind,
    SocketDoor,
    StreamLimits,
    Visible,
    Watch,
    socket_commands,
    watched,
)
from krepis.identity import Credential, bearer
from krepis.message import Command, Event, Query, replace
from krepis.schema.jsontext import DEPTH_MAX, DEPTH_SETTING_MAX, ITEMS_MAX

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Disposition = Literal["inline", "attachment"]
Place = Literal["path", "query", "header", "cookie", "body", "if-match", "client", "upload", "file", "form"]

BODY_BYTES_MAX = 1_048_576
TIMEOUT_S = 30.0
PATH_BYTES_MAX = 8_192
UPLOAD_BYTES_MAX = 10_485_760
FORM_PARTS_MAX = 100
FORM_FIELD_BYTES_MAX = 65_536
FORM_FILES_MAX = 10
PART_HEADER_BYTES_MAX = 4_096
QUERY_FIELDS_MAX = 256

INLINE_TYPES = (
    "image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/bmp", "text/plain",
    "audio/mpeg", "audio/ogg", "audio/wav", "audio/flac", "video/mp4", "video/webm", "video/ogg",
)  # fmt: skip
"""What a browser may show on its own. Nothing that it would run: no HTML, no SVG, no XML, no PDF."""

_PATTERN = re.compile(r"/|(?:/(?:[^/{}]+|\{[^/{}]+\}))+")


class FileRule(Struct, frozen=True):
    """What a file must be: one of `types` (none: any; `image/*`: all images), at most `bytes_max` large; of a form's field
    that is a list at most `count_max`.
    """

    types: tuple[str, ...]
    bytes_max: int
    count_max: int = 1


class Source(Struct, frozen=True):
    """Where a field comes from, and under which name."""

    place: Place
    name: str
    rule: FileRule | None = None


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


def client_address() -> Source:
    """The address that the request comes from, as text: no caller can choose it. Empty over a Unix socket.

    Behind a proxy it is the proxy's, unless the app's parts say which proxies are trusted (`krepis.limits`).
    """
    return Source("client", "client")


def body(name: str) -> Source:
    """From the JSON body's member `name`."""
    return Source("body", name)


def upload(*, types: Sequence[str] = (), bytes_max: int = UPLOAD_BYTES_MAX) -> Source:
    """The body itself, as a stored file: a field of type `FileRef`. The app needs a `krepis.files.FileStore`.

    `types` are those that inspection of the bytes may find; another one is refused (415).
    """
    return Source("upload", "", FileRule(tuple(types), bytes_max))


def form_file(
    name: str = "", *, types: Sequence[str] = (), bytes_max: int = UPLOAD_BYTES_MAX, count_max: int = FORM_FILES_MAX
) -> Source:
    """The file `name` of a `multipart/form-data` body (the field's own name without one): a field of type `FileRef`,
    `FileRef | None` or `list[FileRef]`. The other fields of the message are read from the form's fields.
    """
    return Source("file", name, FileRule(tuple(types), bytes_max, count_max))


class Limits(Struct, frozen=True):
    """What a door lets in: bytes of a body (of a form: of what it holds beside its files), seconds until an answer, bytes
    of a path, names in a query string; of a form its parts, the bytes of one field, the bytes of one part's headers; of
    JSON how many arrays and objects are inside each other, and the elements and members of all of them together.
    """

    body_bytes_max: int = BODY_BYTES_MAX
    timeout_s: float = TIMEOUT_S
    path_bytes_max: int = PATH_BYTES_MAX
    query_fields_max: int = QUERY_FIELDS_MAX
    form_parts_max: int = FORM_PARTS_MAX
    form_field_bytes_max: int = FORM_FIELD_BYTES_MAX
    part_header_bytes_max: int = PART_HEADER_BYTES_MAX
    json_depth_max: int = DEPTH_MAX
    json_items_max: int = ITEMS_MAX

    def __post_init__(self) -> None:
        if not 1 <= self.json_depth_max <= DEPTH_SETTING_MAX:
            raise KrepisError(
                f"`Limits(json_depth_max={self.json_depth_max})` can't be kept", hint=f"1 to {DEPTH_SETTING_MAX}"
            )


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
    stream: Rows | Watch | None = None
    file: Disposition | None = None
    inline_types: tuple[str, ...] = INLINE_TYPES

    @property
    def body_kind(self) -> Literal["upload", "form", "json"]:
        """What a body would be."""
        places = {source.place for source in self.sources.values()}
        return "upload" if "upload" in places else "form" if "file" in places else "json"


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
    that callers are to know of, for the OpenAPI document; `stream`: answer with all rows of a `Page[T]`, as `ndjson` or
    `csv`; `formulas`: leave text in CSV as it is, also where a spreadsheet would run it; `file`: send the file that the
    answer refers to, for saving (`attachment`) or for showing (`inline`, if it is one of `inline_types`).
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
    stream: RowsKind
    formulas: bool
    file: Disposition
    inline_types: Sequence[str]


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
        streams: StreamLimits | None = None,
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
        self.streams = streams or StreamLimits()
        self.credentials = tuple(credentials)
        self.openapi = openapi
        self.docs = docs
        self.title = title
        self.version = version
        self.description = description
        self.declared: list[Door] = []
        self.mounts: list[Mount] = []
        self.sockets: list[SocketDoor] = []

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

    def events(
        self,
        pattern: str,
        message: type[Query[Any]],
        *,
        of: Sequence[type[Event]],
        visible: Visible | None = None,
        **options: Unpack[Options],
    ) -> None:
        """Server-sent events: the query is asked, as at any door, and then the events `of` are shown as they happen.

        `visible(actor, event)` says who sees which; without it, every caller who may ask the query sees them all.
        """
        stream = watched(f"the door `GET {pattern}`", of, visible, needed=True)
        self._add("GET", pattern, message, {**options, "media_type": EVENT_STREAM}, stream)

    def websocket(
        self,
        pattern: str,
        message: type[Query[Any]],
        *,
        commands: Mapping[str, type[Any]] = {},
        events: Sequence[type[Event]] = (),
        visible: Visible | None = None,
        timeout: float | None = None,
    ) -> None:
        """A WebSocket: whoever may ask the query may come in. Frames are commands by name; `events` are shown as they
        happen, to whom `visible(actor, event)` says. `timeout` is that of the query and of each command, in seconds.
        """
        place = f"the WebSocket `{pattern}`"
        _check("GET", pattern, message, {})
        self.sockets.append(
            SocketDoor(
                self.base_path + pattern,
                message,
                socket_commands(place, commands),
                watched(place, events, visible, needed=False),
                self.limits.timeout_s if timeout is None else timeout,
            )
        )

    def mount(self, prefix: str, application: Callable[..., Any]) -> None:
        """Serve an ASGI application under `prefix`."""
        self.mounts.append(Mount(self.base_path + prefix.rstrip("/"), application))

    def _add(
        self, method: Method, pattern: str, message: type[Any], options: Options, watch: Watch | None = None
    ) -> None:
        _check(method, pattern, message, options)
        envelope = options.get("answer_envelope")
        limits = self.limits
        rows = Rows(options["stream"], options.get("formulas", False)) if "stream" in options else None
        self.declared.append(
            Door(
                method=method,
                pattern=self.base_path + pattern,
                message=message,
                status=options.get("status", 200),
                sources=options.get("sources", {}),
                envelope=options.get("envelope"),
                answer_envelope=Envelope(envelope) if isinstance(envelope, str) else envelope,
                media_type=MEDIA_TYPES[rows.kind] if rows else options.get("media_type", "application/json"),
                etag=options.get("etag", False),
                if_match=options.get("if_match"),
                rejects=tuple(options.get("rejects", ())),
                limits=replace(
                    limits,
                    body_bytes_max=options.get("body_max", limits.body_bytes_max),
                    timeout_s=options.get("timeout", limits.timeout_s),
                ),
                stream=rows or watch,
                file=options.get("file"),
                inline_types=tuple(options.get("inline_types", INLINE_TYPES)),
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
    if options.get("stream", "csv") not in MEDIA_TYPES:
        raise KrepisError(
            f"{place} has the option `stream={options.get('stream')!r}`", hint=f"there are: {', '.join(MEDIA_TYPES)}"
        )
