"""A cursor finds its place again, and bytes that are none are refused."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krepis.types import UnknownCursor, read_cursor, write_cursor

Place = tuple[datetime, UUID]
places = st.tuples(st.datetimes(timezones=st.just(UTC)), st.uuids())


@given(places)
def test_a_cursor_leads_back_to_its_place(place: Place) -> None:
    assert read_cursor(write_cursor(place), Place) == place


def test_no_cursor_leads_nowhere() -> None:
    assert read_cursor(None, Place) is None


@given(st.text(max_size=60))
def test_what_no_page_has_given_is_refused(cursor: str) -> None:
    with pytest.raises(UnknownCursor):
        read_cursor(cursor, Place)


def test_a_place_of_another_form_or_without_a_zone_is_refused() -> None:
    for place in ((3, "x"), (datetime(2030, 1, 1), UUID(int=1)), "dune"):  # noqa: DTZ001
        with pytest.raises(UnknownCursor):
            read_cursor(write_cursor(place), Place)
