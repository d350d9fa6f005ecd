"""What real servers bring that is not clean: resets, gaps, NaN, +Inf, odd times, series that come and go."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from real import KINDS, running

from datasource.data import Entity, Floats, Variable
from datasource.prometheus import History, Reader
from datasource.settings import Settings, parse_settings

STEP = 30
STEPS = 240
ORIGIN = 1_763_000_010 // STEP * STEP
END = ORIGIN + STEP * (STEPS - 1)
RESET, IDLE = 100, slice(150, 180)
LATE, GONE = 120, 60
ODD = {50: "NaN", 51: "+Inf", 52: "-Inf"}
MINUTES = 10
"""Twenty steps: longer than any server repeats the last sample."""

SIGNALS = {
    "hits": "rate(hits_total[2m])",
    "p95": "histogram_quantile(0.95, sum by (service, le) (rate(seconds_bucket[2m])))",
    "beyond": "histogram_quantile(1.5, sum by (service, le) (rate(seconds_bucket[2m])))",
    "mean": "rate(hits_total[2m]) / (rate(hits_total[2m]) - rate(hits_total[2m]))",
    "level": "level",
    "skewed": "skewed",
    "slow": "slow",
    "slow_rate": "rate(slow[4m])",
    "odd": "odd",
}


def samples() -> Iterator[tuple[str, list[tuple[float, str]]]]:
    """Series and their samples (seconds, value)."""
    times = [ORIGIN + STEP * n for n in range(STEPS)]
    hits = [60 * (n if n < RESET else n - RESET + 1) for n in range(STEPS)]
    yield 'hits_total{service="web"}', [(t, str(x)) for t, x in zip(times, hits, strict=True)]
    busy = np.cumsum([0 if IDLE.start <= n < IDLE.stop else 100 for n in range(STEPS)])
    for le, share in (("0.1", 0.5), ("0.2", 0.9), ("0.4", 1.0), ("+Inf", 1.0)):
        yield (
            f'seconds_bucket{{service="web",le="{le}"}}',
            [(t, str(x * share)) for t, x in zip(times, busy, strict=True)],
        )
    yield 'level{service="late"}', [(t, "1") for t in times[LATE:]]
    yield 'level{service="gone"}', [(t, "2") for t in times[:GONE]]
    yield 'skewed{service="web"}', [(t + 7.25, str(n)) for n, t in enumerate(times)]
    yield 'slow{service="web"}', [(t, str(2 * (t - ORIGIN))) for t in times[::4]]
    yield 'odd{service="web"}', [(t, ODD.get(n, "1")) for n, t in enumerate(times)]


def openmetrics() -> str:
    lines = []
    named = ""
    for series, points in samples():
        name = series.partition("{")[0]
        lines += [f"# TYPE {name} unknown"] if name != named else []
        named = name
        lines += [f"{series} {value} {time}" for time, value in points]
    return "\n".join([*lines, "# EOF", ""])


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def url(kind: str, tmp_path_factory: pytest.TempPathFactory, server_binary: Callable[[str], str]) -> Iterator[str]:
    with running(kind, tmp_path_factory.mktemp(kind), server_binary, openmetrics()) as url:
        yield url


def settings(url: str, signals: dict[str, str], step: int = STEP) -> Settings:
    lines = "\n".join(
        f"  {name}: {{entity: service, query: '{query}', window: {'4m' if '4m' in query else '2m'}}}"
        for name, query in signals.items()
    )
    return parse_settings(
        f"prometheus: {{url: '{url}', latency_offset: 0s}}\nstep: {step}s\nbaseline: 2h\n"
        f"entities: {{service: {{labels: [service]}}}}\nevaluation: {{warm_up: 30}}\nsignals:\n{lines}\n"
    )


@pytest.fixture(scope="module")
def read(url: str) -> Callable[..., Floats]:
    reading = Reader(settings(url, SIGNALS)).read(ORIGIN, END)
    assert not [report.problem for report in reading.reports if report.problem]
    assert not np.isinf(reading.matrix.values).any()

    def row(signal: str, service: str = "web") -> Floats:
        return reading.matrix.row(Variable(Entity("service", (("service", service),)), signal))

    return row


def test_a_counter_that_starts_anew_is_no_negative_rate(read: Callable[..., Floats]) -> None:
    assert read("hits")[5:] == pytest.approx(2)


def test_a_quantile_of_no_requests_is_no_sample(read: Callable[..., Floats]) -> None:
    p95 = read("p95")
    idle = np.zeros(STEPS, dtype=bool)
    idle[IDLE.start + 4 : IDLE.stop] = True
    assert np.isnan(p95[idle]).all()
    assert p95[5 : IDLE.start] == pytest.approx(0.3)
    assert p95[IDLE.stop + 1 :] == pytest.approx(0.3)


@pytest.mark.parametrize("signal", ["beyond", "mean"])
def test_what_is_infinite_or_divided_by_zero_is_no_sample(read: Callable[..., Floats], signal: str) -> None:
    with pytest.raises(KeyError):
        read(signal)


def test_series_appear_and_vanish(read: Callable[..., Floats]) -> None:
    late, gone = read("level", "late"), read("level", "gone")
    assert np.isnan(late[:LATE]).all()
    assert (late[LATE:] == 1).all()
    assert (gone[:GONE] == 2).all()
    assert np.isnan(gone[GONE + 2 * MINUTES :]).all()


def test_samples_beside_the_grid_are_taken_at_the_next_step(read: Callable[..., Floats]) -> None:
    assert list(read("skewed")[1:]) == list(range(STEPS - 1))


def test_samples_that_come_less_often_than_the_step_leave_no_gaps(read: Callable[..., Floats]) -> None:
    slow = read("slow")
    assert np.isfinite(slow).all()
    assert list(slow[::4]) == [2 * 4 * STEP * n for n in range(STEPS // 4)]
    rate = read("slow_rate")[12:]
    assert rate == pytest.approx(2, rel=0.01)


def test_samples_that_are_no_numbers_are_no_samples(read: Callable[..., Floats], kind: str) -> None:
    odd = read("odd")
    wrong = np.zeros(STEPS, dtype=bool)
    wrong[list(ODD)] = True
    assert (odd[~wrong] == 1).all()
    if kind == "prometheus":
        assert np.isnan(odd[wrong]).all()
    else:  # VictoriaMetrics does not store NaN, and repeats the last sample
        assert odd[50] == 1
        assert np.isnan(odd[51:53]).all()


def test_samples_from_the_future_wait_for_their_time(url: str) -> None:
    reader = Reader(settings(url, {"skewed": "skewed"}))
    history = History(reader)
    for ago in (3605, 3590, 3577, 100, 3):
        history.update(END - ago)
    assert history.recent.end == END - STEP
    whole = reader.read(history.recent.start, history.recent.end).matrix
    assert np.array_equal(history.recent.values, whole.values, equal_nan=True)


def test_a_long_baseline_is_the_same_whether_read_or_kept(url: str) -> None:
    text = settings(url, {"hits": "rate(hits_total[2m])", "p95": SIGNALS["p95"], "skewed": "skewed"})
    reader = Reader(text.model_copy(update={"full_resolution": 3600.0}))
    kept, fresh = History(reader), History(reader)
    for ago in range(1800, -1, -150):
        kept.update(END - ago)
    fresh.update(END)
    assert kept.older.variables
    assert kept.older.start == fresh.older.start
    for variable in fresh.older.variables:
        assert kept.older.row(variable) == pytest.approx(fresh.older.row(variable), nan_ok=True)


def test_of_samples_at_the_same_time_one_counts(tmp_path: Path, server_binary: Callable[[str], str]) -> None:
    times = [ORIGIN + STEP * n for n in range(STEPS)]
    twice = "\n".join(f'level{{service="web"}} {value} {t}' for t in times for value in (1, 2))
    with running("victoria-metrics", tmp_path, server_binary, twice) as url:
        matrix, _ = Reader(settings(url, {"level": "level"})).read(ORIGIN, END)
    assert len(matrix.variables) == 1
    assert np.isin(matrix.values, (1, 2)).all()
