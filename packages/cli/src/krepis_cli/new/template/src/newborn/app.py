"""The composition root: the only place where a port and its adapter meet."""

from collections.abc import Sequence

from krepis import App, bind
from krepis.port import Store
from krepis.settings import read_settings
from krepis.sql import Database
from krepis.testing import MemoryStore
from krepis.wiring import Binding

from newborn.adapters.http import doors
from newborn.adapters.memory import MemoryNotes
from newborn.adapters.sql.notes import SqlNotes
from newborn.adapters.sql.tables import metadata
from newborn.application.ports import WritableNotes
from newborn.application.show_note import show_note
from newborn.application.write_note import write_note
from newborn.settings import NewbornSettings

MIGRATIONS = "newborn:adapters/sql/migrations"

HANDLERS = (show_note, write_note)

ON_SQL = (bind(WritableNotes, SqlNotes),)
IN_MEMORY = (bind(WritableNotes, MemoryNotes),)


def build(store: Store, adapters: Sequence[Binding] = ON_SQL) -> App:
    """The service on that store."""
    return App(
        "newborn",
        handlers=HANDLERS,
        adapters=adapters,
        doors=doors,
        store=store,
    )


def in_memory() -> App:
    """The service without a database, for tests and trials."""
    return build(MemoryStore(), IN_MEMORY)


def database(url: str) -> Database:
    """The service's database at that url."""
    return Database(url, metadata=metadata, migrations=MIGRATIONS)


app = build(database(read_settings(NewbornSettings).database))
