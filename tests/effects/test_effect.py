"""The effect is the one that was simulated; its interval holds."""

import pickle

import numpy as np
import pytest
from simulated import autoregressive, covers, delayed, effect, graph, matrix, signals

N = 2000


def test_a_confounder_misleads_the_association_and_not_the_effect():
    rng = np.random.default_rng(1)
    z = autoregressive(rng, N, 0.5)
    x = 0.8 * z + rng.normal(size=N)
    result = effect(matrix(x=x, y=z + autoregressive(rng, N, 0.5), z=z), graph("z -> x", "z -> y", "x -> y"))
    assert result.association.lower > 0.2
    assert covers(result.effect, 0.0)
    assert result.adjustment_set == ("shop.z",)


def test_a_mediator_is_not_adjusted_away():
    rng = np.random.default_rng(2)
    x = autoregressive(rng, N, 0.5)
    m = 2 * x + rng.normal(size=N)
    result = effect(matrix(x=x, m=m, y=1.5 * m + rng.normal(size=N)), graph("x -> m", "m -> y"))
    assert covers(result.effect, 3.0)
    assert result.effect.lower > 2.5


def test_a_collider_is_left_alone():
    rng = np.random.default_rng(3)
    x = rng.normal(size=N)
    y = x + rng.normal(size=N)
    result = effect(matrix(x=x, y=y, c=x + y + 0.1 * rng.normal(size=N)), graph("x -> y", "x -> c", "y -> c"))
    assert covers(result.effect, 1.0)
    assert result.adjustment_set == ()


def test_a_delayed_effect_is_found_whole_and_by_lag():
    rng = np.random.default_rng(4)
    x = autoregressive(rng, N)
    y = 1.0 * x + 0.7 * delayed(x, 1) + 0.3 * delayed(x, 2) + autoregressive(rng, N)
    result = effect(matrix(x=x, y=y), graph("x -> y (lag 0..2)"))
    assert result.lags == 2
    assert covers(result.effect, 2.0)
    assert [covers(lag, truth) for lag, truth in zip(result.per_lag, (1.0, 0.7, 0.3), strict=True)] == [True] * 3


def test_feedback_biases_the_association_and_not_the_effect():
    rng = np.random.default_rng(5)
    noise, x, y = autoregressive(rng, N, 0.8), np.zeros(N), np.zeros(N)
    for t in range(N):
        x[t] = 0.5 * y[t - 1] + rng.normal() if t else 0.0
        y[t] = x[t] + noise[t]
    result = effect(matrix(x=x, y=y), graph("x -> y", "y -> x (lag 1)"))
    assert result.association.lower > 1.2
    assert covers(result.effect, 1.0)
    assert result.effect.upper - result.effect.lower < 0.3
    blurred = effect(
        matrix(x=x, y=y), graph("x -> y", "y -> x (lag 1)"), signals(x={"window": 60.0}, y={"window": 60.0})
    )
    assert "shop.y acts back on shop.x" in " ".join(blurred.notices)


def test_a_rare_count_driven_by_the_confounder():
    inside, misled = 0, 0
    for seed in range(20):
        rng = np.random.default_rng(100 + seed)
        n = 5760
        z = 1 + 0.4 * np.sin(np.arange(n) * 2 * np.pi / 2880) + 0.05 * autoregressive(rng, n)
        x = rng.poisson(0.008 * np.exp(3 * (z - 1)))
        y = 0.2 * z + 0.018 * x + 0.007 * delayed(x, 1) + 0.002 * autoregressive(rng, n, 0.6)
        result = effect(matrix(x=x, y=y, z=z), graph("z -> x", "z -> y", "x -> y (lag 0..1)"), window=5760)
        inside += covers(result.effect, 0.025)
        misled += not covers(result.association, 0.025)
    assert inside >= 17
    assert misled == 20


def test_the_interval_holds_what_it_promises_on_autocorrelated_data():
    inside = 0
    for seed in range(200):
        rng = np.random.default_rng(1000 + seed)
        z = autoregressive(rng, 1000)
        x = 0.5 * z + autoregressive(rng, 1000)
        y = x + 0.6 * delayed(x, 1) + 0.4 * delayed(x, 2) + z + autoregressive(rng, 1000)
        result = effect(matrix(x=x, y=y, z=z), graph("z -> x", "z -> y", "x -> y (lag 0..2)"), window=1000)
        inside += covers(result.effect, 2.0)
    print(f"coverage {inside / 200:.3f}")
    assert 0.90 <= inside / 200 <= 0.99


def test_no_way_from_treatment_to_outcome_means_no_effect():
    rng = np.random.default_rng(7)
    x = rng.normal(size=N)
    result = effect(matrix(x=x, y=x + rng.normal(size=N)), graph("y -> x"))
    assert (result.effect.value, result.effect.lower, result.effect.upper) == (0.0, 0.0, 0.0)
    assert result.association.lower > 0.8
    assert "no directed path" in result.notices[0]


def test_an_effect_that_no_adjustment_identifies_is_nan_and_says_what_is_in_the_way():
    rng = np.random.default_rng(8)
    rows = {name: rng.normal(size=N) for name in "xmy"}
    result = effect(matrix(**rows), graph("x -> m", "m -> y (lag 0..1)", "m -> x (lag 1)"))
    assert np.isnan(result.effect.value)
    assert np.isfinite(result.association.value)
    assert "shop.m" in " ".join(result.notices)


def test_the_rolling_series_ends_with_the_matrix_and_follows_a_change():
    rng = np.random.default_rng(9)
    x = rng.normal(size=N)
    y = np.where(np.arange(N) < N // 2, 1.0, 3.0) * x + rng.normal(size=N)
    data = matrix(x=x, y=y)
    series = effect(data, graph("x -> y"), window=300).series
    assert len(series.times) == 48
    assert series.times[-1] == data.end
    assert series.effect[0] == pytest.approx(1, abs=0.3)
    assert series.effect[-1] == pytest.approx(3, abs=0.3)
    assert (series.effect_lower < series.effect).all()


def test_a_result_travels_between_processes():
    rng = np.random.default_rng(10)
    result = effect(matrix(x=rng.normal(size=300), y=rng.normal(size=300)), graph("x -> y"))
    again = pickle.loads(pickle.dumps(result))
    assert (again.effect, again.n) == (result.effect, result.n)
    assert again.treatment == result.treatment


def broken(kind: str) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(11)
    rows = {name: rng.normal(size=600) for name in "zxy"}
    match kind:
        case "empty":
            return {name: row[:0] for name, row in rows.items()}
        case "one point":
            return {name: row[:1] for name, row in rows.items()}
        case "two points":
            return {name: row[:2] for name, row in rows.items()}
        case "young":
            return {name: row[:20] for name, row in rows.items()}
        case "constant treatment":
            rows["x"][:] = 5
        case "constant outcome":
            rows["y"][:] = 5
        case "constant confounder":
            rows["z"][:] = 0
        case "all missing":
            rows["x"][:] = np.nan
        case "confounder missing":
            rows["z"][:] = np.nan
        case "infinite":
            rows["x"][::2] = np.inf
        case "huge":
            rows = {name: row * 1e12 for name, row in rows.items()}
        case "tiny":
            rows["x"] *= 1e-200
        case "duplicates":
            rows["x"] = rows["z"].copy()
        case "every other":
            rows["x"][::2] = np.nan
    return rows


HOPELESS = {"empty", "one point", "two points", "young", "constant treatment", "all missing", "confounder missing"}
HOPELESS |= {"duplicates", "every other", "infinite", "constant outcome"}


@pytest.mark.parametrize(
    "kind",
    [*sorted(HOPELESS), "constant confounder", "huge", "tiny"],
)
def test_whatever_the_data_there_is_an_answer_or_a_reason(kind):
    result = effect(matrix(**broken(kind)), graph("z -> x", "z -> y", "x -> y (lag 0..1)"), window=120)
    assert np.isnan(result.effect.value) == (kind in HOPELESS)
    if kind in HOPELESS:
        assert result.notices


def test_a_young_matrix_says_how_many_points_are_missing():
    rng = np.random.default_rng(12)
    result = effect(matrix(x=rng.normal(size=20), y=rng.normal(size=20)), graph("x -> y"))
    assert any("20 complete rows; 30 are needed" in notice for notice in result.notices)


def test_a_variable_that_is_not_there_is_named():
    rng = np.random.default_rng(13)
    rows = {"x": rng.normal(size=300), "y": rng.normal(size=300)}
    assert "shop.y is not measured" in effect(matrix(x=rows["x"]), graph("x -> y")).notices
    result = effect(matrix(**rows), graph("z -> x", "z -> y", "x -> y"))
    assert "shop.z must be adjusted for and is not measured" in result.notices
    result = effect(matrix(**rows), graph("z -> y", "x -> y"))
    assert np.isfinite(result.effect.lower)
    assert "shop.z" in " ".join(result.notices)


def test_gaps_are_left_out_and_counted():
    rng = np.random.default_rng(14)
    x = rng.normal(size=N)
    y = 2 * x + autoregressive(rng, N)
    x[rng.random(N) < 0.2] = np.nan
    result = effect(matrix(x=x, y=y), graph("x -> y"))
    assert covers(result.effect, 2.0)
    assert "% of the points are left out" in " ".join(result.notices)


def test_two_moves_get_no_narrow_interval():
    rng = np.random.default_rng(15)
    x = np.zeros(600)
    x[[200, 400]] = 1
    result = effect(matrix(x=x, y=rng.normal(size=600)), graph("x -> y"), signals())
    assert np.isnan(result.effect.lower) or result.effect.upper - result.effect.lower > 3
