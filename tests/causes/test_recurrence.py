"""What alarmed at the same time of day on three days is usual, with its height and its length."""

import numpy as np
import pytest

from datasource.causes import Recurrences
from datasource.causes.recurrence import recurrence_sentences
from datasource.data import Entity, Floats, Variable

MINUTE, DAY, FIRST = 60, 86400, 20000 * 86400
DB = Variable(Entity("service", (("service", "db"),)), "latency")


def heard(memory: Recurrences, day: int, minute: int, heights: Floats, variable: Variable = DB) -> list[float]:
    """What is heard of heights, one a minute from a minute of a day on."""
    times = FIRST + day * DAY + (minute + np.arange(heights.size)) * MINUTE
    found = memory.heard(variable, times, {"causal": heights})
    return [float(height) for height in found["causal"]]


def job(height: float = 8.0, minutes: int = 12) -> Floats:
    return np.full(minutes, height)


def after(days: int, **shape: float) -> Recurrences:
    memory = Recurrences()
    for day in range(days):
        assert heard(memory, day, 120, job()) == [8.0] * 12, f"day {day} is news"
    return memory


def test_the_fourth_night_of_a_job_is_usual_also_an_hour_later() -> None:
    assert heard(after(3), 3, 120, job()) == [0.0] * 12
    assert heard(after(3), 3, 175, job()) == [0.0] * 12, "the clock was changed"
    assert heard(after(3), 3, 120, job(12.0)) == [0.0] * 12, "up to twice as high"


def test_it_stays_usual_as_long_as_it_comes_though_nobody_hears_it() -> None:
    memory = after(3)
    assert not any(any(heard(memory, day, 121, job())) for day in range(3, 80))


@pytest.mark.parametrize(
    ("day", "minute", "heights"),
    [(3, 600, job()), (3, 120, job(17.0)), (40, 120, job())],
    ids=["another time of day", "more than twice as high", "weeks after the last time"],
)
def test_what_is_not_like_it_is_heard(day: int, minute: int, heights: Floats) -> None:
    assert heard(after(3), day, minute, heights) == heights.tolist()


def test_what_lasts_longer_is_heard_after_an_hour_and_another_variable_at_once() -> None:
    found = heard(after(3), 3, 120, job(minutes=180))
    assert found[:60] == [0.0] * 60
    assert found[120:] == [8.0] * 60
    assert heard(after(3), 3, 120, job(), DB._replace(signal="errors")) == [8.0] * 12


def test_what_alarms_all_day_long_comes_back_at_no_time_of_day() -> None:
    memory = Recurrences()
    for day in range(3):
        for hour in range(0, 24, 2):
            heard(memory, day, 60 * hour, job())
    assert heard(memory, 3, 120, job()) == [8.0] * 12


def test_what_is_left_over_of_an_alarm_that_lasted_is_none_but_what_is_worse_is() -> None:
    memory = Recurrences()
    assert heard(memory, 0, 600, job(10.0, 480)) == [10.0] * 480
    assert heard(memory, 0, 1200, job(1.5)) == [0.0] * 12
    assert heard(memory, 0, 1300, job(3.0)) == [3.0] * 12
    assert heard(memory, 2, 1200, job(1.5)) == [1.5] * 12, "a day later it is news"


def test_who_gets_better_after_hours_without_being_well_is_still_heard() -> None:
    memory = Recurrences()
    heard(memory, 0, 600, job(20.0, 480))
    assert heard(memory, 0, 1080, job(4.0, 60)) == [4.0] * 60


def test_minute_by_minute_the_same_is_heard_as_at_once() -> None:
    once, memory = Recurrences(), Recurrences()
    for day in range(5):
        whole = heard(once, day, 120, job())
        assert [heard(memory, day, 120 + minute, job(minutes=1))[0] for minute in range(12)] == whole
    assert once.rows() == memory.rows()
    again = Recurrences()
    again.learn(once.rows())
    assert again == once


def test_what_was_weeks_ago_is_forgotten_also_of_who_is_gone() -> None:
    memory = after(3)
    memory.forget(FIRST + 29 * DAY)
    assert sorted(memory.peaks[DB]) == [20001, 20002]
    memory.forget(FIRST + 40 * DAY)
    assert memory.peaks == {}


def test_it_is_told() -> None:
    assert recurrence_sentences([DB.entity]) == ("db is as on other days at this time, and does not alarm",)
