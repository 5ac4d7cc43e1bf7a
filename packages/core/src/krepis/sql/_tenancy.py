"""Narrows statements to one tenant while they are compiled: what `krepis.sql.tenants` promises, done by the compiler.

Where a tenanted table stands as something to read from, `(SELECT ... FROM books WHERE books.tenant = ?) AS books` is
written instead. Both databases merge that into the query around it, so an index that begins with the tenant is used.
"""

from __future__ import annotations

import copy
import re
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import BindParameter, String, and_, bindparam, select
from sqlalchemy.engine import Dialect

from krepis.errors import TenantMissingError
from krepis.sql.errors import StatementError, shorten
from krepis.sql.tenants import tenant_column

if TYPE_CHECKING:
    from krepis.sql._compile import Plan, Plans
    from krepis.sql.statement import Statement

TENANT = "krepis_tenant"

# What text can't do without when it touches rows; `SET TRANSACTION ...` and `SELECT pg_notify(...)` have none of them.
_TOUCHES = re.compile(
    r"\b(?:from|join|into|update|table|using|delete|truncate|copy|execute|call|do|with|merge|alter|drop|create|pragma"
    r"|attach|vacuum|prepare|declare|lock|explain)\b",
    re.IGNORECASE,
)
# Inside a Core statement text may be a number, a name, a quoted word, or a function without arguments: no more.
_HARMLESS = re.compile(r"\*|[\w.]+(?:\(\s*\*?\s*\))?|'[^'\\]*'")
_OPERATOR = re.compile(r"[A-Za-z ]+|(?:(?!--|/\*)[<>=!~@#%^&|*/+?:-])+")
_HINT = "write it with SQLAlchemy Core, or say why it may see every tenant: `across_tenants(statement, why)`"


class TenantParameter(BindParameter[str]):
    """The one parameter that no caller gives."""

    inherit_cache = True


def the_tenant() -> TenantParameter:
    return TenantParameter(TENANT, type_=String(), required=True)


def is_tenant(parameter: object) -> bool:
    return isinstance(parameter, TenantParameter)


def scoped_dialect(dialect: Dialect, names: frozenset[str]) -> Dialect:
    """`dialect` with a compiler that narrows; `names` are the tenanted tables that the database knows."""
    scoped: Any = copy.copy(dialect)
    scoped.statement_compiler = type("Scoped", (_Scoping, dialect.statement_compiler), {"tenanted": names})
    return scoped


class ScopedPlans:
    """The plans of one unit of work: those of the database, with its tenant in them."""

    __slots__ = ("_plans", "_tenant")

    def __init__(self, plans: Plans, tenant: str | None) -> None:
        self._plans = plans
        self._tenant = tenant

    def __getitem__(self, statement: Statement[Any]) -> Plan:
        plan = self._plans[statement]
        if not plan.scoped:
            return plan
        if not self._tenant:
            raise TenantMissingError(
                f"`{shorten(plan.text)}` is for one tenant, and the context of this unit of work has none",
                hint="`Caller(actor, tenant)` of `Identify` gives one, in scripts `service.context(tenant=...)`",
            )
        return type(plan)(plan.text, plan.writes, partial(plan.bind, self._tenant), plan.row, plan.rows)


class _Scoping:
    """Before SQLAlchemy's compiler: what it says of tables, of writing, and of text."""

    tenanted: frozenset[str] = frozenset()

    def visit_table(self, table: Any, **kw: Any) -> str:
        compiler: Any = super()
        text: str = compiler.visit_table(table, **kw)
        column = self._column(table)
        if column is None or not kw.get("asfrom") or kw.get("iscrud") or kw.get("ashint"):
            return text
        me: Any = self
        quote = me.preparer.quote
        name = quote(table.name)
        columns = ", ".join(quote(one.name) for one in table.c)
        mine = me.process(the_tenant())
        narrowed = f"(SELECT {columns} FROM {name} WHERE {name}.{quote(column)} = {mine})"  # noqa: S608 - all compiled
        enclosing = kw.get("enclosing_alias")
        return narrowed if enclosing is not None and enclosing.element is table else f"{narrowed} AS {name}"

    def visit_insert(self, insert_stmt: Any, *args: Any, **kw: Any) -> str:
        compiler: Any = super()
        return compiler.visit_insert(self._inserting(insert_stmt), *args, **kw)

    def visit_update(self, update_stmt: Any, *args: Any, **kw: Any) -> str:
        compiler: Any = super()
        column = self._column_written(update_stmt)
        if column is not None:
            _refuse_given(update_stmt, column, dict(update_stmt._values or {}))  # noqa: SLF001
            update_stmt = update_stmt.where(update_stmt.table.c[column] == the_tenant())
        return compiler.visit_update(update_stmt, *args, **kw)

    def visit_delete(self, delete_stmt: Any, *args: Any, **kw: Any) -> str:
        compiler: Any = super()
        column = self._column_written(delete_stmt)
        if column is not None:
            delete_stmt = delete_stmt.where(delete_stmt.table.c[column] == the_tenant())
        return compiler.visit_delete(delete_stmt, *args, **kw)

    def visit_bindparam(self, bindparam: Any, *args: Any, **kw: Any) -> str:
        compiler: Any = super()
        if bindparam.key == TENANT and not is_tenant(bindparam):
            raise StatementError(f"the parameter `{TENANT}` is Krepis's own", hint="give yours another name")
        return compiler.visit_bindparam(bindparam, *args, **kw)

    def visit_textclause(self, textclause: Any, *args: Any, **kw: Any) -> str:
        compiler: Any = super()
        if self.tenanted:
            text = textclause.text
            stack: Any = getattr(self, "stack", ())
            # With `.columns(...)`, text is the one thing in a select of its own.
            whole = not stack or (len(stack) == 1 and getattr(stack[0]["selectable"], "element", None) is textclause)
            harmless = not kw.get("asfrom") and _HARMLESS.fullmatch(text.strip())
            if _TOUCHES.search(text) if whole else not harmless:
                _refuse_text(text)
        return compiler.visit_textclause(textclause, *args, **kw)

    def visit_tstring(self, tstring: Any, *args: Any, **kw: Any) -> str:
        compiler: Any = super()
        if self.tenanted:
            _refuse_text(str(tstring))
        return compiler.visit_tstring(tstring, *args, **kw)

    def visit_column(self, column: Any, *args: Any, **kw: Any) -> str:
        compiler: Any = super()
        if self.tenanted and column.is_literal and not _HARMLESS.fullmatch(column.name.strip()):
            _refuse_text(column.name)
        return compiler.visit_column(column, *args, **kw)

    def visit_custom_op_binary(self, element: Any, operator: Any, **kw: Any) -> str:
        compiler: Any = super()
        if self.tenanted and not _OPERATOR.fullmatch(operator.opstring):
            _refuse_text(operator.opstring)
        return compiler.visit_custom_op_binary(element, operator, **kw)

    def _column(self, table: Any) -> str | None:
        """The tenant's column of a table; refuses a table that passes itself off as another."""
        column = tenant_column(table)
        if column is None and table.name in self.tenanted:
            raise StatementError(
                f"the table `{table.name}` is one of many tenants, and this statement has another of the same name",
                hint="use the `Table` of the database's metadata",
            )
        if column is not None and table.name not in self.tenanted:
            raise StatementError(
                f"the table `{table.name}` is one of many tenants, and the database doesn't know it",
                hint="give the database the metadata that it stands in: `Database(metadata=...)`",
            )
        return column

    def _column_written(self, statement: Any) -> str | None:
        table = statement.table
        return self._column(getattr(table, "element", table))

    def _inserting(self, statement: Any) -> Any:
        column = self._column(statement.table)
        if column is None:
            return statement
        made = statement._generate()  # noqa: SLF001
        if statement._select_names:  # noqa: SLF001
            names = list(statement._select_names)  # noqa: SLF001
            _refuse_given(statement, column, names)
            rows = statement.select.subquery("krepis_rows")
            made._select_names = [*names, column]  # noqa: SLF001
            made.select = select(*rows.c, the_tenant().label(TENANT))
        elif statement._multi_values:  # noqa: SLF001
            made._multi_values = tuple(  # noqa: SLF001
                [self._row(statement, column, row) for row in rows]
                for rows in statement._multi_values  # noqa: SLF001
            )
        elif statement._values is None:  # noqa: SLF001
            made = made.values(
                {one: bindparam(one.key, type_=one.type) for one in statement.table.c if one.name != column}
            )
            made = made.values({statement.table.c[column]: the_tenant()})
        else:
            _refuse_given(statement, column, statement._values)  # noqa: SLF001
            made = made.values({statement.table.c[column]: the_tenant()})
        return _upserting(made, column)

    def _row(self, statement: Any, column: str, row: Any) -> dict[Any, Any]:
        given: dict[Any, Any] = {**row} if hasattr(row, "keys") else dict(zip(statement.table.c, row, strict=False))
        _refuse_given(statement, column, given)
        return {**given, statement.table.c[column]: the_tenant()}


def _upserting(statement: Any, column: str) -> Any:
    """ON CONFLICT DO UPDATE changes rows that are there: of them, too, only the tenant's."""
    clause = statement._post_values_clause  # noqa: SLF001
    if clause is not None and hasattr(clause, "update_values_to_set"):
        _refuse_given(statement, column, dict(clause.update_values_to_set))
        clause = copy.copy(clause)
        own = statement.table.c[column] == the_tenant()
        where = clause.update_whereclause
        clause.update_whereclause = own if where is None else and_(own, where)
        statement._post_values_clause = clause  # noqa: SLF001
    return statement


def _refuse_given(statement: Any, column: str, keys: Any) -> None:
    if any(column in (key, getattr(key, "name", None), getattr(key, "key", None)) for key in keys):
        raise StatementError(
            f"`{statement.table.name}.{column}` is written by Krepis, and a statement gives it, too",
            hint="leave it out: it is the tenant of `ctx`",
        )


def _refuse_text(text: str) -> None:
    raise StatementError(f"`{shorten(text)}` is text, in a database with tables of many tenants", hint=_HINT)
