"""What biases an estimate without widening its interval is told by a check, or estimated right."""

from collections import Counter

import numpy as np
import pytest
from check_studies import LINEAR, SEEDS, autoregressive, checked, rows

from datasource.effects.checks import judge, run, run_checks
from datasource.effects.checks.measurement_error import granularity
from datasource.effects.methods import ESTIMATORS, RIDGE_DML
from datasource.effects.study import Study, lay_out

DEFAULT = ESTIMATORS["backdoor.distributed_lag"]
N = 1000
NOISE = np.sqrt(0.05)


def spoilt(
    seed: int, x_as=lambda rng, x: x, z_as=lambda rng, z: z, units: int = 1, step: int = 60, memory: float = 0.9
) -> Study:
    """Confounder, treatment and error of AR(.9); the treatment and the confounder as they are read. The effect is 1."""
    rng = np.random.default_rng(seed)
    parts = []
    for _ in range(units):
        z, own, error = (autoregressive(rng, N // units, memory) for _ in range(3))
        x = 0.7 * z + own
        parts.append((x + z + error, x_as(rng, x), z_as(rng, z)))
    y, x, z = (np.concatenate(column) for column in zip(*parts, strict=True))
    return lay_out(
        y,
        x,
        {"load": z},
        names=("queue", "latency"),
        times=np.tile(np.arange(N // units), units),
        units=np.repeat(np.arange(units), N // units) if units > 1 else None,
        step=step,
    )


def noisy(rng, column):
    return column + NOISE * column.std() * rng.normal(size=len(column))


def rounded(rng, column):
    return np.round(column / (0.5 * column.std())) * 0.5 * column.std()


def late(rng, column):
    return np.append(column[:1], column[:-1])


def told(study, method, name):
    return checked(study, method)[name]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (dict(x_as=noisy), "queue is noisy or rounded"),
        (dict(x_as=rounded), "queue is noisy or rounded"),
        (dict(x_as=late), "queue is stamped late, or latency moves queue"),
        (dict(z_as=noisy), "load is noisy, rounded or late, so that confounding is left"),
        (dict(x_as=noisy, units=4), "queue is noisy or rounded"),
    ],
)
def test_measurement_error_is_told_from_the_steps_before_and_after(spoil, said):
    found = [told(spoilt(seed, **spoil), DEFAULT, "measurement error") for seed in SEEDS]
    assert sum(check.passed is False for check in found) >= 8
    assert any(said in check.text for check in found)


def test_what_is_measured_well_has_no_measurement_error():
    assert all(told(spoilt(seed), DEFAULT, "measurement error").passed for seed in SEEDS)


@pytest.mark.parametrize("spoil", [dict(x_as=noisy), dict(x_as=rounded), dict(z_as=noisy)])
def test_with_measurement_error_the_interval_reaches_over_that_of_slow_moves(spoil):
    held = 0
    for seed in SEEDS:
        study = spoilt(seed, **spoil)
        alone, answer = DEFAULT.estimate(study), judge(study, DEFAULT)
        assert not alone.effect.lower <= 1 <= alone.effect.upper
        assert answer.effect.value == alone.effect.value
        if answer.effect != alone.effect:
            assert "the interval reaches over that of linear regression" in answer.notices[-1]
        assert judge(study, DEFAULT, checked=False).effect == answer.effect
        held += answer.effect.lower <= 1 <= answer.effect.upper
    assert held >= 7


def test_a_little_noise_is_allowed_for_before_it_can_be_called_so():
    def little(rng, column):
        return column + np.sqrt(0.01) * column.std() * rng.normal(size=len(column))

    studies = [spoilt(seed, x_as=little) for seed in range(20)]
    alone = [DEFAULT.estimate(study).effect for study in studies]
    answers = [judge(study, DEFAULT) for study in studies]
    held = sum(effect.lower <= 1 <= effect.upper for effect in alone)
    assert sum(answer.effect.lower <= 1 <= answer.effect.upper for answer in answers) >= held + 4
    assert any("measurement error is possible" in notice for answer in answers for notice in answer.notices)


def test_a_sound_answer_is_the_estimate_as_it_is():
    study = spoilt(1)
    assert judge(study, DEFAULT).effect == DEFAULT.estimate(study).effect


def test_where_the_outcome_is_known_to_move_the_treatment_its_next_step_is_no_sign():
    study = spoilt(1, x_as=late)
    known = lay_out(
        study.outcome, study.treatment, {"load": study.adjustment.values[:, 0]}, times=study.times, feedback=True
    )
    assert told(known, DEFAULT, "measurement error").passed is None


def test_a_count_is_known_to_be_noisy_from_its_size():
    def count(seed):
        rng = np.random.default_rng(seed)
        z, own, error = (autoregressive(rng, N, 0.9) for _ in range(3))
        load = 50 + 6 * (0.7 * z + own)
        return lay_out(load + 6 * (z + error), rng.poisson(np.maximum(load, 0)), {"z": z}, times=np.arange(N))

    found = Counter(told(count(seed), DEFAULT, "measurement error").passed for seed in SEEDS)
    assert found[False] >= 9


@pytest.mark.parametrize(
    ("values", "step"),
    [
        (np.round(np.linspace(0, 3, 200) * 4) / 4, 0.25),
        (10 + 3.0 * (np.arange(200) % 7), 3.0),
        (np.arange(200) % 2.0, 0.0),
        (np.random.default_rng(1).normal(size=200), 0.0),
        (np.tile([0.1, 0.25, 0.7, np.pi], 50), 0.0),
    ],
)
def test_the_step_of_rounded_values(values, step):
    assert granularity(values) == pytest.approx(step)


CURVES = {
    "square": lambda a, b: a**2,
    "exponential": lambda a, b: np.exp(a),
    "queue": lambda a, b: 1 / (1.1 - np.tanh(np.abs(a))),
    "product": lambda a, b: a * b,
    "codes": lambda a, b: np.array([0.0, 3.0, -1.0, 1.0])[np.digitize(a, [-1, 0, 1])],
}


def curved(seed: int, name: str, in_time: bool = False) -> Study:
    rng = np.random.default_rng(seed)
    a, b, own, error = (autoregressive(rng, N, 0.5 if in_time else 0.0) for _ in range(4))
    both = CURVES[name](a, b)
    a = 1.0 + np.digitize(a, [-1, 0, 1]) if name == "codes" else a
    x = both + own
    return lay_out(x + 2 * both + error, x, {"a": a, "b": b}, times=np.arange(N) if in_time else None)


@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize("method", ["backdoor.linear_regression", RIDGE_DML])
def test_curved_confounding_is_told(name, method):
    found = told(curved(1, name), ESTIMATORS[method], "curved confounding")
    assert found.passed is False
    assert "use backdoor.double_machine_learning" in found.text


def test_curved_confounding_is_told_on_series_and_of_pods():
    assert told(curved(1, "square", in_time=True), DEFAULT, "curved confounding").passed is False


def test_methods_that_follow_curves_are_not_asked_for_lines():
    assert "curved confounding" not in checked(curved(1, "square"), ESTIMATORS["backdoor.double_machine_learning"])


def test_straight_confounding_is_not_called_curved():
    found = Counter(told(rows(seed), LINEAR, "curved confounding").passed for seed in range(30))
    assert found[True] >= 29


def season(seed: int, steps: int, strength: float, n: int = 3000, step: int = 60) -> Study:
    """Something that recurs every `steps` moves both ends; the effect is 1."""
    rng = np.random.default_rng(seed)
    job = strength * (np.arange(n) % steps < steps // 10)
    x = job + autoregressive(rng, n, 0.5)
    return lay_out(
        x + job + autoregressive(rng, n, 0.5), x, {}, names=("queue", "latency"), times=np.arange(n), step=step
    )


@pytest.mark.parametrize(("steps", "step", "name"), [(60, 60, "hour"), (288, 300, "day"), (168, 3600, "week")])
def test_a_season_that_nobody_adjusts_for_is_told(steps, step, name):
    found = told(season(1, steps, 4.0, step=step), LINEAR, "shared season")
    assert found.passed is False
    assert f"recurs every {name}" in found.text


def test_no_season_is_not_told_and_without_seconds_none_is_looked_for():
    found = Counter(told(season(seed, 60, 0.0), LINEAR, "shared season").passed for seed in range(20))
    assert found[True] >= 19
    assert "shared season" not in checked(season(1, 60, 4.0, step=0), LINEAR)


def test_codes_of_the_treatment_are_no_straight_line():
    rng = np.random.default_rng(1)
    codes = rng.integers(1, 5, 1000).astype(float)
    outcome = np.array([0, 3.0, 1.0, 5.0])[codes.astype(int) - 1] + rng.normal(size=1000)
    found = told(lay_out(outcome, codes, {}, names=("zone", "latency")), LINEAR, "straight line")
    assert found.passed is False
    assert "if the values of zone are codes, compare two of them" in found.text


def test_a_queue_is_no_straight_line():
    rng = np.random.default_rng(1)
    x = rng.uniform(0.1, 0.95, 1000)
    study = lay_out(1 / (1 - x) + rng.normal(size=1000), x, {}, times=np.arange(1000), names=("load", "latency"))
    found = told(study, DEFAULT, "straight line")
    assert found.passed is False
    assert "one unit more of load brings" in found.text


def test_a_straight_line_is_one():
    found = Counter(told(rows(seed), LINEAR, "straight line").passed for seed in range(30))
    assert found[True] >= 29


def rare(seed: int, curve=lambda z: z, lowest: float = -5.2, n: int = 10_000) -> Study:
    """About 2% are treated, the more the larger z is; the effect is 1."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=n)
    x = (rng.random(n) < 1 / (1 + np.exp(-lowest - 1.5 * curve(z)))).astype(float)
    return lay_out(x + curve(z) + rng.normal(size=n), x, {"z": z})


def test_overlap_is_judged_before_propensities_are_held():
    checks = checked(rare(1), ESTIMATORS["backdoor.propensity_score_weighting"])
    assert checks["overlap"].passed is False
    assert "backdoor.overlap_weighting" in checks["overlap"].text
    assert checks["covariate balance"].passed is False


def test_overlap_weights_ask_about_rows_that_could_have_had_either():
    method = ESTIMATORS["backdoor.overlap_weighting"]
    held = 0
    for seed in SEEDS:
        answer = method.estimate(rare(seed))
        held += answer.effect.lower <= 1 <= answer.effect.upper
        assert all(check.passed for check in answer.checks)
        assert "could have had either" in answer.notices[0]
    assert held >= 7


@pytest.mark.parametrize("method", ["propensity_score_weighting", "overlap_weighting", "propensity_score_matching"])
def test_arms_that_stay_unlike_are_told(method):
    study = rare(1, lambda z: z**2 - 1, 0.0, 1000)
    check = told(study, ESTIMATORS[f"backdoor.{method}"], "covariate balance")
    assert check.passed is False
    assert "the square of z" in check.text


@pytest.mark.parametrize("method", ["propensity_score_weighting", "overlap_weighting", "propensity_score_matching"])
def test_arms_that_are_alike_are_not_told(method):
    found = Counter(
        check.passed
        for seed in SEEDS
        for check in ESTIMATORS[f"backdoor.{method}"].estimate(rows(seed, binary=True)).checks
    )
    assert found[False] <= 1


@pytest.mark.parametrize("method", [LINEAR, DEFAULT])
@pytest.mark.parametrize("units", [1, 3])
def test_doubled_times_are_said_and_never_raise(method, units):
    study = spoilt(1, units=units)
    twice = study.take(np.sort(np.append(np.arange(study.n), [0, 5, study.n - 1])))
    checks = {check.name: check for check in run_checks(twice, method, LINEAR.estimate(twice))}
    assert checks["delayed effect"].passed is None
    assert checks["delayed effect"].text == "3 rows share their time with another; name what tells them apart (--unit)"
    assert checks["random common cause"].passed is not None or method is DEFAULT


def test_a_check_that_breaks_takes_nothing_with_it(monkeypatch, caplog):
    def broken(study, method, answer):
        raise ZeroDivisionError("boom")

    monkeypatch.setattr(run, "_FOR_EVERY_METHOD", (("too few points", broken),))
    checks = checked(rows(1))
    assert checks["too few points"].passed is None
    assert "a fault of ours" in checks["too few points"].text
    assert checks["overlap"].passed
    assert "boom" in caplog.text


def by_two(rng, column):
    return np.append(column[:2], column[:-2])


def every_tenth(rng, column):
    return np.repeat(column[::10], 10)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (dict(x_as=by_two), "latency goes with the queue of two or three steps later: queue is stamped late"),
        (dict(z_as=by_two), "it is stamped late, so that confounding is left"),
        (dict(x_as=every_tenth), "queue repeats each value for 10 steps"),
        (dict(z_as=every_tenth), "load repeats each value for 10 steps"),
    ],
)
def test_stamps_of_two_steps_late_and_values_that_are_repeated_are_told(spoil, said):
    found = [told(spoilt(seed, **spoil), DEFAULT, "measurement error") for seed in range(10)]
    assert sum(check.passed is False and said in check.text for check in found) >= 9


def test_many_codes_taken_as_a_slope_are_told():
    found = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        shop = rng.integers(0, 40, N)
        level = 2 * rng.normal(size=40)[shop]
        x = level + rng.normal(size=N)
        study = lay_out(x + 2 * level + rng.normal(size=N), x, {"shop": 1.0 + shop})
        found.append(told(study, LINEAR, "curved confounding").passed)
    assert sum(passed is False for passed in found) >= 9


def test_a_straight_line_through_many_whole_numbers_is_no_miss():
    found = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        age = rng.integers(18, 60, N).astype(float)
        x = 0.1 * age + rng.normal(size=N)
        found.append(told(lay_out(x + 0.1 * age + rng.normal(size=N), x, {"age": age}), LINEAR, "curved confounding"))
    assert sum(check.passed is False for check in found) <= 1


def test_what_rounding_would_do_to_independent_rows_is_said_and_fails_nothing():
    rng = np.random.default_rng(1)
    z = rng.normal(size=N)
    x = 0.7 * z + rng.normal(size=N)
    check = told(lay_out(x + z + rng.normal(size=N), x, {"load": 1.5 * np.round(z / 1.5)}), LINEAR, "measurement error")
    assert check.passed is None
    said, _, number = check.text.partition(";")[0].rpartition(" ")
    assert said == "if the steps of load are rounding, the effect is"
    assert float(number) == pytest.approx(1.0, abs=0.1)
