"""Content types, `Accept`, and conditional requests, as RFC 9110 has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import blake2b

from krepis.errors import Rejection
from krepis.http.facts import Answer, Facts, empty


class UnsupportedMediaType(Rejection):
    """The body is of a type that the door does not read (HTTP 415)."""

    code = "unsupported_media_type"
    kind = "unsupported"
    message = "send the body as `application/json` in UTF-8"


class NotAcceptable(Rejection):
    """The caller accepts nothing that the door can answer with (HTTP 406)."""

    code = "not_acceptable"
    kind = "not_acceptable"
    message = "this door answers with `{media_type}`"


class PreconditionFailed(Rejection):
    """`If-Match` names another version than the current one (HTTP 412)."""

    kind = "stale"
    message = "the thing has another version by now; read it again"


def need_json(headers: Mapping[bytes, bytes]) -> None:
    """Refuse a body that does not say that it is JSON in UTF-8. A missing type counts as wrong: a browser's form can
    leave it out, and so could another site's page.
    """
    given = headers.get(b"content-type", b"")
    if given == b"application/json":
        return
    media_type, _, parameters = given.lower().partition(b";")
    media_type = media_type.strip()
    json = media_type == b"application/json" or (
        media_type.startswith(b"application/") and media_type.endswith(b"+json")
    )
    charset = next((v for k, v in _parameters(parameters) if k == b"charset"), b"utf-8")
    if not json or charset not in (b"utf-8", b"utf8"):
        raise UnsupportedMediaType


def need_accepted(headers: Mapping[bytes, bytes], media_type: str) -> None:
    """Refuse a caller whose `Accept` excludes what the door answers with (RFC 9110, section 12.5.1)."""
    accept = headers.get(b"accept")
    if accept is None or accept == b"*/*":
        return
    wanted = media_type.partition(";")[0].encode()
    best = (-1, 0.0)  # how precisely a range names the type, and its quality
    for part in accept.lower().split(b","):
        named, _, parameters = part.partition(b";")
        named = named.strip()
        if named == wanted:
            precision = 2
        elif named == wanted.partition(b"/")[0] + b"/*":
            precision = 1
        elif named == b"*/*":
            precision = 0
        else:
            continue
        best = max(best, (precision, _quality(parameters)))
    if best[1] <= 0:
        raise NotAcceptable(media_type=media_type)


def tag_of(body: bytes) -> bytes:
    """A strong entity tag: a hash of the bytes."""
    return b'"' + blake2b(body, digest_size=12).hexdigest().encode() + b'"'


def conditional(facts: Facts, reply: Answer, tag: bytes) -> Answer:
    """The answer with its `ETag`, or the 304 that the request's condition asks for.

    Raises `PreconditionFailed` (RFC 9110, section 13.2.2).
    """
    wanted = facts.headers.get(b"if-match")
    if wanted is not None and wanted.strip() != b"*" and tag not in _tags(wanted):
        raise PreconditionFailed
    known = facts.headers.get(b"if-none-match")
    if known is not None and (known.strip() == b"*" or tag in [seen.removeprefix(b"W/") for seen in _tags(known)]):
        return empty(304, (b"etag", tag))
    reply.headers.append((b"etag", tag))
    return reply


def _tags(raw: bytes) -> list[bytes]:
    return [tag.strip() for tag in raw.split(b",")]


def _parameters(raw: bytes) -> Iterator[tuple[bytes, bytes]]:
    for part in raw.split(b";"):
        name, _, value = part.strip().partition(b"=")
        yield name.strip(), value.strip().strip(b'"')


def _quality(parameters: bytes) -> float:
    for name, value in _parameters(parameters):
        if name == b"q":
            try:
                return min(1.0, max(0.0, float(value)))
            except ValueError:
                return 0.0
    return 1.0
