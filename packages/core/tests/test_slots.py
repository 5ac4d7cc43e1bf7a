"""When schedules are due: words and cron expressions against a walk through every minute."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise, takewhile
from random import Random
from zoneinfo import ZoneInfo

import pytest

from krepis.errors import KrepisError
from krepis.schedules._slots import latest, read_slots

SEED = int(os.environ["KREPIS_SEED"])
HALF_HOUR = "Australia/Lord_Howe"
"""Clocks change by half an hour; there cronsim 2.8 loses slots of schedules with a star, as docs/schedules.md says."""

COUNT = 200 if os.environ.get("KREPIS_LONG") else 12
MINUTE = timedelta(minutes=1)
# Near changes of clocks, where everything that goes wrong goes wrong.
PLACES = [
    ("Europe/Berlin", datetime(2026, 3, 29, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 10, 25, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 3, 8, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 11, 1, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 3, tzinfo=UTC)),
    ("Asia/Kathmandu", datetime(2026, 2, 27, tzinfo=UTC)),
    ("UTC", datetime(2028, 2, 28, tzinfo=UTC)),
]


def walked(
    minutes: set[int], hours: set[int], days: set[int], wild: bool, zone: ZoneInfo, start: datetime, end: datetime
):
    """The slots after `start`, not after `end`, found by looking at every minute."""

    def fits(local: datetime) -> bool:
        return local.minute in minutes and local.hour in hours and local.isoweekday() % 7 in days

    if wild or zone.key == "UTC":
        first = start.replace(second=0, microsecond=0) + MINUTE
        moments = (first + MINUTE * count for count in range(int((end - first) / MINUTE) + 1))
        return {moment for moment in moments if fits(moment.astimezone(zone))}
    slots: set[datetime] = set()
    local = (start - timedelta(days=1)).astimezone(zone).replace(tzinfo=None, second=0, microsecond=0)
    while local <= end.astimezone(zone).replace(tzinfo=None) + timedelta(days=1):
        if fits(local):
            real = local
            while real.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None) != real:
                real += MINUTE  # left out: the first minute after the gap
            slots.add(real.replace(tzinfo=zone, fold=0).astimezone(UTC))
        local += MINUTE
    return {slot for slot in slots if start < slot <= end}


def drawn(chance: Random) -> Iterator[tuple[str, set[int], set[int], set[int], bool]]:
    while True:
        kind = chance.choice(["star", "step", "fixed", "fixed", "many"])
        days = sorted(chance.sample(range(7), chance.randint(1, 7))) if chance.random() < 0.3 else list(range(7))
        day = "*" if len(days) == 7 else ",".join(map(str, days))
        hours = sorted(chance.sample(range(5), chance.randint(1, 4)))
        minutes = sorted(chance.sample(range(60), chance.randint(1, 3)))
        listed_hours, listed_minutes = ",".join(map(str, hours)), ",".join(map(str, minutes))
        if kind == "star":
            yield f"{listed_minutes} * * * {day}", set(minutes), set(range(24)), set(days), True
        elif kind == "step":
            yield f"*/20 {listed_hours} * * {day}", {0, 20, 40}, set(hours), set(days), True
        elif kind == "many":
            yield f"{listed_minutes} 0-4 * * {day}", set(minutes), set(range(5)), set(days), False
        else:
            yield f"{listed_minutes} {listed_hours} * * {day}", set(minutes), set(hours), set(days), False


@pytest.mark.parametrize("seed", [SEED])
@pytest.mark.parametrize(("place", "day"), PLACES, ids=[f"{place} {day:%m}" for place, day in PLACES])
def test_slots_are_those_of_a_walk_through_every_minute(place: str, day: datetime, seed: int) -> None:
    chance, zone = Random(f"{seed} {place} {day}"), ZoneInfo(place)
    cases = (case for case in drawn(chance) if not (case[-1] and place == HALF_HOUR))
    for text, minutes, hours, days, wild in islice(cases, COUNT):
        start = day + timedelta(minutes=chance.randrange(-900, 900), microseconds=chance.choice([0, 1, 999_999]))
        end = start + timedelta(hours=chance.randint(1, 60))
        expected = sorted(walked(minutes, hours, days, wild, zone, start, end))
        slots = read_slots(text, place)
        assert list(takewhile(lambda slot: slot <= end, slots.after(start))) == expected, (text, start)  # noqa: B023
        assert latest(slots, start, end) == (expected[-1] if expected else None), (text, start, end)
        for one, other in pairwise(expected):
            assert next(slots.after(one)) == other, (text, one)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("text", "zone", "after", "expected"),
    [
        ("day at 03:00 Europe/Berlin", None, "2026-07-01T00:00Z", "2026-07-01T01:00Z"),
        ("day at 3:00", None, "2026-07-01T03:00Z", "2026-07-02T03:00Z"),
        ("day at 03:00", "Europe/Berlin", "2026-07-01T00:00Z", "2026-07-01T01:00Z"),
        ("monday at 08:00", None, "2026-11-21T00:00Z", "2026-11-23T08:00Z"),
        ("sunday at 08:00", None, "2026-11-21T00:00Z", "2026-11-22T08:00Z"),
        ("weekday at 08:00", None, "2026-11-20T08:00Z", "2026-11-23T08:00Z"),
        ("15 minutes", None, "2026-11-21T10:07Z", "2026-11-21T10:15Z"),
        ("minute", None, "2026-11-21T10:07Z", "2026-11-21T10:08Z"),
        ("2 hours", None, "2026-11-21T10:00Z", "2026-11-21T12:00Z"),
        ("7 minutes", None, "1970-01-01T00:07Z", "1970-01-01T00:14Z"),
        ("30 seconds", None, "2026-11-21T10:07:29.999999Z", "2026-11-21T10:07:30Z"),
        ("86400 seconds", None, "2026-11-21T10:07Z", "2026-11-22T00:00Z"),
        ("0 3 * * *", "Europe/Berlin", "2026-03-29T00:00Z", "2026-03-29T01:00Z"),
        ("30 2 * * *", "Europe/Berlin", "2026-03-29T00:00Z", "2026-03-29T01:00Z"),  # 02:30 is left out
        ("30 2 * * *", "Europe/Berlin", "2026-10-24T22:00Z", "2026-10-25T00:30Z"),  # 02:30 comes twice
        ("30 2 * * *", "Europe/Berlin", "2026-10-25T00:45Z", "2026-10-26T01:30Z"),
        ("0 0 L * *", None, "2026-02-01T00:00Z", "2026-02-28T00:00Z"),
        ("0 0 29 2 *", None, "2026-02-01T00:00Z", "2028-02-29T00:00Z"),
        ("*/10 * * * * *", None, "2026-02-01T00:00:05Z", "2026-02-01T00:00:10Z"),
    ],
)
def test_words_and_expressions_mean_what_they_say(text: str, zone: str | None, after: str, expected: str) -> None:
    assert next(read_slots(text, zone).after(at(after))) == at(expected)


@pytest.mark.parametrize(
    ("text", "zone", "problem"),
    [
        ("", None, "is no schedule"),
        ("tuesday", None, "is no schedule"),
        ("day at 24:00", None, "is no schedule"),
        ("day at 03:60", None, "is no schedule"),
        ("daily at 03:00", None, "is no schedule"),
        ("* * * *", None, "is no schedule"),
        ("61 * * * *", None, "bad minute"),
        ("0 3 * * FOO", None, "bad day-of-week"),
        ("0 0 30 2 *", None, "bad day-of-month"),
        ("0 minutes", None, "not between a second and a day"),
        ("25 hours", None, "not between a second and a day"),
        ("86401 seconds", None, "not between a second and a day"),
        ("15 minutes", "Europe/Berlin", "has no use for the zone"),
        ("day at 03:00 Europe/Berlin", "Europe/Paris", "names one zone, and `zone` another"),
        ("day at 03:00 Mars/Olympus", None, "`Mars/Olympus`, which is not known"),
        ("0 3 * * *", "../../etc/passwd", "which is not known"),
        ("0 3 * * *", "Europe", "which is not known"),
        ("0 3 * * *\x00", None, "bad"),
        ("9" * 10_000 + " minutes", None, "is no schedule"),
    ],
)
def test_what_is_no_schedule_is_refused_with_a_hint(text: str, zone: str | None, problem: str) -> None:
    with pytest.raises(KrepisError, match=problem) as raised:
        read_slots(text, zone)
    assert raised.value.hint


@pytest.mark.parametrize("text", ["second", "* * * * *", "0 0 29 2 *", "day at 03:00"])
def test_the_latest_of_many_years_is_found_without_walking_through_them(text: str) -> None:
    slots = read_slots(text, None)
    until = at("2026-11-21T10:00:00Z")
    found = latest(slots, at("1990-01-01T00:00Z"), until)
    assert found is not None
    assert found <= until < next(slots.after(found))
