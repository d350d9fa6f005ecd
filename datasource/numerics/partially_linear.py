"""Double machine learning over many windows of the same rows at once, its nuisances ridge regressions."""

import numpy as np
from scipy import stats

from datasource.numerics.grid import Floats, Ints, on_grid
from datasource.numerics.hac import long_run_errors, long_run_terms

_CONSTANT = 1e-10


def dml_windows(
    outcome: Floats,
    treatment: Floats,
    controls: Floats,
    windows: Ints,
    folds: int = 5,
    penalty: float = 1.0,
    window: int = 1,
) -> Floats:
    """The partially linear model (Robinson 1988, Chernozhukov et al. 2018) over each of `windows` (m, 2).

    A window is (first, last): the complete rows among first ... last - 1 of `outcome` (n), `treatment` (n) and
    `controls` (n, k), NaN where missing. They are cut into `folds` blocks of time, block f ending before row
    ceil(f rows / folds); outcome and treatment lose what ridge regressions on the other blocks expect of them, and
    what remains is regressed on what remains. Equal to 1e-8 to EconML's LinearDML with these splits and scikit-learn's
    `make_pipeline(StandardScaler(), Ridge(alpha=penalty))`; the penalty keeps it safe on collinear columns.

    Gives value, 95% interval and p-value (m, 4), the interval by equal-weighted cosines (Lazarus, Lewis, Stock and
    Watson 2018) since EconML's is for independent rows. NaN where there are fewer than 4 rows a fold, or the
    treatment does not move beside the controls.
    """
    joint = np.column_stack([controls, treatment, outcome])
    places = np.flatnonzero(np.isfinite(joint).all(axis=1))
    table = np.full((len(windows), 4), np.nan)
    bounds = np.searchsorted(places, windows)
    used = np.flatnonzero(bounds[:, 1] - bounds[:, 0] >= 4 * folds)
    if not len(used):
        return table
    rows = joint[places]
    largest = np.abs(rows).max(axis=0)
    largest[~(largest > 0)] = 1.0
    centre = (rows / largest).mean(axis=0) * largest
    scale = (rows / largest - centre / largest).std(axis=0)
    constant = scale <= _CONSTANT
    scale = np.where(constant, 1.0, scale) * largest
    z = np.column_stack([np.ones(len(rows)), np.where(constant, 0.0, (rows - centre) / scale)])
    first, last = bounds[used, 0], bounds[used, 1]
    cuts = first[:, None] - (-np.arange(folds + 1) * (last - first)[:, None] // folds)
    error_of, slopes = _residuals(_products(z, cuts), penalty)
    steps = np.diff(cuts, axis=1)
    unit = scale[-1] / scale[-2]
    for place, slope in zip(used.tolist(), range(len(used)), strict=True):
        if not np.isfinite(slopes[slope]):
            continue
        own, rest = np.empty(int(steps[slope].sum())), np.empty(int(steps[slope].sum()))
        begin = int(first[slope])
        for fold in range(folds):
            a, b = int(cuts[slope, fold]), int(cuts[slope, fold + 1])
            own[a - begin : b - begin], rest[a - begin : b - begin] = (z[a:b] @ error_of[slope, fold]).T
        scores = own * (rest - slopes[slope] * own) / (own @ own)
        there = places[begin : int(last[slope])]
        placed = on_grid(scores, there)
        terms = long_run_terms(len(placed), window)
        error, value = float(long_run_errors(placed[None], window)[0]) * unit, float(slopes[slope]) * unit
        table[place] = value, error, terms, 0
    with np.errstate(divide="ignore", invalid="ignore"):
        value, error, terms_of = table[:, 0].copy(), table[:, 1].copy(), table[:, 2].copy()
        reach = stats.t.ppf(0.975, terms_of) * error
        table[:, 1:] = np.column_stack([value - reach, value + reach, 2 * stats.t.sf(np.abs(value) / error, terms_of)])
    return table


def _products(z: Floats, cuts: Ints) -> Floats:
    """Sums of z z' by window and fold (m, folds, d, d), each piece of rows between two cuts taken once."""
    edges = np.unique(cuts)
    pieces = np.array([z[a:b].T @ z[a:b] for a, b in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)])
    begin, end = cuts[:, :-1], cuts[:, 1:]
    inside = (edges[:-1] >= begin[..., None]) & (edges[1:] <= end[..., None])
    d = z.shape[1]
    sums: Floats = (inside.astype(np.float64) @ pieces.reshape(len(pieces), -1)).reshape(*begin.shape, d, d)
    return sums


def _residuals(products: Floats, penalty: float) -> tuple[Floats, Floats]:
    """Combinations of z that are the residuals of treatment and outcome (m, folds, d, 2), and the slopes (m)."""
    m, folds, d, _ = products.shape
    train = np.stack([np.delete(products, fold, axis=1).sum(axis=1) for fold in range(folds)], axis=1)
    n = train[..., 0, 0]
    mean = train[..., 0, 1:] / n[..., None]
    centred = train[..., 1:, 1:] - n[..., None, None] * mean[..., :, None] * mean[..., None, :]
    k = d - 3
    variance = np.diagonal(centred, axis1=2, axis2=3)[..., :k] / n[..., None]
    flat = variance <= _CONSTANT * (1 + mean[..., :k] ** 2)
    unit = np.where(flat, 0.0, 1 / np.sqrt(np.where(flat, 1.0, variance)))
    gram = centred[..., :k, :k] * unit[..., :, None] * unit[..., None, :] + penalty * np.eye(k)
    sides = centred[..., :k, k:] * unit[..., None]
    coefficients = np.linalg.solve(gram, sides) * unit[..., None]
    error_of = np.zeros((m, folds, d, 2))
    error_of[..., 1 : k + 1, :] = -coefficients
    error_of[..., [k + 1, k + 2], [0, 1]] = 1
    error_of[..., 0, :] = -(mean[..., k:] - np.einsum("mfk,mfkj->mfj", mean[..., :k], coefficients))
    moments = np.einsum("mfaj,mfab,mfbi->mji", error_of, products, error_of)
    moving = moments[:, 0, 0] > _CONSTANT * products[..., 0, 0].sum(axis=1)
    slopes = np.where(moving, moments[:, 0, 1] / np.where(moving, moments[:, 0, 0], 1.0), np.nan)
    return error_of, slopes
