"""What another service answered, and how it becomes a value of ours."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Self, TypeVar

from msgspec import Struct

from krepis.errors import Invalid, KrepisError, Malformed, Unavailable
from krepis.schema.decode import Decoder

T = TypeVar("T")

RETRY_AFTER_S_MAX = 86_400
_AWAY = frozenset({429, 502, 503, 504})


class UnexpectedAnswerError(KrepisError):
    """Another service answered with something that the adapter was not written for: a fault of one of both."""


class Decoders:
    """The decoders of a client, one for each type that it has read: making one takes longer than a call."""

    def __init__(self) -> None:
        self._made: dict[Any, Decoder[Any]] = {}

    def of(self, kind: Any) -> Decoder[Any]:
        """The decoder of a type."""
        decoder = self._made.get(kind)
        if decoder is None:
            decoder = self._made[kind] = Decoder(kind)
        return decoder


class HttpAnswer(Struct, frozen=True):
    """A whole answer. Names of `headers` are in lower case. `call` names what was asked, without anything secret."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    call: str
    decoders: Decoders

    def expect(self, *statuses: int) -> Self:
        """This answer, if its status is one of them. Raises `Unavailable` for 429, 502, 503 and 504, with the
        `retry_after` that the answer has, and `UnexpectedAnswerError` for every other.
        """
        if self.status in statuses:
            return self
        if self.status in _AWAY:
            raise self.unavailable()
        wanted = ", ".join(str(status) for status in statuses)
        hint = "redirects are not followed: call the new address" if 300 <= self.status < 400 else ""
        raise UnexpectedAnswerError(f"{self.call} answered with {self.status} instead of {wanted}", hint=hint)

    def unavailable(self) -> Unavailable:
        """The rejection that says that the other service is away, for as long as it says itself."""
        away = Unavailable()
        seconds = retry_after(self.headers)
        if seconds is not None:
            away.retry_after = seconds
        return away

    def read(self, kind: type[T] | Any) -> T:
        """The body as a value, checked like a message. Raises `UnexpectedAnswerError` for what is no JSON or doesn't
        fit. Let values that others send ignore what they may add: `class Rate(Value, forbid_unknown_fields=False)`.
        """
        given = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if given != "application/json" and not given.endswith("+json"):
            raise UnexpectedAnswerError(f"{self.call} answered with `{given[:80]}` instead of JSON")
        try:
            return self.decoders.of(kind).decode(self.body)
        except Malformed as refusal:
            raise UnexpectedAnswerError(f"{self.call} answered with broken JSON: {refusal.sentence}") from None
        except Invalid as refusal:
            first = refusal.errors[0]
            place = ".".join(str(part) for part in first.path)
            # Not the sentence: it repeats what was sent.
            raise UnexpectedAnswerError(
                f"{self.call} answered with what is no {getattr(kind, '__name__', kind)}: "
                f"`{place}` fails ({first.code}), one of {len(refusal.errors)}"
            ) from None


def retry_after(headers: Mapping[str, str]) -> int | None:
    """Seconds that `retry-after` asks for, at most a day; `None` when it says nothing (RFC 9110, section 10.2.3).

    A date is measured from the answer's own `date`, so that it means the same whatever our clock says.
    """
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(int(text[:9]), RETRY_AFTER_S_MAX)
    until, sent = _instant(text), _instant(headers.get("date", ""))
    if until is None or sent is None:
        return None
    return min(max(0, round((until - sent).total_seconds())), RETRY_AFTER_S_MAX)


def _instant(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
