"""Silence between samples, through the doors: failures that never were, and variables that nobody judges."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import orjson
import pytest
from click.testing import CliRunner
from worlds import Inline

from datasource.cli import main
from datasource.cli.check_signals import check_points
from datasource.data import Entity, Matrix, Roles, Variable
from datasource.data.csv.files import CsvData
from datasource.prometheus import Reader
from datasource.replay import evaluate_matrix
from datasource.replay.judging import replay
from datasource.replay.rank_files import rank_files
from datasource.replay.score_file import score_matrix
from datasource.replay.windows import stretches_from, stretches_of
from datasource.service import Clock, Evaluator, Snapshot
from datasource.service.unjudged import Unjudged, unjudged, unjudged_notices
from datasource.settings import Loaded, Settings, parse_settings
from datasource.web.exposition import HealthCollector

STEP, START, N = 30, 1_700_000_010 // 30 * 30, 400
TEXT = """
prometheus: {url: 'http://memory.test', latency_offset: 0s}
baseline: 100m
entities: {service: {labels: [service]}}
signals:
  requests: {entity: service, query: requests, window: 30s, unit: reqps, role: load}
  errors: {entity: service, query: errors, window: 30s, unit: reqps, role: failure}
graph: {templates: [requests -> errors]}
"""
WEB, CART = (Entity("service", (("service", name),)) for name in ("web", "cart"))
ERRORS = Variable(WEB, "errors")


@pytest.fixture
def settings() -> Settings:
    return parse_settings(TEXT)


def load(n: int = N) -> np.ndarray:
    return 50 + 10 * np.sin(np.arange(n) / 40) + np.random.default_rng(3).normal(0, 1, n)


def matrix(rows: dict[tuple[Entity, str], np.ndarray]) -> Matrix:
    return Matrix(tuple(Variable(*key) for key in rows), START, STEP, np.stack([*rows.values()]).astype(float))


def failing(points: int = 20) -> Matrix:
    """Nobody ever failed, until web does for the last points."""
    errors = np.full(N, np.nan)
    errors[N - points :] = 20.0
    return matrix({(WEB, "requests"): load(), (CART, "requests"): load(), (WEB, "errors"): errors})


def pods(lives: int, many: int = 6) -> dict[tuple[Entity, str], np.ndarray]:
    """Pods of which each lives so many points, one after the other, up to the end."""
    rows = {}
    for number in range(many):
        row = np.full(N, np.nan)
        end = N - number * lives
        row[max(0, end - lives) : end] = load()[:lives][: min(lives, end)]
        rows[Entity("service", (("service", f"pod-{number}"),)), "requests"] = row
    return rows


class Memory:
    """Answers range queries from a matrix."""

    url = "http://memory.test"

    def __init__(self, settings: Settings, whole: Matrix) -> None:
        self.settings, self.whole = settings.prometheus, whole
        self.until: dict[str, float] = {}
        """Up to when (seconds) samples have come, by query."""

    def raw_range(self, query: str, start: int, end: int, step: int) -> Iterator[bytes]:
        here = self.whole.between(start, min(end, self.until.get(query, end)))
        columns = range((start - here.start) % step // STEP, here.values.shape[1], step // STEP)
        result = [
            {
                "metric": dict(variable.entity.labels),
                "values": [[int(here.times[c]), repr(float(row[c]))] for c in columns if np.isfinite(row[c])],
            }
            for variable, row in zip(here.variables, here.values, strict=True)
            if variable.signal == query
        ]
        yield orjson.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}})

    def reader(self, settings: Settings) -> Reader:
        one = Reader(settings)
        one.client = self  # type: ignore[assignment]
        return one


def clock(settings: Settings, whole: Matrix) -> tuple[Clock, list[float]]:
    now = [float(whole.end)]
    reader = Memory(settings, whole).reader(settings)
    return Clock(Evaluator(Loaded(settings, "test"), reader, Inline()), lambda: now[0]), now  # type: ignore[arg-type]


def ticked(one: Clock) -> Snapshot:
    one.tick()
    assert one.snapshot is not None, one.health.error
    return one.snapshot


def test_the_first_failure_is_judged_at_once_by_what_was_fitted_when_there_was_none(settings: Settings) -> None:
    one, now = clock(settings, failing())
    now[0] -= 20 * STEP
    before = ticked(one)
    assert "signal 'errors' has no series anywhere: counted as zero failures" in " ".join(before.notices)
    assert {str(variable) for variable in before.matrix.variables} >= {"web.errors", "cart.errors"}
    now[0] += 3 * STEP
    after = ticked(one)
    assert after.mechanisms is not None
    assert before.mechanisms is not None
    assert after.mechanisms.fitted_at == before.mechanisms.fitted_at
    assert after.judgement is not None
    assert [verdict.entity for verdict in after.judgement.verdicts] == [WEB]
    assert not any("no series" in notice for notice in after.notices)


@pytest.mark.parametrize("late", [("errors",), ("errors", "requests")])
def test_what_comes_late_is_judged_by_the_service(late: tuple[str, ...], settings: Settings) -> None:
    memory = Memory(settings, failing(14))
    now = [0.0]
    evaluator = Evaluator(Loaded(settings, "test"), memory.reader(settings), Inline())  # type: ignore[arg-type]
    one = Clock(evaluator, lambda: now[0])
    for number in range(-9, 1):
        now[0] = memory.whole.end + number * STEP
        memory.until = dict.fromkeys(late, now[0] - 8 * STEP)
        snapshot = ticked(one)
    assert snapshot.judgement is not None
    assert snapshot.judgement.scores[ERRORS].behind == 8
    assert [verdict.entity for verdict in snapshot.judgement.verdicts] == [WEB]
    assert any("signal 'errors': arrives 4m later" in notice for notice in snapshot.notices)


def test_the_older_baseline_knows_no_failures_either() -> None:
    settings = parse_settings(TEXT.replace("baseline: 100m", "baseline: 200m\nfull_resolution: 75m"))
    whole = failing(points=5)
    since = whole.end - 100 * STEP
    stretch = next(stretches_from(Memory(settings, whole).reader(settings), since, whole.end, 600.0))
    snapshot = ticked(clock(settings, whole)[0])
    for older in (stretch.older, snapshot.older):
        assert older is not None
        there = np.isfinite(older.row(Variable(WEB, "requests")))
        assert there.sum() > 5
        assert np.array_equal(older.row(ERRORS)[there], np.zeros(there.sum()))


def test_a_file_is_judged_alike(settings: Settings) -> None:
    found = evaluate_matrix(Loaded(settings, "test"), failing())
    assert found.judgement is not None
    assert [verdict.entity for verdict in found.judgement.verdicts] == [WEB]
    assert [report.points for report in found.reports] == [2 * N, 20]
    never = evaluate_matrix(Loaded(settings, "test"), failing().select([Variable(WEB, "requests")]))
    assert any("'errors' has no series anywhere" in notice for notice in never.notices)


@pytest.mark.parametrize("source", ["matrix", "prometheus"])
def test_a_replay_finds_the_first_failure(settings: Settings, source: str) -> None:
    whole, since = failing(), START + 200 * STEP
    reader = Memory(settings, whole).reader(settings)
    stretches = (
        stretches_of(settings, whole, since, whole.end, 1800.0)
        if source == "matrix"
        else stretches_from(reader, since, whole.end, 1800.0)
    )
    found = replay(settings, since, whole.end, stretches)
    assert [alarm.variable for alarm in found.alarms if alarm.kind == "causal"] == [ERRORS]
    assert not any("no series anywhere" in notice for notice in found.notices)


def test_scores_of_a_file_know_who_did_not_fail_before(settings: Settings) -> None:
    normal = matrix({(WEB, "requests"): load(), (CART, "requests"): load()})
    found = score_matrix(settings, failing(), normal)
    scored = {one.variable: one.causal.score for one in found}
    assert scored[ERRORS][-1] > 1
    assert scored[Variable(CART, "errors")].max() < 1
    assert any("no series anywhere" in notice for notice in found.notices)


def test_a_ranking_knows_who_did_not_fail_before(settings: Settings) -> None:
    normal = matrix({(WEB, "requests"): load(), (CART, "requests"): load()})
    latency = {(one, "latency"): 0.1 + np.random.default_rng(1).normal(0, 0.01, N) for one in (WEB, CART)}
    signals = dict(settings.signals) | {"latency": settings.signals["errors"].model_copy(update={"role": "latency"})}
    before = Matrix(
        (*normal.variables, *(Variable(*key) for key in latency)),
        START,
        STEP,
        np.vstack([normal.values, *latency.values()]),
    )
    found = rank_files(CsvData(before, signals, ()), CsvData(failing(), signals, ()))
    assert max(found.ranking.entities, key=lambda one: found.ranking.entities[one]) == WEB
    assert ERRORS in {one.variable for one in found.ranking.variables}
    assert not any("errors" in notice for notice in found.notices)
    assert Variable(CART, "errors") not in {one.variable for one in found.ranking.variables}


def silence(rows: dict[tuple[Entity, str], np.ndarray], settings: Settings) -> tuple[str, ...]:
    whole = matrix(rows)
    counts = np.isfinite(whole.values).sum(axis=1)
    judged = {variable for variable, count in zip(whole.variables, counts, strict=True) if count >= 120}
    return unjudged_notices(unjudged(whole, Roles(settings.signals), judged), judged, 120)


def test_entities_that_never_live_long_enough_are_told_with_what_to_do(settings: Settings) -> None:
    (said,) = silence(pods(60), settings)
    assert said.startswith("none of 6 services has the 120 points that are needed to be judged: they never live that")
    assert "choose the workload" in said
    (said,) = silence(pods(60) | {(WEB, "requests"): load()}, settings)[:1]
    assert said.startswith("only 1 of 7 services have the 120 points")


def test_who_has_just_come_is_told_as_such(settings: Settings) -> None:
    young = np.where(np.arange(N) < N - 37, np.nan, load())
    assert silence({(WEB, "requests"): young, (CART, "requests"): load()}, settings) == (
        "1 of 2 variables has fewer than 120 points and is not judged yet: web.requests (37)",
    )


def test_who_seldom_has_a_sample_is_told(settings: Settings) -> None:
    seldom = np.where(np.arange(N) % 40, np.nan, load())
    (said,) = silence({(WEB, "requests"): seldom, (CART, "requests"): load()}, settings)
    assert said.startswith("1 of 2 variables has fewer than 120 points and is not judged: web.requests (10); measure")


@pytest.mark.parametrize("rows", [load(), np.full(N, 3.0), np.where(np.arange(N) < 100, load(), np.nan)])
def test_of_who_is_judged_or_has_ended_among_others_nothing_is_said(rows: np.ndarray, settings: Settings) -> None:
    others = {(Entity("service", (("service", name),)), "requests"): load() for name in "abc"}
    assert silence({(WEB, "requests"): rows} | others, settings) == ()


@pytest.mark.parametrize(
    ("rows", "states"),
    [
        (pods(60), ["wrong"]),
        ({(WEB, "requests"): np.where(np.arange(N) < N - 37, np.nan, load()), (CART, "requests"): load()}, ["warming"]),
        ({(WEB, "requests"): np.where(np.arange(N) % 40, np.nan, load()), (CART, "requests"): load()}, ["note"]),
        ({(WEB, "requests"): load()}, []),
        ({(WEB, "requests"): np.where(np.arange(N) < N - 37, np.nan, load())}, []),
    ],
    ids=["short-lived", "young", "seldom", "judged", "all young"],
)
def test_check_says_who_will_not_be_judged(
    rows: dict[tuple[Entity, str], np.ndarray], states: list[str], settings: Settings
) -> None:
    assert [finding.state for finding in check_points(settings, matrix(rows))] == states


def test_many_are_told_in_few_words() -> None:
    found = [Unjudged(Variable(Entity("service", (("service", f"s{n}"),)), "cpu"), n, 300, False) for n in range(1, 10)]
    (said,) = unjudged_notices(found, (), 120)
    assert said.startswith("9 of 9 variables have fewer than 120 points and are not judged: s1.cpu (1), s2.cpu (2)")
    assert "s5.cpu (5) and 4 more" in said


def test_the_service_says_what_it_does_not_judge_and_counts_it(settings: Settings) -> None:
    one, _ = clock(settings, matrix(pods(60)))
    snapshot = ticked(one)
    assert "never live that long" in snapshot.warming_up
    assert any("never live that long" in notice for notice in snapshot.notices)
    found = {metric.name: metric.samples[0].value for metric in HealthCollector(one).collect() if metric.samples}
    assert found["causal_datasource_unjudged_variables"] == 2  # requests and errors of the pod that lives
    one, _ = clock(settings, failing())
    ticked(one)
    found = {metric.name: metric.samples[0].value for metric in HealthCollector(one).collect() if metric.samples}
    assert found["causal_datasource_unjudged_variables"] == 0


def test_a_file_and_a_replay_say_it_too(settings: Settings, tmp_path: Path) -> None:
    whole = matrix(pods(60))
    assert any("never live" in one for one in evaluate_matrix(Loaded(settings, "test"), whole).notices)
    since = START + 300 * STEP
    found = replay(settings, since, whole.end, stretches_of(settings, whole, since, whole.end, 1800.0))
    assert "never live that long" in found.notices[0]
    csv = tmp_path / "pods.csv"
    header = ",".join(["time", *(f"pod-{number}.requests" for number in range(6))])
    lines = [
        ",".join([str(time), *("" if np.isnan(x) else f"{x:.3f}" for x in column)])
        for time, column in zip(whole.times, whole.values.T, strict=True)
    ]
    csv.write_text("\n".join([header, *lines]))
    config = tmp_path / "causal.yaml"
    config.write_text(TEXT)
    said = CliRunner().invoke(main, ["score", "--data", str(csv), "--config", str(config)])
    assert said.exit_code == 2
    assert "never live that long" in said.output
    said = CliRunner().invoke(main, ["evaluate", "--data", str(csv), "--config", str(config)])
    assert "Nothing is judged" in said.output
