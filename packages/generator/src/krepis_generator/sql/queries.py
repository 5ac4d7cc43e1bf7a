"""One SELECT while it is made: what it reads from, how rows of other tables are joined, and which parameters it takes.

Everything here is text of the generated module. A table is used under its own name the first time in a statement, and as
an alias after that, so that no subquery means its enclosing query by accident.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from krepis_generator.sql.layout import Column, Table
from krepis_spec.document import Span


class UnsupportedError(Exception):
    """An expression that no statement can answer, with what its author could do."""

    def __init__(self, span: Span, message: str, hint: str) -> None:
        super().__init__(message)
        self.span = span
        self.message = message
        self.hint = hint


class Row(Struct, frozen=True, eq=False):
    """A row of a table in a statement. `text` is the table, or its alias, in code; `outer` is whether there may be none.

    `entity` is whose it is; empty for an item of a list.
    """

    query: Query
    text: str
    table: Table
    entity: str = ""
    outer: bool = False

    def column(self, name: str) -> Column:
        return self.table.column(name)


class Flag(Struct, frozen=True):
    """A condition that is there only when an optional parameter is given."""

    parameter: str
    condition: str


class Aliases:
    """The aliases of tables that a module needs, and the tables themselves."""

    def __init__(self) -> None:
        self.tables: dict[str, None] = {}
        self.aliases: dict[str, tuple[str, str]] = {}

    def of(self, table: str, number: int) -> str:
        """The table as it is used for the `number`th time in one statement."""
        self.tables[table] = None
        if number == 1:
            return table
        name = f"_{table.upper()}_{number}"
        self.aliases[name] = (table, f"{table}_{number}")
        return name


class Query:
    """A SELECT, or a subquery of `parent`."""

    def __init__(self, aliases: Aliases, parent: Query | None = None) -> None:
        self.parent = parent
        self.where: list[str | Flag] = []
        self.order: list[str] = []
        self._aliases = aliases
        self.used: dict[str, int] = {} if parent is None else parent.used
        self._froms: list[str] = []
        self._joins: list[list[tuple[Literal["join", "outerjoin"], str, str]]] = []
        self._references: dict[tuple[str, str], Row] = {}
        self.outside: dict[str, Query] = {}

    def read_from(self, table: Table, entity: str = "") -> Row:
        """Another table that it reads from, side by side with those before."""
        text = self._use(table)
        self._froms.append(text)
        self._joins.append([])
        return Row(self, text, table, entity)

    def join(self, table: Table, entity: str, on: str, *, outer: bool = False) -> Row:
        """A table that is joined to the last one; `{}` in `on` is it."""
        text = self._use(table)
        self._joins[-1].append(("outerjoin" if outer else "join", text, on.replace("{}", text)))
        return Row(self, text, table, entity, outer)

    def referred(self, row: Row, column: str, table: Table, entity: str) -> Row:
        """The row that a reference of `row` names."""
        key = (row.text, column)
        if key not in self._references:
            outer = row.outer or row.column(column).nullable
            place = self._place_of(row.text)
            text = self._use(table)
            self._joins[place].append(
                ("outerjoin" if outer else "join", text, f"{text}.c.id == {attribute(row.text, column)}")
            )
            self._references[key] = Row(self, text, table, entity, outer)
        return self._references[key]

    def note(self, row: Row) -> None:
        """Somewhere in this query a column of that row stands."""
        query: Query | None = self
        while query is not None and query is not row.query:
            query.outside[row.text] = row.query
            query = query.parent

    @property
    def source(self) -> str:
        """All that it reads from, for `select_from`."""
        parts: list[str] = []
        for base, joins in zip(self._froms, self._joins, strict=True):
            parts.append(base + "".join(f".{how}({table}, {on})" for how, table, on in joins))
        return ", ".join(parts)

    @property
    def is_one_table(self) -> bool:
        return len(self._froms) == 1 and not self._joins[0]

    def conditions(self) -> list[str]:
        """What must hold, where nothing of it is optional."""
        assert not any(isinstance(one, Flag) for one in self.where), "a subquery has no optional filters"
        return [one for one in self.where if isinstance(one, str)]

    def correlated(self) -> str:
        """The call that names the enclosing rows, where SQLAlchemy does not find them by itself."""
        if any(owner is not self.parent for owner in self.outside.values()):
            return f".correlate({', '.join(sorted(self.outside))})"
        return ""

    def exists(self, conditions: Iterable[str] = ()) -> str:
        """Whether there is a row."""
        where = [*self.conditions(), *conditions]
        return f"exists().select_from({self.source}){_where(where)}{self.correlated()}"

    def scalar(self, column: str) -> str:
        """One value, as an expression."""
        return f"select({column}).select_from({self.source}){_where(self.conditions())}{self.correlated()}.scalar_subquery()"

    def _use(self, table: Table) -> str:
        number = self.used.get(table.name, 0) + 1
        self.used[table.name] = number
        return self._aliases.of(table.name, number)

    def _place_of(self, text: str) -> int:
        for place, (base, joins) in enumerate(zip(self._froms, self._joins, strict=True)):
            if text == base or any(table == text for _, table, _ in joins):
                return place
        raise AssertionError(f"{text} is not read by this query")


def attribute(table: str, column: str) -> str:
    """A column of a table in code; one that is called like a method of SQLAlchemy's collections needs brackets."""
    return f'{table}.c["{column}"]' if column in _METHODS else f"{table}.c.{column}"


def _where(conditions: list[str]) -> str:
    return f".where({', '.join(conditions)})" if conditions else ""


_METHODS = frozenset(
    "add as_readonly clear compare contains_column corresponding_column extend get index items keys remove update values".split()
)
