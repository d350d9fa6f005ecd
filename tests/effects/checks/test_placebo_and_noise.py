"""What cannot be a cause shows no effect, and noise in the adjustment set moves nothing - or the check says so."""

import numpy as np
from check_studies import CARELESS, SEEDS, autoregressive, checked, outcomes, plain, rows, series


def test_a_placebo_shows_no_effect_where_the_estimate_is_sound():
    assert outcomes("placebo treatment", series)[True] >= 9
    assert outcomes("placebo treatment", rows)[True] >= 9
    assert outcomes("placebo treatment", lambda seed: series(seed, n=400, units=3))[True] >= 9


def test_a_trend_that_nobody_adjusts_for_gives_placebos_an_effect():
    def trending(seed):
        rng, trend = np.random.default_rng(seed), np.linspace(0, 5, 1000)
        return plain(trend + rng.normal(size=1000), trend + rng.normal(size=1000), in_time=True)

    assert outcomes("placebo treatment", trending)[False] >= 9


def test_an_interval_that_forgets_time_gives_placebos_an_effect():
    assert outcomes("placebo treatment", lambda seed: series(seed, memory=0.95), CARELESS)[False] >= 9


def test_a_season_that_is_adjusted_for_gives_placebos_none():
    def seasonal(seed):
        rng, season = np.random.default_rng(seed), np.sin(np.arange(1000) * 2 * np.pi / 100)
        x = 3 * season + rng.normal(size=1000)
        return plain(2 * x + 3 * season + rng.normal(size=1000), x, season[:, None], in_time=True)

    assert outcomes("placebo treatment", seasonal)[True] >= 9


def test_the_sentence_counts_the_tries():
    said = checked(series(1))["placebo treatment"].text
    assert "restarts shifted in time shows no effect in" in said
    assert "of 20 tries" in said


def test_a_series_too_short_to_shift_is_told():
    check = checked(series(1, n=15, controls=0))["placebo treatment"]
    assert check.passed is None
    assert "15 rows are too short" in check.text


def test_noise_in_the_adjustment_set_moves_nothing_where_the_estimate_is_sound():
    assert outcomes("random common cause", series)[True] >= 9
    assert outcomes("random common cause", rows)[True] >= 9


def test_noise_moves_what_has_only_the_interval_of_independent_rows():
    def walks(seed):
        rng = np.random.default_rng(seed)
        return plain(autoregressive(rng, 600, 1.0), autoregressive(rng, 600, 1.0), in_time=True)

    assert outcomes("random common cause", walks, CARELESS)[False] >= 9


def test_the_same_study_gets_the_same_checks():
    assert all(checked(series(seed)) == checked(series(seed)) for seed in list(SEEDS)[:2])
