"""A replay says of the past what the service would have said then, and never knows what came after."""

from itertools import islice

import numpy as np
import pytest
from worlds import SETTINGS, START, STEP, ShopClient

from datasource.anomaly.constants import STRONG_POINTS
from datasource.causes import judge
from datasource.data import Entity, Matrix, Roles, Variable
from datasource.demo.faults import schedule
from datasource.graph import build_graph
from datasource.prometheus import Reader
from datasource.replay.alarms import Replay, alarms_of, anywhere, episodes_of, joined
from datasource.replay.backtest import backtest
from datasource.replay.judging import replay
from datasource.replay.recorded import Recorded
from datasource.replay.tune import NotEnoughError, tune
from datasource.replay.windows import stretches_from, stretches_of
from datasource.service.jobs import fit_job
from datasource.service.rates import poisson_rate, wilson
from datasource.settings import load_settings
from datasource.settings.model import Graph

HOUR = 3600
BASELINE = 2 * 24 * HOUR
SINCE, UNTIL = START + BASELINE + HOUR, START + BASELINE + 13 * HOUR
CUT = 17 * HOUR // 2 // STEP
KEPT = ("requests", "latency", "cpu")


@pytest.fixture(scope="module")
def settings():
    """The shop's, with fewer signals."""
    whole = load_settings(SETTINGS).settings
    known = [rule for rule in whole.graph.templates if {rule.cause, rule.effect} <= set(KEPT)]
    signals = {name: whole.signals[name] for name in KEPT}
    return whole.model_copy(
        update={"signals": signals, "graph": whole.graph.model_copy(update={"templates": tuple(known)})}
    )


@pytest.fixture(scope="module")
def lists(settings):
    """The same with a short baseline, and without relations, which a matrix alone does not bring."""
    short = {"baseline": 6.0 * HOUR, "full_resolution": 6.0 * HOUR}
    return settings.model_copy(update={"relations": {}, "graph": Graph(), **short})


@pytest.fixture(scope="module")
def reader(settings):
    one = Reader(settings)
    one.client = ShopClient((UNTIL - START) // STEP + 1)
    return one


@pytest.fixture(scope="module")
def replayed(settings, reader):
    return replay(settings, SINCE, UNTIL, stretches_from(reader, SINCE, UNTIL, 6 * HOUR))


def faults(kinds=("slow", "busy_cpu")):
    """The shop's faults of these kinds as people would have recorded them."""
    begun = ((START + STEP * (one.start_step - 1), one) for one in islice(schedule(), 40))
    return [Recorded(at, at + STEP * one.steps, one.service) for at, one in begun if at < UNTIL and one.kind in kinds]


def test_every_injected_fault_is_found_as_soon_as_the_alarm_persists_and_its_service_is_named(replayed, settings):
    found = backtest(replayed, faults(), settings.anomaly.false_alarms_per_day)
    assert len(found.outcomes) >= 4
    assert found.detection == 1
    assert np.median(found.delays) == STRONG_POINTS * STEP, "sooner than what has to last"
    right, of = found.roots
    assert right >= of - 1


def test_faults_before_the_replay_are_neither_false_alarms_nor_to_be_found(replayed, settings):
    found = backtest(replayed, faults(), settings.anomaly.false_alarms_per_day)
    before = [one for one in faults() if one.start < SINCE]
    assert before
    assert list(found.unjudged) == before
    assert found.days + sum((one.end - one.start) / 86400 for one in faults() if one.end > SINCE) == pytest.approx(
        replayed.days, abs=0.02
    )


def test_without_recorded_incidents_the_faults_break_the_promise(replayed, settings):
    found = backtest(replayed, [], settings.anomaly.false_alarms_per_day)
    assert not found.kept
    assert found.by_signal[0].name == "latency"
    assert found.detection_interval == (0, 1)


def test_it_says_at_every_time_what_the_service_would_have_said(settings, reader, replayed):
    stretch = next(stretches_from(reader, SINCE, UNTIL, 6 * HOUR))
    graph = build_graph(settings, stretch.baseline.variables, stretch.topology).graph
    mechanisms = fit_job(settings, stretch.baseline, graph, stretch.older)
    said = anywhere(replayed.heights)
    hours = 6 * HOUR // STEP
    columns = [*range(0, hours, 29), *np.flatnonzero(said[:hours])[:5], *np.flatnonzero(np.diff(said[:hours]))[:8]]
    for column in columns:
        now = stretch.matrix.between(0, SINCE + column * STEP)
        judgement = judge(now, mechanisms, Roles(settings.signals), stretch.topology)
        assert bool(judgement.verdicts) == said[column], column
    assert 0 < said[columns].sum() < len(columns)


@pytest.fixture(scope="module")
def short(reader):
    """Ten hours of two services, and the same with everything three times as large in the last one and a half."""
    read = reader.read(START, START + 10 * HOUR).matrix
    matrix = read.select([variable for variable in read.variables if variable.entity.name in ("web", "cart")])
    changed = matrix.values.copy()
    changed[:, CUT:] *= 3
    return matrix, Matrix(matrix.variables, START, STEP, changed)


def test_what_happens_later_changes_nothing(lists, short):
    since = START + 6 * HOUR
    one, other = (
        replay(lists, since, data.end, stretches_of(lists, data, since, data.end, HOUR)).heights for data in short
    )
    before = CUT - 6 * HOUR // STEP
    assert np.array_equal(one[:, :before], other[:, :before])
    assert not np.array_equal(one[:, before:], other[:, before:])


def test_it_holds_no_more_than_the_baseline_and_one_stretch(settings, reader):
    widths = [one.matrix.values.shape[1] for one in stretches_from(reader, SINCE, UNTIL, HOUR)]
    assert len(widths) == 13
    assert max(widths) == settings.recent_points + HOUR // STEP


def test_a_time_without_enough_points_before_it_is_not_judged(lists, reader):
    matrix = reader.read(START, START + 3 * HOUR).matrix
    found = replay(lists, START, matrix.end, stretches_of(lists, matrix, START, matrix.end, HOUR))
    points = HOUR // STEP
    assert found.judged.tolist() == [False] * points + [True] * (found.judged.size - points)


def test_episodes_are_apart_when_more_points_lie_between_them_than_persistence_looks_at():
    flags = np.zeros(30, dtype=bool)
    flags[[3, 4, 9, 15]] = True
    assert episodes_of(flags, 5).tolist() == [[3, 9], [15, 15]]
    assert episodes_of(np.zeros(5, dtype=bool), 5).size == 0


def test_intervals_are_the_published_ones():
    # Garwood's exact limits of a Poisson mean of 10, and Wilson's of 8 in 10
    assert poisson_rate(10, 1.0)[1:] == pytest.approx((4.795, 18.390), abs=1e-3)
    assert poisson_rate(0, 2.0)[1:] == pytest.approx((0, 3.689 / 2), abs=1e-3)
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)


def scored(heights, of=5):
    """A replay of one day per 1,440 columns, of signals 'a', 'b' and so on."""
    heights = np.asarray(heights)
    names = tuple("abcdef"[: len(heights)])
    known = np.ones(heights.shape[1], dtype=bool)
    return Replay(0, 60, of, names, heights, known, frozenset(), (), (), 0.0, ())


def bursts(rng, days, per_day, mean):
    """Heights that are low but for short bursts whose excess over 1 is exponential."""
    heights = rng.uniform(0, 0.5, 1440 * days)
    for at in rng.choice(heights.size - 10, round(per_day * days), replace=False):
        heights[at : at + 4] = 1 + rng.exponential(mean)
    return heights


def test_only_the_signals_that_break_the_promise_are_widened_and_what_it_says_comes_true():
    rng = np.random.default_rng(4)
    kept = 0
    for _ in range(20):
        found = tune(scored([bursts(rng, 10, 6, 0.5), bursts(rng, 10, 0.1, 0.5), bursts(rng, 10, 0, 1)]), [], 1.0, {})
        assert list(found.thresholds) == ["a"]
        assert found.before.rate.lower > 1
        kept += found.met
    assert kept >= 18


def test_thresholds_that_are_there_are_multiplied():
    noisy = scored([bursts(np.random.default_rng(1), 10, 6, 0.5)])
    plain, doubled = (tune(noisy, [], 1.0, thresholds).thresholds["a"] for thresholds in ({}, {"a": 2.0}))
    assert doubled == pytest.approx(2 * plain, rel=0.05)


def test_what_is_needlessly_wide_is_narrowed_only_with_enough_data():
    rng = np.random.default_rng(2)
    quiet = scored([bursts(rng, 20, 12, 0.5) / 4])
    assert tune(quiet, [], 0.1, {}).thresholds == {}
    found = tune(quiet, [], 1.0, {})
    assert found.thresholds["a"] < 0.8
    assert found.after.episodes > 0
    assert found.met


def test_nothing_is_narrowed_while_another_signal_uses_the_promise_up():
    rng = np.random.default_rng(5)
    busy, calm = bursts(rng, 20, 0.8, 0.5), bursts(rng, 20, 12, 0.5) / 4
    alone = tune(scored([calm]), [], 1.0, {})
    both = tune(scored([busy, calm]), [], 1.0, {})
    assert alone.thresholds["a"] < 0.8
    assert both.thresholds == {}


def test_a_promise_that_no_threshold_can_keep_is_said():
    rng = np.random.default_rng(3)
    calm, wild = bursts(rng, 6, 0, 1), bursts(rng, 4, 20, 5)
    found = tune(scored([np.concatenate([calm, wild])]), [], 0.5, {})
    assert not found.met
    assert found.blamed == ("a",)


def test_alarms_in_recorded_incidents_ask_for_no_change():
    heights = np.full((1, 14400), 0.4)
    heights[0, 1000::1000] = 5
    incidents = [Recorded(60 * at, 60 * at) for at in range(1000, 14400, 1000)]
    found = tune(scored(heights), incidents, 0.5, {})
    assert (found.thresholds, found.before.episodes) == ({}, 0)
    assert found.before.detected == found.before.incidents > 0


def test_too_short_a_replay_is_refused():
    with pytest.raises(NotEnoughError, match="choose an earlier --from"):
        tune(scored(np.zeros((1, 60))), [], 0.5, {})


@pytest.mark.parametrize("seed", range(5))
def test_alarms_of_many_scores_form_the_episodes_of_the_times_at_which_any_persists(seed):
    rng = np.random.default_rng(seed)
    heights = np.where(rng.random((6, 400)) < 0.02, 1 + rng.random((6, 400)), 0.5)
    heights[0, 100:140], heights[1, 105:108] = 2.5, 3.5
    variables = [Variable(Entity("service", (("service", f"s{row % 4}"),)), "cpu") for row in range(6)]
    alarms = [
        alarm
        for variable, height in zip(variables, heights, strict=True)
        for alarm in alarms_of(variable, "causal", height, START, STEP, 5)
    ]
    together = joined(alarms, 5 * STEP)
    found = START + STEP * episodes_of(anywhere(heights), 5)
    assert [(one.start, one.end) for one in together] == [tuple(pair) for pair in found.tolist()]
    assert sum(len(one.alarms) for one in together) == len(alarms)
    for one in together:
        columns = slice((one.start - START) // STEP, (one.end - START) // STEP + 1)
        assert one.alarms[0].peak == max(alarm.peak for alarm in one.alarms) == heights[:, columns].max()
