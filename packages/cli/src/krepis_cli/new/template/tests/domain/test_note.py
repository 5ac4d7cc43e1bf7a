from datetime import UTC, datetime
from uuid import UUID

import pytest

from newborn.domain.note import BlankNote, Note, write

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def test_a_note_is_kept_without_the_blanks_around_it():
    assert write(UUID(int=1), "  milk, bread \n", NOON) == Note(id=UUID(int=1), text="milk, bread", written_at=NOON)


@pytest.mark.parametrize("text", ["", " ", "\n\t"])
def test_a_blank_note_is_refused(text):
    with pytest.raises(BlankNote):
        write(UUID(int=1), text, NOON)
