"""Files in memory, for tests and trials, and forms as clients send them.

```python
app = App(..., store=MemoryStore(), parts=(memory_files(),))
reply = await service.put("/books/1/cover", body=png, headers={"content-type": "image/png"})
reply = await service.post("/books", form={"title": "Dune"}, files={"cover": Upload("cover.png", png, "image/png")})
```
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, cast
from uuid import UUID

from krepis.context import Context
from krepis.files.blobs import Blobs, BlobsFailed, NoSuchBlobError
from krepis.files.file import FileRef, UploadGone
from krepis.files.port import LooseFiles
from krepis.files.store import LOOSE_S, SWEEP_EVERY_S, FileStore
from krepis.message import Value, replace
from krepis.testing.memory import MemoryUnit

BOUNDARY = b"krepis-testing-boundary"


class Upload(NamedTuple):
    """A file that a test sends."""

    name: str
    content: bytes
    media_type: str = "application/octet-stream"


class MemoryBlobs(Blobs):
    """Blobs in this process; they go with it."""

    def __init__(self) -> None:
        self._halves: dict[UUID, bytearray] = {}
        self._wholes: dict[UUID, bytes] = {}

    def __len__(self) -> int:
        """How many there are, half ones included."""
        return len(self._halves) + len(self._wholes)

    async def write(self, ctx: Context, blob: UUID, start: int, piece: bytes) -> None:
        half = self._halves.setdefault(blob, bytearray()) if start == 0 else self._halves.get(blob)
        if half is None:
            raise BlobsFailed
        half[start:] = piece

    async def finish(self, ctx: Context, blob: UUID, size: int) -> None:
        if size and blob not in self._halves:
            raise BlobsFailed
        half = bytes(self._halves.pop(blob, b""))
        assert len(half) == size, f"{size} bytes were promised, {len(half)} were written"
        self._wholes[blob] = half

    async def read(self, ctx: Context, blob: UUID, start: int, size: int) -> bytes:
        if blob not in self._wholes:
            raise NoSuchBlobError(str(blob))
        return self._wholes[blob][start : start + size]

    async def remove(self, ctx: Context, blob: UUID) -> None:
        self._halves.pop(blob, None)
        self._wholes.pop(blob, None)


class Loose(Value):
    """One row of `MemoryFiles`."""

    since: datetime
    condemned: bool = False


class MemoryFiles(LooseFiles):
    """Loose files in a `MemoryStore`."""

    def __init__(self, unit: MemoryUnit) -> None:
        self._rows = unit.table("krepis_loose_files", Loose)
        self._ids = unit.table("krepis_loose_file_ids", UUID)

    async def keep(self, ctx: Context, file: FileRef) -> None:
        row = self._rows.get(file.id)
        if row is None or row.condemned:
            raise UploadGone
        self._strike(file.id)

    async def drop(self, ctx: Context, file: FileRef) -> None:
        if file.id not in self._rows:
            await self.add(ctx, file.id, ctx.now())

    async def add(self, ctx: Context, file: UUID, since: datetime) -> None:
        self._rows.put(file, Loose(since=since))
        self._ids.put(file, file)

    async def condemn(self, ctx: Context, files: Sequence[UUID]) -> None:
        for file in files:
            row = self._rows.get(file)
            if row is not None:
                self._rows.put(file, replace(row, condemned=True))

    async def condemn_due(self, ctx: Context, before: datetime) -> None:
        await self.condemn(ctx, [file for file, row in self._all() if row.since < before])

    async def condemned(self, ctx: Context, count_max: int) -> list[UUID]:
        return [file for file, row in self._all() if row.condemned][:count_max]

    async def those_condemned(self, ctx: Context, files: Sequence[UUID]) -> list[UUID]:
        return [file for file, row in self._all() if row.condemned and file in files]

    async def forget(self, ctx: Context, files: Sequence[UUID]) -> None:
        for file in await self.those_condemned(ctx, files):
            self._strike(file)

    def _all(self) -> list[tuple[UUID, Loose]]:
        rows = [(file, self._rows.get(file)) for file in self._ids]
        return [(file, row) for file, row in rows if row is not None]

    def _strike(self, file: UUID) -> None:
        self._rows.discard(file)
        self._ids.discard(file)


def memory_files(
    blobs: MemoryBlobs | None = None, *, loose_s: float = LOOSE_S, sweep_every_s: float = SWEEP_EVERY_S
) -> FileStore:
    """A `FileStore` for an app on a `MemoryStore`."""
    return FileStore(
        MemoryBlobs() if blobs is None else blobs, loose_s=loose_s, sweep_every_s=sweep_every_s, loose=MemoryFiles
    )


def form_body(fields: Mapping[str, Any], files: Mapping[str, Upload | Sequence[Upload]]) -> tuple[str, bytes]:
    """A form as browsers send it (RFC 7578): its `Content-Type` and its body. A list is sent as repeated fields."""
    parts: list[bytes] = []
    for name, value in fields.items():
        values = cast("Sequence[Any]", value if isinstance(value, list | tuple) else (value,))
        parts += [b'name="%s"\r\n\r\n%s' % (_quoted(name), str(one).encode()) for one in values]
    for name, given in files.items():
        for file in (given,) if isinstance(given, Upload) else given:
            head = b'name="%s"; filename="%s"\r\nContent-Type: %s\r\n\r\n'
            parts.append(head % (_quoted(name), _quoted(file.name), file.media_type.encode()) + file.content)
    body = b"".join(b"--%s\r\nContent-Disposition: form-data; %s\r\n" % (BOUNDARY, part) for part in parts)
    return f"multipart/form-data; boundary={BOUNDARY.decode()}", body + b"--%s--\r\n" % BOUNDARY


def _quoted(name: str) -> bytes:
    """As the HTML standard has it, in "multipart/form-data encoding algorithm"."""
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A").encode()
