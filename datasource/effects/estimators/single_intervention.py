"""One treated series, what it would have been, and how far errors that hang together reach."""

import numpy as np

from datasource.data import Floats
from datasource.effects.estimators.autoregressive_error import AutoregressiveError
from datasource.effects.inference import from_error, from_errors, reach
from datasource.effects.result import Comparison, Estimate
from datasource.effects.study import Ints, Mask


def single_comparison(
    times: Ints,
    treated: Floats,
    control: Floats,
    counterfactual: Floats,
    post: Mask,
    process: AutoregressiveError,
    fit: tuple[Floats, Floats] | None = None,
) -> Comparison:
    """Pointwise, average and cumulative effects of one series (m) against its counterfactual (m).

    `fit` is the design (m, k) and the inner matrix (k, k) of the linear fit before the start that the counterfactual
    comes from, so that the error of a gap is its own and that of the fit; None counts the fit as exact. Intervals
    are NaN where the errors have no variance.
    """
    design, inner = fit or (np.zeros((len(times), 1)), np.eye(1))
    gaps = treated - counterfactual
    errors = process.prediction_errors(design, inner, ~post, times)
    errors[~post] = np.sqrt(process.variance)
    if not process.variance > 0:
        errors[:] = np.nan
    widths = errors * reach(process.freedom)
    every = from_errors(gaps, errors, process.freedom)
    every[int(np.flatnonzero(~post)[-1])] = Estimate(0.0, 0.0, 0.0)
    events = tuple(zip((times - times[post][0]).tolist(), every, strict=True))
    weights = post / post.sum()
    weights[~post] = -design[~post] @ (inner @ design[post].mean(axis=0))
    error = float(process.errors(weights, times)[0]) if process.variance > 0 else np.nan
    average = from_error(float(gaps[post].mean()), error, process.freedom)
    return Comparison(
        times, treated, control, counterfactual, counterfactual - widths, counterfactual + widths, int(times[post][0]),
        average, times_over(average, float(post.sum())), events,
    )  # fmt: skip


def times_over(average: Estimate, length: float) -> Estimate:
    """The sum of `length` effects of this average."""
    return Estimate(average.value * length, average.lower * length, average.upper * length, average.p_value)
