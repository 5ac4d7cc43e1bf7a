"""`multipart/form-data` (RFC 7578), part by part as it arrives; nothing but one chunk is held."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any, Literal

from msgspec import Struct

from krepis.errors import KrepisError, Malformed, TooLarge
from krepis.http.doors import Limits
from krepis.http.negotiation import UnsupportedMediaType

BOUNDARY_BYTES_MAX = 70  # RFC 2046, section 5.1.1
PART_HEADERS_MAX = 8

_PLAIN_ENCODINGS = frozenset((b"", b"7bit", b"8bit", b"binary"))
Event = tuple[Literal["part", "data", "end"], Any]


class PartHead(Struct, frozen=True):
    """What a part says of itself. `file_name` is as its sender wrote it; `None` when it is no file."""

    name: str
    file_name: bytes | None
    media_type: str


class Multipart:
    """The parts of one body: `async for head in parts()`, and for each `async for piece in content()`."""

    def __init__(self, chunks: AsyncIterator[bytes], content_type: bytes, limits: Limits) -> None:
        module = multipart_module()
        kind, options = module.parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if kind != b"multipart/form-data":
            raise UnsupportedMediaType("send the body as `multipart/form-data`")
        if not 0 < len(boundary) <= BOUNDARY_BYTES_MAX:
            raise Malformed("`Content-Type` names no boundary that RFC 2046 allows")
        self._chunks = chunks
        self._error: type[Exception] = module.MultipartParseError
        self._reader = _Reader(module, limits)
        callbacks = {
            name: getattr(self._reader, name)
            for name in ("part_begin", "part_data", "part_end", "header_field", "header_value", "header_end", "end")
        }
        callbacks = {f"on_{name}": function for name, function in callbacks.items()}
        callbacks["on_headers_finished"] = self._reader.headers_finished
        self._parser = module.MultipartParser(boundary, callbacks, max_header_size=2**31, max_header_count=2**31)
        # A logger of its own, which says nothing: what strangers send fills no log.
        self._parser.logger = logging.Logger("quiet", logging.CRITICAL + 1)  # noqa: LOG001
        self._events = self._read()

    async def parts(self) -> AsyncIterator[PartHead]:
        """The heads of the parts, in their order. What is not taken of a part's content is passed over.

        Raises `Malformed`, `TooLarge`, and what the stream raises.
        """
        async for kind, value in self._events:
            if kind == "part":
                yield value

    async def content(self) -> AsyncIterator[bytes]:
        """The content of the part whose head came last."""
        async for kind, value in self._events:
            if kind == "end":
                return
            yield value

    async def _read(self) -> AsyncIterator[Event]:
        reader = self._reader
        async for chunk in self._chunks:
            try:
                self._parser.write(chunk)
            except self._error as error:
                raise Malformed("the body is not the `multipart/form-data` that its boundary promises") from error
            events, reader.events = reader.events, []
            for event in events:
                yield event
        if not reader.ended:
            raise Malformed("the body ends before its last boundary")


def multipart_module() -> Any:
    """python-multipart. Raises `KrepisError` when it is not installed."""
    try:
        from python_multipart import multipart
    except ImportError:
        raise KrepisError(
            "forms need python-multipart, which is not installed", hint="pip install krepis[files]"
        ) from None
    return multipart


class _Reader:
    """What the parser calls: makes events, and keeps the limits."""

    def __init__(self, module: Any, limits: Limits) -> None:
        self._options = module.parse_options_header
        self._parts_max = limits.form_parts_max
        self._header_bytes_max = limits.part_header_bytes_max
        self._parts = 0
        self._size = 0
        self._field = b""
        self._value = b""
        self._headers: dict[bytes, bytes] = {}
        self.events: list[Event] = []
        self.ended = False

    def part_begin(self) -> None:
        self._parts += 1
        if self._parts > self._parts_max:
            raise TooLarge(f"the form has more than {self._parts_max} parts", parts_max=self._parts_max)
        self._size = 0
        self._headers = {}

    def header_field(self, data: bytes, start: int, end: int) -> None:
        self._grow(end - start)
        self._field += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._grow(end - start)
        self._value += data[start:end]

    def header_end(self) -> None:
        name = self._field.lower()
        if name in self._headers:
            raise Malformed("a part of the form has a header twice")
        self._headers[name] = self._value
        self._field = self._value = b""
        if len(self._headers) > PART_HEADERS_MAX:
            raise TooLarge(f"a part of the form has more than {PART_HEADERS_MAX} headers", count_max=PART_HEADERS_MAX)

    def headers_finished(self) -> None:
        kind, options = self._options(self._headers.get(b"content-disposition", b""))
        if kind != b"form-data" or b"name" not in options:
            raise Malformed("a part of the form has no name")
        if self._headers.get(b"content-transfer-encoding", b"").strip().lower() not in _PLAIN_ENCODINGS:
            raise Malformed("a part of the form is encoded, which RFC 7578 no longer allows")
        try:
            name = options[b"name"].decode()
        except UnicodeDecodeError as error:
            raise Malformed("the name of a part is not UTF-8") from error
        claimed = self._headers.get(b"content-type", b"").decode("latin-1")
        self.events.append(("part", PartHead(name, options.get(b"filename"), claimed)))

    def part_data(self, data: bytes, start: int, end: int) -> None:
        self.events.append(("data", data[start:end]))

    def part_end(self) -> None:
        self.events.append(("end", b""))

    def end(self) -> None:
        self.ended = True

    def _grow(self, count: int) -> None:
        self._size += count
        if self._size > self._header_bytes_max:
            raise TooLarge(
                f"the headers of a part are larger than {self._header_bytes_max} bytes",
                bytes_max=self._header_bytes_max,
            )
