"""A cabinet that is served by a process of its own, and what its store and its folder really hold."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any
from uuid import UUID

from faults.cabinet import metadata
from faults.project import HERE, lay_out, make_tables
from faults.shop import Store
from serving import Served


class Cabinet:
    """A cabinet that is served by a process of its own."""

    def __init__(self, folder: Path, store: Store, *, in_folder: bool, **environment: str) -> None:
        self.folder = folder
        self.store = store
        self.blobs = folder / "blobs" if in_folder else None
        in_blobs = {} if self.blobs is None else {"CABINET_FOLDER": str(self.blobs)}
        self._environment = {"CABINET_DB": store.url, **in_blobs, **environment}
        self._served: Served | None = None
        lay_out(folder, HERE / "cabinet.py")
        make_tables(store.url, metadata)

    @property
    def served(self) -> Served:
        assert self._served is not None, "the cabinet is closed"
        return self._served

    def open(self) -> None:
        self._served = Served(self.folder, **self._environment)

    def close(self) -> None:
        if self._served is not None:
            self._served.kill()
            self._served = None

    def documents(self) -> dict[str, dict[str, Any]]:
        """What the database says that there is, by name."""
        (rows,) = self.store.ask("SELECT name, content FROM documents")
        return {name: json.loads(content) for name, content in rows}

    def loose(self) -> int:
        (rows,) = self.store.ask("SELECT id FROM krepis_loose_files")
        return len(rows)

    def wholes(self) -> dict[str, str]:
        """The SHA-256 of every finished blob, by id."""
        if self.blobs is not None:
            files = [path for path in self.blobs.glob("*/*") if path.suffix != ".part"]
            return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
        blobs, chunks = self.store.ask(
            "SELECT id, size FROM krepis_blobs",
            "SELECT blob, start, content FROM krepis_blob_chunks ORDER BY blob, start",
        )
        found: dict[str, str] = {}
        for blob, size in blobs:
            content = b"".join(piece for owner, _, piece in chunks if owner == blob)
            assert len(content) == size
            found[_uuid(blob)] = hashlib.sha256(content).hexdigest()
        return found

    def halves(self) -> int:
        """How many unfinished blobs there are."""
        if self.blobs is not None:
            return len([*self.blobs.glob("*/*.part")])
        (rows,) = self.store.ask(
            "SELECT DISTINCT blob FROM krepis_blob_chunks WHERE blob NOT IN (SELECT id FROM krepis_blobs)"
        )
        return len(rows)


def _uuid(value: Any) -> str:
    return str(value if isinstance(value, UUID) else UUID(hex=value))
