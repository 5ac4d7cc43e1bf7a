"""What every adapter of the port `Notes` keeps, in memory as on SQL."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from newborn.application.ports import WritableNotes
from newborn.domain.note import Note

NOTE = Note(id=UUID(int=1), text="milk, bread", written_at=datetime(2030, 1, 1, 12, 0, 0, 123456, tzinfo=UTC))


@pytest.fixture
def notes(service, app, ctx):
    """Runs `work(notes)` in a transaction of its own, with the adapter that the app has bound."""
    (adapter,) = (binding.factory for binding in app.adapters if binding.port is WritableNotes)
    return lambda mode, work: app.store.transact(ctx, mode, lambda unit: work(adapter(unit)))


async def test_a_note_is_found_as_it_was_added(notes, ctx):
    await notes("write", lambda port: port.add(ctx, NOTE))
    assert await notes("read", lambda port: port.find(ctx, NOTE.id)) == NOTE


async def test_another_id_finds_nothing(notes, ctx):
    await notes("write", lambda port: port.add(ctx, NOTE))
    assert await notes("read", lambda port: port.find(ctx, UUID(int=2))) is None
