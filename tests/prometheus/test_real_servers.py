"""The reader against real servers: the matrix is what was written, sample for sample."""

import io
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from real import KINDS, running
from worlds import SETTINGS

from datasource.demo.exposition import write_openmetrics
from datasource.demo.series import SERIES
from datasource.demo.shop import Shop
from datasource.prometheus import History, PrometheusClient, PrometheusError, Reader
from datasource.settings import Settings, load_settings
from datasource.topology import read_topology

STEPS = 600
STEP = 30
ORIGIN = 1_763_000_010 // STEP * STEP
GAP = slice(100, 130)
"""Steps whose samples are missing: longer than the 5 minutes of lookback, so that a gap shows."""


@pytest.fixture(scope="module")
def values() -> np.ndarray:
    found = np.array([step.values for step in Shop().history(STEPS)]).T
    found[:, GAP] = np.nan
    return found


@pytest.fixture(scope="module")
def openmetrics() -> str:
    steps = Shop().history(STEPS)
    text = io.StringIO()
    write_openmetrics(text, [step for step in steps if not GAP.start <= step.number < GAP.stop], ORIGIN)
    return text.getvalue()


@pytest.fixture(scope="module", params=KINDS)
def url(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    server_binary: Callable[[str], str],
    openmetrics: str,
) -> Iterator[str]:
    """A real server that holds the shop's history."""
    with running(request.param, tmp_path_factory.mktemp(request.param), server_binary, openmetrics) as url:
        yield url


def settings(url: str) -> Settings:
    text = load_settings(SETTINGS).reading_from(url).settings
    return text.model_copy(update={"baseline": float(STEPS * STEP)})


END = ORIGIN + STEP * (STEPS - 1)


def test_every_sample_comes_back_and_gaps_stay_gaps(url: str, values: np.ndarray) -> None:
    matrix, reports = Reader(settings(url)).read(ORIGIN, END)
    assert not [report for report in reports if report.problem]
    assert len(matrix.variables) == len(SERIES)
    queries = {signal.query: name for name, signal in settings(url).signals.items()}
    lookback = slice(GAP.start, GAP.start + 12)  # in here, servers may repeat the last sample
    for row, one in enumerate(SERIES):
        (found,) = [
            v for v in matrix.variables if v.signal == queries[one.name] and set(v.entity.labels) <= set(one.labels)
        ]
        mask = np.ones(STEPS, dtype=bool)
        mask[lookback] = False
        assert np.array_equal(matrix.row(found)[mask], values[row][mask], equal_nan=True)
    assert np.isnan(matrix.values[:, GAP.start + 12 : GAP.stop]).all()


def test_reading_the_tail_gives_the_same_matrix_as_reading_all(url: str) -> None:
    reader = Reader(settings(url))
    history = History(reader, STEPS)
    offset = reader.settings.prometheus.latency_offset
    history.update(END - 50 * STEP + offset)
    for steps in (40, 39, 10, 0):
        refreshed = history.update(END - steps * STEP + offset)
    whole = reader.read(refreshed.start, END).matrix
    assert set(refreshed.variables) == set(whole.variables)
    for variable in whole.variables:
        assert np.array_equal(refreshed.row(variable), whole.row(variable), equal_nan=True)


def test_a_range_beyond_11000_points_is_read_whole(url: str) -> None:
    step = 1
    start = END - 12_500
    windows = list(PrometheusClient(url).query_range('service:requests:rate30s{service="web"}', start, END, step))
    times = np.concatenate([series.times for window in windows for series in window])
    assert len(windows) == 2
    assert np.array_equal(np.unique(times), np.sort(times))
    assert times.size > 11_000


def test_who_calls_whom_is_read_from_the_same_server(url: str) -> None:
    reader = Reader(settings(url))
    matrix = reader.read(ORIGIN, END).matrix
    entities = {variable.entity for variable in matrix.variables}
    topology = read_topology(reader.settings, reader.client, entities, ORIGIN, END)
    assert not topology.notices
    assert len(topology.ties) == 13
    assert [str(tie.end("server")) for tie in topology.ties if not tie.waits] == ["shop/orders"]
    assert all(tie.end("call") in entities for tie in topology.ties)


def test_a_wrong_query_comes_back_with_the_servers_own_words(url: str) -> None:
    with pytest.raises(PrometheusError, match=r"parse error|cannot parse|unexpected|missing") as error:
        list(PrometheusClient(url).query_range("sum(rate(", ORIGIN, END, STEP))
    assert error.value.kind == "bad_query"
