"""What each of several processes does to one table of rates; a module of its own, since a new process imports it by name."""

from __future__ import annotations

from pathlib import Path

from krepis._system import SystemSources
from krepis.limits._table_file import TableFile

SECOND = 1_000_000_000


def hammer(path: str, count: int, admitted_by: object) -> None:
    table = TableFile(Path(path), 64, SystemSources())
    admitted = sum(table.buckets.take(b"ann", 3600 * SECOND, 3600 * SECOND * 500, 10**15) is None for _ in range(count))
    admitted_by.put(admitted)  # type: ignore[attr-defined]
