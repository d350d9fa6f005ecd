"""Many predictions at once are those that each mechanism makes alone."""

import pickle
from collections.abc import Callable
from dataclasses import replace
from itertools import repeat

import numpy as np
import pytest

from datasource.anomaly import Mechanisms
from datasource.anomaly.batch import predict_all
from datasource.anomaly.constants import BINS, DAY, HARMONICS
from datasource.anomaly.drift import follow_drift
from datasource.anomaly.mechanism import Mechanism, Parent, Prediction
from datasource.anomaly.persistence import Persistence, newest_points, persisting
from datasource.causes.newest_alarms import persists
from datasource.data import Entity, Environment, Matrix, Roles, Variable
from datasource.settings import Signal

SIGNALS = {
    "requests": Signal(entity="service", query="q", window=30, role="load"),
    "busy": Signal(entity="service", query="q", window=30, role="work"),
    "errors": Signal(entity="service", query="q", window=60, role="failure"),
    "latency": Signal(entity="service", query="q", window=30, role="latency"),
    "cpu": Signal(entity="service", query="q", window=30, role="saturation"),
    "sold": Signal(entity="service", query="q", window=30),
    "failing": Signal(entity="service", query="q", window=60, unit="percent", role="failure"),
    "answered": Signal(entity="service", query="q", window=60, role="success"),
    "available": Signal(entity="service", query="q", window=60, unit="percentunit", role="success"),
}
ROLES = Roles(SIGNALS)
MEASURED, UNMEASURED, ELSEWHERE = (Entity("service", (("service", name),)) for name in ("shop", "job", "elsewhere"))
STEP, POINTS = 30, 13
START = 4 * DAY + 7 * 3600 - 5 * STEP


def window() -> Matrix:
    """Levels around 1, so that scores are neither 0 nor the highest; across a half hour's end. Of the job no load is
    known."""
    rng = np.random.default_rng(11)
    variables = [Variable(MEASURED, name) for name in SIGNALS]
    variables += [Variable(UNMEASURED, name) for name in SIGNALS if name != "requests"]
    values = 1 + rng.normal(0, 0.5, (len(variables), POINTS))
    values[0] = rng.uniform(0.02, 3.0, POINTS)  # of the load, much and little
    for per_request in (1, 2):
        values[per_request] *= values[0]
    return Matrix(tuple(variables), START, STEP, values)


def mechanism(variable: Variable, *parents: Parent, seed: int = 5, **what: object) -> Mechanism:
    """Of random numbers."""
    rng = np.random.default_rng(seed)
    kinds = bool(what.get("seasonal")) + bool(what.get("weekly"))
    own = 1 + 2 * HARMONICS * kinds + len(what.get("steps", ()))  # type: ignore[arg-type]
    coefficients = rng.normal(0, 0.3, own + len(parents))
    root = rng.normal(0, 0.3, (coefficients.size, coefficients.size))
    numbers = {"drift": 0.4, "typical_load": 2.0, "reference": 0.5, "strong": 2.0, "seasonal": False, **what}
    return Mechanism(  # type: ignore[arg-type]
        variable, Environment(), parents, coefficients=coefficients, covariance=root @ root.T, points=500,
        below=0.7, above=0.9, **numbers,
    )  # fmt: skip


def parent(variable: Variable, lag: int = 0) -> Parent:
    """With the wider part of its usual range above its median at lag 0, and below it at others."""
    return Parent(variable, lag, 0.9, 0.6 - lag, 1.5)


EVERY = window().variables
CPU, LATENCY, SOLD = (Variable(MEASURED, name) for name in ("cpu", "latency", "sold"))
BUSY, ERRORS, REQUESTS = (Variable(MEASURED, name) for name in ("busy", "errors", "requests"))
PROFILE = np.linspace(1, 9, BINS)

KINDS: dict[str, list[Mechanism]] = {
    "every variable alone, with and without a load": [mechanism(one) for one in EVERY],
    "given one parent": [mechanism(one, parent(EVERY[n - 1])) for n, one in enumerate(EVERY)],
    "given parents per request": [mechanism(LATENCY, parent(BUSY), parent(ERRORS)), mechanism(BUSY, parent(ERRORS))],
    "different numbers of parents": [mechanism(SOLD, *map(parent, EVERY[:n]), seed=n) for n in (3, 0, 2, 1, 2, 0)],
    "lags": [mechanism(SOLD, *(parent(one, lag) for lag in (0, 1, 4))) for one in (CPU, BUSY, REQUESTS)],
    "a lag longer than the window": [mechanism(SOLD, parent(CPU, POINTS + 2)), mechanism(CPU, parent(SOLD, POINTS))],
    "a parent that is not there": [mechanism(SOLD, parent(Variable(ELSEWHERE, "busy"), lag)) for lag in (0, 2)],
    "a daily season": [mechanism(CPU, seasonal=True), mechanism(ERRORS, parent(CPU), seasonal=True)],
    "a weekly season": [mechanism(CPU, seasonal=True, weekly=True), mechanism(SOLD, parent(CPU, 1), weekly=True)],
    "what recurs, and what does not": [mechanism(CPU, recurring=PROFILE), mechanism(SOLD), mechanism(ERRORS)],
    "accepted steps": [
        mechanism(CPU, steps=(START + 4 * STEP,)),
        mechanism(SOLD, steps=(START - DAY, START + 6 * STEP)),
        mechanism(LATENCY, parent(CPU), steps=(START + 4 * STEP,)),
        mechanism(LATENCY),
    ],
    "no typical load": [mechanism(one, typical_load=0.0) for one in (BUSY, ERRORS)],
    "no drift": [mechanism(CPU, drift=0.0), mechanism(SOLD, drift=-3.0)],
    "nothing at all": [],
}  # fmt: skip


def with_holes(values: np.ndarray) -> None:
    values[np.random.default_rng(3).random(values.shape) < 0.3] = np.nan
    values[1:, -1] = np.nan


def without_requests(values: np.ndarray) -> None:
    values[0, ::3] = 0.0


def quiet_night(values: np.ndarray) -> None:
    values[:3] *= 1e-3


def as_it_is(_: np.ndarray) -> None:
    pass


@pytest.mark.parametrize("what_happened", [as_it_is, with_holes, without_requests, quiet_night])
@pytest.mark.parametrize("kind", KINDS)
def test_predictions_are_those_of_each_mechanism_alone(kind: str, what_happened: Callable[..., None]) -> None:
    matrix = window()
    values = matrix.values.copy()
    what_happened(values)
    same(KINDS[kind], replace(matrix, values=values))


def test_mechanisms_of_all_kinds_come_back_in_their_order() -> None:
    every = [one for kind in KINDS.values() for one in kind]
    same([every[n] for n in np.random.default_rng(1).permutation(len(every))], window())


def test_one_column_is_enough() -> None:
    same([one for kind in KINDS.values() for one in kind], window().between(START, START))


def test_a_variable_that_is_not_there_is_an_error_as_it_is_alone() -> None:
    strange = mechanism(Variable(ELSEWHERE, "cpu"))
    for predict in (lambda: strange.predict(window(), ROLES), lambda: predict_all([strange], window(), ROLES)):
        with pytest.raises(KeyError, match="elsewhere"):
            predict()


@pytest.mark.parametrize("persistence", [Persistence(3, 5), Persistence(2, 3), Persistence(1, 1), Persistence(5, 9)])
def test_what_persists_is_what_has_a_height_above_one(persistence: Persistence) -> None:
    rng = np.random.default_rng(2)
    scores = rng.lognormal(-0.3, 1.0, (400, 12))
    scores[rng.random(scores.shape) < 0.1] = np.nan
    strong = rng.choice([1.5, 3.0, np.inf], 400).tolist()
    unused = np.zeros(12)
    predictions = [Prediction(*[unused] * 4, score, *[unused] * 3) for score in scores]
    heights = [float(persisting(*one)[-1]) for one in zip(scores, repeat(persistence), strong, strict=False)]
    found = persists(predictions, persistence, strong)
    assert found == [height > 1 for height in heights]
    assert 20 < sum(found) < 380


def same(mechanisms: list[Mechanism], matrix: Matrix) -> None:
    found = predict_all(mechanisms, matrix, ROLES)
    for one, prediction in zip(mechanisms, found, strict=True):
        for name, expected in one.predict(matrix, ROLES)._asdict().items():
            np.testing.assert_allclose(getattr(prediction, name), expected, rtol=1e-9, err_msg=f"{name} of {one}")


def test_mechanisms_that_were_laid_out_predict_the_same_after_they_moved() -> None:
    every = {one.variable: one for one in (mechanism(v, parent(EVERY[n - 1])) for n, v in enumerate(EVERY))}
    mechanisms = Mechanisms(every, every, START)
    for count in (1, 2, 3):
        found = mechanisms.predict("causal", EVERY, window(), ROLES)
        for prediction, one in zip(found, mechanisms.causal.values(), strict=True):
            np.testing.assert_allclose(prediction.expected, one.predict(window(), ROLES).expected, rtol=1e-12)
        assert mechanisms.causal[CPU].drift != pytest.approx(every[CPU].drift) or count == 1
        seen = dict(zip(EVERY, found, strict=True))
        mechanisms = follow_drift(mechanisms, seen, seen, STEP)


def test_mechanisms_are_laid_out_anew_for_other_variables() -> None:
    mechanisms = Mechanisms({v: mechanism(v) for v in EVERY}, {}, START)
    mechanisms.predict("causal", EVERY, window(), ROLES)
    backwards = window().select(EVERY[::-1])
    for found, variable in ((mechanisms.predict("causal", [CPU, SOLD], backwards, ROLES)[1], SOLD),):
        np.testing.assert_allclose(found.expected, mechanisms.causal[variable].predict(backwards, ROLES).expected)


def test_how_they_are_laid_out_is_neither_sent_nor_stored() -> None:
    mechanisms = Mechanisms({v: mechanism(v) for v in EVERY}, {}, START)
    before = len(pickle.dumps(mechanisms))
    mechanisms.predict("causal", EVERY, window(), ROLES)
    assert len(pickle.dumps(mechanisms)) == before


@pytest.mark.parametrize("sizes", [[5, 5], [9, 5, 7], [2, 5], [], [1]])
def test_the_newest_points_of_scores_end_with_the_newest(sizes: list[int]) -> None:
    scores = [np.arange(size) + 10.0 * number for number, size in enumerate(sizes)]
    found = newest_points(scores, 4)
    assert found.shape == (len(sizes), 4)
    for row, score in zip(found, scores, strict=True):
        np.testing.assert_array_equal(row[np.isfinite(row)], score[-4:])
        assert np.isfinite(row[-1])
