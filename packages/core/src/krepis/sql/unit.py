"""`Sql`: what a repository gets. One unit of work's way to the database.

```python
class SqlBooks:
    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def find(self, ctx: Context, isbn: str) -> Book | None:
        return await self._sql.first(FIND, isbn=isbn)
```

It lives as long as its unit of work and is used by one task at a time. What its methods raise stands in
`krepis.sql.errors`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

from krepis.sql.statement import Statement

T = TypeVar("T")


class Sql(ABC):
    """The statements of one unit of work, inside its transaction."""

    __slots__ = ()

    @abstractmethod
    async def first(self, statement: Statement[T], /, **params: Any) -> T | None:
        """The first row, or `None` when there is none."""

    async def one(self, statement: Statement[T], /, **params: Any) -> T:
        """The only row; none or several are a bug."""
        rows = await self.all(statement, **params)
        assert len(rows) == 1, f"one row was promised, {len(rows)} came, from {statement}"
        return rows[0]

    @abstractmethod
    async def all(self, statement: Statement[T], /, **params: Any) -> list[T]:
        """Every row. A list without a limit is the statement's affair: give it one."""

    @abstractmethod
    async def run(self, statement: Statement[Any], /, **params: Any) -> int:
        """Insert, update or delete; answers with the number of rows that it touched."""

    @abstractmethod
    async def run_many(self, statement: Statement[Any], rows: Sequence[Mapping[str, Any]], /) -> None:
        """Run the same statement once for each mapping of parameters, in one go; none at all is fine."""

    @abstractmethod
    def savepoint(self) -> AbstractAsyncContextManager[None]:
        """`async with sql.savepoint():` a part that is undone by itself when it raises; what came before stays."""

    @property
    @abstractmethod
    def writing(self) -> bool:
        """Whether a write transaction is open now. No outbound port may be awaited while it is."""

    @abstractmethod
    async def release(self) -> None:
        """Give the connection back while nothing is written yet; the next statement fetches one. Only for `phased`."""
