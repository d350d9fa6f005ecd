"""A level that somebody accepted is normal at once; a further step on top is not."""

import numpy as np
import pytest
from test_mechanism import CALL, DB, DB_LATENCY, ROLES, WEB, WEB_LATENCY, shop

from datasource.anomaly import Accepted, LeftOut, Mechanisms, fit_mechanisms
from datasource.anomaly.persistence import USUAL, persisting
from datasource.data import Floats, Matrix, Roles, Variable
from datasource.graph import CausalGraph, Edge

N, STEP = 2880, 30
FIRST = N - 40
RISE = 0.3


def matrix(rows: dict[Variable, Floats]) -> Matrix:
    return Matrix(tuple(rows), 0, STEP, np.stack(list(rows.values())))


def risen(rng: np.random.Generator, *rises: tuple[int, float]) -> dict[Variable, Floats]:
    """A database that is slower from some points on, and web, which waits for it."""
    rows = shop(rng)
    for first, by in rises:
        rows[DB_LATENCY][first:] += by
        rows[WEB_LATENCY][first:] += 0.8 * by
    return rows


def fitted(
    rows: dict[Variable, Floats], until: int, *accepted: Accepted, edges: tuple[Edge, ...] = (CALL,)
) -> Mechanisms:
    known = matrix(rows).between(0, (until - 1) * STEP)
    return fit_mechanisms(known, CausalGraph(tuple(rows), edges), ROLES, accepted=accepted)


def heights(mechanisms: Mechanisms, rows: dict[Variable, Floats], variable: Variable, first: int, stop: int) -> Floats:
    """What persists of the larger of the two scores, by time."""
    now = matrix(rows).between((first - 4) * STEP, (stop - 1) * STEP)
    scores = [one[variable].predict(now, ROLES).score for one in (mechanisms.causal, mechanisms.marginal)]
    return np.max([persisting(one, USUAL) for one in scores], axis=0)[4:]


BOTH = (Accepted(DB, FIRST * STEP), Accepted(WEB, FIRST * STEP))


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.mark.parametrize("points", [4, 5, 20])
def test_a_few_points_of_an_accepted_level_are_enough(rng: np.random.Generator, points: int) -> None:
    rows = risen(rng, (FIRST, RISE))
    now = FIRST + points
    loud, accepted = fitted(rows, now), fitted(rows, now, *BOTH)
    for variable in (DB_LATENCY, WEB_LATENCY):
        if points > 4:
            assert heights(loud, rows, variable, now, N).min() > 1, "without, it is an anomaly"
        assert heights(accepted, rows, variable, now, N).max() < 1, "the next points at this level"


def test_points_whose_window_reaches_over_the_change_are_of_neither_level(rng: np.random.Generator) -> None:
    """A window of two minutes sees a change only gradually."""
    wide = Roles({name: signal.model_copy(update={"window": 120.0}) for name, signal in ROLES.signals.items()})
    rows = {DB_LATENCY: shop(rng)[DB_LATENCY]}
    rows[DB_LATENCY][FIRST:] += RISE * np.minimum(np.arange(1, N - FIRST + 1) / 4, 1)
    known = matrix(rows).between(0, (FIRST + 6) * STEP)
    found = fit_mechanisms(known, CausalGraph(tuple(rows), ()), wide, accepted=BOTH)
    assert heights(found, rows, DB_LATENCY, FIRST + 7, N).max() < 1


def test_a_further_step_on_top_is_an_anomaly(rng: np.random.Generator) -> None:
    rows = risen(rng, (FIRST, RISE), (N - 10, RISE))
    accepted = fitted(rows, FIRST + 20, *BOTH)
    for variable in (DB_LATENCY, WEB_LATENCY):
        found = heights(accepted, rows, variable, FIRST + 20, N)
        assert found[: N - 10 - FIRST - 20].max() < 1
        assert found[-5:].min() > 1


def test_who_broke_then_is_still_told_from_who_suffers(rng: np.random.Generator) -> None:
    rows = risen(rng, (FIRST, RISE), (N - 10, RISE))
    accepted = fitted(rows, FIRST + 20, *BOTH)
    now = matrix(rows)
    assert accepted.causal[DB_LATENCY].predict(now, ROLES).score[-5:].min() > 1
    assert accepted.causal[WEB_LATENCY].predict(now, ROLES).score[-5:].max() < 1


def test_an_accepted_level_does_not_widen_the_interval(rng: np.random.Generator) -> None:
    rows = risen(rng, (FIRST, RISE))
    before, after = fitted(risen(rng), N), fitted(rows, N, *BOTH)
    assert after.marginal[DB_LATENCY].above < 1.5 * before.marginal[DB_LATENCY].above


def test_only_the_entity_that_was_accepted_has_a_new_level(rng: np.random.Generator) -> None:
    rows = risen(rng, (FIRST, RISE))
    only_db = fitted(rows, FIRST + 20, BOTH[0])
    assert heights(only_db, rows, DB_LATENCY, FIRST + 20, N).max() < 1
    assert heights(only_db, rows, WEB_LATENCY, FIRST + 20, N).min() > 1


def test_levels_may_be_accepted_one_after_the_other(rng: np.random.Generator) -> None:
    rows = risen(rng, (FIRST - 300, RISE), (FIRST, RISE))
    twice = [Accepted(DB, (FIRST - 300) * STEP), *BOTH, Accepted(WEB, (FIRST - 300) * STEP), BOTH[0]]
    both = fitted(rows, FIRST + 20, *twice)
    for variable in (DB_LATENCY, WEB_LATENCY):
        assert heights(both, rows, variable, FIRST + 20, N).max() < 1
    last = fitted(rows, FIRST + 20, *twice)
    assert last.marginal[DB_LATENCY].steps == ((FIRST - 300) * STEP, FIRST * STEP)


def test_a_lower_level_is_accepted_in_the_same_way(rng: np.random.Generator) -> None:
    cpu = Variable(DB, "cpu")
    rows = {cpu: 2.0 + rng.normal(0, 0.05, N)}
    rows[cpu][FIRST:] -= 1.0
    until = FIRST + 20
    assert heights(fitted(rows, until, edges=()), rows, cpu, until, N).min() > 1
    assert heights(fitted(rows, until, BOTH[0], edges=()), rows, cpu, until, N).max() < 1


@pytest.mark.parametrize(("usual", "level", "scatter"), [(0.0, 0.5, 0.01), (5.0, 8.0, 0.1), (0.0, 4.0, 1.0)])
def test_what_was_always_the_same_may_be_accepted_at_another_level(
    rng: np.random.Generator, usual: float, level: float, scatter: float
) -> None:
    """Of a signal that hardly ever moves whatever deviates for long is an incident, but not what was accepted; how far
    that scatters only its own points can tell."""
    errors = Variable(WEB, "errors")
    rows = {errors: np.full(N, usual)}
    rows[errors][FIRST:] = level + rng.normal(0, scatter, N - FIRST)
    until = FIRST + 20
    assert heights(fitted(rows, until, edges=()), rows, errors, until, N).min() > 1
    assert heights(fitted(rows, until, BOTH[1], edges=()), rows, errors, until, N).max() < 1


def test_a_higher_level_may_scatter_more(rng: np.random.Generator) -> None:
    rows = risen(rng)
    rows[DB_LATENCY][FIRST:] *= 8
    accepted = fitted(rows, FIRST + 20, BOTH[0], edges=())
    assert heights(accepted, rows, DB_LATENCY, FIRST + 20, N).max() < 1
    rows[DB_LATENCY][FIRST + 25 :] *= 2
    assert heights(accepted, rows, DB_LATENCY, FIRST + 30, N).min() > 1, "a further step"


@pytest.mark.parametrize("start", [-1000.0, 0.0, 2 * STEP, (N - 2) * STEP, N * STEP * 2.0])
def test_what_begins_before_or_after_everything_known_changes_nothing(rng: np.random.Generator, start: float) -> None:
    rows = risen(rng)
    plain, other = fitted(rows, N), fitted(rows, N, Accepted(DB, start), Accepted(WEB, start))
    for variable in rows:
        assert other.causal[variable].steps == other.marginal[variable].steps == ()
        assert other.causal[variable].coefficients == pytest.approx(plain.causal[variable].coefficients, rel=0.05)


def test_per_request_levels_are_accepted_per_request(rng: np.random.Generator) -> None:
    requests, busy = Variable(WEB, "requests"), Variable(WEB, "busy")
    rows = {requests: 50 * np.exp(0.2 * rng.standard_normal(N))}
    rows[busy] = rows[requests] * (0.1 + rng.normal(0, 0.005, N) + np.where(np.arange(N) >= FIRST, 0.1, 0.0))
    until = FIRST + 20
    assert heights(fitted(rows, until, edges=()), rows, busy, until, N).min() > 1
    assert heights(fitted(rows, until, BOTH[1], edges=()), rows, busy, until, N).max() < 1


def test_older_points_know_the_step_too(rng: np.random.Generator) -> None:
    rows = risen(rng, (FIRST, RISE))
    whole = matrix(rows)
    recent = whole.between(2000 * STEP, (N - 1) * STEP)
    older = Matrix(whole.variables, 0, 11 * STEP, whole.values[:, 0:1980:11])
    found = fit_mechanisms(recent, CausalGraph(tuple(rows), (CALL,)), ROLES, older=older, accepted=BOTH)
    assert found.marginal[DB_LATENCY].points > recent.values.shape[1]
    assert heights(found, rows, DB_LATENCY, N - 20, N).max() < 1
    early = [Accepted(DB, 1000.0 * STEP), *BOTH]
    both = fit_mechanisms(recent, CausalGraph(tuple(rows), (CALL,)), ROLES, older=older, accepted=early)
    assert heights(both, rows, DB_LATENCY, N - 20, N).max() < 1


def test_a_time_that_is_left_out_is_no_point_of_the_level(rng: np.random.Generator) -> None:
    rows = risen(rng, (FIRST, RISE))
    rows[DB_LATENCY][FIRST : FIRST + 10] += 5.0
    known = matrix(rows).between(0, (N - 11) * STEP)
    left_out = [LeftOut(DB, FIRST * STEP, (FIRST + 9) * STEP)]
    graph = CausalGraph(tuple(rows), (CALL,))
    found = fit_mechanisms(known, graph, ROLES, accepted=BOTH, left_out=left_out)
    assert heights(found, rows, DB_LATENCY, N - 10, N).max() < 1
