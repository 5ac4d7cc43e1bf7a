"""A store in memory, with real transactions: what a failed unit did is gone, and a query can't write.

In-memory adapters are built on a `MemoryUnit` as SQL ones are on `Sql`, and should pass the same contract tests.

```python
class MemoryBooks(Shelves):
    def __init__(self, unit: MemoryUnit) -> None:
        self._books = unit.table("books", Book)

    async def find(self, ctx: Context, isbn: str) -> Book | None:
        return self._books.get(isbn)
```
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar, Generic, TypeVar, cast

from krepis.context import Context
from krepis.errors import KrepisError, TenantMissingError
from krepis.port import Mode

T = TypeVar("T")
V = TypeVar("V")


class ReadOnlyTableError(KrepisError):
    """A query tried to write."""


class Table(Generic[V]):
    """Immutable values by key, in the order in which they were put; the view of one unit of work."""

    def __init__(self, name: str, rows: dict[Hashable, V], unit: MemoryUnit) -> None:
        self._name = name
        self._rows = rows
        self._unit = unit

    def get(self, key: Hashable) -> V | None:
        """The value under `key`."""
        return self._rows.get(key)

    def put(self, key: Hashable, value: V) -> None:
        """Add or replace."""
        self._need_write()
        self._rows[key] = value

    def discard(self, key: Hashable) -> bool:
        """Remove; answers whether there was something."""
        self._need_write()
        return self._rows.pop(key, None) is not None

    def __iter__(self) -> Iterator[V]:
        return iter(tuple(self._rows.values()))

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._rows

    def _need_write(self) -> None:
        if not self._unit.writable:
            raise ReadOnlyTableError(
                f"a query tried to change `{self._name}`", hint="what changes something is a Command"
            )
        self._unit.writing = True


class MemoryUnit:
    """One unit of work on a `MemoryStore`; hands out its tables."""

    def __init__(self, tables: dict[str, dict[Hashable, Any]], *, writable: bool, tenant: str | None = None) -> None:
        self._tables = tables
        self._tenant = tenant
        self.writable = writable
        self.writing = False

    def table(self, name: str, of: type[V], *, tenanted: bool = False) -> Table[V]:
        """The table of that name, empty when nobody has put anything yet; of a `tenanted` one the part of the tenant of
        `ctx`. Raises `TenantMissingError` when it has none.
        """
        if tenanted:
            if not self._tenant:
                raise TenantMissingError(
                    f"`{name}` is for one tenant, and the context of this unit of work has none",
                    hint="give it one: `service.context(tenant=...)`",
                )
            name = f"{name}\0{self._tenant}"
        return Table(name, cast("dict[Hashable, V]", self._tables.setdefault(name, {})), self)

    async def release(self) -> None:
        """Nothing is held between reads."""


class MemoryStore:
    """A store for tests and trials. Commands run one at a time, each on a copy that replaces the store at its end."""

    unit_type: ClassVar[type[Any]] = MemoryUnit

    def __init__(self) -> None:
        self._tables: dict[str, dict[Hashable, Any]] = {}
        self._turn = asyncio.Lock()

    def prepare(self, adapters: Sequence[Callable[..., Any]]) -> None:
        """Nothing to compile."""

    async def open(self) -> None:
        """Nothing to connect to."""

    async def close(self) -> None:
        """Nothing to let go of; the rows stay for the next start."""

    async def transact(self, ctx: Context, mode: Mode, work: Callable[[MemoryUnit], Awaitable[T]]) -> T:
        if mode == "read":
            return await work(MemoryUnit(_copied(self._tables), writable=False, tenant=ctx.tenant))
        async with self._turn:
            tables = _copied(self._tables)
            result = await work(MemoryUnit(tables, writable=True, tenant=ctx.tenant))
            self._tables = tables
            return result

    @asynccontextmanager
    async def unit(self, *, writable: bool = True, tenant: str | None = None) -> AsyncGenerator[MemoryUnit]:
        """A unit outside of an app, for the contract tests of adapters; committed when the block ends well."""
        tables = _copied(self._tables)
        yield MemoryUnit(tables, writable=writable, tenant=tenant)
        self._tables = tables


def _copied(tables: dict[str, dict[Hashable, Any]]) -> dict[str, dict[Hashable, Any]]:
    # Rows are immutable, so a copy of the dictionaries is a snapshot.
    return {name: dict(rows) for name, rows in tables.items()}
