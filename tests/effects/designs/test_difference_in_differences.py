"""Difference in differences: known answers, and inference that fits the design."""

import numpy as np
import pytest
from known_panels import autoregressive, check, covers, panel

from datasource.effects.estimators.difference_in_differences import difference_in_differences
from datasource.effects.study import StudyError, lay_out

CELLS = np.array([20.0, 22.0, 18.0, 25.0])
ACTIVE, GROUP, POST = np.array([0.0, 0, 0, 1]), np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])


def organ_donation():
    from causaldata import organ_donations

    data = organ_donations.load_pandas().data
    names, units = np.unique(data.State, return_inverse=True)
    quarter = data.Quarter_Num.to_numpy(dtype=int)
    active = ((data.State == "California") & (quarter >= 4)).to_numpy(dtype=float)
    return data, lay_out(data.Rate.to_numpy(), active, {}, units=units, unit_names=names, times=quarter)


def two_series(seed, n=200, start=100, effect=3.0):
    rng = np.random.default_rng(seed)
    shared = autoregressive(rng, n, 0.9)
    treated = autoregressive(rng, n, 0.8) + shared + effect * (np.arange(n) >= start)
    return panel(np.vstack([treated, autoregressive(rng, n, 0.8) + shared]), [start, None])


def many(seed, began, times=10, effect=3.0, trend=0.0):
    rng = np.random.default_rng(seed)
    outcome = rng.normal(size=(len(began), 1)) * 5 + rng.normal(size=times) * 5
    for unit, start in enumerate(began):
        outcome[unit] = outcome[unit] + autoregressive(rng, times, 0.8)
        if start is not None:
            outcome[unit, start:] += effect
            outcome[unit] += trend * np.arange(times)
    return panel(outcome, began)


@pytest.mark.parametrize("how", [{"group": GROUP, "post": POST}, {"units": GROUP, "times": POST}])
def test_four_cells_give_the_effect_and_say_that_nothing_tells_its_uncertainty(how):
    answer = difference_in_differences(lay_out(CELLS, ACTIVE, {}, **how))
    assert answer.effect.value == pytest.approx(5)
    assert np.isnan([answer.effect.lower, answer.effect.upper, answer.effect.p_value]).all()
    assert check(answer, "no degrees of freedom").passed is False


def test_repeated_cross_sections_have_an_interval():
    rng = np.random.default_rng(1)
    group, post = rng.integers(0, 2, size=(2, 800))
    outcome = 2 * group + 3 * post + 5 * group * post + rng.normal(size=800)
    answer = difference_in_differences(lay_out(outcome, group * post * 1.0, {}, group=group, post=post))
    assert answer.effect.value == pytest.approx(5, abs=0.4)
    assert covers(answer.effect, 5)
    assert answer.effect.upper - answer.effect.lower < 1


def test_organ_donation():
    answer = difference_in_differences(organ_donation()[1])
    assert answer.effect.value == pytest.approx(-0.0225, abs=1e-4)
    assert check(answer, "parallel trends").passed
    assert answer.comparison.began == 4
    assert dict(answer.comparison.event_study)[-1].value == 0


def test_one_treated_unit_among_many_is_judged_by_how_the_controls_differ():
    answer = difference_in_differences(organ_donation()[1])
    assert any("controls differ" in notice for notice in answer.notices)
    covered = [covers(difference_in_differences(many(seed, [5] + [None] * 24)).effect, 3) for seed in range(60)]
    assert np.mean(covered) >= 0.88


def test_many_units_are_the_two_way_fixed_effects_of_linearmodels():
    from linearmodels.panel import PanelOLS
    from pandas import DataFrame, MultiIndex

    study = many(1, [5] * 12 + [None] * 12)
    index = MultiIndex.from_arrays([study.units, study.times])
    frame = DataFrame({"y": study.outcome, "x": study.treated}, index=index)
    library = PanelOLS(frame.y, frame[["x"]], entity_effects=True, time_effects=True).fit(
        cov_type="clustered", cluster_entity=True
    )
    effect = difference_in_differences(study).effect
    assert effect.value == pytest.approx(library.params["x"], abs=1e-8)
    assert effect.upper - effect.lower == pytest.approx(4 * library.std_errors["x"], rel=0.2)


def test_many_units_have_intervals_that_hold():
    covered = [covers(difference_in_differences(many(seed, [5] * 12 + [None] * 12)).effect, 3) for seed in range(60)]
    assert np.mean(covered) >= 0.88


def test_intervals_hold_for_one_treated_and_one_control_series():
    covered = [covers(difference_in_differences(two_series(seed)).effect, 3) for seed in range(60)]
    assert np.mean(covered) >= 0.88


def test_a_short_time_after_a_long_one_has_an_interval_that_holds():
    covered = [covers(difference_in_differences(two_series(seed, 300, 288)).effect, 3) for seed in range(60)]
    assert np.mean(covered) >= 0.88


def test_staggered_adoption_never_compares_with_those_that_have_begun():
    began = [3] * 10 + [6] * 10 + [None] * 5
    rng = np.random.default_rng(2)
    times = np.arange(10)
    outcome = rng.normal(size=(25, 1)) + 0.1 * rng.normal(size=(25, 10)) + times
    for unit, start in enumerate(began):
        if start is not None:
            outcome[unit] += np.maximum(times - start + 1, 0)  # an effect that grows: two-way regression is far off
    answer = difference_in_differences(panel(outcome, began))
    truth = (10 * sum(range(1, 8)) + 10 * sum(range(1, 5))) / 110
    assert answer.effect.value == pytest.approx(truth, abs=0.1)
    assert covers(answer.effect, truth)
    assert "2 different starts" in check(answer, "staggered adoption").text
    events = dict(answer.comparison.event_study)
    assert events[2].value == pytest.approx(3, abs=0.2)
    assert events[-2].value == pytest.approx(0, abs=0.2)


def test_staggered_adoption_of_a_few_long_series():
    covered = []
    for seed in range(40):
        covered.append(covers(difference_in_differences(many(seed, [40, 60, None, None], times=100)).effect, 3))
    assert np.mean(covered) >= 0.85


def test_different_trends_before_the_start_are_seen():
    drifting = difference_in_differences(many(3, [5] * 12 + [None] * 12, trend=2.0))
    assert check(drifting, "parallel trends").passed is False
    study = two_series(4)
    sloping = study.outcome + 0.1 * study.times * (study.units == 0)
    series = panel(sloping.reshape(2, -1), [100, None])
    assert check(difference_in_differences(series), "parallel trends").passed is False


def test_parallel_groups_are_not_accused():
    series = [difference_in_differences(two_series(seed)) for seed in range(40)]
    units = [difference_in_differences(many(seed, [5] * 12 + [None] * 12)) for seed in range(40)]
    for answers in (series, units):
        assert np.mean([check(answer, "parallel trends").passed for answer in answers]) >= 0.85
    assert np.mean([check(answer, "placebo dates").passed for answer in series]) >= 0.85


def test_what_is_shown_beside_the_effect():
    shown = difference_in_differences(two_series(5)).comparison
    after = shown.times >= shown.began
    assert shown.began == 100
    assert (shown.treated - shown.counterfactual)[after].mean() == pytest.approx(shown.average.value)
    assert shown.cumulative.value == pytest.approx(100 * shown.average.value)
    assert np.mean(((shown.lower + 3 <= shown.treated) & (shown.treated <= shown.upper + 3))[after]) > 0.8
    assert [step for step, _ in shown.event_study] == list(range(-100, 100))


def test_what_moves_both_is_adjusted_for():
    rng = np.random.default_rng(6)
    traffic = rng.normal(size=(2, 200))
    traffic[0, 100:] += 2
    outcome = 4 * traffic + 0.3 * rng.normal(size=(2, 200))
    outcome[0, 100:] += 3
    bare = difference_in_differences(panel(outcome, [100, None])).effect
    adjusted = difference_in_differences(panel(outcome, [100, None], adjustment={"traffic": traffic.ravel()})).effect
    assert bare.value > 9
    assert adjusted.value == pytest.approx(3, abs=0.5)


def test_missing_rows_do_not_bend_the_effect():
    outcome = np.add.outer(np.arange(25.0) * 10, np.arange(12.0))
    outcome[:10, 6:] += 3
    outcome += 0.01 * np.random.default_rng(7).normal(size=outcome.shape)
    outcome[np.random.default_rng(8).random(outcome.shape) < 0.2] = np.nan
    answer = difference_in_differences(panel(outcome, [6] * 10 + [None] * 15))
    assert answer.effect.value == pytest.approx(3, abs=0.05)


@pytest.mark.parametrize(
    ("began", "words"),
    [([3, 3], "no controls"), ([0, None], "no time before"), ([0, 0], "no time before|constant|two values")],
)
def test_what_cannot_be_answered_is_said(began, words):
    outcome = np.random.default_rng(9).normal(size=(2, 8))
    with pytest.raises(StudyError, match=words):
        difference_in_differences(panel(outcome, began))


def test_group_and_post_must_fill_all_four_cells():
    study = lay_out(CELLS[1:], ACTIVE[1:], {}, group=GROUP[1:], post=POST[1:])
    with pytest.raises(StudyError, match="control before"):
        difference_in_differences(study)
    with pytest.raises(StudyError, match="units and times, or group and post"):
        difference_in_differences(lay_out(CELLS, ACTIVE, {}))


@pytest.mark.parametrize("scale", [1e12, 1e-12])
def test_scale_does_not_matter(scale):
    study = two_series(1)
    scaled = panel(study.outcome.reshape(2, -1) * scale, [100, None])
    one, other = (difference_in_differences(which).effect for which in (study, scaled))
    assert other.lower == pytest.approx(one.lower * scale, rel=1e-5)


def test_series_that_never_move_have_no_interval_and_no_exception():
    outcome = np.ones((2, 40))
    outcome[0, 20:] = 4
    answer = difference_in_differences(panel(outcome, [20, None]))
    assert answer.effect.value == pytest.approx(3)
    assert np.isnan(answer.effect.lower)
