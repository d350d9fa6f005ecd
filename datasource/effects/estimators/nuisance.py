"""Models of what is not asked for: the outcome, and the treatment, given what is adjusted for."""

from itertools import combinations
from typing import Any, Protocol

import numpy as np
from scipy.interpolate import BSpline

from datasource.data import Floats
from datasource.effects.estimators.folds import splits
from datasource.effects.study import Ints, Mask, Study, StudyError
from datasource.numerics import least_squares

PENALTY = 1.0
"""The ridge penalty on standardised columns: weighs as much as one row."""


class Model(Protocol):
    """A regression as scikit-learn has it."""

    def fit(self, columns: Floats, target: Floats) -> Any: ...

    def predict(self, columns: Floats) -> Floats: ...


class Ridge:
    """Ridge regression on standardised columns, in closed form; never fails on constant or collinear columns.

    Equal to scikit-learn's `make_pipeline(StandardScaler(), Ridge(alpha=1.0))`.
    """

    def fit(self, columns: Floats, target: Floats) -> "Ridge":
        """Fit `target` (n) on `columns` (n, k)."""
        self._centre, self._scale = columns.mean(axis=0), columns.std(axis=0)
        flat = self._scale <= 1e-13 * np.abs(columns).max(axis=0, initial=0)
        self._scale[flat] = np.inf
        self._mean = float(target.mean())
        standard = (columns - self._centre) / self._scale
        gram = standard.T @ standard + PENALTY * np.eye(columns.shape[1])
        self._coefficients = np.linalg.solve(gram, standard.T @ (target - self._mean))
        return self

    def predict(self, columns: Floats) -> Floats:
        """The expected target (m) of `columns` (m, k)."""
        expected: Floats = self._mean + (columns - self._centre) / self._scale @ self._coefficients
        return expected


class CurvedRidge:
    """A ridge regression, and as much of splines of what it leaves as predicts rows further away.

    Lines go on beyond the data, and bends are followed. Three blocks of rows, each predicted from the others, tell how
    much of the bends to believe, and none of them unless errors are smaller in size in all three: neighbours of an
    autocorrelated series teach them noise.
    """

    def fit(self, columns: Floats, target: Floats) -> "CurvedRidge":
        """Fit `target` (n) on `columns` (n, k)."""
        self._line = self._plain(columns, target)
        rest = target - self._line.predict(columns)
        unit = float(rest.std()) or 1.0
        rest = rest / unit
        elsewhere = np.zeros(len(rest))
        blocks = splits(np.arange(len(rest)) * 3 // len(rest))
        for train, test in blocks:
            if len(train):
                elsewhere[test] = self._bent(columns[train], rest[train]).predict(columns[test])
        share = float(np.clip(elsewhere @ rest / (float(elsewhere @ elsewhere) or 1.0), 0, 1))
        left = rest - share * elsewhere
        helps = share > 0 and all(np.abs(left[test]).sum() < np.abs(rest[test]).sum() for _, test in blocks)
        self._bends = self._bent(columns, rest) if helps else None
        self._share = share * unit
        return self

    def predict(self, columns: Floats) -> Floats:
        """The expected target (m) of `columns` (m, k)."""
        expected = self._line.predict(columns)
        if self._bends is not None:
            expected = expected + self._share * self._bends.predict(columns)
        return expected

    def _plain(self, columns: Floats, target: Floats) -> Model:
        return Ridge().fit(columns, target)

    def _bent(self, columns: Floats, target: Floats) -> Model:
        return Splines().fit(columns, target)


class BoostedRidge(CurvedRidge):
    """A curved ridge regression, and as much gradient boosting of what that leaves, by the same rule."""

    def _plain(self, columns: Floats, target: Floats) -> Model:
        return CurvedRidge().fit(columns, target)

    def _bent(self, columns: Floats, target: Floats) -> Model:
        from sklearn.ensemble import HistGradientBoostingRegressor

        model: Model = HistGradientBoostingRegressor(
            max_iter=50, max_leaf_nodes=8, min_samples_leaf=20, early_stopping=False, random_state=0
        ).fit(columns, target)
        return model


class Splines:
    """Ridge regression on cubic B-splines of each column (de Boor 1978), and on products of two.

    Knots are quantiles of the rows that are fitted. There are no products where they would leave fewer than 10 rows a
    coefficient.
    """

    def fit(self, columns: Floats, target: Floats) -> "Splines":
        """Fit `target` (n) on `columns` (n, k)."""
        spread = columns.std(axis=0)
        self._centre = columns.mean(axis=0)
        self._scale = np.where(spread > 1e-13 * np.abs(columns).max(axis=0, initial=0), spread, np.inf)
        standard = (columns - self._centre) / self._scale
        self._knots = [np.unique(np.quantile(column, _KNOTS)) for column in standard.T]
        bends, k = sum(len(knots) for knots in self._knots), columns.shape[1]
        self._pairs = list(combinations(range(k), 2)) if bends + k * (k - 1) / 2 <= len(columns) / 10 else []
        self._ridge = Ridge().fit(self._basis(standard), target)
        return self

    def predict(self, columns: Floats) -> Floats:
        """The expected target (m) of `columns` (m, k)."""
        return self._ridge.predict(self._basis((columns - self._centre) / self._scale))

    def _basis(self, standard: Floats) -> Floats:
        bends = [b_splines(column, knots) for column, knots in zip(standard.T, self._knots, strict=True)]
        return np.column_stack([standard, *bends, *(standard[:, a] * standard[:, b] for a, b in self._pairs)])


_KNOTS = (0, 0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975, 1)


def b_splines(column: Floats, knots: Floats) -> Floats:
    """The cubic B-splines (n, knots + 2) of a column (n) between increasing knots; none for fewer than three knots.

    Beyond the knots they go on straight, with the slope that they have there.
    """
    if len(knots) < 3:
        return np.empty((len(column), 0))
    whole = np.concatenate([np.repeat(knots[0], 3), knots, np.repeat(knots[-1], 3)])
    within = np.clip(column, knots[0], knots[-1])
    found: Floats = BSpline.design_matrix(within, whole, 3).toarray()
    beyond = np.flatnonzero(within != column)
    if beyond.size:
        slopes = BSpline(whole, np.eye(len(knots) + 2), 3).derivative()(within[beyond])
        found[beyond] += (column - within)[beyond, None] * slopes
    return found


def cross_fit(
    model: type[Ridge] | type[CurvedRidge], columns: Floats, target: Floats, folds: Ints, among: Mask | None = None
) -> Floats:
    """Predictions (n) of each fold by a model fitted on the others, on their rows `among` (n) where given."""
    predicted = np.full(len(target), float(target.mean() if among is None else target[among].mean()))
    if not columns.shape[1]:
        columns = np.zeros((len(target), 1))
    for train, test in splits(folds):
        rows = train if among is None else train[among[train]]
        if len(rows):
            predicted[test] = model().fit(columns[rows], target[rows]).predict(columns[test])
    return predicted


def within_units(study: Study) -> tuple[Floats, Floats, Floats]:
    """Outcome (n), treatment (n) and adjustment set (n, k), less the mean of their unit where there are units."""
    adjustment = study.adjustment.values if study.adjustment.names else np.empty((study.n, 0))
    joint = np.column_stack([study.outcome, study.treated, adjustment])
    if study.units is not None:
        for unit in np.unique(study.units):
            rows = study.units == unit
            joint[rows] -= joint[rows].mean(axis=0)
    return joint[:, 0], joint[:, 1], joint[:, 2:]


def check_own_movement(study: Study) -> None:
    """Raises StudyError where the treatment is a combination of what is adjusted for, or rows are too few to tell."""
    columns = np.column_stack([study.adjusted, study.treated])
    fit = least_squares(study.outcome, columns, groups=study.units)
    if not fit.rank:
        raise StudyError(f"{study.n:,} rows do not carry {study.coefficients} coefficients; give more rows")
    if np.isnan(fit.coefficients[-1]):
        raise StudyError(
            f"{study.treatment_name} does not move on its own: it is constant, or moves only with what is adjusted for"
        )
