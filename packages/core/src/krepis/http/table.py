"""The compiled doors: plain data that every HTTP engine and the OpenAPI document read. Compiling needs no I/O."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct

from krepis.access import Gate, Policy
from krepis.errors import KrepisError, Rejection
from krepis.handler import Handler
from krepis.http.doors import Door, Doors, Limits, Mount
from krepis.http.problem import STATUS_OF
from krepis.http.reading import FieldSource, Reading, compile_reading
from krepis.http.rendering import Render, compile_rendering
from krepis.http.router import Router
from krepis.identity import Identify
from krepis.schema.inspection import schema_of
from krepis.schema.tree import Schema

BodyKind = Literal["none", "json"]
AnswerKind = Literal["none", "json", "text"]
EtagKind = Literal["none", "hash", "field"]
Access = Literal["open", "optional", "required"]
"""Whether callers say who they are: nobody asks; they may; they have to."""


class CompiledDoor(Struct, frozen=True):
    """One door as data: everything that an engine or a document needs to know of it.

    `rejects` holds the code, the status and the sentence of each rejection that the door declares. `guarded` says
    whether the policy can say no, `hides` whether it then says that there is nothing.
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


class DoorTable:
    """All doors of an app, and what is wrong with them."""

    def __init__(self, app: str, declared: Doors, policy: Policy | None, *, identifies: bool) -> None:
        self.app = app
        self._policy = policy
        self._identifies = identifies
        self.declared = declared
        self.doors: list[CompiledDoor] = []
        self.problems: list[KrepisError] = []
        self.mounts: tuple[Mount, ...] = tuple(declared.mounts)
        self.parts: list[tuple[Door, Reading, Render]] = []
        self._places: Router[Door] = Router()

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
        if handler is None:
            self.problems.append(
                KrepisError(
                    f"{place} leads to `{door.message.__name__}`, which has no handler",
                    hint="add its handler to `App(handlers=...)`",
                )
            )
            return
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
                body_kind="none" if reading.body is None else "json",
                answer=None if rendering.type is None else schema_of(rendering.type),
                answer_kind=rendering.kind,
                media_type=door.media_type,
                status=rendering.status,
                etag="hash" if door.etag is True else "field" if door.etag else "none",
                if_match=door.if_match is not None,
                rejects=tuple(
                    (
                        rejection.code,
                        _status(self.declared, rejection),
                        inspect.cleandoc(rejection.__doc__ or rejection.message),
                    )
                    for rejection in door.rejects
                ),
                limits=door.limits,
                access=self._access(gate),
                guarded=gate is not None and not gate.wide_open,
                hides=gate is not None and gate.needs_thing and gate.hides,
            )
        except KrepisError as problem:
            self.problems.append(problem)
            return
        self.doors.append(schema)
        self.parts.append((door, reading, rendering.render))

    def _access(self, gate: Gate | None) -> Access:
        if not self._identifies:
            return "open"
        return "optional" if gate is None or gate.opens_to_anyone else "required"


def compile_doors(
    app: str, declared: Doors, handlers: Mapping[type[Any], Handler], policy: Policy | None = None
) -> DoorTable:
    """Compile every declared door; problems are collected in the table."""
    table = DoorTable(app, declared, policy, identifies=Identify in handlers)
    for door in declared.declared:
        table.add(door, handlers.get(door.message))
    return table


def _status(declared: Doors, rejection: type[Rejection]) -> int:
    return declared.errors.statuses.get(rejection.code) or STATUS_OF[rejection.kind]
