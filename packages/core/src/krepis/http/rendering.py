"""Turns what a handler answers into an answer of HTTP; runs inside the unit of work, before its commit."""

from __future__ import annotations

from collections.abc import Callable
from types import NoneType
from typing import Any, Literal, get_args, get_origin

import msgspec
from msgspec import Struct

from krepis.errors import KrepisError
from krepis.files.file import FileRef
from krepis.http.doors import Door, Envelope, Listing
from krepis.http.facts import Answer
from krepis.http.rows import compile_rows
from krepis.http.server_events import render_start
from krepis.http.streamed import Rows, Watch
from krepis.schema.encode import encode
from krepis.types import Page

Render = Callable[[Any], Answer]


class FileAnswer(Answer):
    """What stands for a file until the unit of work has ended; `http.downloads` makes the answer of it."""

    file: FileRef

    @classmethod
    def of(cls, file: FileRef) -> FileAnswer:
        return cls(200, [], b"", file)


class Rendering(Struct, frozen=True):
    """`type` is what the body holds, for its schema; `None` when there is no body or it is text."""

    kind: Literal["none", "json", "text", "rows", "events", "file"]
    status: int
    type: Any
    render: Render


def compile_rendering(door: Door, answer: Any) -> Rendering:
    """How this door renders. Raises `KrepisError` for a combination that can't be."""
    place = f"the door `{door.method} {door.pattern}`"
    if isinstance(door.stream, Rows):
        rows = compile_rows(door, door.stream, answer)
        return Rendering("rows", door.status, rows.type, rows.first)
    if isinstance(door.stream, Watch):
        return Rendering("events", 200, None if answer in (None, NoneType) else answer, render_start)
    if door.file is not None:
        if answer is not FileRef or door.method != "GET":
            raise KrepisError(
                f"{place} sends a file, but its message answers with `{_name(answer)}`",
                hint="let a query answer with `FileRef`, and bind it with `doors.get`",
            )
        return Rendering("file", door.status, None, FileAnswer.of)
    if answer is None or answer is NoneType:
        status = 204 if door.status == 200 else door.status
        return Rendering(
            "none", status, None, lambda _: Answer(status, [] if status == 204 else [(b"content-length", b"0")], b"")
        )
    media_type = door.media_type.encode()
    if door.media_type.startswith("text/"):
        if answer is not str:
            raise KrepisError(
                f"{place} answers with `{door.media_type}`, but its message answers with `{_name(answer)}`",
                hint="let the message answer with `str`",
            )
        if b"charset" not in media_type:
            media_type += b"; charset=utf-8"
        return Rendering("text", door.status, None, _text(door.status, media_type))
    shape, as_shape = _shaped(door, answer, place)
    version = _version_reader(door, answer, place)
    return Rendering("json", door.status, shape, _json(door.status, media_type, as_shape, version))


def _json(
    status: int, media_type: bytes, shaped: Callable[[Any], Any] | None, version: Callable[[Any], Any] | None
) -> Render:
    type_header = (b"content-type", media_type)

    def plain(answer: Any) -> Answer:
        body = encode(answer)
        return Answer(status, [type_header, (b"content-length", b"%d" % len(body))], body)

    if shaped is None and version is None:
        return plain

    def render(answer: Any) -> Answer:
        reply = plain(answer if shaped is None else shaped(answer))
        if version is not None:
            reply.headers.append((b"etag", f'"{version(answer)}"'.encode()))
        return reply

    return render


def _text(status: int, media_type: bytes) -> Render:
    type_header = (b"content-type", media_type)

    def render(answer: str) -> Answer:
        body = answer.encode()
        return Answer(status, [type_header, (b"content-length", b"%d" % len(body))], body)

    return render


def _shaped(door: Door, answer: Any, place: str) -> tuple[Any, Callable[[Any], Any] | None]:
    """The type that is encoded, and how to make it of the handler's answer (`None`: it is that already)."""
    envelope = door.answer_envelope
    if envelope is None:
        return answer, None
    name = f"{door.message.__name__}Answer"
    if isinstance(envelope, Envelope):
        wrapped = msgspec.defstruct(name, [(envelope.name, answer)], module=door.message.__module__)
        return wrapped, wrapped
    if get_origin(answer) is not Page:
        raise KrepisError(
            f"{place} has a `Listing`, but its message answers with `{_name(answer)}`", hint="answer with `Page[T]`"
        )
    (item,) = get_args(answer)
    return _listing(name, door, envelope, item)


def _listing(name: str, door: Door, envelope: Listing, item: Any) -> tuple[Any, Callable[[Any], Any]]:
    members: list[tuple[str, str, Any]] = [(envelope.items, "items", list[item])]
    if envelope.total:
        members.append((envelope.total, "total", int | None))
    if envelope.next:
        members.append((envelope.next, "next", str | None))
    shape = msgspec.defstruct(name, [(shown, kind) for shown, _, kind in members], module=door.message.__module__)
    return shape, lambda page: shape(*[getattr(page, field) for _, field, _ in members])


def _version_reader(door: Door, answer: Any, place: str) -> Callable[[Any], Any] | None:
    if not isinstance(door.etag, str):
        return None
    field = door.etag
    if field not in getattr(answer, "__struct_fields__", ()):
        raise KrepisError(
            f"{place} takes its ETag from `{field}`, which is no field of `{_name(answer)}`",
            hint="name the field that holds the version",
        )
    return lambda value: getattr(value, field)


def _name(answer: Any) -> str:
    return getattr(answer, "__name__", str(answer))
