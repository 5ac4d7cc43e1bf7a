"""Files as answers: whole or a range of it (RFC 9110, section 14), conditional, and never run by a browser.

Rules that a reviewer must check:

- A file is shown in the browser only if the door says `inline` and its type is one that the door lets be shown.
- Every answer carries `X-Content-Type-Options: nosniff` and a policy that lets nothing run.
- No text of a caller gets into a header but through `disposition` and `_media_type`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from krepis.context import Context
from krepis.deadline import Within
from krepis.errors import Rejection
from krepis.files.desk import FileDesk
from krepis.files.file import FileRef
from krepis.files.inspect import PLAIN, UNKNOWN, is_one_of, plain_type
from krepis.files.name import safe_name
from krepis.http.facts import Answer, Facts, Headers, StreamedAnswer
from krepis.http.negotiation import conditional
from krepis.http.problem import Problems
from krepis.http.rendering import FileAnswer, Render

if TYPE_CHECKING:
    from krepis.http.table import CompiledDoor
    from krepis.part import Run

_RANGE = re.compile(rb"bytes=[ \t]*(?:([0-9]+)-([0-9]*)|-([0-9]+))[ \t]*", re.IGNORECASE)
_DIGITS_MAX = 19
_POLICY = b"default-src 'none'; style-src 'unsafe-inline'; sandbox"


class RangeNotSatisfiable(Rejection):
    """The file has no byte of the range that is asked for (HTTP 416)."""

    kind = "range"
    message = "the file has {size} bytes"


class Download:
    """Makes a door send the file that its query answers with, once its unit of work has ended."""

    def __init__(self, door: CompiledDoor, run: Run, desk: FileDesk, problems: Problems) -> None:
        self._run = run
        self._desk = desk
        self._problems = problems
        self._inline = door.inline_types if door.file == "inline" else None

    def run(self, ctx: Context, message: Any, render: Render) -> Coroutine[Any, Any, Any]:
        return self._run(ctx, message, render)

    async def opened(self, facts: Facts, ctx: Context, message: Any, reply: Answer) -> Answer:
        assert isinstance(reply, FileAnswer), "a door of a file renders nothing else"
        file = reply.file
        headers = self._headers(file)
        reply = conditional(facts, Answer(200, headers, b""), b'"' + file.sha256.encode() + b'"')
        if reply.status == 304:
            return reply
        asked = asked_range(facts, file)
        if asked is not None and asked[0] >= asked[1]:
            refused = self._problems.refusal(RangeNotSatisfiable(size=file.size), ctx)
            refused.headers.append((b"content-range", b"bytes */%d" % file.size))
            return refused
        start, end = asked or (0, file.size)
        headers.append((b"content-length", b"%d" % (end - start)))
        if asked is not None:
            headers.append((b"content-range", b"bytes %d-%d/%d" % (start, end - 1, file.size)))
        if facts.method == "HEAD":
            return Answer(200, headers, b"")
        opening: Any = self._desk.open(ctx, file, start, end - start)
        chunks = await Within(opening, ctx.origin.sources, ctx.deadline, facts.gone)
        return StreamedAnswer(200 if asked is None else 206, headers, b"", chunks)

    def _headers(self, file: FileRef) -> Headers:
        shown = self._inline is not None and is_one_of(file.media_type, self._inline)
        return [
            (b"content-type", _media_type(file.media_type)),
            (b"content-disposition", disposition(file.name, inline=shown)),
            (b"accept-ranges", b"bytes"),
            (b"x-content-type-options", b"nosniff"),
            (b"content-security-policy", _POLICY),
        ]


def asked_range(facts: Facts, file: FileRef) -> tuple[int, int] | None:
    """The part of the file that a GET asks for, as start and end; an empty one where there is no such part.

    `None` for the whole file: there is no `Range`, it asks for several ranges or in a unit that nobody knows, or its
    `If-Range` names another version (RFC 9110, section 14.2).
    """
    asked = facts.headers.get(b"range")
    if asked is None or facts.method != "GET":
        return None
    known = facts.headers.get(b"if-range")
    if known is not None and known.strip() != b'"' + file.sha256.encode() + b'"':
        return None
    return byte_range(asked, file.size)


def byte_range(asked: bytes, size: int) -> tuple[int, int] | None:
    """What a `Range` means for `size` bytes: start and end, an empty range if there is no such byte, or `None` if it is
    to be ignored.
    """
    found = _RANGE.fullmatch(asked.strip())
    if found is None:
        return None
    first, last, suffix = (_number(digits) for digits in found.groups())
    if suffix is not None:
        if suffix and not size:
            return None  # all of nothing, for which `Content-Range` has no form
        return (max(0, size - suffix), size) if suffix else (size, size)
    assert first is not None
    if last is not None and last < first:
        return None
    return (first, size if last is None else min(last + 1, size)) if first < size else (size, size)


def disposition(name: str, *, inline: bool) -> bytes:
    """`Content-Disposition` for a name (RFC 6266): plain ASCII, and all of it in UTF-8 where that is different."""
    safe = safe_name(name)
    plain = unicodedata.normalize("NFKD", safe).encode("ascii", "ignore").decode()
    plain = re.sub(r'["\\%]', "_", plain).strip() or "file"
    value = f'{"inline" if inline else "attachment"}; filename="{plain}"'
    if plain != safe:
        value += f"; filename*=UTF-8''{quote(safe, safe='')}"
    return value.encode("ascii")


def _media_type(media_type: str) -> bytes:
    plain = plain_type(media_type) or UNKNOWN
    return plain.encode() + (b"; charset=utf-8" if plain == PLAIN or plain.startswith("text/") else b"")


def _number(digits: bytes | None) -> int | None:
    """A number as large as any file can be; beyond that it makes no difference how large."""
    if not digits:
        return None
    stripped = digits.lstrip(b"0")
    return int(stripped or b"0") if len(stripped) <= _DIGITS_MAX else 10**_DIGITS_MAX
