"""Thousands of regressions at once give what statsmodels gives one at a time."""

import warnings

import numpy as np
import pytest
import statsmodels.api as sm

from datasource.numerics import Triple, ols_hac

LAGS = 6


def shared_matrix(seed: int, variables: int = 12, n: int = 400):
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(variables, n))
    for t in range(1, n):
        matrix[:, t] += 0.6 * matrix[:, t - 1]
    matrix[1:] += 0.4 * matrix[:-1]
    return matrix, rng


def asked(rng, variables: int, count: int = 60):
    sizes = rng.integers(0, 5, count)
    picks = [rng.choice(variables, size + 2, replace=False).tolist() for size in sizes]
    return [Triple(x, y, tuple(rest)) for x, y, *rest in picks]


def by_statsmodels(matrix, triple):
    design = sm.add_constant(matrix[[*triple.adjustment_set, triple.treatment]].T, has_constant="add")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = sm.OLS(matrix[triple.outcome], design, missing="drop").fit(
            cov_type="HAC", cov_kwds={"maxlags": LAGS, "use_correction": True}, use_t=True
        )
    return fit.params[-1], fit.bse[-1], fit.pvalues[-1], int(fit.nobs)


def compare(matrix, triples, rtol=1e-8):
    ours = np.column_stack(ols_hac(matrix, triples, LAGS))
    theirs = np.array([by_statsmodels(matrix, triple) for triple in triples])
    np.testing.assert_allclose(ours, theirs, rtol=rtol)


def test_triples_of_every_size_equal_statsmodels():
    matrix, rng = shared_matrix(1)
    compare(matrix, asked(rng, len(matrix)))


def test_rows_that_miss_something_are_left_out_triple_by_triple():
    matrix, rng = shared_matrix(2)
    matrix[3, 50:90] = np.nan
    matrix[5, rng.random(matrix.shape[1]) < 0.1] = np.nan
    matrix[7, 40:] = np.nan
    compare(matrix, asked(rng, len(matrix)))


def test_units_and_offsets_change_nothing():
    matrix, rng = shared_matrix(3)
    triples = asked(rng, len(matrix))
    factor = 10.0 ** rng.integers(-12, 13, len(matrix))
    plain, scaled = ols_hac(matrix, triples, LAGS), ols_hac(matrix * factor[:, None] * (1 + 0), triples, LAGS)
    ratio = np.array([factor[t.outcome] / factor[t.treatment] for t in triples])
    np.testing.assert_allclose(scaled.slopes, plain.slopes * ratio, rtol=1e-8)
    np.testing.assert_allclose(scaled.errors, plain.errors * ratio, rtol=1e-8)


def test_nearly_collinear_columns_take_the_safe_path_and_still_equal_statsmodels():
    matrix, rng = shared_matrix(4)
    matrix[1] = matrix[0] + 1e-4 * rng.normal(size=matrix.shape[1])
    # A condition of 1e8 in the normal equations leaves seven digits, and the last one depends on the processor.
    compare(matrix, [Triple(1, 5, (0, 2)), Triple(0, 1, (3,)), Triple(2, 1, (0, 3))], rtol=1e-6)


def test_what_depends_on_others_is_left_out_of_the_adjustment_set():
    matrix, _ = shared_matrix(5)
    matrix[3] = 7.0
    matrix[4] = 2 * matrix[1] - matrix[2]
    plain = ols_hac(matrix, [Triple(0, 6, (1, 2))], LAGS)
    redundant = ols_hac(matrix, [Triple(0, 6, (1, 2, 3)), Triple(0, 6, (1, 2, 4)), Triple(0, 6, (1, 2, 1))], LAGS)
    np.testing.assert_allclose(redundant.slopes, plain.slopes[0], rtol=1e-8)
    np.testing.assert_allclose(redundant.errors, plain.errors[0], rtol=1e-8)


def test_a_treatment_that_does_not_move_on_its_own_has_no_slope():
    matrix, _ = shared_matrix(6)
    matrix[3] = 7.0
    matrix[4] = matrix[1] + matrix[2]
    matrix[5] = np.nan
    found = ols_hac(matrix, [Triple(3, 0), Triple(4, 0, (1, 2)), Triple(5, 0), Triple(0, 5)], LAGS)
    assert np.isnan(found.slopes).all()
    assert np.isnan(found.errors).all()
    assert np.isnan(found.p_values).all()


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_too_few_rows_give_nan_not_an_exception(n):
    matrix, _ = shared_matrix(7)
    assert np.isnan(ols_hac(matrix[:, :n], [Triple(0, 1, (2,))], LAGS).slopes).all()


def test_no_question_no_answer():
    matrix, _ = shared_matrix(8)
    assert len(ols_hac(matrix, [], LAGS).slopes) == 0
