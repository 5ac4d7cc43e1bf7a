"""Services under test as projects: a module, a `krepis.toml` that names its app, and one or more processes that serve it."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import MetaData

from krepis.sql import Database
from serving import Served

if TYPE_CHECKING:
    from faults.shop import Store

HERE = Path(__file__).parent


def lay_out(folder: Path, module: Path) -> None:
    """Make `folder` a project whose app is `app` in a copy of `module`."""
    (folder / "src").mkdir(parents=True, exist_ok=True)
    shutil.copy(module, folder / "src" / module.name)
    (folder / "krepis.toml").write_text(f'app = "{module.stem}:app"\n', encoding="utf-8")


def make_tables(url: str, metadata: MetaData) -> None:
    async def make() -> None:
        database = Database(url, metadata=metadata)
        await database.open()
        try:
            await database.create_tables()
        finally:
            await database.close()

    asyncio.run(make())


class Pair:
    """Two processes that serve one database; each may be killed, and opened again."""

    def __init__(self, folder: Path, store: Store, module: str, metadata: MetaData, **environment: str) -> None:
        self.store = store
        self._environment = environment
        self._folders = (folder / "one", folder / "two")
        self._served: list[Served | None] = [None, None]
        for place in self._folders:
            lay_out(place, HERE / f"{module}.py")
        make_tables(store.url, metadata)

    @property
    def both(self) -> tuple[Served, Served]:
        return self[0], self[1]

    def __getitem__(self, at: int) -> Served:
        """The process `at`, or what it was before it was killed."""
        served = self._served[at]
        assert served is not None, f"process {at} was never open"
        return served

    def open(self, at: int) -> None:
        self._served[at] = Served(self._folders[at], **self._environment)

    def kill(self, at: int) -> None:
        if (served := self._served[at]) is not None:
            served.kill()

    def ask(self, text: str) -> list[tuple[Any, ...]]:
        return self.store.ask(text)[0]
