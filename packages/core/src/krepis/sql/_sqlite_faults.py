"""What SQLite's error codes mean for a unit of work."""

from __future__ import annotations

import re
import sqlite3
from typing import Any

from sqlalchemy import MetaData, UniqueConstraint

from krepis.errors import DeadlinePassed
from krepis.sql._waiting import Again
from krepis.sql.errors import (
    BadValueError,
    CheckViolation,
    ForeignKeyViolation,
    ReadOnlyError,
    StoreDamagedError,
    StoreFailed,
    StoreFull,
    UniqueViolation,
)

_PRIMARY_CODE = 0xFF
_FAILED_CODES = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_PROTOCOL)
_UNIQUE_CODES = (
    sqlite3.SQLITE_CONSTRAINT_UNIQUE,
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
    sqlite3.SQLITE_CONSTRAINT_ROWID,
)

Keys = dict[tuple[str, frozenset[str]], str]
"""The names of unique constraints, by table and columns: SQLite reports the columns, repositories know the name."""


def key_names(metadata: MetaData | None) -> Keys:
    """The names that PostgreSQL would report, also for constraints without a name of their own."""
    keys: Keys = {}
    for table in metadata.tables.values() if metadata is not None else ():
        primary = table.primary_key
        keys[table.name, frozenset(column.name for column in primary)] = str(primary.name or f"{table.name}_pkey")
        for constraint in table.constraints:
            if isinstance(constraint, UniqueConstraint):
                names = [column.name for column in constraint.columns]
                keys[table.name, frozenset(names)] = str(constraint.name or f"{table.name}_{'_'.join(names)}_key")
        for index in table.indexes:
            if index.unique:
                keys[table.name, frozenset(column.name for column in index.columns)] = str(index.name)
    return keys


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another connection, here or in another process, holds what was wanted."""
    return _code(error) & _PRIMARY_CODE in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def is_broken(error: BaseException) -> bool:
    """Whether the connection should be replaced rather than used again."""
    return isinstance(error, sqlite3.Error) and _code(error) & _PRIMARY_CODE in _FAILED_CODES


def fault(error: Exception, text: str, keys: Keys) -> Exception:
    """The exception that a unit of work raises for `error`, which came from the statement `text`."""
    if not isinstance(error, sqlite3.Error):  # OverflowError, UnicodeEncodeError: the driver couldn't convert a value
        return BadValueError(f"a value does not fit into SQLite: {error}")
    code = _code(error)
    match code & _PRIMARY_CODE:
        case sqlite3.SQLITE_CONSTRAINT:
            return _violation(error, code, keys)
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return Again()
        case sqlite3.SQLITE_INTERRUPT:
            return DeadlinePassed()
        case sqlite3.SQLITE_READONLY:
            return ReadOnlyError(text)
        case sqlite3.SQLITE_FULL:
            return StoreFull()
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return damaged(error)
        case primary if primary in _FAILED_CODES:
            return StoreFailed()
        case _ if "rror binding parameter" in str(error):
            return BadValueError(f"a value does not fit into SQLite: {error}")
        case _:
            return error


def damaged(error: Exception) -> StoreDamagedError:
    return StoreDamagedError(f"the file is not a whole SQLite database: {error}", hint="restore it from a backup")


def _code(error: Any) -> int:
    # Errors that the module itself raises (wrong number of parameters, say) have no code.
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)


def _violation(error: sqlite3.Error, code: int, keys: Keys) -> Exception:
    sentence = str(error)
    if code == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
        return ForeignKeyViolation()
    if code in _UNIQUE_CODES:
        parts = re.findall(r"(\w+)\.(\w+)", sentence)
        table = parts[0][0] if parts else None
        columns = tuple(column for _, column in parts)
        by_index = re.search(r"index '(\w+)'", sentence)  # an index over expressions has no columns to name
        name = by_index[1] if by_index else keys.get((table or "", frozenset(columns)))
        return UniqueViolation(constraint=name, table=table, columns=columns)
    named = re.search(r"CHECK constraint failed: (\w+)", sentence)
    return CheckViolation(sentence, constraint=named[1] if named else None)
