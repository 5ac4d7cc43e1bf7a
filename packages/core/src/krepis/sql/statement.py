"""Statements: SQLAlchemy Core, declared once in an adapter's module, compiled once when the app starts.

```python
FIND = statement(select(books).where(books.c.isbn == bindparam("isbn")), into=Book)
TAKE = statement(
    update(books).where(books.c.isbn == bindparam("isbn")).values(stock=books.c.stock - bindparam("count"))
)

book = await sql.first(FIND, isbn="9780441478123")      # Book | None
```

The rules:

- Parameters are `bindparam`s; each must be given, by name, at each call. One with a value of its own is a constant.
- `into` is a struct whose fields are exactly the columns (label a column to rename it), or the type of the only
  column. Without it, one column gives its values and several give tuples.
- `bindparam("isbns", expanding=True)` in `column.in_(...)` takes a sequence: one statement for every length, `= ANY($1)`
  on PostgreSQL and `IN (SELECT value FROM json_each(?))` on SQLite; an empty one matches nothing.
- Python-side column defaults (`Column(default=...)`) are refused: identity, time and chance come from `ctx`.
- Plain `sqlalchemy.text` works too: `.bindparams(...)` and `.columns(...)` give its parameters and columns types.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar, overload

from sqlalchemy.sql.expression import Executable

T = TypeVar("T")


class Statement(Generic[T]):
    """One declared statement; immutable, without a database behind it. Equal only to itself."""

    __slots__ = ("across", "core", "into")

    core: Executable
    into: Any
    across: str
    """Why it sees the rows of all tenants; empty for one that does not. See `krepis.sql.tenants`."""

    def __init__(self, core: Executable, into: Any, *, across: str = "") -> None:
        object.__setattr__(self, "core", core)
        object.__setattr__(self, "into", into)
        object.__setattr__(self, "across", across)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a statement is immutable; `{name}` can't be set")

    def __repr__(self) -> str:
        return f"statement({str(self.core)!r}, into={getattr(self.into, '__name__', self.into)})"


@overload
def statement(core: Executable, into: type[T]) -> Statement[T]: ...
@overload
def statement(core: Executable, into: None = None) -> Statement[Any]: ...
def statement(core: Executable, into: type[Any] | None = None) -> Statement[Any]:
    """Declare a statement; see the module for the rules. Nothing is compiled or checked before the database asks."""
    return Statement(core, into)
