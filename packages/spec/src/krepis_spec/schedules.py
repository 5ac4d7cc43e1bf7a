"""`every: day at 03:00 Europe/Berlin`: the schedules that `krepis.schedules` knows."""

from __future__ import annotations

import re
import zoneinfo

from krepis_spec.document import Text
from krepis_spec.problems import Problems, did_you_mean

_DAYS = ("day", "weekday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SECONDS = (("second", 1), ("minute", 60), ("hour", 3600))
_AT = re.compile(r"(\w+) at (\d\d?):(\d\d)(?: (\S+))?", re.ASCII)
_EACH = re.compile(r"(?:(\d{1,6}) )?(second|minute|hour)s?", re.ASCII)
_CRON_FIELDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_CRON_NAMES = re.compile("(?i:sun|mon|tue|wed|thu|fri|sat|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)")
_FORMS = "write `day at 03:00 Europe/Berlin`, `monday at 08:00`, `15 minutes` or `0 3 * * *`"
_DAY_S = 86_400


def schedule_of(text: Text, problems: Problems) -> str | None:
    """The schedule as `krepis.schedules.every` takes it."""
    words = " ".join(text.text.split())
    if found := _EACH.fullmatch(words):
        seconds = int(found[1] or 1) * dict(_SECONDS)[found[2]]
        if 1 <= seconds <= _DAY_S:
            return words
        problems.add(text.span, f"`{words}` is not between a second and a day", "for days write `day at 03:00`")
    elif found := _AT.fullmatch(words):
        if _is_time(found, text, problems):
            return words
    elif _is_cron(words.split()):
        return words
    else:
        problems.add(text.span, f"`{words}` is no schedule", _FORMS)
    return None


def _is_time(found: re.Match[str], text: Text, problems: Problems) -> bool:
    day, hour, minute, zone = found.groups()
    if day not in _DAYS:
        problems.add(text.span, f"`{day}` is no day", did_you_mean(day, _DAYS))
    elif int(hour) > 23 or int(minute) > 59:
        problems.add(text.span, f"`{hour}:{minute}` is no time of a day")
    elif zone is not None and not is_zone(zone):
        problems.add(text.span, f"`{zone}` is no time zone", did_you_mean(zone, zoneinfo.available_timezones()))
    else:
        return True
    return False


def is_zone(name: str) -> bool:
    """Whether that names a time zone."""
    try:
        zoneinfo.ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # not there; a path that leads out; a folder
        return False
    return True


def _is_cron(fields: list[str]) -> bool:
    if len(fields) not in {5, 6}:
        return False
    limits = _CRON_FIELDS if len(fields) == 5 else ((0, 59), *_CRON_FIELDS)
    return all(_is_cron_field(field, low, high) for field, (low, high) in zip(fields, limits, strict=True))


def _is_cron_field(field: str, low: int, high: int) -> bool:
    plain = _CRON_NAMES.sub(str(max(low, 1)), field)
    parts = re.fullmatch(r"(?:\*|\d+(?:-\d+)?|L|LW)(?:[/#]\d+)?(?:,(?:\*|\d+(?:-\d+)?)(?:[/#]\d+)?)*", plain, re.ASCII)
    numbers = (int(one) for one in re.findall(r"(?<![/#\d])\d+", plain))
    return parts is not None and all(low <= number <= high for number in numbers)
