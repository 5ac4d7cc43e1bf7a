"""What every project's tables in memory stand on: `adapters/memory/rows.py`."""

from __future__ import annotations

from krepis_generator.source import Module
from krepis_spec.blueprint import Blueprint

_ROWS = '''\
class Rows(Generic[V]):
    """The rows of one table."""

    def __init__(self, table: Table[V], id: Callable[[V], UUID]) -> None:
        self._table = table
        self._id = id

    def all(self) -> list[V]:
        """In the order of their ids."""
        return sorted(self._table, key=self._id)

    def get(self, id: UUID) -> V | None:
        return self._table.get(id)

    def put(self, row: V) -> None:
        self._table.put(self._id(row), row)

    def discard(self, id: UUID) -> None:
        self._table.discard(id)'''

_HELD = '''\
class HeldError(Exception):
    """Something else refers to what was to be removed."""'''

_KNOWN = '''\
def known(rows: Rows[V], id: UUID) -> V:
    """The row that a reference names; it is there, as foreign keys would have it."""
    row = rows.get(id)
    assert row is not None, f"a reference names {id}, which is not there"
    return row'''

_LINKS = '''\
class Links:
    """A relation: pairs of ids."""

    def __init__(self, table: Table[tuple[UUID, UUID]]) -> None:
        self._table = table

    def of(self, owner: UUID) -> list[UUID]:
        """Those that one has, in the order of their ids."""
        return sorted(other for one, other in self._table if one == owner)

    def put(self, owner: UUID, other: UUID) -> None:
        self._table.put((owner, other), (owner, other))

    def discard(self, owner: UUID, other: UUID) -> None:
        self._table.discard((owner, other))

    def forget(self, id: UUID) -> None:
        """Take out what is gone, on either side."""
        for pair in self._table:
            if id in pair:
                self._table.discard(pair)'''


def rows_module(blueprint: Blueprint, *, links: bool) -> Module:
    """`adapters/memory/rows.py`."""
    module = Module(
        f"src/{blueprint.service.name}/adapters/memory/rows.py",
        "Rows and relations in memory, which repositories share.",
    )
    module.use("collections.abc", "Callable")
    module.use("typing", "Generic", "TypeVar")
    module.use("uuid", "UUID")
    module.use("krepis.testing", "Table")
    module.add("V", 'V = TypeVar("V")')
    module.add("HeldError", _HELD)
    module.add("Rows", _ROWS)
    module.add("known", _KNOWN)
    if links:
        module.add("Links", _LINKS)
    return module
