"""What many mechanisms predict over one short window, at once."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasource.anomaly.constants import BINS
from datasource.anomaly.mechanism import EXTRAPOLATION, FEW_FAILURES, Mechanism, Prediction, bins_of, design_matrix
from datasource.data import Floats, Matrix
from datasource.data.roles import Roles, Scale

_STEADY = np.ones(BINS)


def predict_all(mechanisms: Sequence[Mechanism], matrix: Matrix, roles: Roles) -> list[Prediction]:
    """What each of the mechanisms predicts at every time of a matrix with few columns, in their order.

    The same as `Mechanism.predict` of each, most of whose time goes into calls to numpy when there are few columns:
    mechanisms with the same columns in their design are computed together. Raises KeyError when a variable is not in
    the matrix.
    """
    rows = matrix.rows(one.variable for one in mechanisms)
    if (rows < 0).any():
        raise KeyError(mechanisms[int(np.argmin(rows))].variable)
    levels = _levels(matrix, roles)
    alike: dict[tuple[bool, bool, tuple[float, ...], int], list[int]] = {}
    for number, one in enumerate(mechanisms):
        alike.setdefault((one.seasonal, one.weekly, one.steps, len(one.parents)), []).append(number)
    predictions: dict[int, Prediction] = {}
    for numbers in alike.values():
        group = [mechanisms[number] for number in numbers]
        predictions.update(zip(numbers, _predict(group, rows[numbers], levels, matrix, roles), strict=True))
    return [predictions[number] for number in range(len(mechanisms))]


class _Levels(NamedTuple):
    """By row of a matrix and time: what mechanisms see, with one more row that is NaN; the load that counts requests,
    NaN where there is none; and how values follow from levels (`Roles.scale`)."""

    seen: Floats
    load: Floats
    scale: Scale


def _levels(matrix: Matrix, roles: Roles) -> _Levels:
    unknown = np.full((1, matrix.values.shape[1]), np.nan)
    loads = matrix.rows(roles.counted_by(variable) for variable in matrix.variables)
    load = np.vstack([matrix.values, unknown])[loads]
    load = np.where(load > 0, load, np.nan)
    succeeds = np.array([roles.counts_successes(variable) for variable in matrix.variables], dtype=np.bool_)[:, None]
    share = np.array([roles.share(variable) for variable in matrix.variables], dtype=np.float64)[:, None]
    whole = np.where(np.isnan(share), np.where((loads[:, None] >= 0) | succeeds, load, 1.0), share)
    scale = Scale(np.where(succeeds, whole, 0.0), np.where(succeeds, -whole, whole))
    return _Levels(np.vstack([(matrix.values - scale.offset) / scale.unit, unknown]), load, scale)


def _predict(
    group: Sequence[Mechanism], rows: NDArray[np.int64], levels: _Levels, matrix: Matrix, roles: Roles
) -> Iterable[Prediction]:
    """Of mechanisms whose designs have the same season, steps and number of parents, of the variables in these rows.

    Arrays are mechanisms x times (x columns of the design).
    """
    first, size = group[0], len(group)
    numbers = [(one.drift, one.below, one.above, one.typical_load) for one in group]
    drift, below, above, typical = np.array(numbers).T[:, :, None]
    coefficients = np.concatenate([one.coefficients for one in group]).reshape(size, -1, 1)
    covariance = np.concatenate([one.covariance for one in group]).reshape(size, coefficients.shape[1], -1)
    alone, _ = design_matrix(matrix, roles, (), first.seasonal, first.weekly, first.steps)
    parents, unsure = _parents(group, levels.seen, matrix)
    design = np.concatenate([np.broadcast_to(alone, (size, *alone.shape)), parents], axis=2)
    expected = (design @ coefficients)[:, :, 0] + drift
    load = levels.load[rows]
    chance = np.fmax(1.0, typical / load)
    spread = np.sqrt(chance + np.einsum("mti,mti->mt", design @ covariance, design))
    recurring = np.concatenate([_STEADY if one.recurring is None else one.recurring for one in group])
    spread *= recurring.reshape(size, BINS)[:, bins_of(matrix.times)]
    unsure = (unsure @ np.abs(coefficients[:, alone.shape[1] :]))[:, :, 0]
    below, above = below * spread + unsure, above * spread + unsure
    signals = [one.variable.signal for one in group]
    failing = np.array([[roles.role(one.variable) == "failure"] for one in group])
    window = np.array([[roles.signals[name].window] for name in signals])
    above = np.where(failing, np.fmax(above, FEW_FAILURES / (load * window)), above)
    only_up = np.array([[roles.only_up_hurts(one.variable)] for one in group])
    scale = Scale(*(np.asarray(one)[rows] for one in levels.scale))
    return map(
        Prediction, *Prediction.of(matrix.values[rows], scale, (levels.seen[rows], expected), (below, above), only_up)
    )


def _parents(group: Sequence[Mechanism], seen: Floats, matrix: Matrix) -> tuple[Floats, Floats]:
    """Mechanisms x times x parents: their values in the design, and how unsure what one explains is, per unit."""
    shape = len(group), len(group[0].parents), 1
    every = [parent for one in group for parent in one.parents]
    rows = matrix.rows(parent.variable for parent in every).reshape(shape)
    numbers = np.array([parent[1:] for parent in every], dtype=np.float64).reshape(-1, 4)
    lag, median, low, high = numbers.T.reshape(4, *shape)
    columns = np.arange(matrix.values.shape[1]) - lag.astype(np.int64)
    values = seen[np.where(columns < 0, -1, rows), np.maximum(columns, 0)]
    missing = np.isnan(values)
    values = np.where(missing, median, values)
    outside = np.abs(values - np.clip(values, low, high))
    unsure = np.where(missing, np.maximum(high - median, median - low), EXTRAPOLATION * outside)
    return values.transpose(0, 2, 1), unsure.transpose(0, 2, 1)
