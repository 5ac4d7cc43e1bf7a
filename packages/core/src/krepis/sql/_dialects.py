"""SQLAlchemy's two dialects, with one change: an IN list is one parameter, so a statement has one text for ever."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ARRAY, BindParameter
from sqlalchemy import types as sa
from sqlalchemy.dialects.postgresql.asyncpg import PGCompiler_asyncpg, PGDialect_asyncpg
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import Dialect


class _SqliteCompiler(SQLiteCompiler):
    def visit_in_op_binary(self, binary: Any, operator: Any, **kw: Any) -> str:
        return self._in_list(binary, operator, "IN", **kw)

    def visit_not_in_op_binary(self, binary: Any, operator: Any, **kw: Any) -> str:
        return self._in_list(binary, operator, "NOT IN", **kw)

    def _in_list(self, binary: Any, operator: Any, word: str, **kw: Any) -> str:
        if not is_list(binary.right):
            return self._generate_generic_binary(binary, f" {word} ", **kw)
        left = self.process(binary.left, **kw)
        parameter = self.process(_one_parameter(binary), **kw)
        return f"({left} {word} (SELECT value FROM json_each({parameter})))"  # noqa: S608 - both parts are compiled


class _PostgresCompiler(PGCompiler_asyncpg):
    def visit_in_op_binary(self, binary: Any, operator: Any, **kw: Any) -> str:
        return self._in_list(binary, " IN ", "= ANY", **kw)

    def visit_not_in_op_binary(self, binary: Any, operator: Any, **kw: Any) -> str:
        return self._in_list(binary, " NOT IN ", "<> ALL", **kw)

    def _in_list(self, binary: Any, generic: str, word: str, **kw: Any) -> str:
        if not is_list(binary.right):
            return self._generate_generic_binary(binary, generic, **kw)
        return f"({self.process(binary.left, **kw)} {word} ({self.process(_one_parameter(binary), **kw)}))"


class ListType(ARRAY[Any]):
    """The type of an IN list's one parameter, on both databases; `item_type` is its members'."""


def is_list(element: object) -> bool:
    """Whether this is the right side of `column.in_(bindparam(..., expanding=True))`."""
    return isinstance(element, BindParameter) and element.expanding


def _one_parameter(binary: Any) -> BindParameter[Any]:
    right = binary.right
    member = binary.left.type if isinstance(right.type, sa.NullType) else right.type
    return BindParameter(right.key, right.value, ListType(member), required=right.required, unique=False)


def sqlite_dialect() -> Dialect:
    """SQLite as the `sqlite3` module speaks it: `?` in order."""
    dialect = SQLiteDialect_pysqlite(paramstyle="qmark")
    dialect.statement_compiler = _SqliteCompiler
    return dialect


def postgres_dialect() -> Dialect:
    """PostgreSQL as asyncpg speaks it: `$1`, with casts where the server could guess wrong."""
    dialect = PGDialect_asyncpg()
    dialect.statement_compiler = _PostgresCompiler
    return dialect
