"""From a declared statement to what the driver gets: text, parameters in order, rows into values.

Binder and builder are functions generated from fixed templates, in which only checked identifiers, numbers and our own
names stand: `T(isbn=_0, due=None if _1 is None else c1(_1))` is six times as fast as `T(**dict(zip(names, row)))`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from keyword import iskeyword
from typing import Any

import msgspec
from sqlalchemy import BindParameter, Insert, TextClause
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import CompileError
from sqlalchemy.sql.compiler import SQLCompiler

from krepis.context import Context
from krepis.sql._codecs import NAMES, Codec, codec
from krepis.sql._dialects import ListType
from krepis.sql._tenancy import TENANT, ScopedPlans, is_tenant, scoped_dialect
from krepis.sql.errors import StatementError, shorten
from krepis.sql.statement import Statement

_READING_WORDS = ("select", "values", "explain", "pragma", "show")

STATEMENTS_MAX = 10_000
"""More are not written by hand: statements are being made while requests are served."""


class Plan:
    """One statement on one dialect. `bind(**params)`, `row(*row)` and `rows(rows)` are generated for it.

    `writes` is whether it may change data; only phased units of work ask. `scoped` is whether `bind` takes the tenant
    before the parameters.
    """

    __slots__ = ("bind", "row", "rows", "scoped", "text", "writes")

    def __init__(
        self,
        text: str,
        writes: bool,  # noqa: FBT001 - a fact of the statement
        bind: Callable[..., tuple[Any, ...]],
        row: Callable[..., Any],
        rows: Callable[[Iterable[Any]], list[Any]],
        *,
        scoped: bool = False,
    ) -> None:
        self.scoped = scoped
        self.text = text
        self.writes = writes
        self.bind = bind
        self.row = row
        self.rows = rows


class Plans(dict[Statement[Any], Plan]):
    """Every statement's plan for one dialect; a statement that was not prepared is compiled when it is first used."""

    def __init__(self, dialect: Dialect) -> None:
        super().__init__()
        self.dialect = dialect
        self._scoped_dialect = scoped_dialect(dialect, frozenset())
        self._has_tenants = False

    def know(self, tenanted: frozenset[str]) -> None:
        """Learn which tables are of many tenants, before anything is compiled."""
        self._scoped_dialect = scoped_dialect(self.dialect, tenanted)
        self._has_tenants = bool(tenanted)

    def of(self, ctx: Context) -> Plans | ScopedPlans:
        """The plans for a unit of work: these themselves where no table is of many tenants."""
        return ScopedPlans(self, ctx.tenant) if self._has_tenants else self

    def __missing__(self, statement: Statement[Any]) -> Plan:
        if len(self) >= STATEMENTS_MAX:
            raise StatementError(
                f"there are {STATEMENTS_MAX} statements already; the next is `{shorten(str(statement.core))}`",
                hint="declare statements once, at the top of a module; one made per call is never forgotten",
            )
        plan = self[statement] = compile_statement(
            statement, self.dialect if statement.across else self._scoped_dialect
        )
        return plan


def compile_statement(statement: Statement[Any], dialect: Dialect) -> Plan:
    """Compile `statement`; raises `StatementError` for what can't be bound, read or built."""
    core: Any = statement.core
    if isinstance(core, Insert) and not core._returning:  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        core = core.inline()  # else SQLAlchemy asks PostgreSQL to return a key that nobody reads
    try:
        compiled: SQLCompiler = core.compile(dialect=dialect)
    except CompileError as error:
        raise StatementError(f"`{shorten(str(statement.core))}` can't be compiled: {error}") from error
    defaults = [*compiled.insert_prefetch, *compiled.update_prefetch]
    if defaults:
        names = ", ".join(f"`{column}`" for column in defaults)
        raise StatementError(
            f"{names} has a default in Python, in `{shorten(compiled.string)}`",
            hint="pass the value as a parameter (`ctx.new_id()`, `ctx.now()`), or use `server_default`",
        )
    row, rows = _builders(compiled, statement.into, dialect)
    scoped = any(is_tenant(parameter) for parameter in compiled.binds.values())
    return Plan(compiled.string, _writes(compiled), _binder(compiled, dialect), row, rows, scoped=scoped)


def _writes(compiled: SQLCompiler) -> bool:
    if isinstance(compiled.statement, TextClause):
        return not compiled.string.lstrip(" \n(").lower().startswith(_READING_WORDS)
    return compiled.isinsert or compiled.isupdate or compiled.isdelete


def _binder(compiled: SQLCompiler, dialect: Dialect) -> Callable[..., tuple[Any, ...]]:
    names: dict[str, Any] = dict(NAMES)
    parameters: list[str] = []
    values: list[str] = []
    stored = _stored(compiled)
    for index, name in enumerate(compiled.positiontup or ()):
        parameter = compiled.binds[name]
        where = f"the parameter `{name}`"
        if isinstance(parameter.type, ListType):
            made = _list_bind(parameter.type, dialect, where)
        else:
            made = codec(parameter.type, dialect, where, stored=name in stored)
        if not parameter.required and parameter.callable is None:
            names[f"k{index}"] = _constant(parameter.value, made)
            values.append(f"k{index}")
            continue
        if not name.isidentifier() or iskeyword(name):
            raise StatementError(f"the parameter `{name}` is not a Python name, in `{shorten(compiled.string)}`")
        if name not in parameters and not is_tenant(parameter):
            parameters.append(name)
        names[f"c{index}"] = made.bind_call
        values.append(_converted(made.bind, name, f"c{index}"))
    before = f"{TENANT}, /, " if any(is_tenant(parameter) for parameter in compiled.binds.values()) else ""
    signature = before + (f"*, {', '.join(parameters)}" if parameters else "")
    bind = _generate(f"lambda {signature}: ({', '.join(values)}{',' if values else ''})", names)
    bind.__qualname__ = bind.__name__ = f"`{shorten(compiled.string)}`"  # Python names it when a parameter is missing
    return bind


def _stored(compiled: SQLCompiler) -> Collection[str]:
    """The parameters whose values go into columns; the others are only compared."""
    if compiled.isinsert:
        return compiled.binds
    if not compiled.isupdate:
        return ()
    given: Any = compiled.statement
    values: dict[Any, Any] = given._values or {}  # noqa: SLF001
    return {value.key for value in values.values() if isinstance(value, BindParameter)}


def _constant(value: Any, made: Codec) -> Any:
    convert = _generate(f"lambda v: {_converted(made.bind, 'v', 'c')}", {**NAMES, "c": made.bind_call})
    return convert(value)


def _list_bind(type_: ListType, dialect: Dialect, where: str) -> Codec:
    member = codec(type_.item_type, dialect, where)
    names = {**NAMES, "c": member.bind_call}
    convert = _generate(f"lambda vs: [{member.bind.format(v='v', c='c') if member.bind else 'v'} for v in vs]", names)
    if dialect.name == "postgresql":
        return Codec("{c}({v})", convert)

    def to_json(values: Any) -> str:
        try:
            return msgspec.json.encode(convert(values)).decode()
        except TypeError as error:
            raise StatementError(f"{where} can't be a list on SQLite: {error}") from error

    return Codec("{c}({v})", to_json)


def _builders(
    compiled: SQLCompiler, into: Any, dialect: Dialect
) -> tuple[Callable[..., Any], Callable[[Iterable[Any]], list[Any]]]:
    columns: list[Any] = compiled._result_columns or []  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    if not columns and into is not None:
        raise StatementError(
            f"`{shorten(compiled.string)}` has no known columns for `{into.__name__}`",
            hint="a `text` statement needs `.columns(...)`, an insert, update or delete `.returning(...)`",
        )
    if not columns:
        return (lambda *row: row), (lambda rows: [tuple(row) for row in rows])
    names: dict[str, Any] = {**NAMES, "T": into}
    arguments = [f"_{index}" for index in range(len(columns))]
    values: list[str] = []
    for index, column in enumerate(columns):
        made = codec(column.type, dialect, f"the column `{column.keyname}`")
        names[f"c{index}"] = made.result_call
        values.append(_converted(made.result, arguments[index], f"c{index}"))
    if isinstance(into, type) and issubclass(into, msgspec.Struct):
        fields = [column.keyname for column in columns]
        _check_fields(compiled, into, fields)
        built = f"T({', '.join(f'{field}={value}' for field, value in zip(fields, values, strict=True))})"
    elif len(columns) == 1:
        built = values[0]
    elif into is None:
        built = f"({', '.join(values)})"
    else:
        raise StatementError(
            f"{len(columns)} columns can't become one `{into.__name__}`, in `{shorten(compiled.string)}`"
        )
    listed = ", ".join(arguments)
    row = _generate(f"lambda {listed}: {built}", names)
    return row, _generate(f"lambda rows: [{built} for {listed}, in rows]", names)


def _check_fields(compiled: SQLCompiler, into: type[msgspec.Struct], columns: list[str]) -> None:
    fields = into.__struct_fields__
    if sorted(fields) == sorted(columns):
        return
    lacking = [f"`{field}`" for field in fields if field not in columns]
    extra = [f"`{column}`" for column in columns if column not in fields]
    parts = ["no column for its field " + ", ".join(lacking)] if lacking else []
    parts += ["no field for the column " + ", ".join(extra)] if extra else []
    raise StatementError(
        f"`{into.__name__}` has {' and '.join(parts) or 'a column twice'}, in `{shorten(compiled.string)}`",
        hint="select exactly its fields; `column.label(...)` renames",
    )


def _converted(template: str, value: str, converter: str) -> str:
    return f"(None if {value} is None else {template.format(v=value, c=converter)})" if template else value


def _generate(source: str, names: dict[str, Any]) -> Callable[..., Any]:
    # Fixed templates; every name in them is a checked identifier or ours, and no caller's text gets here.
    return eval(source, {"__builtins__": {"type": type, "str": str, "len": len}, **names})  # noqa: S307
