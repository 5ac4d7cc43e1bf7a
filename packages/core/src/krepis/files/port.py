"""`Files`: how a command makes an uploaded file its own, and lets go of one. Both happen in its transaction.

A blob is *loose* while a row in `krepis_loose_files` names it, and the sweep may have it once its time is over. The row
is committed before the blob's first byte is written; `keep` removes it, `drop` puts it back. So a blob is kept exactly
when the command that keeps it is committed, whatever dies when.

```
land ──row──> bytes ──> command: keep ──row gone──> kept ──> command: drop ──row──> loose
        └────────────── refused, killed, never kept ──> due ──> condemned ──> bytes gone ──> row gone
```
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from krepis.context import Context
from krepis.files.file import FileRef
from krepis.port import WritePort


class Files(WritePort, Protocol):
    """What handlers ask for."""

    async def keep(self, ctx: Context, file: FileRef) -> None:
        """Keep an uploaded file for good. Each has one owner, and is kept once.

        Raises `UploadGone` when it is kept already, or was swept.
        """
        ...

    async def drop(self, ctx: Context, file: FileRef) -> None:
        """Let go of a kept file. Its bytes go some time after the commit, so that downloads under way end well."""
        ...


class LooseFiles(Files, Protocol):
    """What the file store asks for besides: the list of what may be swept."""

    async def add(self, ctx: Context, file: UUID, since: datetime) -> None:
        """Note a file that nobody keeps since then; for an upload that is the time at which it must have ended."""
        ...

    async def condemn(self, ctx: Context, files: Sequence[UUID]) -> None:
        """From now on those of `files` that are loose can't be kept."""
        ...

    async def condemn_due(self, ctx: Context, before: datetime) -> None:
        """Condemn what is loose since before that."""
        ...

    async def condemned(self, ctx: Context, count_max: int) -> list[UUID]:
        """Files whose bytes have to go."""
        ...

    async def those_condemned(self, ctx: Context, files: Sequence[UUID]) -> list[UUID]:
        """Which of `files` are condemned."""
        ...

    async def forget(self, ctx: Context, files: Sequence[UUID]) -> None:
        """Strike condemned files, whose bytes are gone."""
        ...
