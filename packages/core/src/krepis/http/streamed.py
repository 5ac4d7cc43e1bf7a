"""The declarations of answers that go on: rows page after page, server-sent events, WebSockets. Plain data.

```python
doors.get("/loans.csv", ListLoans, stream="csv")
doors.events("/loans/events", WatchLoans, of=(CopyReturned, LoanRenewed), visible=is_theirs)
doors.websocket("/live", WatchLoans, commands={"lend": LendCopy}, events=(CopyReturned,), visible=is_theirs)
```
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal

from msgspec import Struct

from krepis.context import Actor
from krepis.errors import KrepisError
from krepis.message import Command, Event, Query

Visible = Callable[[Actor | None, Any], bool]
"""Whether that caller (`None` without a name) sees that event: a pure function, called for each event and caller."""

RowsKind = Literal["ndjson", "csv"]

MEDIA_TYPES: Mapping[RowsKind, str] = MappingProxyType({"ndjson": "application/x-ndjson", "csv": "text/csv"})
EVENT_STREAM = "text/event-stream"

_COMMAND = re.compile(r"[a-z][a-z0-9_.\-]{0,63}")
_OWN_TYPES = frozenset(("hello",))


class StreamLimits(Struct, frozen=True):
    """What long answers may take, per process; times in seconds.

    - `connections_max`: event streams and WebSockets together; the next gets 503 with `Retry-After`.
    - `downloads_max`: answers of rows that are sent at the same time; the next gets 503.
    - `lifetime_s`: after so long a stream ends, and its client comes again.
    - `recheck_s`: so often the caller of a stream is identified again, and its query asked again.
    - `heartbeat_s`: a quiet event stream sends a comment so often, so that nobody in between takes it for dead.
    - `retry_s`: how long clients wait before they come again, at least; at most twice as long.
    - `batch_max`: events that are read at once for one client.
    - `frame_bytes_max`: bytes of one frame of a WebSocket; a larger one closes it with 1009.
    - `in_flight_max`: commands of one WebSocket that run at a time; the next frame is read when one is answered.
    - `hello_s`: how long a WebSocket waits for the frame that says who calls.
    - `idle_s`: a WebSocket that shows no events and gets no frame for so long is closed.
    - `ping_s`: a WebSocket is pinged so often, and cut when no pong comes for as long (`krepis run`).
    - `origins`: the sites whose pages may open WebSockets, such as `https://app.example.org`; the own host always may,
      `*` allows all. Needed since browsers send cookies along with a WebSocket of any page.
    """

    connections_max: int = 5_000
    downloads_max: int = 100
    lifetime_s: float = 3_600.0
    recheck_s: float = 60.0
    heartbeat_s: float = 15.0
    retry_s: float = 2.0
    batch_max: int = 100
    frame_bytes_max: int = 65_536
    in_flight_max: int = 8
    hello_s: float = 10.0
    idle_s: float = 300.0
    ping_s: float = 20.0
    origins: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises `KrepisError` for a number that would let nothing through."""
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, int | float) and value <= 0:
                raise KrepisError(f"`StreamLimits({name}={value})` lets nothing through", hint="give more than 0")


class Rows(Struct, frozen=True):
    """An answer of rows, page after page; `formulas` keeps text in CSV as it is, whatever it begins with."""

    kind: RowsKind
    formulas: bool = False


class Watch(Struct, frozen=True):
    """An answer of events as they happen."""

    events: tuple[type[Event], ...]
    visible: Visible | None = None


class SocketDoor(Struct, frozen=True):
    """One declared WebSocket door: the query that a caller asks by coming, its commands by the name in frames."""

    pattern: str
    message: type[Any]
    commands: Mapping[str, type[Any]]
    watch: Watch
    timeout_s: float


def watched(place: str, events: Sequence[Any], visible: Visible | None, *, needed: bool) -> Watch:
    """What a door shows. Raises `KrepisError` when that are no events."""
    if not isinstance(events, list | tuple) or (needed and not events):
        raise KrepisError(f"{place} does not say which events it shows", hint="write `of=(CopyReturned,)`")
    names: dict[str, Any] = {}
    for event in events:
        if not (isinstance(event, type) and issubclass(event, Event)):
            raise KrepisError(f"{place} shows `{_name(event)}`, which is no event", hint="derive it from `Event`")
        if names.setdefault(event.__name__, event) is not event:
            raise KrepisError(f"{place} shows two events named `{event.__name__}`", hint="give one another name")
    return Watch(tuple(events), visible)


def socket_commands(place: str, commands: Mapping[str, Any]) -> Mapping[str, type[Any]]:
    """The commands of a WebSocket door. Raises `KrepisError` for a name or a class that can't be."""
    for name, message in commands.items():
        if not _COMMAND.fullmatch(name) or name in _OWN_TYPES:
            raise KrepisError(
                f"{place} has a command `{name}`", hint="a small letter, then small letters, digits, `_`, `.`, `-`"
            )
        if not {Command, Query} & {*getattr(message, "__mro__", ())}:
            raise KrepisError(f"{place} leads to `{_name(message)}`, which is no message", hint="name its class")
    return MappingProxyType(dict(commands))


def _name(given: Any) -> str:
    return getattr(given, "__name__", str(given))
