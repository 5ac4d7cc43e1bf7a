"""Which refusals a door can answer with, and what they look like in the OpenAPI document."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from krepis.access import NotAllowed, NothingHere, NotSignedIn
from krepis.errors import DeadlinePassed, Invalid, Malformed, Rejection, Stale, TooLarge, Unavailable
from krepis.files.desk import UnsupportedFileType
from krepis.files.file import FileGone, UploadGone
from krepis.http.downloads import RangeNotSatisfiable
from krepis.http.facts import PathTooLong, SlowBody
from krepis.http.negotiation import NotAcceptable, PreconditionFailed, UnsupportedMediaType
from krepis.http.open_streams import Closing, TooManyStreams
from krepis.http.problem import STATUS_OF, title_of
from krepis.http.reading import PreconditionRequired
from krepis.identity import InvalidCredential

if TYPE_CHECKING:
    from krepis.http.doors import Errors
    from krepis.http.table import CompiledDoor

BUG_CODE = "internal_error"
_BUG_DOC = "A defect of the service. The trace id leads its people to it."


class Refusal:
    """One way in which a door says no."""

    __slots__ = ("code", "doc", "own", "status", "waits")

    def __init__(self, code: str, status: int, doc: str, *, own: bool, waits: bool = False) -> None:
        self.code = code
        self.status = status
        self.doc = doc
        self.own = own
        self.waits = waits


def refusals_of(door: CompiledDoor, errors: Errors) -> Iterator[Refusal]:
    """Every refusal that the framework itself can give at this door, then those that the door declares."""
    for kind in _framework(door):
        status = errors.statuses.get(kind.code) or STATUS_OF[kind.kind]
        yield Refusal(kind.code, status, _sentence(kind.__doc__ or ""), own=True, waits=hasattr(kind, "retry_after"))
    for code, status, doc in door.refusals:
        yield Refusal(code, status, _sentence(doc), own=True, waits=code in door.waits)
    yield Refusal(BUG_CODE, 500, _BUG_DOC, own=True)
    for code, status, doc in door.rejects:
        yield Refusal(code, status, doc, own=False, waits=code in door.waits)


def _framework(door: CompiledDoor) -> Iterator[type[Rejection]]:
    if door.access != "open":
        yield from (InvalidCredential, Malformed)
    if door.guarded:
        yield from (NotSignedIn, NotAllowed)
    if door.hides:
        yield NothingHere
    places = {read.source.place for read in door.sources}
    has_body = door.body_kind != "none"
    if door.access == "open" and (has_body or places & {"path", "query", "header"}):
        yield Malformed
    if door.answer_kind not in ("none", "file"):
        yield NotAcceptable
    if has_body:
        yield from (SlowBody, TooLarge, UnsupportedMediaType)
    if "path" in places:
        yield PathTooLong
    if has_body or places:
        yield Invalid
    if door.etag != "none" and door.method == "GET":
        yield PreconditionFailed
    yield from _of_files(door)
    if door.if_match:
        yield from (Stale, PreconditionRequired)
    yield from _streamed(door)
    yield from (Unavailable, DeadlinePassed)


def _streamed(door: CompiledDoor) -> Iterator[type[Rejection]]:
    if door.answer_kind in ("rows", "events"):
        yield from (TooManyStreams, Closing)
    if door.answer_kind == "events":
        yield Malformed


def _of_files(door: CompiledDoor) -> Iterator[type[Rejection]]:
    if door.files:
        yield UploadGone
    if any(file.rule.types for file in door.files):
        yield UnsupportedFileType
    if door.file is not None:
        yield from (PreconditionFailed, RangeNotSatisfiable, FileGone)


class Refusals:
    """The error answers of a document: `schemas` and `responses` are its components."""

    def __init__(self, errors: Errors) -> None:
        self._errors = errors
        self._media_type = errors.media_type.partition(";")[0].strip()
        self.schemas: dict[str, Any] = {}
        self.responses: dict[str, Any] = {}

    def of(self, door: CompiledDoor) -> dict[int, Any]:
        """The error answers of one door, by status."""
        by_status: dict[int, dict[str, Refusal]] = {}
        for refusal in refusals_of(door, self._errors):
            by_status.setdefault(refusal.status, {}).setdefault(refusal.code, refusal)
        return {status: self._answer(status, sorted(some.values(), key=_by_code)) for status, some in by_status.items()}

    def _answer(self, status: int, refusals: Sequence[Refusal]) -> dict[str, str]:
        codes = [refusal.code for refusal in refusals]
        name = f"{status}." + ".".join(codes)
        if name not in self.responses:
            response: dict[str, Any] = {
                "description": "\n\n".join(f"`{r.code}`: {r.doc}" if r.doc else f"`{r.code}`" for r in refusals)
            }
            headers = _headers(status, refusals)
            if headers:
                response["headers"] = headers
            response["content"] = {self._media_type: {"schema": self._shape(status, codes)}}
            self.responses[name] = response
        return {"$ref": f"#/components/responses/{name}"}

    def _shape(self, status: int, codes: Sequence[str]) -> dict[str, Any]:
        title = title_of(status)
        code = {"const": codes[0]} if len(codes) == 1 else {"enum": list(codes)}
        if self._errors.template is not None:
            return self._filled(
                self._errors.template, {"$status": {"const": status}, "$title": {"const": title}, "$code": code}
            )
        self.schemas |= {"Problem": _problem(), "FieldError": _field_error()}
        own: dict[str, Any] = {"properties": {"status": {"const": status}, "title": {"const": title}, "code": code}}
        if codes == [Invalid.code]:
            own["required"] = ["errors"]
        return {"allOf": [{"$ref": "#/components/schemas/Problem"}, own]}

    def _filled(self, template: Any, values: Mapping[str, Any]) -> dict[str, Any]:
        """The schema of what a template becomes."""
        if isinstance(template, str):
            return values.get(template) or self._place(template) or {"const": template}
        if isinstance(template, Mapping):
            parts = cast("Mapping[str, Any]", template)
            members = {name: self._filled(part, values) for name, part in parts.items()}
            return {"type": "object", "properties": members, "required": list(members), "additionalProperties": False}
        if isinstance(template, list | tuple):
            items = [self._filled(part, values) for part in cast("list[Any]", template)]
            if not items:
                return {"type": "array", "maxItems": 0}
            return {"type": "array", "prefixItems": items, "items": False, "minItems": len(items)}
        return {"const": template}

    def _place(self, name: str) -> dict[str, Any] | None:
        if name == "$errors":
            self.schemas["FieldError"] = _field_error()
        places = {"$detail": _text, "$trace": _trace, "$fields": _by_field, "$facts": _facts, "$errors": _errors}
        return places[name]() if name in places else None


def _headers(status: int, refusals: Sequence[Refusal]) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if status == 401:
        headers["WWW-Authenticate"] = {"required": True, "schema": _text()}
    if any(refusal.code == RangeNotSatisfiable.code for refusal in refusals):
        headers["Content-Range"] = {"required": True, "schema": {"type": "string", "pattern": "^bytes \\*/[0-9]+$"}}
    waiting = [refusal for refusal in refusals if refusal.waits]
    if waiting:
        wait: dict[str, Any] = {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}}
        headers["Retry-After"] = {**wait, "required": len(waiting) == len(refusals)}
    return headers


def _by_code(refusal: Refusal) -> str:
    return refusal.code


def _sentence(doc: str) -> str:
    """The first sentence of its docstring, without the status that stands beside it anyway."""
    text = " ".join(doc.split())
    return re.sub(r" ?\((?:HTTP|RFC) [0-9]+\)", "", re.split(r"(?<=\.) |; `", text)[0])


def _text(description: str = "") -> dict[str, Any]:
    return {"type": "string", **({"description": description} if description else {})}


def _trace() -> dict[str, Any]:
    return {**_text("Names this request in the service's log."), "pattern": "^[0-9a-f]{32}$"}


def _facts() -> dict[str, Any]:
    return {"type": "object", "description": "What else there is to know, by name."}


def _errors() -> dict[str, Any]:
    reference = {"$ref": "#/components/schemas/FieldError"}
    return {"type": "array", "items": reference, "description": "Every field that does not fit."}


def _by_field() -> dict[str, Any]:
    sentences = {"type": "array", "items": _text(), "minItems": 1}
    return {"type": "object", "additionalProperties": sentences, "minProperties": 1}


def _field_error() -> dict[str, Any]:
    members = {
        "in": {"enum": ["body", "path", "query", "header", "cookie"]},
        "path": _text("A JSON pointer (RFC 6901) to the field: `/lines/0/quantity`."),
        "code": _text("What is wrong, for programs."),
        "message": _text("What is wrong, for people."),
    }
    return {"type": "object", "properties": members, "required": list(members), "additionalProperties": False}


def _problem() -> dict[str, Any]:
    always = {
        "type": {"const": "about:blank"},
        "title": _text("The name of the status."),
        "status": {"type": "integer"},
        "detail": _text("What is wrong, for people."),
        "code": _text("What is wrong, for programs; it never changes."),
        "trace": _trace(),
    }
    return {
        "type": "object",
        "description": "An error as RFC 9457 describes it.",
        "properties": {**always, "errors": {**_errors(), "minItems": 1}, "facts": _facts()},
        "required": list(always),
        "additionalProperties": False,
    }
