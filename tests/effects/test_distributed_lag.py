"""The default estimator on studies: one series, several services, and what it refuses."""

from dataclasses import replace

import numpy as np
import pytest

from datasource.effects.estimators.distributed_lag import distributed_lag
from datasource.effects.study import Study, StudyError, lay_out


def panel(seed: int, units: int, length: int, lags: int = 0) -> Study:
    rng = np.random.default_rng(seed)
    z, own, error = rng.normal(size=(3, units, length + lags))
    shock = rng.normal(size=length + lags)
    for t in range(1, length + lags):
        for row in (z, own, error):
            row[:, t] += 0.8 * row[:, t - 1]
    x = 0.5 * z + own
    y = x + z + error + shock + 5 * rng.normal(size=(units, 1))
    for lag in range(1, lags + 1):
        y[:, lag:] += 0.5 * x[:, :-lag]
    joint = np.stack([x[:, lags - lag : x.shape[1] - lag] for lag in range(lags + 1)], axis=2).reshape(-1, lags + 1)
    return lay_out(
        y[:, lags:].ravel(),
        joint,
        {"z": z[:, lags:].ravel()},
        times=np.tile(np.arange(length), units),
        units=np.repeat(np.arange(units), length) if units > 1 else None,
        unit_names=[f"service-{unit}" for unit in range(units)],
    )


@pytest.mark.parametrize(("units", "length"), [(1, 1000), (4, 300), (25, 60)])
def test_the_total_of_a_delayed_effect(units, length):
    answer = distributed_lag(panel(1, units, length, lags=2))
    assert answer.effect.lower <= 2 <= answer.effect.upper
    assert answer.effect.value == pytest.approx(2, abs=0.25)
    assert sum(one.value for one in answer.per_lag) == pytest.approx(answer.effect.value)


def test_the_order_of_units_and_their_times_does_not_matter():
    study = panel(2, 4, 200)
    later = replace(study, times=study.times + 1_000_000)
    swapped = replace(study, units=3 - study.units)
    expected = distributed_lag(study).effect
    for other in (later, swapped):
        found = distributed_lag(other).effect
        assert (found.value, found.lower, found.upper) == pytest.approx(
            (expected.value, expected.lower, expected.upper), rel=1e-6
        )


def test_repeating_a_service_brings_no_certainty():
    one = panel(3, 1, 400)
    twice = lay_out(
        np.tile(one.outcome, 3),
        np.tile(one.treatment, (3, 1)),
        {"z": np.tile(one.adjustment.column("z"), 3)},
        times=np.tile(one.times, 3),
        units=np.repeat(np.arange(3), 400),
        unit_names=["a", "b", "c"],
    )
    alone, together = distributed_lag(one).effect, distributed_lag(twice).effect
    assert together.value == pytest.approx(alone.value, rel=1e-6)
    assert together.upper - together.lower == pytest.approx(alone.upper - alone.lower, rel=0.05)


def test_what_it_refuses_says_what_to_change():
    study = panel(4, 1, 200)
    with pytest.raises(StudyError, match="linear_regression"):
        distributed_lag(replace(study, times=None))
    with pytest.raises(StudyError, match="more"):
        distributed_lag(study.take(np.arange(20)))
    with pytest.raises(StudyError, match="on its own"):
        distributed_lag(replace(study, treatment=study.adjustment.values.copy()))
