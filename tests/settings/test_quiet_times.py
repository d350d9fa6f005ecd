"""Quiet times as people write them: when they begin, how long they last, and what is refused."""

from datetime import datetime

import pytest
from test_settings import GOOD, refused

from datasource.settings import QuietTime, parse_settings
from datasource.settings.cron import parse_cron


def quiet(cron: str, duration: str = "30m", zone: str = "UTC") -> QuietTime:
    return QuietTime.model_validate({"cron": cron, "duration": duration, "reason": "backup", "timezone": zone})


def seconds(text: str) -> float:
    return datetime.fromisoformat(f"{text}+00:00").timestamp()


def spans(one: QuietTime, start: str, end: str) -> list[tuple[str, str]]:
    """Begin and end of what touches [start, end] (UTC), by the clock of its time zone."""
    found = one.spans(seconds(start), seconds(end))
    return [(one.shown(a, 0), one.shown(b, 0)) for a, b in found]


def days(cron: str, start: str, end: str) -> list[str]:
    return [begin[:10] for begin, _ in spans(quiet(cron), start, end)]


def test_a_file_may_have_quiet_times() -> None:
    text = """\
quiet_times:
  - {cron: "0 2 * * *", duration: 30m, entities: [db, "shop/*"], reason: nightly backup, timezone: Europe/Berlin}
  - {cron: "*/15 * * * *", duration: 2m, reason: batch}
"""
    first, second = parse_settings(GOOD + text).quiet_times
    assert (first.entities, first.duration, first.reason) == (("db", "shop/*"), 1800, "nightly backup")
    assert (second.entities, second.timezone) == ((), "UTC")


@pytest.mark.parametrize(
    ("cron", "begins"),
    [
        ("0 2 * * *", ["02:00"]),
        ("5,35 2 * * *", ["02:05", "02:35"]),
        ("0 22-23 * * *", ["22:00", "23:00"]),
        ("0 */8 * * *", ["00:00", "08:00", "16:00"]),
        ("0 1-9/4 * * *", ["01:00", "05:00", "09:00"]),
        ("0 20/2 * * *", ["20:00", "22:00"]),
        ("0 2 27 nov *", ["02:00"]),
        ("0 2 * NOV Fri", ["02:00"]),
        ("0 2 * * mon-thu", []),
        ("0 2 28 * *", []),
    ],
)
def test_five_fields_say_when_it_begins(cron: str, begins: list[str]) -> None:
    found = spans(quiet(cron, "1m"), "2026-11-27T00:00", "2026-11-27T23:59")  # a Friday
    assert [begin[11:16] for begin, _ in found] == begins


def test_sunday_is_0_and_7_and_the_end_of_the_week() -> None:
    week = ("2026-11-23T00:00", "2026-11-29T23:00")  # Monday to Sunday
    assert days("0 2 * * 0", *week) == days("0 2 * * 7", *week) == days("0 2 * * sun", *week) == ["2026-11-29"]
    assert days("0 2 * * sat-sun", *week) == days("0 2 * * 6-7", *week) == ["2026-11-28", "2026-11-29"]


def test_of_two_restricted_kinds_of_days_either_is_enough_as_in_cron() -> None:
    week = ("2026-11-23T00:00", "2026-11-29T23:00")
    assert days("0 2 25 * fri", *week) == ["2026-11-25", "2026-11-27"]
    assert days("0 2 */2 * fri", *week) == ["2026-11-27"], "a star restricts nothing: both"


def test_the_31st_comes_in_seven_months_and_29_february_in_leap_years() -> None:
    assert days("0 2 31 * *", "2026-01-01T00:00", "2026-12-31T23:00") == [
        f"2026-{month}-31" for month in ("01", "03", "05", "07", "08", "10", "12")
    ]
    leap = quiet("0 2 29 2 *")
    assert leap.next_begin(seconds("2025-01-01T00:00")) == seconds("2028-02-29T02:00")
    assert leap.next_begin(seconds("2096-03-01T00:00")) == seconds("2104-02-29T02:00"), "2100 is no leap year"


def test_one_that_began_yesterday_reaches_over_midnight() -> None:
    late = quiet("30 23 * * *", "2h")
    assert spans(late, "2026-11-28T01:00", "2026-11-28T01:10") == [("2026-11-27 23:30 UTC", "2026-11-28 01:30 UTC")]
    assert spans(late, "2026-11-28T01:31", "2026-11-28T23:29") == []


def test_what_lasts_longer_than_its_period_goes_on_without_a_gap() -> None:
    (always,) = quiet("0 * * * *", "90m").spans(seconds("2026-11-27T10:00"), seconds("2026-11-27T20:00"))
    assert always[0] <= seconds("2026-11-27T10:00")
    assert always[1] >= seconds("2026-11-27T20:00")


def test_its_clock_is_that_of_the_time_zone() -> None:
    berlin = quiet("0 2 * * *", zone="Europe/Berlin")
    (winter,) = berlin.spans(seconds("2026-01-15T00:00"), seconds("2026-01-15T12:00"))
    (summer,) = berlin.spans(seconds("2026-07-15T00:00"), seconds("2026-07-15T12:00"))
    assert winter[0] == seconds("2026-01-15T01:00")
    assert summer[0] == seconds("2026-07-15T00:00")


def test_a_time_that_the_change_to_summer_time_leaves_out_begins_at_the_change() -> None:
    night = ("2026-03-28T12:00", "2026-03-29T12:00")
    for cron in ("0 2 * * *", "30 2 * * *", "*/10 2 * * *"):
        assert spans(quiet(cron, zone="Europe/Berlin"), *night) == [("2026-03-29 03:00 CEST", "2026-03-29 03:30 CEST")]
    assert spans(quiet("0 3 * * *", zone="Europe/Berlin"), *night)[0][0] == "2026-03-29 03:00 CEST"
    half = quiet("10 2 * * *", zone="Australia/Lord_Howe")  # its clock jumps by half an hour
    assert spans(half, "2026-10-03T12:00", "2026-10-04T12:00")[0][0] == "2026-10-04 02:30 +11"


def test_a_time_that_comes_twice_begins_twice() -> None:
    found = spans(quiet("15 2 * * *", zone="Europe/Berlin"), "2026-10-24T12:00", "2026-10-25T12:00")
    assert found == [
        ("2026-10-25 02:15 CEST", "2026-10-25 02:45 CEST"),
        ("2026-10-25 02:15 CET", "2026-10-25 02:45 CET"),
    ]


def test_an_hour_lasts_an_hour_when_the_clock_changes_within() -> None:
    (one,) = quiet("30 1 * * *", "1h", "Europe/Berlin").spans(seconds("2026-03-29T00:40"), seconds("2026-03-29T00:50"))
    assert one == (seconds("2026-03-29T00:30"), seconds("2026-03-29T01:30"))


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{cron: 0 2 * *, duration: 30m, reason: x}", "write five fields"),
        ("{cron: nightly, duration: 30m, reason: x}", "write five fields"),
        ("{cron: 5, duration: 30m, reason: x}", "write five fields"),
        ("{cron: 0 24 * * *, duration: 30m, reason: x}", "'24' is no hour; it is 0 to 23"),
        ("{cron: 0 2 0 * *, duration: 30m, reason: x}", "'0' is no day of month; it is 1 to 31"),
        ("{cron: 0 2 * * moon, duration: 30m, reason: x}", "'moon' is no day of week; it is 0 to 7, or sun to sat"),
        ("{cron: 0 2 * 13 *, duration: 30m, reason: x}", "it is 1 to 12, or jan to dec"),
        ("{cron: 0 5-1 * * *, duration: 30m, reason: x}", "'5-1' ends before it begins"),
        ("{cron: 0 2-*/2 * * *, duration: 30m, reason: x}", "is no hour"),
        ("{cron: '*/0 2 * * *', duration: 30m, reason: x}", "write */5 for every fifth minute"),
        ("{cron: '0 2 31 2,4 *', duration: 30m, reason: x}", "never comes"),
        ("{cron: 0 2 30 feb *, duration: 30m, reason: x}", "never comes"),
        ("{cron: 0 2 * * *, duration: 0s, reason: x}", "greater than 0"),
        ("{cron: 0 2 * * *, duration: half an hour, reason: x}", "write it as 30s, 2m"),
        ("{cron: 0 2 * * *, duration: 30m}", "reason: missing; this key is required"),
        ("{cron: 0 2 * * *, duration: 30m, reason: ' '}", "write what people should read"),
        ("{cron: 0 2 * * *, duration: 30m, reason: x, timezone: Europe/Belrin}", "did you mean 'Europe/Berlin'?"),
        ("{cron: 0 2 * * *, duration: 30m, reason: x, timezone: Europe}", "no time zone 'Europe'"),
        ("{cron: 0 2 * * *, duration: 30m, reason: x, timezone: ../etc}", "no time zone '../etc'"),
        ("{cron: 0 2 * * *, duration: 30m, reason: x, entities: db}", "should be a list, as [db]"),
        ("{cron: 0 2 * * *, duration: 30m, reason: x, entities: ['']}", "leave entities out for all"),
        ("{cron: 0 2 * * *, duration: 30m, reason: x, entity: [db]}", "did you mean 'entities'?"),
        ("{cron: * 2 * * *, duration: 30m, reason: x}", "a value that begins with * or ! needs quotes"),
    ],
)
def test_an_error_names_the_line_and_the_fix(line: str, says: str) -> None:
    text = refused(f"{GOOD}quiet_times:\n  - {line}\n")
    assert text.startswith(f"causal.yaml:{GOOD.count(chr(10)) + 2}: ")
    assert says in text


def test_29_february_is_a_day_that_comes() -> None:
    assert parse_cron("0 2 29 2 *").days == {29}
    assert parse_cron("0 2 31 2 mon").either
