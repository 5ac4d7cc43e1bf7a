"""The compiled doors: plain data that every HTTP engine and the OpenAPI document read. Compiling needs no I/O."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from krepis.access import Gate, Policy
from krepis.errors import KrepisError, Rejection
from krepis.handler import Handler
from krepis.http.doors import Disposition, Door, Doors, Limits, Mount
from krepis.http.problem import STATUS_OF
from krepis.http.reading import FieldSource, FileSource, Reading, compile_reading
from krepis.http.rendering import Render, compile_rendering
from krepis.http.router import Router
from krepis.http.streamed import SocketDoor, Watch
from krepis.identity import Identify
from krepis.part import Part
from krepis.schema.inspection import schema_of
from krepis.schema.tree import Schema

BodyKind = Literal["none", "json", "form", "upload"]
AnswerKind = Literal["none", "json", "text", "rows", "events", "file"]
EtagKind = Literal["none", "hash", "field"]
Access = Literal["open", "optional", "required"]
"""Whether callers say who they are: nobody asks; they may; they have to."""


class CompiledDoor(Struct, frozen=True):
    """One door as data: everything that an engine or a document needs to know of it.

    `rejects` holds the code, the status and the sentence of each rejection that the door declares. `guarded` says
    whether the policy can say no, `events` what is shown as it happens, `hides` whether it then says that there is nothing. `refusals` are those of the app's
    parts, as `rejects`; `waits` has the codes whose answers say when to come back.
    """

    method: str
    pattern: str
    message: str
    doc: str
    sources: tuple[FieldSource, ...]
    strings: Schema | None
    body: Schema | None
    body_kind: BodyKind
    answer: Schema | None
    answer_kind: AnswerKind
    media_type: str
    status: int
    etag: EtagKind
    if_match: bool
    rejects: tuple[tuple[str, int, str], ...]
    limits: Limits
    access: Access
    guarded: bool
    hides: bool
    refusals: tuple[tuple[str, int, str], ...] = ()
    waits: tuple[str, ...] = ()
    events: tuple[tuple[str, Schema], ...] = ()
    files: tuple[FileSource, ...] = ()
    file: Disposition | None = None
    inline_types: tuple[str, ...] = ()


class CompiledSocket(Struct, frozen=True):
    """One WebSocket door as data: the query that is asked when a caller comes, the commands by their name in frames, and
    the events that are shown.
    """

    pattern: str
    query: CompiledDoor
    commands: tuple[tuple[str, CompiledDoor], ...]
    events: tuple[tuple[str, Schema], ...]


Parts = tuple[CompiledDoor, Door, Reading, Render]
"""What is made of a declared door."""


class SocketParts(Struct, frozen=True):
    """What is made of a declared WebSocket door."""

    compiled: CompiledSocket
    declared: SocketDoor
    query: Parts
    commands: tuple[tuple[str, Parts], ...]


class DoorTable:
    """All doors of an app, and what is wrong with them."""

    def __init__(
        self, app: str, declared: Doors, policy: Policy | None, parts: Sequence[Part], *, identifies: bool
    ) -> None:
        self.app = app
        self._parts = parts
        self._policy = policy
        self._identifies = identifies
        self.declared = declared
        self.doors: list[CompiledDoor] = []
        self.problems: list[KrepisError] = []
        self.mounts: tuple[Mount, ...] = tuple(declared.mounts)
        self.parts: list[tuple[Door, Reading, Render]] = []
        self.sockets: list[SocketParts] = []
        self._places: Router[Door] = Router()
        self._socket_places: Router[SocketDoor] = Router()

    def add(self, door: Door, handler: Handler | None) -> None:
        """Compile one door, or note why it can't be."""
        place = f"the door `{door.method} {door.pattern}`"
        other = self._places.add(door.method, door.pattern, door)
        if other is not None:
            self.problems.append(
                KrepisError(
                    f"{place} of `{door.message.__name__}` stands where `{other.method} {other.pattern}` of "
                    f"`{other.message.__name__}` stands",
                    hint="give one of them another path",
                )
            )
        made = self._made(door, handler, place)
        if made is not None:
            schema, _, reading, render = made
            self.doors.append(schema)
            self.parts.append((door, reading, render))

    def add_socket(self, socket: SocketDoor, handlers: Mapping[type[Any], Handler]) -> None:
        """Compile one WebSocket door, or note why it can't be."""
        place = f"the WebSocket `{socket.pattern}`"
        if self._socket_places.add("GET", socket.pattern, socket) is not None:
            self.problems.append(KrepisError(f"{place} stands twice", hint="give one of them another path"))
        query = self._made(_door(socket, "GET", socket.message), handlers.get(socket.message), place)
        commands: list[tuple[str, Parts]] = []
        for name, message in socket.commands.items():
            made = self._made(_door(socket, "POST", message), handlers.get(message), place)
            if made is not None:
                commands.append((name, made))
        if query is not None:
            named = tuple((name, made[0]) for name, made in commands)
            compiled = CompiledSocket(socket.pattern, query[0], named, query[0].events)
            self.sockets.append(SocketParts(compiled, socket, query, tuple(commands)))

    def _made(self, door: Door, handler: Handler | None, place: str) -> Parts | None:
        if isinstance(door.stream, Watch) and door.stream.events and all(part.feed() is None for part in self._parts):
            self.problems.append(
                KrepisError(
                    f"{place} shows events, and no part of the app stores them",
                    hint="add `krepis.outbox.Outbox()` to `App(parts=...)`",
                )
            )
        if handler is None:
            self.problems.append(
                KrepisError(
                    f"{place} leads to `{door.message.__name__}`, which has no handler",
                    hint="add its handler to `App(handlers=...)`",
                )
            )
            return None
        if handler.kind == "command" and door.method == "GET":
            self.problems.append(
                KrepisError(f"{place} is safe but leads to the command `{door.message.__name__}`", hint="use POST")
            )
        try:
            reading = compile_reading(door)
            rendering = compile_rendering(door, handler.answer)
            gate = None if self._policy is None else self._policy.gate(door.message)
            schema = CompiledDoor(
                method=door.method,
                pattern=door.pattern,
                message=door.message.__name__,
                doc=inspect.cleandoc(door.message.__doc__ or ""),
                sources=reading.fields,
                strings=None if reading.strings is None else schema_of(reading.strings),
                body=None if reading.body is None else schema_of(reading.body),
                body_kind=_body_kind(door, reading),
                answer=None if rendering.type is None else schema_of(rendering.type),
                answer_kind=rendering.kind,
                media_type=door.media_type,
                status=rendering.status,
                etag="none"
                if door.file is not None
                else "hash"
                if door.etag is True
                else "field"
                if door.etag
                else "none",
                if_match=door.if_match is not None,
                rejects=tuple(_refused(self.declared, rejection) for rejection in door.rejects),
                limits=door.limits,
                access=self._access(gate),
                guarded=gate is not None and not gate.wide_open,
                hides=gate is not None and gate.needs_thing and gate.hides,
                events=_shown(door),
                files=reading.files,
                file=door.file,
                inline_types=door.inline_types,
            )
            _refuse_forged_files(schema, place)
        except KrepisError as problem:
            self.problems.append(problem)
            return None
        of_parts = tuple(dict.fromkeys(refusal for part in self._parts for refusal in part.refusals(schema)))
        if of_parts:
            schema = replace(schema, refusals=tuple(_refused(self.declared, refusal) for refusal in of_parts))
        waits = tuple(one.code for one in (*door.rejects, *of_parts) if hasattr(one, "retry_after"))
        return replace(schema, waits=waits) if waits else schema, door, reading, rendering.render

    def _access(self, gate: Gate | None) -> Access:
        if not self._identifies:
            return "open"
        return "optional" if gate is None or gate.opens_to_anyone else "required"


def compile_doors(
    app: str,
    declared: Doors,
    handlers: Mapping[type[Any], Handler],
    policy: Policy | None = None,
    parts: Sequence[Part] = (),
) -> DoorTable:
    """Compile every declared door; problems are collected in the table."""
    table = DoorTable(app, declared, policy, parts, identifies=Identify in handlers)
    for door in declared.declared:
        table.add(door, handlers.get(door.message))
    for socket in declared.sockets:
        table.add_socket(socket, handlers)
    return table


def _door(socket: SocketDoor, method: Literal["GET", "POST"], message: type[Any]) -> Door:
    """A query or command of a WebSocket as a door of its own: what stands around doors stands around it, too."""
    return Door(
        method=method,
        pattern=socket.pattern,
        message=message,
        status=200,
        sources={},
        envelope=None,
        answer_envelope=None,
        media_type="application/json",
        etag=False,
        if_match=None,
        rejects=(),
        limits=Limits(timeout_s=socket.timeout_s),
        stream=socket.watch if method == "GET" else None,
    )


def _shown(door: Door) -> tuple[tuple[str, Schema], ...]:
    events = door.stream.events if isinstance(door.stream, Watch) else ()
    return tuple((event.__name__, schema_of(event)) for event in events)


def _refused(declared: Doors, rejection: type[Rejection]) -> tuple[str, int, str]:
    doc = inspect.cleandoc(rejection.__doc__ or rejection.message)
    return rejection.code, _status(declared, rejection), doc


def _body_kind(door: Door, reading: Reading) -> BodyKind:
    return door.body_kind if reading.files else "none" if reading.body is None else "json"


def _refuse_forged_files(door: CompiledDoor, place: str) -> None:
    """A reference comes from an upload alone: one that a caller writes could name anybody's file."""
    schemas = [schema for schema in (door.strings, door.body) if schema is not None]
    if any("krepis.files.file.FileRef" in schema.definitions for schema in schemas):
        raise KrepisError(
            f"{place} would read a `FileRef` of `{door.message}` from the request, where callers could name any file",
            hint='take it from an upload: sources={"field": upload()}, or form_file() for a form',
        )


def _status(declared: Doors, rejection: type[Rejection]) -> int:
    return declared.errors.statuses.get(rejection.code) or STATUS_OF[rejection.kind]
