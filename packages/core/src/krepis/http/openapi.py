"""OpenAPI 3.1 out of the compiled doors, and out of nothing else: what serves the requests is what is written down.

Rules that a reviewer must check:

- An answer is documented exactly when the door can give it. Each refusal of the framework has its condition in
  `refusals_of`; those of the service are the door's `rejects`.
- The same doors make the same bytes: doors keep the order of their declaration, everything else is sorted.
- HEAD is not written down: it comes with every GET, as RFC 9110 has it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec

from krepis.http.openapi_files import file_answers, file_parameters, form_body, upload_body
from krepis.http.openapi_streams import StreamWriter, last_event_id
from krepis.http.refusals import Refusals
from krepis.http.sent import read_in, sent
from krepis.schema.jsonschema import Components
from krepis.schema.tree import AnyNode, Field, Schema, SecretNode, TextNode

if TYPE_CHECKING:
    from krepis.http.reading import FieldSource
    from krepis.http.table import CompiledDoor, DoorTable
    from krepis.identity import Credential

OPENAPI_VERSION = "3.1.1"

_TEXTS = (TextNode, SecretNode, AnyNode)
_PLACES = ("path", "query", "header", "cookie")
_IGNORED_HEADERS = ("accept", "content-type", "authorization")  # OpenAPI 3.1.1, section 4.8.12.1: described elsewhere
_TAG = r'^"[^"]*"$'


def openapi_bytes(table: DoorTable) -> bytes:
    """The document as JSON."""
    return msgspec.json.encode(openapi_document(table))


def openapi_document(table: DoorTable) -> dict[str, Any]:
    """The document as plain data."""
    return _Writer(table).document()


class _Writer:
    """Writes one document."""

    def __init__(self, table: DoorTable) -> None:
        self._table = table
        self._declared = table.declared
        bodies = [door.body for door in table.doors if door.body is not None]
        bodies += [door.body for one in table.sockets for _, door in one.compiled.commands if door.body is not None]
        read = read_in(bodies)
        self._streams = StreamWriter(table, read)
        self._answers = {at: sent(door.answer, read) for at, door in enumerate(table.doors) if door.answer is not None}
        self._components = Components((*bodies, *self._answers.values(), *self._streams.schemas))
        self._refusals = Refusals(table.declared.errors)
        self._names = _operation_ids(table.doors)
        self._schemes: dict[str, Any] = {}

    def document(self) -> dict[str, Any]:
        declared = self._declared
        info = {"title": declared.title or self._table.app, "version": declared.version}
        if declared.description:
            info["description"] = declared.description
        paths: dict[str, dict[str, Any]] = {}
        tags: dict[str, None] = {}
        for at, door in enumerate(self._table.doors):
            tag = self._tag(door)
            tags[tag] = None
            operation: dict[str, Any] = {"operationId": self._names[at], "summary": _words(door.message), "tags": [tag]}
            operation |= self._input(door)
            operation["responses"] = self._output(at, door, self._answers.get(at))
            paths.setdefault(door.pattern, {})[door.method.lower()] = operation
        document: dict[str, Any] = {"openapi": OPENAPI_VERSION, "info": info, "paths": paths}
        sockets = self._streams.sockets(self._components)
        if sockets:
            document["x-websockets"] = sockets
        if tags:
            document["tags"] = [{"name": tag} for tag in tags]
        components = {
            "schemas": self._components.written | self._refusals.schemas,
            "responses": self._refusals.responses,
        }
        components["securitySchemes"] = self._schemes
        document["components"] = {kind: dict(sorted(made.items())) for kind, made in components.items() if made}
        return document

    def _tag(self, door: CompiledDoor) -> str:
        """The first word of the path, which is what REST names a collection by."""
        own = door.pattern.removeprefix(self._declared.base_path).strip("/").split("/")
        return next((part for part in own if part and not part.startswith("{")), self._table.app)

    def _input(self, door: CompiledDoor) -> dict[str, Any]:
        written: dict[str, Any] = {"description": door.doc} if door.doc else {}
        parameters = self._parameters(door)
        if parameters:
            written["parameters"] = parameters
        if door.body_kind == "upload":
            written["requestBody"] = upload_body(door)
        elif door.body_kind == "form":
            written["requestBody"] = form_body(door, lambda field: self._text_field(door.body, field))
        elif door.body is not None:
            written["requestBody"] = self._body(door.body)
        guard = self._guard(door)
        if guard is not None:
            written["security"] = guard
        return written

    def _parameters(self, door: CompiledDoor) -> list[dict[str, Any]]:
        written: list[dict[str, Any]] = []
        for place in _PLACES:
            for read, field in _strings(door):
                ignored = place == "header" and read.source.name in _IGNORED_HEADERS
                if read.source.place == place and not ignored:
                    written.append(self._parameter(door, read, field))
        if door.if_match:
            written.append(_if_match())
        if door.answer_kind == "events":
            written.append(last_event_id())
        if door.file is not None:
            written += file_parameters()
        elif door.etag != "none" and door.method == "GET":
            written.append(_if_none_match())
        return written

    def _parameter(self, door: CompiledDoor, read: FieldSource, field: Field) -> dict[str, Any]:
        place = read.source.place
        schema = self._text_field(door.strings, field)
        parameter: dict[str, Any] = {"name": read.source.name, "in": place}
        if "description" in schema:
            parameter["description"] = schema.pop("description")
        if place == "path" or field.required:
            parameter["required"] = True
        if read.many and place in ("query", "cookie"):
            parameter |= {"style": "form", "explode": True}
        return {**parameter, "schema": schema}

    def _text_field(self, schema: Schema | None, field: Field) -> dict[str, Any]:
        assert schema is not None
        # Where text is wanted, `null` is a text; elsewhere it is read as nothing.
        nullable = not any(isinstance(arm, _TEXTS) for arm in schema.arms(field.node))
        return self._components.field(schema, field, nullable=nullable)

    def _body(self, schema: Schema) -> dict[str, Any]:
        body: dict[str, Any] = {"content": {"application/json": {"schema": self._components.whole(schema)}}}
        if any(field.required for field in schema.fields()):
            body["required"] = True
        return body

    def _guard(self, door: CompiledDoor) -> list[dict[str, Any]] | None:
        """How callers say who they are: by the credentials of the app, or in an `Authorization` that the door reads
        itself, which OpenAPI wants as a security scheme and not as a parameter.
        """
        field = next((field for read, field in _strings(door) if _is_guard(read)), None)
        if field is not None:
            self._schemes["Authorization"] = {"type": "apiKey", "in": "header", "name": "Authorization"}
            return [{"Authorization": []}] if field.required else [{}, {"Authorization": []}]
        if door.access == "open":
            return None
        for credential in self._declared.credentials:
            self._schemes[credential.scheme] = _scheme(credential)
        ways: list[dict[str, Any]] = [{credential.scheme: []} for credential in self._declared.credentials]
        return ways if door.access == "required" else [{}, *ways]

    def _output(self, at: int, door: CompiledDoor, answer: Schema | None) -> dict[str, Any]:
        if door.file is not None:
            answers = file_answers() | self._refusals.of(door)
            return {str(status): answers[status] for status in sorted(answers)}
        success: dict[str, Any] = {"description": HTTPStatus(door.status).phrase}
        answers: dict[int, Any] = {door.status: success}
        if door.etag != "none":
            success["headers"] = {"ETag": _etag()}
            if door.method == "GET":
                answers[304] = {"description": "The caller has this version already.", "headers": {"ETag": _etag()}}
        if door.answer_kind in ("rows", "events"):
            success["content"] = self._streams.content(at, door, answer, self._components)
        elif door.answer_kind != "none":
            schema = {"type": "string"} if answer is None else self._components.whole(answer)
            success["content"] = {door.media_type.partition(";")[0].strip(): {"schema": schema}}
        answers |= self._refusals.of(door)
        return {str(status): answers[status] for status in sorted(answers)}


def _operation_ids(doors: list[CompiledDoor]) -> list[str]:
    """The message's name; where a message has several doors, those after the first add their method and path."""
    taken: dict[str, None] = {}
    for door in doors:
        name = door.message
        if name in taken:
            name += "".join(word.capitalize() for word in (door.method, *re.findall(r"[A-Za-z0-9]+", door.pattern)))
        number = 1
        while (numbered := name if number == 1 else f"{name}{number}") in taken:
            number += 1
        taken[numbered] = None
    return list(taken)


def _words(message: str) -> str:
    """`PlaceOrder` as `Place order`, `ShowISBN` as `Show ISBN`."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+", message)
    return " ".join([words[0], *(word if word.isupper() and len(word) > 1 else word.lower() for word in words[1:])])


def _strings(door: CompiledDoor) -> list[tuple[FieldSource, Field]]:
    fields: Mapping[str, Field] = (
        {} if door.strings is None else {field.name: field for field in door.strings.fields(flat_pages=True)}
    )
    return [(read, fields[read.field]) for read in door.sources]


def _scheme(credential: Credential) -> dict[str, Any]:
    if credential.header == "authorization" and credential.prefix == "Bearer":
        return {"type": "http", "scheme": "bearer"}
    described = f"`{credential.prefix} ` and then the token." if credential.prefix else "The key alone."
    return {"type": "apiKey", "in": "header", "name": credential.header, "description": described}


def _is_guard(read: FieldSource) -> bool:
    return read.source.place == "header" and read.source.name == "authorization"


def _etag() -> dict[str, Any]:
    description = "The version of this answer; send it back as `If-None-Match` or `If-Match`."
    return {"description": description, "required": True, "schema": {"type": "string", "pattern": _TAG}}


def _if_match() -> dict[str, Any]:
    """Any text may be sent as a tag: one that is none is no version of the thing, so it is answered with 412."""
    description = "The `ETag` of the version that the change is about."
    parameter = {"name": "If-Match", "in": "header", "description": description, "required": True}
    return {**parameter, "schema": {"type": "string"}, "example": '"1"'}


def _if_none_match() -> dict[str, Any]:
    description = "The `ETag` of the version that the caller has."
    return {"name": "If-None-Match", "in": "header", "description": description, "schema": {"type": "string"}}
