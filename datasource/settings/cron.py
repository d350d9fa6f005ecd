"""Cron expressions: at which times of which days something begins."""

import re
from bisect import bisect_left
from calendar import monthrange
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from datasource.settings.finding import close_to

_FORM = "write five fields, minute hour day-of-month month day-of-week, as '0 2 * * *' or '30 1 * * mon-fri'"
_PART = re.compile(r"(\*|\w+)(?:-(\w+))?(?:/(\d+))?")
_LEAP_YEAR = 2024


class _Field(NamedTuple):
    name: str
    first: int
    last: int
    names: tuple[str, ...] = ()


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")),
    _Field("day of week", 0, 7, ("sun", "mon", "tue", "wed", "thu", "fri", "sat")),
)


class Cron(NamedTuple):
    """When something begins: the minutes, hours, days of the month, months and days of the week (0 is Sunday).

    Where both kinds of days are restricted, as in `0 2 1 * mon`, `either` is enough.
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either: bool

    def on(self, day: date) -> bool:
        """Whether it begins on this day."""
        if day.month not in self.months:
            return False
        both = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return any(both) if self.either else all(both)

    def begins(self, start: float, end: float, zone: tzinfo) -> Iterator[int]:
        """The times (seconds since 1970) of [start, end] at which it begins, in order.

        The clock that counts is that of the `zone`. A time that a change of the clock leaves out begins at the change,
        one that comes twice begins twice.
        """
        moments = [time(hour, minute) for hour in sorted(self.hours) for minute in sorted(self.minutes)]
        first, last = (datetime.fromtimestamp(at, UTC).astimezone(zone).date() for at in (start, end))
        for number in range(first.toordinal(), last.toordinal() + 1):
            day = date.fromordinal(number)
            if self.on(day):
                found = sorted({at for moment in moments for at in _instants(datetime.combine(day, moment), zone)})
                yield from (at for at in found if start <= at <= end)


def parse_cron(text: object) -> Cron:
    """A cron expression of five fields. Raises ValueError that says how to write it.

    >>> sorted(parse_cron("0 22-23,2/8 * * mon-fri").hours)
    [2, 10, 18, 22, 23]
    """
    parts = text.split() if isinstance(text, str) else []
    if len(parts) != len(_FIELDS):
        raise ValueError(f"{text!r} is no cron expression; {_FORM}")
    minutes, hours, days, months, weekdays = (_values(*pair) for pair in zip(parts, _FIELDS, strict=True))
    either = not (parts[2].startswith("*") or parts[4].startswith("*"))
    if not either and min(days) > max(monthrange(_LEAP_YEAR, month)[1] for month in months):
        raise ValueError(f"{text!r} never comes: no such month has a day {min(days)}; choose another day")
    return Cron(minutes, hours, days, months, frozenset(day % 7 for day in weekdays), either)


def zone_named(name: str) -> tzinfo:
    """A time zone by its IANA name. Raises ValueError."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        text = close_to(name, available_timezones()) or "write it as in Europe/Berlin, or leave it out for UTC"
        raise ValueError(f"there is no time zone {name!r}; {text}") from None


def _values(text: str, field: _Field) -> frozenset[int]:
    return frozenset(value for part in text.lower().split(",") for value in _range(part, field))


def _range(part: str, field: _Field) -> Sequence[int]:
    found = _PART.fullmatch(part)
    if found is None or (found[1] == "*" and found[2]):
        raise ValueError(f"{part!r} is no {field.name}; {_FORM}")
    first, last = field.first, field.last
    if found[1] != "*":
        first = _value(found[1], field)
        last = _value(found[2], field) if found[2] else field.last if found[3] else first
        last = 7 if found[2] and field.last == 7 and last == 0 else last
    step = int(found[3] or 1)
    if last < first:
        raise ValueError(f"{part!r} ends before it begins; write the two parts with a comma between them")
    if step == 0:
        raise ValueError(f"{part!r} has steps of 0; write */5 for every fifth {field.name}")
    return range(first, last + 1, step)


def _value(text: str, field: _Field) -> int:
    if text in field.names:
        return field.names.index(text) + field.first
    if not text.isdecimal() or not field.first <= int(text) <= field.last:
        names = f", or {field.names[0]} to {field.names[-1]}" if field.names else ""
        raise ValueError(f"{text!r} is no {field.name}; it is {field.first} to {field.last}{names}")
    return int(text)


def _instants(local: datetime, zone: tzinfo) -> tuple[int, ...]:
    """When (seconds since 1970) the clock of a zone shows a time."""
    both = [local.replace(tzinfo=zone, fold=fold) for fold in (0, 1)]
    before, after = (int(one.timestamp()) for one in both)
    if before <= after:  # once, or twice
        return (before, after)
    # Never: the clock jumps over it, somewhere between the two.
    offset = both[1].utcoffset()
    between = range(after, before + 1)
    return (between[bisect_left(between, True, key=lambda at: _offset(at, zone) == offset)],)


def _offset(at: int, zone: tzinfo) -> timedelta | None:
    return datetime.fromtimestamp(at, zone).utcoffset()
