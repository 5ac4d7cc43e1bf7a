"""Walks the chain and says where it is broken first. Reads a snapshot, page by page; changes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC
from typing import Any, cast

from msgspec import DecodeError, Struct, json

from krepis.audit import tables
from krepis.audit.chain import GENESIS, Anchor, Break, Hashing
from krepis.audit.tables import Head, Row
from krepis.context import Context
from krepis.sql import Database, Sql

MOVES_TRIED_MAX = 1_000_000
"""Among how many numbers the former place of a row is looked for."""

_FIRST = -(2**63)


class Verdict(Struct, frozen=True):
    """How many rows the chain has, where it ends, how many entries wait for their number, and what is broken first."""

    count: int
    head: Anchor | None
    pending: int
    broken: Break | None


async def verify(database: Database, ctx: Context, hashing: Hashing, anchors: Sequence[Anchor] = ()) -> Verdict:
    """Check every row, the head, and that the chain still goes through each of `anchors`."""

    async def work(sql: Sql) -> Verdict:
        return await _Walk(sql, hashing, anchors).verdict()

    return await database.transact(ctx, "read", work)


async def rows(sql: Sql, after: int = _FIRST) -> AsyncIterator[Row]:
    """Every row after a number, in order."""
    while page := await sql.all(tables.ROWS_AFTER, after=after):
        for row in page:
            yield row
        after = page[-1].number


class _Walk:
    def __init__(self, sql: Sql, hashing: Hashing, anchors: Sequence[Anchor]) -> None:
        self._sql = sql
        self._hashing = hashing
        # Of two anchors of one number that differ, one fits no chain.
        self._anchors: dict[int, set[str]] = {}
        for anchor in anchors:
            self._anchors.setdefault(anchor.number, set()).add(anchor.hash)
        self._count = 0
        self._end = Head(0, GENESIS)

    async def verdict(self) -> Verdict:
        broken = await self._first_broken()
        pending = await self._sql.one(tables.COUNT_PENDING)
        end = Anchor(self._end.number, self._end.hash) if self._end.number else None
        return Verdict(self._count, end, pending, broken)

    async def _first_broken(self) -> Break | None:
        async for row in rows(self._sql):
            broken = await self._wrong(row)
            if broken is not None:
                return broken
            self._count += 1
            self._end = Head(row.number, row.hash)
            if self._anchors.get(row.number, {row.hash}) != {row.hash}:
                return Break(
                    row.number, "changed", f"up to {row.number} it is not the chain that the anchor was taken of"
                )
        return await self._wrong_end()

    async def _wrong(self, row: Row) -> Break | None:
        number, previous = self._end.number + 1, self._end.hash
        if row.number < number:
            return Break(row.number, "inserted", f"{row.number} stands before the first number")
        if row.number > number:
            return await self._gap(number, row.number - 1)
        fits = self._hashing.link(number, row.previous, row.entry) == row.hash
        if fits and row.previous == previous:
            wrong = _unlike(row)
            said = f"`{wrong}` of {number} is not what its entry says"
            return None if wrong is None else Break(number, "changed", said)
        if fits:
            return Break(number, "inserted", f"{number} does not follow {number - 1}: it was put there or made anew")
        former = await self._former(row)
        if former is not None:
            return Break(number, "moved", f"what stands at {number} was made as {former}")
        return Break(number, "changed", f"{number} is not what was written: its hash does not fit")

    async def _gap(self, first: int, last: int) -> Break:
        follower = await self._sql.first(tables.FOLLOWER, previous=self._end.hash)
        if follower is not None:
            return Break(first, "moved", f"what was made as {first} stands at {follower}")
        return Break(first, "removed", f"{first} is missing" if first == last else f"{first} to {last} are missing")

    async def _former(self, row: Row) -> int | None:
        """The number under which a row's hash fits."""
        last = await self._sql.first(tables.LAST) or 0
        for number in range(1, min(last + 1, MOVES_TRIED_MAX) + 1):
            if self._hashing.link(number, row.previous, row.entry) == row.hash:
                return number
        return None

    async def _wrong_end(self) -> Break | None:
        end = self._end
        head = await self._sql.first(tables.HEAD)
        if head is None:
            return Break(end.number, "removed", "the head is missing") if end.number else self._beyond(end)
        if head.number > end.number:
            missing = f"{end.number + 1} to {head.number} are missing at the end"
            return Break(end.number + 1, "truncated", missing)
        if head.number < end.number:
            return Break(
                head.number + 1, "inserted", f"the sequencer has ended with {head.number}; more was put behind it"
            )
        if head.hash != end.hash:
            return Break(end.number, "changed", f"the head has another hash than {end.number}")
        return self._beyond(end)

    def _beyond(self, end: Head) -> Break | None:
        """What an anchor knows of and the chain does not reach."""
        last = max(self._anchors, default=0)
        if last <= end.number:
            return None
        return Break(end.number + 1, "truncated", f"the anchor was taken at {last}, the chain ends with {end.number}")


def _unlike(row: Row) -> str | None:
    """The column that does not say what the entry says."""
    try:
        said: Any = json.decode(row.entry)
    except DecodeError:
        return "entry"
    if not isinstance(said, dict):
        return "entry"
    entry = cast("dict[str, Any]", said)
    shown = {"at": row.at.astimezone(UTC).isoformat(), "command": row.command, "actor": row.actor, "tenant": row.tenant}
    return next((name for name, value in shown.items() if entry.get(name) != value), None)
