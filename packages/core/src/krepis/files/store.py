"""`FileStore`: the part that gives an app files.

```python
app = App("shop", ..., store=database, parts=(FileStore(FolderBlobs("var/files")),))
```
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from krepis.beside import beside
from krepis.context import root
from krepis.errors import KrepisError
from krepis.files.blobs import Blobs
from krepis.files.desk import FileDesk
from krepis.files.inspect import Inspector
from krepis.files.port import Files, LooseFiles
from krepis.identity import SYSTEM
from krepis.part import Part
from krepis.wiring import Binding, bind

if TYPE_CHECKING:
    from krepis.app import Service
    from krepis.port import Store
    from krepis.wiring import Graph

LOOSE_S = 3600.0
SWEEP_EVERY_S = 300.0


class FileStore(Part):
    """Serves the ports `Files` and `Blobs`, lands uploads, and sweeps what nobody keeps.

    - `blobs`: where the bytes are: `FolderBlobs`, `DatabaseBlobs`, or an adapter of your own.
    - `loose_s`: how long an upload that no command has kept, or a file that was dropped, stays before it is swept.
    - `sweep_every_s`: how often the sweep looks; the first time when the service starts.
    - `loose`: makes the list of loose files for a unit of work, for a store that is no `krepis.sql.Database`.
    """

    def __init__(
        self,
        blobs: Blobs,
        *,
        loose_s: float = LOOSE_S,
        sweep_every_s: float = SWEEP_EVERY_S,
        loose: Callable[..., LooseFiles] | None = None,
    ) -> None:
        self._blobs = blobs
        self._loose_time = timedelta(seconds=loose_s)
        self._sweep_every_s = sweep_every_s
        self._given = loose

    def bindings(self) -> Sequence[Binding]:
        return (bind(Blobs, self._same_blobs, scope="app"), bind(Files, self._files()))

    def statements(self) -> Sequence[Callable[..., Any]]:
        return (type(self._blobs),)

    def check(self, graph: Graph, store: Store | None) -> Iterable[KrepisError]:
        if self._given is not None:
            return
        from krepis.files.database import DatabaseBlobs
        from krepis.files.tables import BLOB_TABLES, TABLES
        from krepis.sql import missing_tables

        in_database = isinstance(self._blobs, DatabaseBlobs)
        yield from missing_tables(store, (*TABLES, *BLOB_TABLES) if in_database else TABLES, "the file store")
        if isinstance(self._blobs, DatabaseBlobs) and self._blobs.database is not store:
            yield KrepisError(
                "`DatabaseBlobs` has another database than the app", hint="give both the same: App(store=database)"
            )

    def files(self, service: Service) -> FileDesk:
        store = service.app.store
        assert store is not None, "an app without a store has not passed the check"
        return FileDesk(self._blobs, self._files(), self._loose_time, store, service.sources, Inspector())

    def running(self, service: Service) -> AbstractAsyncContextManager[Any] | None:
        if service.by_hand:
            return None
        desk = service.files
        assert desk is not None, "this part has made it"
        return beside(self._sweeping(service, desk))

    async def _sweeping(self, service: Service, desk: FileDesk) -> None:
        log = root(service.sources, actor=SYSTEM, intents=("sweep",)).log
        while True:
            try:
                count = await desk.sweep()
            except Exception as error:  # noqa: BLE001 - the next round may go better
                log.warning("sweep_failed", error=repr(error))
            else:
                if count:
                    log.info("files_swept", count=count)
            await asyncio.sleep(self._sweep_every_s)

    def _same_blobs(self) -> Blobs:
        return self._blobs

    def _files(self) -> Callable[..., LooseFiles]:
        if self._given is not None:
            return self._given
        from krepis.files.database import SqlFiles

        return SqlFiles
