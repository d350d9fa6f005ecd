"""The cache: it reads the tail only, each signal from where it stands, and holds what a full read would bring."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memory import STEP, TEXT, MemoryServer

from datasource.data import Matrix
from datasource.prometheus import History, PrometheusError
from datasource.settings import parse_settings

NAN = float("nan")


@pytest.fixture
def server() -> MemoryServer:
    """Two signals of one service, whose samples are their times."""
    one = MemoryServer()
    for query in ("latency", "cpu"):
        one.put(query, "web", {t: float(t) for t in range(0, 30_001, STEP)})
    return one


def rows(matrix: Matrix) -> dict[str, list[float]]:
    return {str(variable): list(matrix.row(variable)) for variable in matrix.variables}


def same(found: Matrix, expected: Matrix) -> bool:
    return (
        (found.start, found.step, found.values.shape) == (expected.start, expected.step, expected.values.shape)
        and set(found.variables) == set(expected.variables)
        and all(np.array_equal(found.row(v), expected.row(v), equal_nan=True) for v in expected.variables)
    )


def spans(server: MemoryServer) -> dict[str, tuple[int, int]]:
    """What was asked since the last look."""
    found = {one.query: (one.start, one.end) for one in server.asked}
    server.asked.clear()
    return found


def test_a_refresh_asks_each_signal_once_for_the_new_points_and_three_old_ones(server: MemoryServer) -> None:
    history = History(server.reader(), keep=60)
    history.update(3000)
    assert spans(server) == dict.fromkeys(("latency", "cpu"), (1230, 3000))
    history.update(3059)
    assert spans(server) == dict.fromkeys(("latency", "cpu"), (2940, 3030))


def test_a_sample_that_came_late_is_taken_and_the_matrix_published_before_stays(server: MemoryServer) -> None:
    late = server.samples["latency"][(("service", "web"),)].pop(2970)
    history = History(server.reader(), keep=4)
    before = history.update(3000)
    server.put("latency", "web", {2970: late})
    after = history.update(3030)
    assert np.array_equal(rows(before)["web.latency"], [2910, 2940, NAN, 3000], equal_nan=True)
    assert rows(after)["web.latency"] == [2940, 2970, 3000, 3030]


def test_a_series_that_vanishes_ends_and_goes_when_nothing_is_left(server: MemoryServer) -> None:
    server.put("latency", "old", {t: 1.0 for t in range(0, 3001, STEP)})
    history = History(server.reader(), keep=4)
    history.update(3000)
    assert np.array_equal(rows(history.update(3060))["old.latency"], [1, 1, NAN, NAN], equal_nan=True)
    history.update(3120)
    assert set(rows(history.update(3150))) == {"web.latency", "web.cpu"}


def test_a_signal_that_failed_keeps_what_it_had_and_catches_up_alone(server: MemoryServer) -> None:
    history = History(server.reader(), keep=4)
    history.update(3000)
    server.failing = {"cpu"}
    history.update(3030)
    failed = history.update(3060)
    assert np.array_equal(rows(failed)["web.cpu"], [2970, 3000, NAN, NAN], equal_nan=True)
    assert rows(failed)["web.latency"] == [2970, 3000, 3030, 3060]
    assert [report.kind for report in history.reports] == ["", "unavailable"]
    server.failing = set()
    server.asked.clear()
    assert rows(history.update(3090))["web.cpu"] == [3000, 3030, 3060, 3090]
    assert spans(server) == {"latency": (3000, 3090), "cpu": (3000, 3090)}
    assert np.array_equal(rows(failed)["web.cpu"], [2970, 3000, NAN, NAN], equal_nan=True)


def test_a_signal_that_failed_at_the_start_is_read_whole_later(server: MemoryServer) -> None:
    server.failing = {"cpu"}
    history = History(server.reader(), keep=4)
    assert set(rows(history.update(3000))) == {"web.latency"}
    server.failing = set()
    assert rows(history.update(3030))["web.cpu"] == [2940, 2970, 3000, 3030]


def test_when_every_signal_fails_the_error_comes_out_and_nothing_is_lost(server: MemoryServer) -> None:
    history = History(server.reader(), keep=4)
    before = history.update(3000)
    server.failing = {"*"}
    with pytest.raises(PrometheusError, match="failed"):
        history.update(3030)
    assert history.recent is before
    server.failing = set()
    assert rows(history.update(3060))["web.cpu"] == [2970, 3000, 3030, 3060]


def test_after_a_long_sleep_only_what_is_missing_is_read(server: MemoryServer) -> None:
    history = History(server.reader(), keep=60)
    history.update(3000)
    server.asked.clear()
    history.update(4200)
    assert spans(server)["cpu"] == (2940, 4200)
    whole = history.update(20_000)
    assert spans(server)["cpu"] == (18_210, 19_980)
    assert same(whole, server.reader().read(18_210, 19_980).matrix)


@pytest.mark.parametrize("back", [30, 90, 120, 1500, 9_000])
def test_a_clock_that_goes_back_does_no_harm(server: MemoryServer, back: int) -> None:
    history = History(server.reader(), keep=10)
    history.update(12_000)
    now = history.update(12_000 - back)
    assert now.end >= 12_000 - back
    assert same(now, server.reader().read(now.end - 9 * STEP, now.end).matrix)
    later = history.update(12_030)
    assert same(later, server.reader().read(12_030 - 9 * STEP, 12_030).matrix)


def test_a_clock_that_was_far_ahead_does_no_harm(server: MemoryServer) -> None:
    history = History(server.reader(), keep=10)
    history.update(12_000)
    assert not history.update(200_000).variables
    assert same(history.update(12_030), server.reader().read(12_030 - 9 * STEP, 12_030).matrix)


@pytest.mark.parametrize("change", [("query: cpu", "query: latency"), ("baseline: 1800s", "baseline: 2400s")])
def test_a_changed_question_is_read_anew(server: MemoryServer, change: tuple[str, str]) -> None:
    server.put("cpu", "gone", {t: 1.0 for t in range(0, 30_001, STEP)})
    text = TEXT.format(baseline=1800, full=86400)
    history = History(server.reader(settings=parse_settings(text)))
    history.update(3000)
    server.asked.clear()
    assert change[0] in text
    history.reader = server.reader(settings=parse_settings(text.replace(*change)))
    found = history.update(3030)
    assert same(found, history.reader.read(found.start, found.end).matrix)
    longer = "baseline" in change[0]
    assert spans(server)["latency"][0] == (660 if longer else 1260 if "latency" in change[1] else 2940)


def test_a_signal_that_is_asked_no_more_goes(server: MemoryServer) -> None:
    text = TEXT.format(baseline=1800, full=86400)
    history = History(server.reader())
    before = history.update(3000)
    history.reader = server.reader(settings=parse_settings(text[: text.index("  cpu")]))
    assert set(rows(history.update(3030))) == {"web.latency"}
    assert set(rows(before)) == {"web.latency", "web.cpu"}


@st.composite
def worlds(draw: st.DrawFn) -> tuple[MemoryServer, list[int]]:
    """A server with series that come, go and have gaps, split anywhere, and the times at which it is looked at."""
    server = MemoryServer(max_points=draw(st.integers(2, 40)))
    numbers = st.one_of(st.integers(-5, 5).map(float), st.floats(width=32), st.sampled_from([NAN, np.inf, 1e-7]))
    for query in ("latency", "cpu"):
        for service in "ab":
            for pod in ("1", "2")[: draw(st.integers(1, 2))]:
                steps = draw(st.sets(st.integers(0, 100), max_size=60))
                server.put(query, service, {STEP * n: float(draw(numbers)) for n in steps}, pod=pod)
    looks = sorted(draw(st.sets(st.integers(40, 100), min_size=1, max_size=8)))
    return server, [STEP * look for look in looks]


@given(worlds())
@settings(max_examples=150, deadline=None)
def test_split_and_unsplit_cached_and_uncached_are_equal(world: tuple[MemoryServer, list[int]]) -> None:
    server, looks = world
    whole = MemoryServer()
    whole.samples = server.samples
    history = History(server.reader(), keep=31)
    for now in looks:
        found = history.update(now)
        assert same(found, whole.reader().read(now - 30 * STEP, now).matrix)


def long(server: MemoryServer) -> History:
    """An hour of every step, and an hour before of every eleventh."""
    return History(server.reader(baseline=7200, full=3600))


def test_older_points_are_every_eleventh_as_the_query_has_it(server: MemoryServer) -> None:
    history = long(server)
    recent = history.update(20_010)
    assert (recent.start, recent.end, history.older.step) == (16_440, 20_010, 330)
    assert list(history.older.times) == list(range(13_200, 16_440, 330))
    assert rows(history.older)["web.cpu"] == list(range(13_200, 16_440, 330))


def test_what_leaves_the_recent_part_is_kept_without_a_second_read(server: MemoryServer) -> None:
    history = long(server)
    history.update(20_010)
    server.asked.clear()
    for now in range(20_040, 26_000, STEP):
        history.update(now)
    assert {one.step for one in server.asked} == {STEP}
    fresh = long(server)
    fresh.update(now)
    assert same(history.older, fresh.older)
    assert history.older.end < history.recent.start <= history.older.end + 330


def test_after_a_long_sleep_the_older_points_are_read_where_they_are_missing(server: MemoryServer) -> None:
    history = long(server)
    history.update(15_000)
    server.asked.clear()
    history.update(19_500)
    fresh = long(server)
    asked = [one for one in server.asked if one.step == 330]
    assert {(one.start, one.end) for one in asked} == {(12_870, 15_840)}
    fresh.update(19_500)
    assert same(history.older, fresh.older)


def test_older_points_that_cannot_be_read_are_told_and_asked_for_again_when_the_next_is_due(
    server: MemoryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = long(server)
    ask, tries = server.raw_range, []

    def refuse_older(query: str, start: int, end: int, step: int) -> object:
        if step == 330:
            tries.append(start)
            raise PrometheusError("timeout", "too slow")
        return ask(query, start, end, step)

    monkeypatch.setattr(server, "raw_range", refuse_older)
    history.update(20_010)
    history.update(20_040)
    assert "older points are missing" in history.reports[0].notice
    assert len(tries) == 2
    monkeypatch.setattr(server, "raw_range", ask)
    for now in range(20_070, 20_401, STEP):
        history.update(now)
    assert history.reports[0].notice == ""
    fresh = long(server)
    fresh.update(now)
    assert same(history.older, fresh.older)


def test_a_short_baseline_has_no_older_points(server: MemoryServer) -> None:
    history = History(server.reader())
    history.update(20_010)
    assert history.older.values.shape == (0, 0)
