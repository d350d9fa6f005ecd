"""Expected values and scores: high for who broke, and only for who broke."""

import numpy as np
import pytest

from datasource.anomaly import LeftOut, Mechanisms, Prediction, fit_mechanisms
from datasource.anomaly.persistence import USUAL, persisting
from datasource.data import Entity, Floats, Matrix, Roles, Variable
from datasource.graph import CausalGraph, Edge
from datasource.replay.alarms import anywhere, episodes_of
from datasource.settings import Signal

WEB, DB = (Entity("service", (("service", name),)) for name in ("web", "db"))
SIGNALS = {
    "requests": Signal(entity="service", query="q", window=30, role="load"),
    "latency": Signal(entity="service", query="q", window=30, role="latency"),
    "busy": Signal(entity="service", query="q", window=30, role="work"),
    "errors": Signal(entity="service", query="q", window=30, role="failure"),
    "cpu": Signal(entity="service", query="q", window=30, role="saturation"),
}
ROLES = Roles(SIGNALS)
N = 2880


def fit(rows: dict[Variable, Floats], *edges: Edge, promise: float = 0.5) -> tuple[Matrix, Mechanisms]:
    matrix = Matrix(tuple(rows), 0, 30, np.stack(list(rows.values())))
    graph = CausalGraph(tuple(rows), edges)
    return matrix, fit_mechanisms(matrix, graph, ROLES, false_alarms_per_day=promise)


def prediction(fitted: tuple[Matrix, Mechanisms], variable: Variable, *, marginal: bool = False) -> Prediction:
    matrix, mechanisms = fitted
    return (mechanisms.marginal if marginal else mechanisms.causal)[variable].predict(matrix, ROLES)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def noise(rng: np.random.Generator, sd: float = 0.01) -> Floats:
    return rng.normal(0, sd, N)


DB_LATENCY, WEB_LATENCY = Variable(DB, "latency"), Variable(WEB, "latency")
CALL = Edge(DB_LATENCY, WEB_LATENCY, 0)


def shop(rng: np.random.Generator, db_fault: float = 0.0, web_fault: float = 0.0) -> dict[Variable, Floats]:
    db = 0.1 + noise(rng)
    db[-20:] += db_fault
    web = 0.2 + 0.8 * db + noise(rng)
    web[-20:] += web_fault
    return {DB_LATENCY: db, WEB_LATENCY: web}


def test_the_victim_of_a_slow_callee_suffers_but_did_not_break(rng: np.random.Generator) -> None:
    fitted = fit(shop(rng, db_fault=0.5), CALL)
    assert prediction(fitted, WEB_LATENCY, marginal=True).score[-1] > 2
    assert prediction(fitted, WEB_LATENCY).score[-20:].max() < 1
    assert prediction(fitted, DB_LATENCY).score[-1] > 2


def test_a_service_that_broke_itself_scores_high_given_its_callees(rng: np.random.Generator) -> None:
    fitted = fit(shop(rng, web_fault=0.3), CALL)
    assert (prediction(fitted, WEB_LATENCY).score[-20:] > 2).all()
    assert prediction(fitted, DB_LATENCY).score[-20:].max() < 1


def test_the_score_is_the_gap_over_the_width_on_the_side_crossed(rng: np.random.Generator) -> None:
    cpu = Variable(WEB, "cpu")
    values = rng.exponential(1.0, N)
    values[-2:] = 40, -5
    found = prediction(fit({cpu: values}), cpu)
    up = (found.observed - found.expected) / (found.upper - found.expected)
    down = (found.expected - found.observed) / (found.expected - found.lower)
    assert found.score[-2] == pytest.approx(up[-2])
    assert found.score[-1] == pytest.approx(down[-1])
    assert found.upper[0] - found.expected[0] > 3 * (found.expected[0] - found.lower[0])  # skewed


def test_faster_than_usual_is_no_anomaly(rng: np.random.Generator) -> None:
    rows = shop(rng)
    rows[WEB_LATENCY][-5:] = 0.01
    assert prediction(fit(rows, CALL), WEB_LATENCY).score[-1] == 0


def test_a_lasting_fault_is_not_explained_by_its_own_past(rng: np.random.Generator) -> None:
    rows = shop(rng)
    rows[WEB_LATENCY][-400:] += 0.3
    assert (prediction(fit(rows, CALL), WEB_LATENCY).score[-400:] > 1).mean() > 0.99


def test_incidents_in_the_baseline_do_not_widen_the_interval(rng: np.random.Generator) -> None:
    clean, dirty = shop(rng), shop(np.random.default_rng(7))
    dirty[WEB_LATENCY][500:560] += 2.0
    dirty[WEB_LATENCY][1500:1530] += 5.0
    widths = [
        np.median(p.upper - p.expected) for p in (prediction(fit(rows, CALL), WEB_LATENCY) for rows in (clean, dirty))
    ]
    assert widths[1] < 1.7 * widths[0]


def test_traffic_alone_is_no_anomaly(rng: np.random.Generator) -> None:
    load = 100 + 10 * noise(rng, 1.0)
    load[-20:] *= 3
    rows = {
        Variable(WEB, "requests"): load,
        Variable(WEB, "busy"): load * (0.1 + noise(rng, 0.002)),
        Variable(WEB, "errors"): load * np.clip(0.01 + noise(rng, 0.001), 0, None),
    }
    fitted = fit(rows)
    for signal in ("busy", "errors"):
        found = prediction(fitted, Variable(WEB, signal))
        assert persisting(found.score, USUAL)[-20:].max() < 1
        assert found.expected[-1] == pytest.approx(rows[Variable(WEB, signal)][-1], rel=0.3)  # in the signal's own unit


def test_a_missing_sample_has_no_score_and_a_missing_parent_counts_as_usual(rng: np.random.Generator) -> None:
    rows = shop(rng)
    rows[WEB_LATENCY][-1] = np.nan
    rows[DB_LATENCY][-10:] = np.nan
    found = prediction(fit(rows, CALL), WEB_LATENCY)
    assert np.isnan(found.score[-1])
    assert 0 <= found.score[-5] < 1
    assert found.expected[-5] == pytest.approx(0.28, abs=0.03)


def test_a_lagged_cause_is_taken_at_its_lag(rng: np.random.Generator) -> None:
    cause = noise(rng, 1.0)
    effect = 2 * np.concatenate([[0.0], cause[:-1]]) + noise(rng)
    requests, cpu = Variable(WEB, "requests"), Variable(WEB, "cpu")
    fitted = fit({requests: cause, cpu: effect}, Edge(requests, cpu, 1))
    assert fitted[1].causal[cpu].slope(requests) == pytest.approx(2, abs=0.01)


@pytest.mark.parametrize("minutes", [5, 10, 30])
def test_an_incident_of_a_signal_that_is_usually_zero_is_still_one_after_the_next_fit(minutes: int) -> None:
    errors = np.zeros(N)
    errors[-2 * minutes :] = 20.0
    rows = {Variable(WEB, "requests"): np.full(N, 100.0), Variable(WEB, "errors"): errors}
    assert prediction(fit(rows), Variable(WEB, "errors")).score[-1] > 1


def test_a_failed_request_in_the_quiet_of_the_night_is_no_anomaly(rng: np.random.Generator) -> None:
    load = np.where(np.arange(N) < N // 2, 5.0, 0.1)
    errors = rng.poisson(0.01 * load * 30) / 30
    rows = {Variable(WEB, "requests"): load, Variable(WEB, "errors"): errors}
    score = prediction(fit(rows), Variable(WEB, "errors")).score
    assert persisting(score, USUAL).max() < 1


def test_who_is_left_without_its_callees_numbers_is_not_blamed(rng: np.random.Generator) -> None:
    day = 0.05 * np.sin(np.arange(N) * 2 * np.pi / N)
    db = 0.1 + day + noise(rng, 0.002)
    rows = {DB_LATENCY: db, WEB_LATENCY: 0.2 + 0.8 * db + noise(rng, 0.002)}
    rows[DB_LATENCY][N // 4 : N // 4 + 10] = np.nan
    assert prediction(fit(rows, CALL), WEB_LATENCY).score[N // 4 : N // 4 + 10].max() < 1


def test_a_service_of_an_hour_ago_has_no_season_yet(rng: np.random.Generator) -> None:
    cpu = Variable(WEB, "cpu")
    values = np.full(2 * N, np.nan)
    values[-150:] = 0.1 + rng.normal(0, 0.01, 150)
    matrix, mechanisms = fit({cpu: values, DB_LATENCY: rng.normal(1, 0.1, 2 * N)})
    assert not mechanisms.causal[cpu].seasonal
    assert mechanisms.causal[DB_LATENCY].seasonal
    later = Matrix(matrix.variables, matrix.end + 30, 30, np.full((2, 480), 0.1))
    assert (mechanisms.causal[cpu].predict(later, ROLES).score < 1).all()


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_scores_do_not_depend_on_the_unit(scale: float) -> None:
    rows = {v: values * scale for v, values in shop(np.random.default_rng(7), web_fault=0.3).items()}
    assert prediction(fit(rows, CALL), WEB_LATENCY).score[-1] == pytest.approx(
        prediction(fit(shop(np.random.default_rng(7), web_fault=0.3), CALL), WEB_LATENCY).score[-1], rel=1e-6
    )


@pytest.mark.parametrize(
    "values",
    [np.zeros(N), np.full(N, 3.0), np.r_[np.full(N - 1, np.nan), 1.0], np.full(N, np.nan), np.r_[np.zeros(N - 1), 1.0]],
    ids=["zero", "constant", "one point", "empty", "one event"],
)
def test_poor_signals_give_no_exception_and_no_infinite_score(values: Floats, rng: np.random.Generator) -> None:
    cpu = Variable(WEB, "cpu")
    matrix, mechanisms = fit({cpu: values, WEB_LATENCY: 0.2 + noise(rng)}, Edge(cpu, WEB_LATENCY, 0))
    if cpu in mechanisms.causal:
        score = mechanisms.causal[cpu].predict(matrix, ROLES).score
        assert not np.isinf(score).any()
    assert np.isfinite(mechanisms.causal[WEB_LATENCY].predict(matrix, ROLES).score).all()


def test_collinear_causes_do_no_harm(rng: np.random.Generator) -> None:
    rows = shop(rng)
    twin = Variable(DB, "cpu")
    rows[twin] = rows[DB_LATENCY] * 3
    found = prediction(fit(rows, CALL, Edge(twin, WEB_LATENCY, 0)), WEB_LATENCY)
    assert persisting(found.score, USUAL).max() < 1


def test_quiet_data_keeps_the_promise(rng: np.random.Generator) -> None:
    """Alarm episodes of 40 quiet variables on ten days after the one that they were fitted on."""
    variables = [Variable(Entity("service", (("service", f"s{i}"),)), "cpu") for i in range(40)]
    _, mechanisms = fit({v: rng.standard_t(5, N) for v in variables}, promise=5.0)
    later = Matrix(tuple(variables), N * 30, 30, rng.standard_t(5, (40, 10 * N)))
    causal = mechanisms.causal
    heights = [causal[v].persists(causal[v].predict(later, ROLES).score, USUAL) for v in variables]
    found = episodes_of(anywhere(np.stack(heights)), USUAL.apart)
    assert 2.5 <= len(found) / 10 <= 10


def test_a_recorded_incident_is_left_out_of_the_fit(rng: np.random.Generator) -> None:
    cpu = Variable(WEB, "cpu")
    values = 10 + noise(rng, 0.1)
    values[500:2300] += 5.0
    matrix = Matrix((cpu,), 0, 30, values[None, :])
    graph = CausalGraph((cpu,), ())
    blind = fit_mechanisms(matrix, graph, ROLES)
    told = fit_mechanisms(matrix, graph, ROLES, left_out=[LeftOut(WEB, 500 * 30, 2300 * 30)])
    assert blind.causal[cpu].predict(matrix, ROLES).expected[0] > 12
    assert told.causal[cpu].predict(matrix, ROLES).expected[0] == pytest.approx(10, abs=0.05)


def test_what_never_moved_and_moves_now_has_a_score_that_can_be_told() -> None:
    cpu = Variable(WEB, "cpu")
    values = np.zeros(N)
    values[[5, 900]] = 0.25
    values[-20:] = 3.5
    score = prediction(fit({cpu: values}), cpu).score
    assert (score[-20:] > 1).all()
    assert np.isfinite(score).all()


def test_slopes_are_known_no_better_than_autocorrelated_residuals_allow() -> None:
    slopes, errors = [], []
    for seed in range(30):
        own = np.random.default_rng(seed).normal(0, 0.01, (2, 600))
        for t in range(1, 600):
            own[:, t] += 0.9 * own[:, t - 1]
        rows = {DB_LATENCY: 0.1 + own[0], WEB_LATENCY: 0.2 + 0.8 * own[0] + own[1]}
        _, mechanisms = fit(rows, CALL)
        mechanism = mechanisms.causal[WEB_LATENCY]
        places = slice(len(mechanism.coefficients) - len(mechanism.parents), None)
        slopes.append(mechanism.slope(DB_LATENCY))
        errors.append(own[1].std() * np.sqrt(mechanism.covariance[places, places].sum()))
    assert np.mean(slopes) == pytest.approx(0.8, abs=0.1)
    assert np.std(slopes) < np.mean(errors) < 3 * np.std(slopes)
