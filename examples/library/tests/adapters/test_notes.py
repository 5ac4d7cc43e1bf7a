from uuid import UUID

import pytest
from krepis import replace
from krepis.errors import TenantMissingError

from library.domain.note import Note


@pytest.fixture
def note(stock):
    return Note(id=UUID(int=21), text="the lamp is broken", written_by=stock.max.id, written_at=stock.noon)


async def test_the_latest_notes_come_first_and_no_more_than_asked_for(shelf, ctx, note):
    second = replace(note, id=UUID(int=22), text="it is not any more")
    for each in (note, second):
        await shelf.write(lambda ports, each=each: ports.notes.add(ctx, each), tenant="north")
    assert await shelf.read(lambda ports: ports.notes.latest(ctx, 5), tenant="north") == [second, note]
    assert await shelf.read(lambda ports: ports.notes.latest(ctx, 1), tenant="north") == [second]


async def test_a_note_is_of_one_branch(shelf, ctx, note):
    await shelf.write(lambda ports: ports.notes.add(ctx, note), tenant="north")
    assert await shelf.read(lambda ports: ports.notes.latest(ctx, 5), tenant="south") == []


async def test_without_a_branch_there_is_no_way_to_the_notes(shelf, ctx, note):
    with pytest.raises(TenantMissingError):
        await shelf.read(lambda ports: ports.notes.latest(ctx, 5))
    with pytest.raises(TenantMissingError):
        await shelf.write(lambda ports: ports.notes.add(ctx, note))
