"""What an engine tells a door, and what the door answers: the border between HTTP engines and everything beneath."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from krepis.deadline import Gone
from krepis.errors import Rejection, TooLarge

Headers = list[tuple[bytes, bytes]]


class Facts(Struct):
    """One request. `headers` has lower-case names, repeated ones joined by a comma (RFC 9110, section 5.3);
    `params` holds the path's values, decoded, in the pattern's order; `started` is in seconds of the service's
    monotonic clock; `gone` returns when the caller has gone away.
    """

    method: str
    path: str
    params: tuple[str, ...]
    query: bytes
    headers: Mapping[bytes, bytes]
    body: bytes
    started: float
    gone: Gone | None = None


class Answer(Struct):
    """One answer, complete: the headers name its type and length."""

    status: int
    headers: Headers
    body: bytes


class SlowBody(Rejection):
    """The body did not arrive within the door's time (HTTP 408)."""

    kind = "slow"
    message = "the body did not arrive in time"


class PathTooLong(Rejection):
    """The path is longer than any door's (HTTP 414)."""

    kind = "path_too_long"
    message = "the path is longer than {bytes_max} bytes"


def too_large(bytes_max: int) -> TooLarge:
    """The refusal of a body beyond the door's limit."""
    return TooLarge(f"the body is larger than {bytes_max} bytes", bytes_max=bytes_max)


def answer(status: int, media_type: bytes, body: bytes, *more: tuple[bytes, bytes]) -> Answer:
    """An answer with a body."""
    return Answer(status, [(b"content-type", media_type), (b"content-length", b"%d" % len(body)), *more], body)


def empty(status: int, *more: tuple[bytes, bytes]) -> Answer:
    """An answer without a body. 204 and 304 carry no length (RFC 9110, section 8.6)."""
    return Answer(status, [*more] if status in (204, 304) else [(b"content-length", b"0"), *more], b"")
