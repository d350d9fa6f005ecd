"""What-if: an intervention pushed through the fitted graph lands where the simulated system would."""

import pickle

import numpy as np
import pytest
from simulated import autoregressive, delayed, graph, matrix, signals, variable
from worlds import World

from datasource.data import Entity, Variable
from datasource.effects.structural import RECENT, StructuralModel, fit_structural
from datasource.effects.study import StudyError
from datasource.effects.what_if import Prediction, reached, what_if

X, Y, Z, M = map(variable, "xyzm")
N = 2000


def fitted(rules: list[str], changes: dict | None = None, **rows: np.ndarray) -> StructuralModel:
    return fit_structural(matrix(**rows), graph(*rules), signals(**(changes or {})))


def ask(model: StructuralModel, value: float, outcome: Variable = Y, of: Variable = X) -> Prediction:
    (prediction,) = what_if(model, of, value, (outcome,))
    return prediction


def service(namespace: str, name: str, signal: str) -> Variable:
    return Variable(Entity("service", (("namespace", namespace), ("service", name))), signal)


def chain(seed: int) -> dict[str, np.ndarray]:
    """Z confounds X and Y; X acts on Y directly (0.5) and, a step later, through M (1.0 x 2.0): 2.5 in all."""
    rng = np.random.default_rng(seed)
    z = autoregressive(rng, N)
    x = 2 * z + autoregressive(rng, N)
    m = delayed(x, 1) + rng.normal(size=N)
    y = 0.5 * x + 2 * m - 3 * z + autoregressive(rng, N, 0.6)
    return {"x": x, "y": y, "z": z, "m": m}


CHAIN = ["z -> x", "z -> y", "x -> m (lag 1..1)", "m -> y", "x -> y"]


def test_the_effects_of_all_ways_and_lags_add_up() -> None:
    rows = chain(0)
    model = fitted(CHAIN, **rows)
    now = rows["x"][-RECENT:].mean()
    answer = ask(model, now + 2)
    assert answer.change.value == pytest.approx(5.0, abs=0.25)
    assert answer.predicted == pytest.approx(answer.now + answer.change.value)
    assert answer.now == pytest.approx(rows["y"][-RECENT:].mean())
    assert answer.lower < answer.predicted < answer.upper


def test_the_interval_of_the_change_covers_the_truth_as_often_as_it_says() -> None:
    inside = 0
    for seed in range(40):
        rows = chain(seed)
        answer = ask(fitted(CHAIN, **rows), rows["x"][-RECENT:].mean() + 1)
        inside += answer.change.lower <= 2.5 <= answer.change.upper
    print(f"what-if coverage {inside}/40")
    assert inside >= 36


def test_an_intervention_does_not_move_the_causes_of_what_it_sets() -> None:
    answer = ask(fitted(CHAIN, **chain(0)), 5.0, outcome=Z)
    assert answer.predicted == answer.now
    assert answer.notices[-1] == "shop.x does not reach shop.z in the graph: no change"


def feedback(back: float, seed: int = 3) -> dict[str, np.ndarray]:
    """Latency x slows y at once (0.6); y drives x a step later by `back` (retries)."""
    rng = np.random.default_rng(seed)
    u, own = autoregressive(rng, N, 0.5), autoregressive(rng, N, 0.5)
    z = autoregressive(rng, N, 0.8)
    x, y = np.zeros(N), np.zeros(N)
    for t in range(N):
        x[t] = z[t] + (back * y[t - 1] if t else 0) + u[t]
        y[t] = 0.6 * x[t] + own[t]
    return {"x": x, "y": y, "z": z}


LOOP = ["z -> x", "x -> y", "y -> x (lag 1..1)"]


def test_feedback_multiplies_what_comes_from_outside_the_loop() -> None:
    rows = feedback(0.8)
    model = fitted(LOOP, **rows)
    outside = ask(model, rows["z"][-RECENT:].mean() + 1, of=Z)
    assert outside.change.value == pytest.approx(0.6 / (1 - 0.48), rel=0.15)
    held = ask(model, rows["x"][-RECENT:].mean() + 1)
    assert held.change.value == pytest.approx(0.6, rel=0.1), "held at a value, x does not answer to y any more"


def test_a_loop_that_never_comes_to_rest_is_refused_in_words() -> None:
    n = 400
    rng = np.random.default_rng(1)
    z, x, y = rng.normal(size=n), np.zeros(n), np.zeros(n)
    for t in range(n):
        x[t] = z[t] + 1.02 * (y[t - 1] if t else 0) + rng.normal()
        y[t] = x[t] + rng.normal()
    answer = ask(fitted(LOOP, x=x, y=y, z=z), 1.0, of=Z)
    assert np.isnan(answer.predicted)
    assert "never comes to rest" in " ".join(answer.notices)


def test_values_never_seen_and_levels_that_cannot_be_are_said() -> None:
    rng = np.random.default_rng(2)
    x = 5 + rng.normal(size=N)
    y = 20 - 3 * x + 0.1 * rng.normal(size=N)
    model = fitted(["x -> y"], {"y": {"role": "latency"}}, x=x, y=np.maximum(y, 0))
    assert ask(model, 5.0).notices == ()
    far = ask(model, 50.0)
    assert far.predicted < 0
    assert "extrapolation" in far.notices[0]
    assert "shop.y cannot be negative" in far.notices[1]


def test_an_unmeasured_cause_is_named_and_an_unmeasured_way_is_no_number() -> None:
    rows = chain(0)
    del rows["m"]
    partly = ask(fitted(CHAIN, **rows), 1.0)
    assert "shop.y's equation lacks shop.m" in partly.notices
    only = ask(fitted(["x -> m", "m -> y", "z -> y"], **rows), 1.0)
    assert np.isnan(only.predicted)
    assert "shop.x reaches shop.y only through what is not measured" in only.notices


def test_twins_and_constants_are_not_told_apart() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=N)
    rows = {"x": x, "m": 2 * x, "c": np.full(N, 7.0), "y": x + rng.normal(size=N)}
    model = fitted(["x -> y", "m -> y", "c -> y"], **rows)
    for of in (X, M, variable("c")):
        answer = ask(model, 1.0, of=of)
        assert np.isnan(answer.predicted)
        assert "is not known" in " ".join(answer.notices)


@pytest.mark.parametrize(
    "row",
    [np.empty(0), np.array([1.0]), np.full(50, np.nan), np.full(50, 1e12), np.full(50, np.inf)],
    ids=["empty", "one point", "all NaN", "constant", "infinite"],
)
def test_dirt_is_answered_in_words(row: np.ndarray) -> None:
    model = fitted(["x -> y"], x=row, y=row)
    if Y not in model.levels:
        with pytest.raises(StudyError, match="not measured"):
            ask(model, 1.0)
        return
    answer = ask(model, 1.0)
    assert np.isnan(answer.predicted)
    assert answer.notices


def test_the_unit_does_not_matter() -> None:
    rows = chain(0)
    small, large = fitted(CHAIN, **rows), fitted(CHAIN, **{name: 1e12 * row for name, row in rows.items()})
    for one, other in zip(what_if(small, X, 1.0), what_if(large, X, 1e12), strict=True):
        assert other.predicted == pytest.approx(1e12 * one.predicted, rel=1e-6)
        assert other.upper == pytest.approx(1e12 * one.upper, rel=1e-6)


def test_what_nobody_measures_cannot_be_asked_about() -> None:
    model = fitted(["x -> y"], **chain(0))
    with pytest.raises(StudyError, match="not measured"):
        what_if(model, variable("nothing"), 1.0)
    with pytest.raises(StudyError, match="give a number"):
        what_if(model, X, np.nan)


def test_a_model_travels_between_processes_and_answers_the_same() -> None:
    model = fitted(CHAIN, **chain(0))
    assert what_if(pickle.loads(pickle.dumps(model)), X, 1.0) == what_if(model, X, 1.0)


def test_the_shop_answers_as_it_was_built(world: World) -> None:
    snapshot = world.clock.snapshot
    assert snapshot is not None
    truth = world.client.shop.truth()
    model = fit_structural(snapshot.matrix, snapshot.graph, snapshot.settings.signals)
    restarts, latency = service("platform", "inventory", "restarts"), service("platform", "inventory", "latency")
    web = service("shop", "web", "latency")
    assert {latency, web} <= set(reached(model, restarts))
    for treatment, outcome, effect in (
        (restarts, latency, truth.restarts_on_latency),
        (latency, web, truth.inventory_on_web),
        (restarts, web, truth.restarts_on_latency * truth.inventory_on_web),
        (service("shop", "web", "restarts"), web, truth.restarts_on_latency),
    ):
        one_more = model.levels[treatment].now + 1
        (answer,) = what_if(model, treatment, one_more, (outcome,))
        assert answer.change.value == pytest.approx(effect, rel=0.2)
        assert answer.change.lower < effect < answer.change.upper
