"""The ports. Queries take the reading half, commands the writing one, which extends it.

Every adapter of a port passes the contract tests in `tests/adapters/`.
"""

from typing import Protocol
from uuid import UUID

from krepis import Context, ReadPort, WritePort

from newborn.domain.note import Note


class Notes(ReadPort, Protocol):
    async def find(self, ctx: Context, note: UUID) -> Note | None: ...


class WritableNotes(Notes, WritePort, Protocol):
    async def add(self, ctx: Context, note: Note) -> None: ...
