"""The front door: the effect that passes through mediators."""

import warnings

import numpy as np
import pytest
from known_panels import autoregressive, covers

from datasource.effects.estimators.front_door import front_door
from datasource.effects.estimators.linear_regression import linear_regression
from datasource.effects.study import StudyError, lay_out


def through(n=2_000, seed=1, memory=0.0, **changes):
    """x -> m1 (0.5), m2 (1.0); m1 -> y (2), m2 -> y (1): 2 in all; u moves x and y."""
    rng = np.random.default_rng(seed)
    u, a, b, c, d = (autoregressive(rng, n, memory) for _ in range(5))
    x = u + a
    m1, m2 = 0.5 * x + b, x + c
    return lay_out(2 * m1 + m2 + 3 * u + d, x, {}, **({"mediators": {"m1": m1, "m2": m2}} | changes))


def test_the_effect_is_found_in_spite_of_a_confounder_that_nobody_measures():
    study = through()
    assert linear_regression(study).effect.value > 3
    effect = front_door(study).effect
    assert effect.value == pytest.approx(2, abs=0.2)
    assert covers(effect, 2)


def test_it_is_what_dowhy_computes():
    import networkx as nx
    import pandas as pd
    from dowhy import CausalModel

    rng = np.random.default_rng(5)
    u, x0, m0, y0 = rng.normal(size=(4, 400))
    x = u + x0
    m = 0.7 * x + m0
    y = 2 * m + 3 * u + y0
    graph = nx.DiGraph([("x", "m"), ("m", "y"), ("u", "x"), ("u", "y")])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = CausalModel(pd.DataFrame({"x": x, "m": m, "y": y}), "x", "y", graph=graph)
        found = model.identify_effect(proceed_when_unidentifiable=True)
        library = model.estimate_effect(found, method_name="frontdoor.two_stage_regression")
    assert front_door(lay_out(y, x, {}, mediators={"m": m})).effect.value == pytest.approx(library.value, abs=1e-8)


def test_intervals_hold_on_autocorrelated_data():
    covered = [covers(front_door(through(600, seed, 0.8, times=np.arange(600))).effect, 2) for seed in range(60)]
    assert np.mean(covered) >= 0.88


def test_a_mediator_that_is_the_treatment_again_is_refused():
    study = through(100)
    with pytest.raises(StudyError, match="copy does not move on its own"):
        front_door(through(100, mediators={"copy": study.treated * 2}))


def test_no_mediator_is_said():
    with pytest.raises(StudyError, match="no mediator"):
        front_door(through(100, mediators={}))


def test_too_few_rows_are_said():
    with pytest.raises(StudyError, match="rows do not carry"):
        front_door(through(4))
