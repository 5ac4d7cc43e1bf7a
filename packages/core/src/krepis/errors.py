"""All errors of Krepis, on one page.

Two trees, and they never mix:

- `Rejection`: the service says no to its caller. Expected, part of the interface, raised by domain and application
  code. It has a stable `code`, a `kind` (which a door translates, HTTP to a status), a sentence, and facts.
- `KrepisError`: a person who builds or runs the service has to change something. It has a sentence and a `hint`.

Every other exception that leaves a handler is a bug: callers see a trace id and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from msgspec import Struct

Kind = Literal[
    "malformed",
    "unauthenticated",
    "forbidden",
    "not_found",
    "method_not_allowed",
    "not_acceptable",
    "timeout",
    "conflict",
    "stale",
    "slow",
    "path_too_long",
    "range",
    "too_large",
    "unsupported",
    "invalid",
    "precondition_required",
    "too_many",
    "unavailable",
]


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.lstrip("_")).lower()


class Rejection(Exception):
    """The service refuses; nothing has changed. Subclass it in the domain and state the fact in the name.

    ```python
    class OutOfStock(Rejection):
        message = "only {left} of `{isbn}` are left"

    raise OutOfStock(isbn=book.isbn, left=book.stock)
    ```

    `code` is the snake_case of the class name unless the class sets it. `facts` are shown to the caller, so they must
    be plain data that the caller may see.
    """

    kind: ClassVar[Kind] = "conflict"
    code: ClassVar[str] = "rejected"
    message: ClassVar[str] = ""

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if "code" not in cls.__dict__:
            cls.code = _snake_case(cls.__name__)

    def __init__(self, message: str = "", /, **facts: object) -> None:
        self.facts = facts
        self.sentence = message or self._filled(facts) or self.code.replace("_", " ")
        super().__init__(self.sentence)

    def _filled(self, facts: dict[str, object]) -> str:
        try:
            return type(self).message.format_map(facts)
        except KeyError as missing:
            name = type(self).__name__
            raise TypeError(f"`{name}` says {missing} in its message: raise {name}({missing.args[0]}=...)") from None


class NotFound(Rejection):
    """What was named does not exist, or not for this caller (HTTP 404)."""

    kind = "not_found"


class Forbidden(Rejection):
    """The caller is known and may not (HTTP 403)."""

    kind = "forbidden"


class Unauthenticated(Rejection):
    """The caller must say who they are (HTTP 401)."""

    kind = "unauthenticated"


class Stale(Rejection):
    """The thing has changed since the caller read it (HTTP 412)."""

    kind = "stale"
    message = "it has changed since you read it; read it again"


class FieldError(Struct, frozen=True):
    """One failing field of a message: its `path`, a stable `code`, and a sentence for people.

    `place` is where the caller has put it: `body`, `path`, `query`, `header`, `cookie`.
    """

    path: tuple[str | int, ...]
    code: str
    message: str
    place: str = "body"


class Invalid(Rejection):
    """A message does not fit its schema (HTTP 422); `errors` lists every failing field, by path."""

    kind = "invalid"

    def __init__(self, errors: tuple[FieldError, ...], message: str = "") -> None:
        super().__init__(message or f"{len(errors)} field{'s do' if len(errors) != 1 else ' does'} not fit")
        self.errors = errors


class Malformed(Rejection):
    """The bytes are not what they claim to be: broken JSON, broken UTF-8, nesting without end (HTTP 400)."""

    kind = "malformed"


class TooLarge(Rejection):
    """The input is larger than the door's limit (HTTP 413)."""

    kind = "too_large"


class DeadlinePassed(Rejection):
    """The work was not done by its deadline; it was cancelled and rolled back (HTTP 504)."""

    kind = "timeout"
    message = "the work was not done by its deadline; nothing has changed"


class Unavailable(Rejection):
    """Something that the service needs is away, for now (HTTP 503); `retry_after` is in seconds."""

    kind = "unavailable"
    message = "something that this service needs is away; try again"
    retry_after: int = 1


class Quota(Struct, frozen=True):
    """What a limited caller may: `count` calls in `per_s` seconds, `left` now, all of them again in `reset_s` seconds.

    `name` says which limit it is: ASCII letters, digits and dashes.
    """

    name: str
    count: int
    per_s: float
    left: int
    reset_s: float


class TooManyRequests(Rejection):
    """The caller asks more often than allowed (HTTP 429); `retry_after` is in seconds."""

    kind = "too_many"
    message = "you ask more often than allowed; wait before you ask again"
    retry_after: float = 1
    quota: Quota | None = None


class KrepisError(Exception):
    """Something that a builder or operator has to mend. `hint` says what to do and is shown on a line of its own.

    `code` is a stable name for programs; a subclass has its own name as code (`WiringError`: `wiring`). `place` is the
    file, setting or argument that it is about, `facts` is plain data for `--json`, and `exit_code` is how the `krepis`
    command ends with it.
    """

    code: str = ""
    place: str = ""
    exit_code: int = 1

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if "code" not in cls.__dict__:
            cls.code = _snake_case(cls.__name__.removesuffix("Error"))

    def __init__(
        self,
        sentence: str,
        *,
        hint: str = "",
        code: str = "",
        place: str = "",
        exit_code: int | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(sentence)
        self.hint = hint
        self.code = code or self.code
        self.place = place or self.place
        self.exit_code = self.exit_code if exit_code is None else exit_code
        self.facts = dict(facts or {})

    def __str__(self) -> str:
        return f"{self.args[0]}\n  hint: {self.hint}" if self.hint else str(self.args[0])


class WiringError(KrepisError):
    """The app can't start; `problems` lists everything that is wrong with its wiring, each with a hint."""

    def __init__(self, app: str, problems: tuple[KrepisError, ...]) -> None:
        lines = "\n".join(f"- {problem}" for problem in problems)
        count = f"{len(problems)} problem{'s' if len(problems) != 1 else ''}"
        super().__init__(f"the app `{app}` can't start, {count}:\n{lines}")
        self.problems = problems


class ContextWidenedError(KrepisError):
    """A context was asked for more than its parent has."""


class TenantMissingError(KrepisError):
    """What belongs to a tenant was asked for in a unit of work whose context has none."""


class OutboundInTransactionError(KrepisError):
    """An outbound port was called while a write transaction was open."""
