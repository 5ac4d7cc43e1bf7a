"""What an engine tells a door, and what the door answers: the border between HTTP engines and everything beneath."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Mapping
from typing import Any, Protocol
from uuid import UUID

from msgspec import Struct

from krepis.context import Context
from krepis.deadline import Gone
from krepis.errors import Rejection, TooLarge

Headers = list[tuple[bytes, bytes]]


class Stream(Protocol):
    """The body of a request on its way. Whoever doesn't read it leaves it to the engine to end the connection well."""

    def whole(self, bytes_max: int) -> Coroutine[Any, Any, bytes]:
        """All of it. Raises `TooLarge` beyond `bytes_max`, `Malformed`, or `CallerGone`."""
        ...

    def chunks(self, bytes_max: int) -> AsyncIterator[bytes]:
        """Piece by piece, none kept, as fast as they are taken. Raises as `whole` does."""
        ...


class Form(Struct):
    """What a form or an upload holds: texts by their name, and the landed files (`FileRef`) by the message's field."""

    texts: dict[str, str | list[str]]
    files: dict[str, Any]
    landed: list[UUID]
    """Everything that has landed, also what was refused after that."""


class Facts(Struct, gc=False):
    """One request. `headers` has lower-case names, repeated ones joined by a comma (RFC 9110, section 5.3);
    `params` holds the path's values, decoded, in the pattern's order; `started` is in seconds of the service's
    monotonic clock; `gone` returns when the caller has gone away; `client` is the address of the caller and `scheme`
    what it speaks (`http`, `https`), as far as the engine knows, or a `TrustedProxies` between them. A `stream` holds a body that has not been read yet; otherwise `body` is complete.
    """

    method: str
    path: str
    params: tuple[str, ...]
    query: bytes
    headers: Mapping[bytes, bytes]
    body: bytes
    started: float
    gone: Gone | None = None
    stream: Stream | None = None
    client: str = ""
    scheme: str = "http"
    form: Form | None = None
    """Set by a door that takes files."""
    ctx: Context | None = None
    """Set by the door, for the parts around it: the context that it made for the request, with its caller once known."""


class Answer(Struct):
    """One answer, complete: the headers name its type and length."""

    status: int
    headers: Headers
    body: bytes


class StreamedAnswer(Answer):
    """An answer whose body comes in pieces; `body` is empty. The engine closes `chunks` when it ends or the caller goes."""

    chunks: AsyncGenerator[bytes]


class SlowBody(Rejection):
    """The body did not arrive within the door's time (HTTP 408)."""

    kind = "slow"
    message = "the body did not arrive in time"


class PathTooLong(Rejection):
    """The path is longer than any door's (HTTP 414)."""

    kind = "path_too_long"
    message = "the path is longer than {bytes_max} bytes"


def too_large(bytes_max: int, what: str = "the body") -> TooLarge:
    """The refusal of a body, or of a part of it, beyond the door's limit."""
    return TooLarge(f"{what} is larger than {bytes_max} bytes", bytes_max=bytes_max)


def answer(status: int, media_type: bytes, body: bytes, *more: tuple[bytes, bytes]) -> Answer:
    """An answer with a body."""
    return Answer(status, [(b"content-type", media_type), (b"content-length", b"%d" % len(body)), *more], body)


def empty(status: int, *more: tuple[bytes, bytes]) -> Answer:
    """An answer without a body. 204 and 304 carry no length (RFC 9110, section 8.6)."""
    return Answer(status, [*more] if status in (204, 304) else [(b"content-length", b"0"), *more], b"")
