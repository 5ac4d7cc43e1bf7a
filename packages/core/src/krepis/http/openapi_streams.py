"""Answers that go on, in the OpenAPI document.

OpenAPI 3.1 has no words for a body of many values, nor for WebSockets. So a stream is text to tools that know no better,
and what a row, an event or a frame holds stands in members of our own, as schemas that refer to the same components:
`x-row`, `x-start`, `x-events`, and `x-websockets` for the whole document.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from krepis.http.sent import sent
from krepis.schema.jsonschema import Components
from krepis.schema.tree import Schema

if TYPE_CHECKING:
    from collections.abc import Collection

    from krepis.http.table import CompiledDoor, CompiledSocket, DoorTable

_ROWS: Mapping[str, str] = MappingProxyType(
    {
        "application/x-ndjson": "Rows as JSON, one a line. A connection that ends before its last chunk has not sent all.",
        "text/csv": "Rows as RFC 4180 has them, names first. A connection that ends before its last chunk has not sent all.",
    }
)
_EVENTS = "Server-sent events (WHATWG HTML, section 9.2): `start`, then each of `x-events` as it happens, and `lost`."


class StreamWriter:
    """Writes what streams of one document hold. `schemas` are to be among the document's components."""

    def __init__(self, table: DoorTable, read: Collection[str]) -> None:
        self._events = {at: _shown(door.events, read) for at, door in enumerate(table.doors) if door.events}
        self._sockets = [_Socket(parts.compiled, read) for parts in table.sockets]
        self.schemas: Sequence[Schema] = (
            *(schema for events in self._events.values() for _, schema in events),
            *(schema for socket in self._sockets for schema in socket.schemas()),
        )

    def content(self, at: int, door: CompiledDoor, answer: Schema | None, components: Components) -> dict[str, Any]:
        """The body of a door's answer."""
        if door.answer_kind == "rows":
            assert answer is not None
            described = {"type": "string", "description": _ROWS[door.media_type]}
            return {door.media_type: {"schema": described, "x-row": components.whole(answer)}}
        body: dict[str, Any] = {"schema": {"type": "string", "description": _EVENTS}}
        if answer is not None:
            body["x-start"] = components.whole(answer)
        body["x-events"] = {name: components.whole(schema) for name, schema in self._events[at]}
        return {door.media_type: body}

    def sockets(self, components: Components) -> dict[str, Any]:
        """The WebSocket doors by path."""
        return {socket.compiled.pattern: socket.written(components) for socket in self._sockets}


class _Socket:
    """One WebSocket door, with the schemas of what it sends as answers have them."""

    def __init__(self, compiled: CompiledSocket, read: Collection[str]) -> None:
        self.compiled = compiled
        self._start = None if compiled.query.answer is None else sent(compiled.query.answer, read)
        self._answers = [None if door.answer is None else sent(door.answer, read) for _, door in compiled.commands]
        self._events = _shown(compiled.events, read)

    def schemas(self) -> Iterable[Schema]:
        yield from (door.body for _, door in self.compiled.commands if door.body is not None)
        yield from (schema for schema in (self._start, *self._answers) if schema is not None)
        yield from (schema for _, schema in self._events)

    def written(self, components: Components) -> dict[str, Any]:
        commands: dict[str, Any] = {}
        for (name, door), answer in zip(self.compiled.commands, self._answers, strict=True):
            command: dict[str, Any] = {"description": door.doc} if door.doc else {}
            if door.body is not None:
                command["data"] = components.whole(door.body)
            command["answer"] = {"type": "null"} if answer is None else components.whole(answer)
            commands[name] = command
        doc = self.compiled.query.doc
        return {
            **({"description": doc} if doc else {}),
            "start": {"type": "null"} if self._start is None else components.whole(self._start),
            "commands": commands,
            "events": {name: components.whole(schema) for name, schema in self._events},
        }


def last_event_id() -> dict[str, Any]:
    """The parameter that says where a client was."""
    described = "The `id` of the last event that the client has; it gets those after it."
    schema = {"type": "string", "pattern": "^[0-9]{0,18}$"}
    return {"name": "Last-Event-ID", "in": "header", "description": described, "schema": schema}


def _shown(events: Iterable[tuple[str, Schema]], read: Collection[str]) -> list[tuple[str, Schema]]:
    return [(name, sent(schema, read)) for name, schema in events]
