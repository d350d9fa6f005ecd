"""What an intervention changed, as the settings ask for it."""

import numpy as np
import pytest
from simulated import autoregressive, covers

from datasource.effects import EffectResult, analyse_impact
from datasource.settings import Impact, Signal
from datasource.telemetry import Entity, Matrix, Variable

N, BEGAN, STEP, START = 600, 500, 30, 1_700_000_010
SIGNALS = {name: Signal(entity="service", query="q", window=STEP) for name in ("latency", "rollouts")}


def service(name: str) -> Entity:
    return Entity("service", (("namespace", "shop"), ("service", name)))


def matrix(seed: int = 0, effect: float = 2.0) -> Matrix:
    """Four services with a common course; web is changed at step 500."""
    rng = np.random.default_rng(seed)
    common = autoregressive(rng, N, 0.9)
    rows = {Variable(service(name), "latency"): common + autoregressive(rng, N, 0.5) for name in ("web", "a", "b", "c")}
    rows[Variable(service("web"), "latency")][BEGAN:] += effect
    rollouts = np.zeros(N)
    rollouts[[100, BEGAN]] = 1
    rows[Variable(service("web"), "rollouts")] = rollouts
    return Matrix(tuple(rows), START, STEP, np.vstack(list(rows.values())))


def impact(data: Matrix | None = None, **said) -> EffectResult:
    asked = {"outcome": "latency", "treated": "shop/web", "at": "rollouts"} | said
    return analyse_impact(Impact(**asked), data or matrix(), SIGNALS)


@pytest.mark.parametrize("method", ["difference_in_differences", "synthetic_control", "counterfactual_regression"])
def test_the_newest_rollout_is_compared_with_the_others(method):
    result = impact(method=method)
    assert covers(result.effect, 2.0)
    assert str(result.outcome) == "shop/web.latency"
    assert result.comparison is not None
    assert result.comparison.began == (START + BEGAN * STEP) // STEP
    assert result.comparison.times[-1] == matrix().end // STEP


def test_a_time_may_be_named_instead_of_an_event():
    assert impact(at=str(START + BEGAN * STEP)).effect == impact().effect


def test_controls_may_be_chosen():
    result = impact(controls=("a", "shop/b"))
    assert covers(result.effect, 2.0)
    assert result.effect != impact().effect


def test_without_an_effect_the_interval_holds_0():
    covered = [covers(impact(matrix(seed, 0.0)).effect, 0.0) for seed in range(20)]
    assert np.mean(covered) >= 0.85


def test_checks_stand_beside_an_impact():
    assert {"parallel trends", "placebo dates"} <= {check.name for check in impact().checks}


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"treated": "shop/nobody"}, "'shop/nobody' has no latency"),
        ({"controls": ("nobody",)}, "control 'nobody' has no latency"),
        ({"at": "yesterday"}, "'yesterday' is neither a time nor a signal of shop/web"),
        ({"at": "2001-01-01T00:00:00Z"}, "lies outside the baseline"),
        ({"treated": "a"}, "'rollouts' is neither a time nor a signal of shop/a"),
    ],
)
def test_what_cannot_be_compared_is_said(said, told):
    result = impact(**said)
    assert np.isnan(result.effect.value)
    assert any(told in notice for notice in result.notices), result.notices


def test_an_intervention_too_far_back_says_so():
    young = matrix()
    later = np.tile(young.values[:, :1], (1, 1500))
    later[-1] = 0
    data = Matrix(young.variables, START, STEP, np.hstack([young.values, later]))
    result = impact(data)
    assert not np.isfinite(result.effect.value)
    assert "before the newest 1,440 points" in result.notices[0]
