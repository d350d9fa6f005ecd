"""Two-stage least squares: known answers, the libraries' numbers, and intervals that hold."""

import numpy as np
import pytest
from known_panels import autoregressive, check, covers
from linearmodels.datasets import card
from linearmodels.iv import IV2SLS, IVGMMCUE

from datasource.effects.estimators.linear_regression import linear_regression
from datasource.effects.estimators.two_stage_least_squares import two_stage_least_squares
from datasource.effects.study import StudyError, lay_out

CONTROLS = ["exper", "expersq", "black", "smsa", "south", "smsa66", *(f"reg66{region}" for region in range(2, 10))]


def schooling(*instruments):
    data = card.load()[["lwage", "educ", "nearc4", "nearc2", *CONTROLS]].astype(float)
    study = lay_out(
        data.lwage.to_numpy(),
        data.educ.to_numpy(),
        {name: data[name].to_numpy() for name in CONTROLS},
        names=("educ", "lwage"),
        instruments={name: data[name].to_numpy() for name in instruments},
    )
    return data, study


def confounded(n=4_000, strength=0.8, seed=1, memory=0.0, **changes):
    rng = np.random.default_rng(seed)
    z, u, a, b = (autoregressive(rng, n, memory) for _ in range(4))
    x = strength * z + u + a
    return lay_out(2 * x + 3 * u + b, x, {}, **({"instruments": {"z": z}} | changes))


def test_schooling_pays_what_card_found():
    _, study = schooling("nearc4")
    assert linear_regression(study).effect.value == pytest.approx(0.0747, abs=1e-4)
    answer = two_stage_least_squares(study)
    assert answer.effect.value == pytest.approx(0.1315, abs=1e-4)
    assert (answer.effect.upper - answer.effect.lower) / 3.92 == pytest.approx(0.055, abs=0.002)
    assert "14.1" in check(answer, "weak instrument").text


def test_the_estimate_is_that_of_linearmodels():
    for instruments in (("nearc4",), ("nearc4", "nearc2")):
        data, study = schooling(*instruments)
        constant = data[CONTROLS].assign(constant=1.0)
        library = IV2SLS(data.lwage, constant, data.educ, data[list(instruments)]).fit()
        assert two_stage_least_squares(study).effect.value == pytest.approx(library.params["educ"], abs=1e-8)


def test_over_identification_is_hansens_j_of_linearmodels():
    data, study = schooling("nearc4", "nearc2")
    library = IVGMMCUE(data.lwage, data[CONTROLS].assign(one=1.0), data.educ, data[["nearc4", "nearc2"]]).fit()
    found = check(two_stage_least_squares(study), "over-identification")
    assert found.passed
    assert f"J {library.j_stat.stat:.3g}" in found.text


def test_a_strong_instrument_takes_the_confounding_out():
    study = confounded()
    assert linear_regression(study).effect.value > 3
    answer = two_stage_least_squares(study)
    assert answer.effect.value == pytest.approx(2, abs=0.1)
    assert covers(answer.effect, 2)
    assert check(answer, "weak instrument").passed


def test_an_event_is_an_instrument():
    rng = np.random.default_rng(2)
    rollout, u = (rng.random(2_000) < 0.2).astype(float), rng.normal(size=2_000)
    x = 2 * rollout + u + rng.normal(size=2_000)
    study = lay_out(2 * x + 3 * u, x, {}, instruments={"rollout": rollout}, times=np.arange(2_000))
    assert covers(two_stage_least_squares(study).effect, 2)


def test_a_weak_instrument_gets_anderson_and_rubins_interval():
    answer = two_stage_least_squares(confounded(strength=0.0, n=400))
    found = check(answer, "weak instrument")
    assert found.passed is False
    assert "unbounded" in found.text
    assert np.isinf(answer.effect.lower) or np.isinf(answer.effect.upper)


def test_with_a_weak_instrument_the_interval_still_holds():
    covered = [covers(two_stage_least_squares(confounded(200, 0.15, seed)).effect, 2) for seed in range(60)]
    assert np.mean(covered) >= 0.9


def test_an_instrument_with_a_way_of_its_own_is_found_out():
    rng = np.random.default_rng(3)
    z, direct, u = rng.normal(size=(3, 2_000))
    x = z + direct + u + rng.normal(size=2_000)
    study = lay_out(2 * x + 3 * u + direct, x, {}, instruments={"z": z, "direct": direct})
    assert check(two_stage_least_squares(study), "over-identification").passed is False


def test_intervals_hold_on_autocorrelated_data():
    covered = []
    for seed in range(60):
        study = confounded(600, 0.8, seed, memory=0.9, times=np.arange(600))
        covered.append(covers(two_stage_least_squares(study).effect, 2))
    assert np.mean(covered) >= 0.88


def test_scale_does_not_matter():
    study = confounded(500)
    large = lay_out(study.outcome * 1e12, study.treated, {}, instruments={"z": study.instruments.values[:, 0] * 1e-9})
    assert two_stage_least_squares(large).effect.value == pytest.approx(
        1e12 * two_stage_least_squares(study).effect.value, rel=1e-8
    )


def test_instruments_that_repeat_one_another_are_left_out_by_name():
    z = confounded(500).instruments.values[:, 0]
    answer = two_stage_least_squares(confounded(500, instruments={"z": z, "again": 2 * z, "flat": 0 * z + 7}))
    assert covers(answer.effect, 2)
    assert any("again" in notice for notice in answer.notices)
    assert any("flat" in notice for notice in answer.notices)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"instruments": {}}, "no instrument"),
        ({"instruments": {"z": np.ones(50)}}, "z does not move on its own"),
        ({"instruments": {"z": np.full(50, 1e12)}}, "z does not move on its own"),
    ],
)
def test_what_cannot_be_answered_is_said(changes, words):
    with pytest.raises(StudyError, match=words):
        two_stage_least_squares(confounded(50, **changes))


def test_too_few_rows_are_said():
    with pytest.raises(StudyError, match="rows do not carry"):
        two_stage_least_squares(confounded(3))


def test_a_treatment_that_follows_its_adjustment_set_is_said():
    rng = np.random.default_rng(4)
    c, z, y = rng.normal(size=(3, 100))
    with pytest.raises(StudyError, match="does not move on its own"):
        two_stage_least_squares(lay_out(y, 3 * c, {"c": c}, instruments={"z": z}))
