"""Curved confounding: whether straight lines take away all that the adjustment set brings."""

from itertools import combinations

import numpy as np

from datasource.data import Floats
from datasource.effects.checks.joined import join
from datasource.effects.checks.refit import LINES, matters, rows_of
from datasource.effects.methods import Method
from datasource.effects.result import Answer, Check
from datasource.effects.standardise import standardised
from datasource.effects.study import Study

NAME = "curved confounding"
_LEVEL = 0.005
_LEVELS = 10
_HINGES = ((0.25, 0.5, 0.75, 0.95), (0.5,))
_ROWS_A_COLUMN = 20


def curved_confounding(study: Study, method: Method, answer: Answer) -> Check | None:
    """Whether bends of what is adjusted for, and products of two, move the effect (after Ramsey's RESET, 1969).

    Each column joins with hinges at its quartiles and its 95%, or with an indicator of each of up to ten values, which
    are codes more often than a scale; of more values that recur, the treatment's mean at each (Mundlak 1978). Only for
    methods that adjust by straight lines. Failed when the effect moves with p below 0.5%, and by half of its standard
    error.
    """
    if method.name not in LINES or not study.adjustment.names:
        return None
    rows = rows_of(study, method)
    bends = np.column_stack([curves(rows.adjustment.values), _at_levels(rows)])
    if not bends.shape[1]:
        return Check(NAME, True, "what is adjusted for has two values each: there is nothing that could bend")
    found = join(rows, method, bends)
    if found.moved.p_value >= _LEVEL or not matters(found.moved, answer):
        return Check(NAME, True, f"bends of what is adjusted for do not move the effect (p {found.moved.p_value:.2g})")
    return Check(
        NAME,
        False,
        f"the effect moves from {found.before:.3g} to {found.after:.3g} when bends of what is adjusted for join: "
        "straight lines leave confounding; use backdoor.double_machine_learning, which follows curves",
    )


def _at_levels(study: Study) -> Floats:
    """The treatment's mean at each value of every column that has more than ten, and many rows at each: (n, m)."""
    found = []
    for column in study.adjustment.values.T:
        which, counts = np.unique(column, return_inverse=True, return_counts=True)[1:]
        if _LEVELS < len(counts) <= study.n / _ROWS_A_COLUMN:
            found.append((np.bincount(which, study.treatment.mean(axis=1)) / counts)[which])
    return np.column_stack(found) if found else np.empty((study.n, 0))


def curves(columns: Floats) -> Floats:
    """Hinges, indicators and products (n, m) of columns (n, k): fewer of them where rows are few."""
    n, k = columns.shape
    standard = standardised(columns)
    values = [np.unique(column) for column in columns.T]
    products = [standard[:, a] * standard[:, b] for a, b in combinations(range(k), 2)]
    for knots in _HINGES:
        found = []
        for column, levels in zip(standard.T, values, strict=True):
            found += _bends(column, levels, knots)
        if len(found) + len(products) <= n / _ROWS_A_COLUMN:
            found += products
        if len(found) <= n / _ROWS_A_COLUMN:
            break
    return np.column_stack(found) if found else np.empty((n, 0))


def _bends(column: Floats, values: Floats, knots: tuple[float, ...]) -> list[Floats]:
    """Of a standardised column (n) whose unscaled values are `values`."""
    if len(values) <= _LEVELS:
        return [(column == level).astype(np.float64) for level in np.unique(column)[1:-1]]
    return [np.maximum(column - cut, 0) for cut in np.unique(np.quantile(column, knots))]
