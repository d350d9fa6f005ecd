"""Regressions from sums of blocks are those on the rows of all blocks together."""

import numpy as np
import pytest

from datasource.data import Floats
from datasource.numerics import cosine_sums, glsar
from datasource.numerics.moment_sums import (
    MomentError,
    MomentSums,
    autoregression,
    coefficient_difference,
    correlations,
    cosines_of,
    moment_sums,
    noise_difference,
    regress,
)

SIZES = (400, 250, 333)


def series(n: int, rng: np.random.Generator, memory: float = 0.7) -> Floats:
    found, noise = np.zeros(n), rng.normal(size=n)
    for t in range(1, n):
        found[t] = memory * found[t - 1] + noise[t]
    return found


def site(n: int, seed: int, slope: float = 2.0, level: float = 1e6, noise: float = 1.0) -> Floats:
    """Outcome, treatment, confounder by time: large levels, autocorrelated errors."""
    rng = np.random.default_rng(seed)
    z = series(n, rng)
    x = z + series(n, rng)
    y = slope * x + 3 * z + noise * series(n, rng)
    return np.column_stack([level + y, 40 + x, 1000 * (level + z)])


SITES = [site(n, seed, level=10.0**seed) for seed, n in enumerate(SIZES, 4)]


def sums(sites: list[Floats], rho: Floats | tuple[()] = ()) -> list[MomentSums]:
    return [moment_sums(one, np.arange(len(one)), rho) for one in sites]


def stacked(sites: list[Floats]) -> tuple[Floats, Floats, Floats]:
    groups = np.repeat(np.arange(len(sites)), [len(one) for one in sites])
    rows = np.vstack([one - one.mean(axis=0) for one in sites])
    return rows[:, 0], rows[:, 1:] / np.array([1.0, 1000.0]), groups


def test_the_slopes_of_sums_are_those_of_all_rows_with_own_levels() -> None:
    y, X, _ = stacked(SITES)
    found = regress(sums(SITES), 0, [1, 2])
    expected = np.linalg.lstsq(X, y, rcond=None)[0]
    assert found.slopes * [1, 1000] == pytest.approx(expected, rel=1e-10)
    assert found.rows == sum(SIZES)


def test_errors_from_sums_are_those_of_the_rows_of_each_block() -> None:
    sites = [one[:300] for one in SITES if len(one) >= 300]
    y, X, groups = stacked(sites)
    left = y - X @ np.linalg.lstsq(X, y, rcond=None)[0]
    inverse, waves = np.linalg.inv(X.T @ X), []
    for group in np.unique(groups):
        inside = groups == group
        scores = (X[inside] * left[inside, None]).T
        waves.append(cosine_sums(scores, cosines_of(scores.shape[1])))
    covariance = sum(2 * one @ one.T / one.shape[1] for one in waves)
    expected = np.sqrt((inverse @ covariance @ inverse)[0, 0] * len(y) / (len(y) - X.shape[1] - len(sites)))
    found = regress(sums(sites), 0, [1, 2])
    assert np.sqrt(found.variance_of(np.array([1.0, 0.0]))) == pytest.approx(expected, rel=1e-9)


def test_a_shared_level_is_that_of_all_rows() -> None:
    sites = [site(n, seed, level=50.0) for seed, n in enumerate(SIZES)]
    rows = np.vstack(sites)
    expected = np.linalg.lstsq(np.column_stack([np.ones(len(rows)), rows[:, 1:]]), rows[:, 0], rcond=None)[0]
    found = regress(sums(sites), 0, [1, 2], own_levels=False)
    assert [found.level, *found.slopes] == pytest.approx(expected, rel=1e-8)


def test_whitening_in_two_rounds_is_generalised_least_squares_on_all_rows() -> None:
    y, X, groups = stacked(SITES)
    positions = np.concatenate([np.arange(len(one)) + 10_000 * place for place, one in enumerate(SITES)])
    expected = glsar(y, X, 5, 2, positions, groups=groups)
    rho = autoregression(sums(SITES, np.zeros(5)), 0, [1, 2])
    assert rho == pytest.approx(expected.rho, rel=1e-9)
    found = regress(sums(SITES, rho), 0, [1, 2])
    assert found.slopes * [1, 1000] == pytest.approx(expected.coefficients[1:], rel=1e-9)


def test_rows_that_are_missing_are_no_neighbours() -> None:
    one = SITES[0]
    kept = np.delete(np.arange(len(one)), [50, 51, 200])
    rho = np.array([0.5, 0.1])
    found = regress([moment_sums(one[kept], kept, rho)], 0, [1, 2])
    whole = regress([moment_sums(one, np.arange(len(one)), rho)], 0, [1, 2])
    assert found.rows == len(kept) - 2 - 2 * 2
    assert found.slopes == pytest.approx(whole.slopes, rel=0.05)


def test_correlations_are_those_within_blocks() -> None:
    rows = np.vstack([one - one.mean(axis=0) for one in SITES])
    assert correlations(sums(SITES)) == pytest.approx(np.corrcoef(rows.T), abs=1e-10)


def test_columns_that_are_alike_are_refused() -> None:
    twice = SITES[0][:, [0, 1, 1]]
    with pytest.raises(MomentError, match="cannot be told apart"):
        regress(sums([twice]), 0, [1, 2])
    with pytest.raises(MomentError, match="20 complete rows"):
        moment_sums(np.zeros((20, 9)), np.arange(20))


def rejected(memory: float, slope: float = 2.0, noise: float = 1.0, runs: int = 200) -> tuple[float, float]:
    """How often two blocks of 600 rows are told apart at 5%: by their slopes, by their noise."""
    slopes, noises = [], []
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        blocks = []
        for b, width in ((2.0, 1.0), (slope, noise)):
            x = series(600, rng, memory)
            blocks.append(np.column_stack([b * x + width * series(600, rng, memory), x]))
        rho = autoregression(sums(blocks), 0, [1])
        one, other = (regress([block], 0, [1], like=sums(blocks, rho)) for block in sums(blocks, rho))
        slopes.append(coefficient_difference(one, other, 0.05).p_value < 0.05)
        noises.append(noise_difference(one, other, 0.05).p_value < 0.05)
    return float(np.mean(slopes)), float(np.mean(noises))


@pytest.mark.parametrize("memory", [0.0, 0.9])
def test_equal_blocks_are_told_apart_no_more_often_than_asked(memory: float) -> None:
    slopes, noises = rejected(memory)
    assert slopes <= 0.085  # 5% and two standard errors of 200 runs
    assert noises <= 0.085


def test_other_slopes_and_other_noise_are_told() -> None:
    assert rejected(0.9, slope=2.4, runs=40)[0] > 0.9
    assert rejected(0.9, noise=1.4, runs=40)[1] > 0.9
