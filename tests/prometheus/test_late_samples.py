"""Samples that come after they were looked for: read when they come, and told when that is always so."""

import numpy as np
import pytest
from memory import STEP, MemoryServer

from datasource.data import Entity, Matrix, Variable, encode_events
from datasource.prometheus import History
from datasource.settings import parse_settings

NAN = float("nan")
START = 30_000
SETTINGS = """
prometheus: {url: 'http://memory.test', latency_offset: 0s}
baseline: 3h
entities: {service: {labels: [service]}}
signals:
  requests: {entity: service, query: requests, window: 30s, role: load}
  errors: {entity: service, query: errors, window: 30s, role: failure}
"""


def value(time: int) -> float:
    return float(time % 1000)


def fill(server: MemoryServer, query: str, until: int, service: str = "web", since: int = 0) -> None:
    server.put(query, service, {t: value(t) for t in range(since, until + 1, STEP)})


def row(matrix: Matrix, signal: str, service: str = "web") -> list[float]:
    return list(matrix.row(Variable(Entity("service", (("service", service),)), signal)))


def walked(server: MemoryServer, history: History, late: int, steps: int, query: str = "latency") -> Matrix:
    """The newest matrix after so many steps in which samples of one query come so many steps late."""
    for number in range(steps):
        now = START + number * STEP
        fill(server, "cpu", now)
        fill(server, query, now - late * STEP)
        server.asked.clear()
        found = history.update(now)
    return found


@pytest.mark.parametrize("late", [1, 5, 19])
def test_a_signal_that_is_always_late_has_all_its_samples(late: int) -> None:
    server = MemoryServer()
    found = walked(server, History(server.reader(), keep=60), late, 30)
    expected = [value(t) for t in found.times.tolist()]
    assert np.array_equal(row(found, "latency"), [*expected[:-late], *[NAN] * late], equal_nan=True)
    assert row(found, "cpu") == expected


def test_who_comes_in_time_is_read_no_farther_back_for_it() -> None:
    server = MemoryServer()
    walked(server, History(server.reader(), keep=60), 10, 30)
    points = {one.query: (one.end - one.start) // STEP + 1 for one in server.asked}
    assert points["cpu"] == 4
    assert points["latency"] == 14


def test_what_never_comes_is_not_asked_for_for_ever() -> None:
    server = MemoryServer()
    fill(server, "cpu", START + 400 * STEP)
    fill(server, "latency", START)
    for number in range(1000):
        fill(server, "latency", START + 400 * STEP, f"pod-{number}")  # and one of a thousand and one has ended
    history = History(server.reader(), keep=60)
    lengths = []
    for number in range(60):
        server.asked.clear()
        history.update(START + number * STEP)
        lengths += [(one.end - one.start) // STEP + 1 for one in server.asked if one.query == "latency"]
    assert max(lengths[1:]) <= 24
    assert sum(lengths[1:]) <= 59 * 4 + 2 * 20


def test_the_few_of_another_cluster_that_come_late_are_read_too() -> None:
    server = MemoryServer()
    for name in ("a", "b", "c", "d"):
        fill(server, "latency", START + 100 * STEP, name)
    history = History(server.reader(), keep=100)
    found = walked(server, history, 6, 60)
    assert np.isfinite(row(found, "latency")[:-6]).all()


@pytest.mark.parametrize("minutes", [4, 9, 30, 90])
def test_a_backfill_after_an_outage_is_read(minutes: int) -> None:
    server = MemoryServer()
    history = History(server.reader(baseline=3 * 3600), keep=360)
    fill(server, "cpu", START + 400 * STEP)
    fill(server, "latency", START)
    history.update(START)
    back = 2 * minutes
    for number in range(1, back + 1):
        history.update(START + number * STEP)
    fill(server, "latency", START + 400 * STEP)
    for number in range(back + 1, back + 4):
        found = history.update(START + number * STEP)
    assert row(found, "latency") == [value(t) for t in found.times.tolist()]
    assert "later than latency_offset" not in history.reports[0].notice


def test_who_catches_up_after_an_outage_is_not_always_late() -> None:
    server = MemoryServer()
    history = History(server.reader(), keep=60)
    walked(server, history, 0, 20)
    for number in range(20, 40):
        now = START + number * STEP
        fill(server, "cpu", now)
        fill(server, "latency", START + max(19, min(number, 19 + 5 * (number - 34))) * STEP)
        found = history.update(now)
        assert history.reports[0].notice == ""
    assert np.isfinite(row(found, "latency")).all()


def test_a_value_that_grows_while_its_samples_come_is_read_until_it_is_whole() -> None:
    server = MemoryServer()
    history = History(server.reader(), keep=60)
    for number in range(30):
        now = START + number * STEP
        for age in range(8):
            server.put("latency", "web", {now - age * STEP: min(age, 5) / 5})
        fill(server, "cpu", now)
        found = history.update(now)
    assert row(found, "latency")[-30:] == [1.0] * 25 + [0.8, 0.6, 0.4, 0.2, 0.0]


def test_a_signal_that_is_always_late_is_told_with_the_offset_that_it_needs() -> None:
    server = MemoryServer()
    history = History(server.reader(), keep=60)
    walked(server, history, 4, 10)
    latency, cpu = (report.notice for report in history.reports)
    assert latency.startswith("arrives 2m later than latency_offset allows: raise prometheus.latency_offset to 2m")
    assert cpu == ""
    assert history.late == {"latency": 240}


def test_failures_that_may_still_come_are_not_zero_yet() -> None:
    server = MemoryServer()
    history = History(server.reader(settings=parse_settings(SETTINGS)), keep=60)
    for number in range(10):
        now = START + number * STEP
        fill(server, "requests", now)
        fill(server, "errors", now - 4 * STEP, since=START - 20 * STEP)
        read = history.update(now)
    failures = row(encode_events(read, history.reader.settings.signals, history.known), "errors")
    assert failures[0] == 0
    assert np.isfinite(failures).tolist() == [True] * 56 + [False] * 4


def test_failures_of_a_query_that_fails_are_not_zero() -> None:
    server = MemoryServer()
    fill(server, "requests", START + 60 * STEP)
    server.failing = {"errors"}
    history = History(server.reader(settings=parse_settings(SETTINGS)), keep=60)
    signals = history.reader.settings.signals
    assert len(encode_events(history.update(START), signals, history.known).variables) == 1
    server.failing = set()
    history.update(START)
    server.failing = {"errors"}
    failures = row(encode_events(history.update(START + 2 * STEP), signals, history.known), "errors")
    assert np.array_equal(failures, [0.0] * 58 + [NAN] * 2, equal_nan=True)


def test_failures_are_not_zero_where_series_could_not_be_told_apart() -> None:
    server = MemoryServer()
    fill(server, "requests", START + 60 * STEP)
    history = History(server.reader(settings=parse_settings(SETTINGS)), keep=60)
    signals = history.reader.settings.signals
    history.update(START)
    for code in ("500", "503"):
        server.put("errors", "web", {START + STEP: 1.0}, code=code)
    failures = row(encode_events(history.update(START + STEP), signals, history.known), "errors")
    assert np.array_equal(failures[-2:], [NAN, NAN], equal_nan=True)
    assert failures[0] == 0
    server.samples["errors"].clear()
    failures = row(encode_events(history.update(START + 2 * STEP), signals, history.known), "errors")
    assert failures[-3:] == [0, 0, 0]


def test_the_older_points_know_no_failures_either() -> None:
    server = MemoryServer()
    fill(server, "requests", START + 500 * STEP)
    text = SETTINGS.replace("baseline: 3h", "baseline: 3h\nfull_resolution: 1h")
    history = History(server.reader(settings=parse_settings(text)))
    for number in range(0, 120, 10):
        history.update(START + number * STEP)
    older = encode_events(history.older, history.reader.settings.signals, history.older_known)
    assert row(older, "errors") == [0.0] * older.values.shape[1]


def test_replicas_that_differ_a_little_are_not_late() -> None:
    server = MemoryServer()
    history = History(server.reader(), keep=60)
    for number in range(20):
        now = START + number * STEP
        server.put("latency", "web", {t: 1 + 0.004 * (number % 2) for t in range(now - 9 * STEP, now + 1, STEP)})
        fill(server, "cpu", now)
        server.asked.clear()
        history.update(now)
    assert {one.end - one.start for one in server.asked} == {3 * STEP}
    assert [report.notice for report in history.reports] == ["", ""]
