"""Files in the OpenAPI document: what a door takes and what it sends, with every header."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from krepis.schema.tree import Field

if TYPE_CHECKING:
    from krepis.http.reading import FileSource
    from krepis.http.table import CompiledDoor

Json = dict[str, Any]

_TAG = '^"[0-9a-f]{64}"$'


def upload_body(door: CompiledDoor) -> Json:
    """The `requestBody` of a door whose body is a file."""
    (file,) = door.files
    types = [kind for kind in file.rule.types if "*" not in kind] or ["application/octet-stream"]
    content = {kind: {"schema": {**_binary(file), "minLength": 1}} for kind in types}
    return {"content": content, **({"required": True} if file.required else {})}


def form_body(door: CompiledDoor, written: Callable[[Field], Json]) -> Json:
    """The `requestBody` of a door that takes a form; `written` writes the schema of one of its texts."""
    assert door.body is not None, "a form has a schema, if only an empty one"
    fields = door.body.fields()
    properties = {field.encode_name: written(field) for field in fields}
    required = [field.encode_name for field in fields if field.required]
    encoding: Json = {}
    for file in door.files:
        one = _binary(file)
        properties[file.name] = {"type": "array", "items": one, "maxItems": file.count_max} if file.many else one
        if file.required:
            required.append(file.name)
        if file.rule.types:
            encoding[file.name] = {"contentType": ", ".join(file.rule.types)}
    schema: Json = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        schema["required"] = required
    form: Json = {"schema": schema, **({"encoding": encoding} if encoding else {})}
    return {"content": {"multipart/form-data": form}, **({"required": True} if required else {})}


def file_parameters() -> list[Json]:
    """What a download reads beside its message."""
    range_ = "A range of the file's bytes (RFC 9110, section 14). What is none is ignored."
    return [
        _header("Range", range_, example="bytes=0-1023"),
        _header("If-Range", "The `ETag` of the version that the range is of."),
        _header("If-None-Match", "The `ETag` of the version that the caller has."),
    ]


def file_answers() -> dict[int, Json]:
    """The answers of a download that are no refusals."""
    content = {"*/*": {"schema": {"type": "string", "format": "binary"}}}
    part = {"Content-Range": {"required": True, "schema": {"type": "string"}}}
    return {
        200: {"description": "The file.", "headers": _headers(), "content": content},
        206: {"description": "The range of the file.", "headers": {**_headers(), **part}, "content": content},
        304: {"description": "The caller has this file already.", "headers": {"ETag": _etag()}},
    }


def _headers() -> Json:
    return {
        "ETag": _etag(),
        "Accept-Ranges": {"required": True, "schema": {"const": "bytes"}},
        "Content-Disposition": {"required": True, "schema": {"type": "string"}},
        "Content-Security-Policy": {"required": True, "schema": {"type": "string"}},
        "X-Content-Type-Options": {"required": True, "schema": {"const": "nosniff"}},
    }


def _etag() -> Json:
    return {"description": "The SHA-256 of the file.", "required": True, "schema": {"type": "string", "pattern": _TAG}}


def _header(name: str, description: str, **more: Any) -> Json:
    return {"name": name, "in": "header", "description": description, "schema": {"type": "string"}, **more}


def _binary(file: FileSource) -> Json:
    kinds = f", one of {', '.join(file.rule.types)} by its content" if file.rule.types else ""
    return {"type": "string", "format": "binary", "description": f"At most {file.rule.bytes_max} bytes{kinds}."}
