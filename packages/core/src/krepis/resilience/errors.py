"""What these interceptors refuse with. Callers outside see a 503 `unavailable`, and nothing about what it was: the log has
that.
"""

from __future__ import annotations

from krepis.errors import KrepisError, Unavailable


class CallTimedOut(Unavailable):
    """The other side gave no answer in the time that the call had. It may have done the work all the same."""

    code = Unavailable.code


class NotCalled(Unavailable):
    """The other side was not asked at all. Calling again at once would only be refused again."""

    code = Unavailable.code

    def __init__(self, *, retry_after: int = 1) -> None:
        super().__init__()
        self.retry_after = retry_after


class CircuitOpen(NotCalled):
    """The other side has failed too often lately; `retry_after` says when it is tried again."""

    code = Unavailable.code


class BulkheadFull(NotCalled):
    """As many calls as may run or wait do so already."""

    code = Unavailable.code


def demand(fits: bool, sentence: str, hint: str) -> None:  # noqa: FBT001 - reads as a sentence
    """Refuse an option that can't be meant, for the builder of the app."""
    if not fits:
        raise KrepisError(sentence, hint=hint)
