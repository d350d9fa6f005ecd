"""Windows are part of the data: they are shared, brought together, or refused with words."""

import numpy as np
import pytest
from simulated import STEP, autoregressive, covers, effect, graph, matrix, signals, variable

from datasource.effects.windows import bring_to_common_window

N = 3000


def rolled(row: np.ndarray, steps: int) -> np.ndarray:
    sums = np.cumsum(np.insert(row, 0, 0.0))
    return np.concatenate([np.full(steps - 1, np.nan), (sums[steps:] - sums[:-steps]) / steps])


def system(seed, treatment, outcome, confounder=None):
    """Rows of a system with effect 1.0, each seen over its own window in steps."""
    rng = np.random.default_rng(seed)
    z = autoregressive(rng, N, 0.7)
    x = 0.5 * z + autoregressive(rng, N, 0.7)
    y = x + z + autoregressive(rng, N, 0.7)
    windows = {"x": treatment, "y": outcome, "z": confounder or outcome}
    rows = {name: rolled(row, windows[name]) for name, row in (("x", x), ("y", y), ("z", z))}
    return matrix(**rows), signals(**{name: {"window": steps * STEP} for name, steps in windows.items()})


CAUSES = graph("z -> x", "z -> y", "x -> y")


@pytest.mark.parametrize("windows", [(4, 4, 4), (1, 4, 4), (4, 1, 4), (1, 10, 10), (10, 1, 1), (2, 4, 1), (4, 10, 10)])
def test_different_windows_are_brought_together_and_the_answer_is_right(windows):
    results = [effect(data, CAUSES, known, window=N) for data, known in (system(s, *windows) for s in range(8))]
    assert np.mean([result.effect.value for result in results]) == pytest.approx(1.0, abs=0.1)
    assert sum(covers(result.effect, 1.0) for result in results) >= 6
    assert all(result.lags >= max(windows) - 1 for result in results)


def test_what_was_averaged_is_said():
    data, known = system(1, 1, 4)
    assert "x is averaged from 30s to 2m" in effect(data, CAUSES, known).notices


def test_a_quantile_over_another_window_is_refused():
    data, known = system(1, 4, 1)
    known["y"] = known["y"].model_copy(update={"kind": "quantile"})
    result = effect(data, CAUSES, known)
    assert np.isnan(result.effect.value)
    assert np.isfinite(result.association.value)
    assert "(x over 2m, y over 30s), and a quantile (y) cannot be averaged to 2m" in result.notices[0]


def test_the_longest_window_may_be_a_quantiles():
    data, known = system(1, 1, 4)
    known["y"] = known["y"].model_copy(update={"kind": "quantile"})
    assert np.isfinite(effect(data, CAUSES, known).effect.value)


def test_windows_off_the_grid_are_refused():
    data, known = system(1, 1, 1)
    known["y"] = known["y"].model_copy(update={"window": 75.0})
    assert "not all multiples of the step 30s" in effect(data, CAUSES, known).notices[0]


def test_windows_that_meet_only_far_away_are_refused():
    data, known = system(1, 7, 9)
    assert "meet only at 31m30s" in effect(data, CAUSES, known).notices[0]


def test_a_window_shorter_than_the_step_is_said():
    data, known = system(1, 1, 1)
    known["x"] = known["x"].model_copy(update={"window": 10.0})
    result = effect(data, CAUSES, known)
    assert np.isfinite(result.effect.value)
    assert "x looks at 10s of every 30s" in " ".join(result.notices)


def test_what_only_serves_precision_gives_way_to_the_windows():
    data, known = system(1, 1, 1)
    known["z"] = known["z"].model_copy(update={"window": 75.0})
    result = effect(data, graph("z -> y", "x -> y"), known)
    assert np.isfinite(result.effect.value)
    assert result.adjustment_set == ()


def test_a_mean_over_a_window_needs_half_of_it():
    row = np.arange(12.0)
    row[[1, 2, 3, 6, 7]] = np.nan
    data, known = matrix(x=row, y=np.ones(12)), signals(x={"window": STEP}, y={"window": 4 * STEP})
    means = bring_to_common_window(data, data.variables, known).rows[variable("x")]
    whole = [np.nan] * 4 + [np.nan, 4.5, 4.5, 4.5, 6.5, 8.5, 9.0, 9.5]
    assert means[3:] == pytest.approx(whole[3:], nan_ok=True)
