"""What the database can answer besides rows, the same for SQLite and PostgreSQL.

| what happens | what is raised | who acts |
|---|---|---|
| UNIQUE or PRIMARY KEY, FOREIGN KEY | `UniqueViolation`, `ForeignKeyViolation`: rejections, `conflict` | a repository may translate |
| CHECK, NOT NULL | `CheckViolation`: a bug, callers see a trace id | the developer |
| the queue, the retries or the wait have no end in sight | `StoreBusy`: `unavailable` | the caller, later |
| disk or quota full | `StoreFull`: `unavailable`, rolled back | the operator |
| I/O error, a connection that died | `StoreFailed`, `StoreAway`: `unavailable`, rolled back | the operator |
| the connection died while COMMIT was under way | `CommitUnknown`: `unavailable` | the caller, with the same idempotency key |
| the deadline passed | `krepis.errors.DeadlinePassed`, rolled back | the caller |
| a query writes | `ReadOnlyError` | the developer |
| the file is damaged, or not a database | `StoreDamagedError` | the operator, with a backup |
| a value that no column can hold | `BadValueError`, a `ValueError`: a bug, the schema refuses it at the door | the developer |

After a violation the transaction is spent, on SQLite too: PostgreSQL refuses every further statement, so both do.
Put `async with sql.savepoint():` around what may fail when the unit is to go on.
"""

from __future__ import annotations

from krepis.errors import KrepisError, Rejection, Unavailable


class ConstraintViolation(Rejection):
    """The change contradicts what is stored (HTTP 409), often because another command was faster.

    `constraint`, `table` and `columns` say which rule; what the database does not tell is `None` or empty (SQLite
    says nothing about foreign keys). They are for repositories and logs: the caller sees `conflict` and no detail.
    """

    kind = "conflict"
    code = "conflict"
    message = "it contradicts what is stored"

    def __init__(
        self, *, constraint: str | None = None, table: str | None = None, columns: tuple[str, ...] = ()
    ) -> None:
        super().__init__()
        self.constraint = constraint
        self.table = table
        self.columns = columns


class UniqueViolation(ConstraintViolation):
    """A row with this key exists already."""

    code = "conflict"


class ForeignKeyViolation(ConstraintViolation):
    """A row that this one points to does not exist, or a row that others point to would go."""

    code = "conflict"


class CheckViolation(Exception):
    """A CHECK or NOT NULL rule is broken. The domain should have refused this: a bug, so callers see no detail."""

    def __init__(self, sentence: str, *, constraint: str | None = None, table: str | None = None) -> None:
        super().__init__(sentence)
        self.constraint = constraint
        self.table = table


class StoreBusy(Unavailable):
    """The database had no room for this unit of work in time: a queue at its limit, or one conflict after another."""

    message = "the store is busy; try again"


class StoreFull(Unavailable):
    """The disk is full; nothing has changed."""

    message = "the store is full; nothing has changed"
    retry_after = 30


class StoreFailed(Unavailable):
    """The database could not read or write its disk; nothing has changed."""

    message = "the store failed; nothing has changed"
    retry_after = 5


class StoreAway(Unavailable):
    """The database can't be reached; nothing has changed."""

    message = "the store is away; nothing has changed, try again"


class CommitUnknown(Unavailable):
    """The connection died while COMMIT was under way: the change is stored completely or not at all."""

    message = "it is unknown whether the change was stored; ask again with the same idempotency key"


class BadValueError(ValueError):
    """A parameter that the database can't hold: NUL in text, an integer or decimal out of range, a local time."""


class ReadOnlyError(KrepisError):
    """A statement tried to write in a read-only unit of work."""

    def __init__(self, text: str) -> None:
        super().__init__(
            f"a query can't write: `{shorten(text)}`", hint="make the message a `Command`, or the statement a SELECT"
        )


class StatementError(KrepisError):
    """A declared statement can't be compiled, or is called with other parameters than it has."""


class TransactionSpentError(KrepisError):
    """A statement was sent after one had failed, or after the unit of work had ended."""


class StoreDamagedError(KrepisError):
    """The file is not a database, or a damaged one."""


class SchemaError(KrepisError):
    """Code and database disagree."""


SHOWN_CHARS_MAX = 120


def shorten(text: str) -> str:
    """`text` on one line, short enough for a message."""
    line = " ".join(text.split())
    return line if len(line) <= SHOWN_CHARS_MAX else line[: SHOWN_CHARS_MAX - 1] + "…"
