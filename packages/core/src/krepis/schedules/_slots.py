"""When a schedule is due: a cron expression, or words, becomes slots in time.

| expression | slots |
|:--|:--|
| `0 3 * * *` | cron, five fields (six with seconds first), as Debian's cron; also `L`, `LW`, `5#2`, `MON-FRI` |
| `day at 03:00`, `day at 03:00 Europe/Berlin` | each day at that time |
| `monday at 08:00`, `weekday at 08:00` | that day of each week; Monday to Friday |
| `15 minutes`, `hour`, `30 seconds` | each multiple of that time since 1970-01-01T00:00Z; at most a day |
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol
from zoneinfo import ZoneInfo

from krepis.errors import KrepisError

if TYPE_CHECKING:
    from cronsim import CronSim

_DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_AT = re.compile(rf"(day|weekday|{'|'.join(_DAYS)}) at ([01]?\d|2[0-3]):([0-5]\d)(?: (\S+))?")
_EACH = re.compile(r"(?:(\d{1,6}) )?(second|minute|hour)s?")
_SECONDS = (("second", 1), ("minute", 60), ("hour", 3600))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LOOK_BACK = tuple(timedelta(hours=hours) for hours in (1, 24, 32 * 24, 366 * 24, 9 * 366 * 24))
_FORMS = "write `0 3 * * *`, `day at 03:00 Europe/Berlin`, `monday at 08:00`, `weekday at 08:00` or `15 minutes`"


class Slots(Protocol):
    """The moments at which something is due, in UTC."""

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Those after `moment`, rising, without an end (but that of the calendar)."""
        ...


def read_slots(text: str, zone: str | None) -> Slots:
    """What an expression means. Raises `KrepisError` for one that means nothing, or never comes."""
    if found := _EACH.fullmatch(text):
        if zone is not None:
            raise KrepisError(f"`{text}` has no use for the zone `{zone}`", hint="leave it out: a minute is a minute")
        seconds = int(found[1] or 1) * dict(_SECONDS)[found[2]]
        if not 1 <= seconds <= 86_400:
            raise KrepisError(f"`{text}` is not between a second and a day", hint="for days write `day at 03:00`")
        return _Multiples(timedelta(seconds=seconds))
    if found := _AT.fullmatch(text):
        day, hour, minute, named = found.groups()
        if named and zone not in (None, named):
            raise KrepisError(f"`{text}` names one zone, and `zone` another", hint="name it once")
        days = {"day": "*", "weekday": "1-5"}.get(day) or str(_DAYS.index(day))
        return _Cron(f"{int(minute)} {int(hour)} * * {days}", text, _zone(named or zone, text))
    if len(text.split()) not in (5, 6):
        raise KrepisError(f"`{text}` is no schedule", hint=_FORMS)
    return _Cron(text, text, _zone(zone, text))


def latest(slots: Slots, after: datetime, until: datetime) -> datetime | None:
    """The last slot that is later than `after` and not later than `until`."""
    for back in (*_LOOK_BACK, until - after):
        # Nearly always it is not long ago; so years of missed slots aren't walked through.
        start, found = max(after, until - back), None
        for slot in slots.after(start):
            if slot > until:
                break
            found = slot
        if found is not None or start == after:
            return found
    return None


class _Multiples:
    def __init__(self, step: timedelta) -> None:
        self._step = step

    def after(self, moment: datetime) -> Iterator[datetime]:
        count = (moment - _EPOCH) // self._step
        while True:
            count += 1
            yield _EPOCH + count * self._step


class _Cron:
    def __init__(self, expression: str, text: str, zone: ZoneInfo) -> None:
        self._expression = expression
        self._zone = zone
        try:
            from cronsim import CronSimError
        except ImportError:
            raise KrepisError("schedules need cronsim", hint="pip install krepis[schedules]") from None
        try:
            comes = next(self.after(_EPOCH), None)
        except CronSimError as error:
            raise KrepisError(f"`{text}` is no schedule: {str(error).lower()}", hint=_FORMS) from None
        if comes is None:
            raise KrepisError(f"`{text}` never comes", hint=_FORMS)

    def after(self, moment: datetime) -> Iterator[datetime]:
        last = moment
        for local in self._walk(moment):
            slot = local.astimezone(UTC)
            # Around a change of clocks cronsim may give a moment again, or begin with one that has been.
            if slot > last:
                last = slot
                yield slot

    def _walk(self, moment: datetime) -> CronSim:
        from cronsim import CronSim

        return CronSim(self._expression, moment.astimezone(self._zone))


def _zone(name: str | None, text: str) -> ZoneInfo:
    try:
        return ZoneInfo(name or "UTC")
    except (LookupError, ValueError, OSError):
        raise KrepisError(
            f"`{text}` is for the time zone `{name}`, which is not known here",
            hint="write it as `Europe/Berlin`; where the system has no zones, `pip install tzdata`",
        ) from None
