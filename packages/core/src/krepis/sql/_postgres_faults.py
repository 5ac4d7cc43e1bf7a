"""What PostgreSQL's error codes, and the loss of a connection, mean for a unit of work."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from asyncpg import exceptions as pg

from krepis.errors import DeadlinePassed, KrepisError
from krepis.sql._attempts import Lost
from krepis.sql._waiting import Again
from krepis.sql.errors import (
    BadValueError,
    CheckViolation,
    ForeignKeyViolation,
    ReadOnlyError,
    StoreAway,
    StoreBusy,
    StoreFailed,
    StoreFull,
    UniqueViolation,
)

Errors = tuple[type[BaseException], ...]

LOST: Errors = (
    ConnectionError,
    pg.PostgresConnectionError,
    pg.AdminShutdownError,
    pg.CrashShutdownError,
    pg.CannotConnectNowError,
    pg.IdleSessionTimeoutError,
    pg.IdleInTransactionSessionTimeoutError,
)
_OUTDATED: Errors = (pg.InvalidCachedStatementError, pg.OutdatedSchemaCacheError)
_NO_ROOM: Errors = (pg.TooManyConnectionsError, pg.OutOfMemoryError, pg.ConfigurationLimitExceededError)
_NOT_FITTING: Errors = (pg.DataError, pg.CharacterNotInRepertoireError, pg.UntranslatableCharacterError)

_OUTCOMES: tuple[tuple[Errors, Callable[[Any, str], Exception]], ...] = (
    ((TimeoutError, pg.QueryCanceledError), lambda _e, _t: DeadlinePassed()),  # before `LOST`: it is an `OSError`, too
    (
        (pg.UniqueViolationError, pg.ExclusionViolationError),
        lambda e, _t: UniqueViolation(**_rule(e), columns=_columns(e)),
    ),
    (
        (pg.ForeignKeyViolationError, pg.RestrictViolationError),
        lambda e, _t: ForeignKeyViolation(**_rule(e), columns=_columns(e)),
    ),
    ((pg.IntegrityConstraintViolationError,), lambda e, _t: CheckViolation(str(e), **_rule(e))),
    ((pg.SerializationError, pg.DeadlockDetectedError, pg.LockNotAvailableError, *_OUTDATED), lambda _e, _t: Again()),
    ((pg.ReadOnlySQLTransactionError,), lambda _e, text: ReadOnlyError(text)),
    ((pg.DiskFullError,), lambda _e, _t: StoreFull()),
    ((pg.PostgresIOError,), lambda _e, _t: StoreFailed()),
    (LOST, lambda _e, _t: Lost()),
    (_NO_ROOM, lambda _e, _t: StoreBusy()),
    (_NOT_FITTING, lambda e, _t: BadValueError(f"a value does not fit into PostgreSQL: {e}")),
)
"""The first row that fits decides."""


def fault(error: Exception, text: str, *, closed: bool) -> Exception:
    """The exception that a unit of work raises for `error`, which came from `text`; `closed`: the connection is dead."""
    for errors, outcome in _OUTCOMES:
        if isinstance(error, errors):
            return outcome(error, text)
    return Lost() if closed else error


def must_be_replaced(error: Exception) -> bool:
    """Whether the connection is of no use any more: dead, or with statements prepared for tables that have changed."""
    return isinstance(error, (*LOST, *_OUTDATED))


def connect_fault(error: Exception, name: str) -> Exception:
    """The exception for a connection to `name` (a url without its password) that did not come about."""
    match error:
        case pg.InvalidAuthorizationSpecificationError() | pg.InvalidPasswordError():
            return KrepisError(f"PostgreSQL refuses the user of {name}", hint="mend user or password in the url")
        case pg.InvalidCatalogNameError():
            return KrepisError(f"there is no database {name}", hint="make it with `createdb`, or mend the url")
        case _ if isinstance(error, _NO_ROOM):
            return StoreBusy()
        case OSError() | pg.PostgresConnectionError() | pg.OperatorInterventionError():
            return StoreAway()
        case _:
            return error


def _rule(error: Any) -> dict[str, str | None]:
    return {"constraint": error.constraint_name, "table": error.table_name}


def _columns(error: Any) -> tuple[str, ...]:
    # The server says: Key (isbn, copy)=(978, 1) already exists.
    named = re.match(r"Key \(([^)]*)\)=", error.detail or "")
    return tuple(column.strip(' "') for column in named[1].split(",")) if named else ()
