"""Turns a rejection into an answer: an RFC 9457 problem, or the service's own template."""

from __future__ import annotations

import math
import traceback
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, cast

from krepis.context import Context
from krepis.errors import FieldError, Invalid, Kind, Quota, Rejection
from krepis.http.doors import Errors
from krepis.http.facts import Answer, answer
from krepis.identity import InvalidCredential
from krepis.schema.encode import encode

STATUS_OF: Mapping[Kind, int] = MappingProxyType(
    {
        "malformed": 400,
        "unauthenticated": 401,
        "forbidden": 403,
        "not_found": 404,
        "method_not_allowed": 405,
        "not_acceptable": 406,
        "slow": 408,
        "conflict": 409,
        "stale": 412,
        "too_large": 413,
        "path_too_long": 414,
        "unsupported": 415,
        "range": 416,
        "invalid": 422,
        "precondition_required": 428,
        "too_many": 429,
        "unavailable": 503,
        "timeout": 504,
    }
)

# The names of RFC 9110; Python's own differ from version to version.
_TITLES: Mapping[int, str] = MappingProxyType(
    {413: "Content Too Large", 414: "URI Too Long", 416: "Range Not Satisfiable", 422: "Unprocessable Content"}
)

BUG_SENTENCE = "something went wrong on our side; the trace id leads to it"


class Problems:
    """The one place where refusals and bugs become answers. Each is logged with the trace id that the caller sees."""

    def __init__(self, errors: Errors, challenge: str = "Bearer") -> None:
        self._errors = errors
        self._challenge = challenge.encode()
        self._media_type = errors.media_type.encode()

    def refusal(self, refusal: Rejection, ctx: Context) -> Answer:
        """The answer to a rejection."""
        status = self._errors.statuses.get(refusal.code) or STATUS_OF[refusal.kind]
        ctx.log.info("refused", code=refusal.code, status=status)
        more = list(_waiting(refusal))
        if status == 401:
            # RFC 6750, section 3: the reason is named only to those who sent a credential.
            invalid = isinstance(refusal, InvalidCredential)
            more.append((b"www-authenticate", self._challenge + b' error="invalid_token"' * invalid))
        errors = refusal.errors if isinstance(refusal, Invalid) else ()
        return self.plain(status, refusal.code, refusal.sentence, ctx, *more, errors=errors, facts=refusal.facts)

    def bug(self, error: BaseException, ctx: Context) -> Answer:
        """The answer to an exception that nobody expected: the trace id, and no detail."""
        ctx.log.error("bug", error=repr(error), traceback="".join(traceback.format_exception(error)))
        return self.plain(500, "internal_error", BUG_SENTENCE, ctx)

    def plain(
        self,
        status: int,
        code: str,
        detail: str,
        ctx: Context,
        *more: tuple[bytes, bytes],
        errors: tuple[FieldError, ...] = (),
        facts: Mapping[str, object] = MappingProxyType({}),
    ) -> Answer:
        """An error answer in the service's shape."""
        title = title_of(status)
        shown = [{"in": e.place, "path": pointer(e.path), "code": e.code, "message": e.message} for e in errors]
        document: dict[str, Any] = {
            "type": "about:blank",
            "title": title,
            "status": status,
            "detail": detail,
            "code": code,
            "trace": ctx.trace.id,
        }
        if self._errors.template is not None:
            fields: dict[str, list[str]] = {}
            for error in errors:
                fields.setdefault(".".join(str(part) for part in error.path) or "body", []).append(error.message)
            values = {**document, "errors": shown, "fields": fields or {"body": [detail]}, "facts": dict(facts)}
            document = _filled(self._errors.template, values)
        else:
            if shown:
                document["errors"] = shown
            if facts:
                document["facts"] = dict(facts)
        return answer(status, self._media_type, encode(document), *more)


def _waiting(refusal: Rejection) -> Iterator[tuple[bytes, bytes]]:
    """When to come back: `Retry-After` (RFC 9110, section 10.2.3) in whole seconds, rounded up, and for what has a
    quota the fields of draft-ietf-httpapi-ratelimit-headers-10.
    """
    wait_s: float | None = getattr(refusal, "retry_after", None)
    if wait_s is not None:
        yield b"retry-after", b"%d" % max(0, math.ceil(wait_s))
    quota: Quota | None = getattr(refusal, "quota", None)
    if quota is not None:
        name = b'"' + quota.name.encode() + b'"'
        yield b"ratelimit-policy", b"%s;q=%d;w=%d" % (name, quota.count, max(1, math.ceil(quota.per_s)))
        yield b"ratelimit", b"%s;r=%d;t=%d" % (name, quota.left, max(0, math.ceil(quota.reset_s)))


def title_of(status: int) -> str:
    """The name of a status, as RFC 9110 has it."""
    return _TITLES.get(status) or HTTPStatus(status).phrase


def pointer(path: tuple[str | int, ...]) -> str:
    """A path as an RFC 6901 JSON pointer: `/lines/0/quantity`."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def _filled(template: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(template, str):
        return values.get(template[1:], template) if template.startswith("$") else template
    if isinstance(template, Mapping):
        return {key: _filled(part, values) for key, part in cast("Mapping[str, Any]", template).items()}
    if isinstance(template, list | tuple):
        return [_filled(part, values) for part in cast("list[Any]", template)]
    return template
