"""What many mechanisms predict over one short window, at once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasource.anomaly.constants import BINS
from datasource.anomaly.mechanism import EXTRAPOLATION, FEW_FAILURES, Mechanism, Prediction, bins_of, design_matrix
from datasource.data import Floats, Matrix, Variable
from datasource.data.roles import Roles, Scale
from datasource.settings import Signal

_STEADY = np.ones(BINS)


def predict_all(
    mechanisms: Sequence[Mechanism], matrix: Matrix, roles: Roles, packed: "Packed | None" = None
) -> list[Prediction]:
    """What each of the mechanisms predicts at every time of a matrix with few columns, in their order.

    The same as `Mechanism.predict` of each, most of whose time goes into calls to numpy when there are few columns:
    mechanisms with the same columns in their design are computed together. `packed` has the same mechanisms, maybe at
    other levels, for the matrix' variables. Raises KeyError when a variable is not in the matrix.
    """
    packed = packed or Packed.of(mechanisms, matrix, roles)
    levels = packed.levels.of(matrix)
    drift = np.array([one.drift for one in mechanisms], dtype=np.float64)[:, None]
    predictions: list[Prediction] = [None] * len(mechanisms)  # type: ignore[list-item]
    for group in packed.groups:
        for number, found in zip(
            group.numbers, _predict(group, drift[group.numbers], levels, matrix, roles), strict=True
        ):
            predictions[number] = found
    return predictions


class _Levels(NamedTuple):
    """By row of a matrix and time: what mechanisms see, with one more row that is NaN; the load that counts requests,
    NaN where there is none; and how values follow from levels (`Roles.scale`)."""

    seen: Floats
    load: Floats
    scale: Scale


class _Seen(NamedTuple):
    """By row of a matrix: the row of the load that counts its requests (-1 for none), whether it counts successes, and
    what stands for the whole of a share (NaN for what is none)."""

    loads: NDArray[np.int64]
    succeeds: NDArray[np.bool_]
    share: Floats

    @classmethod
    def by(cls, matrix: Matrix, roles: Roles) -> "_Seen":
        loads = matrix.rows(roles.counted_by(variable) for variable in matrix.variables)
        succeeds = np.array([roles.counts_successes(variable) for variable in matrix.variables], dtype=np.bool_)
        share = np.array([roles.share(variable) for variable in matrix.variables], dtype=np.float64)
        return cls(loads, succeeds[:, None], share[:, None])

    def of(self, matrix: Matrix) -> _Levels:
        unknown = np.full((1, matrix.values.shape[1]), np.nan)
        load = np.vstack([matrix.values, unknown])[self.loads]
        load = np.where(load > 0, load, np.nan)
        counted = (self.loads[:, None] >= 0) | self.succeeds
        whole = np.where(np.isnan(self.share), np.where(counted, load, 1.0), self.share)
        scale = Scale(np.where(self.succeeds, whole, 0.0), np.where(self.succeeds, -whole, whole))
        return _Levels(np.vstack([(matrix.values - scale.offset) / scale.unit, unknown]), load, scale)


class _Parents(NamedTuple):
    """Mechanisms x parents x 1: the parents' rows, lags, and what the baseline says of them."""

    rows: NDArray[np.int64]
    lag: NDArray[np.int64]
    median: Floats
    low: Floats
    high: Floats


class _Alike(NamedTuple):
    """Mechanisms whose designs have the same season, steps and number of parents: their places (`numbers`), the `rows`
    of their variables, and what of them stays the same until the next fit. Arrays begin with mechanisms; of those with
    one number each the second axis is 1."""

    first: Mechanism
    numbers: NDArray[np.int64]
    rows: NDArray[np.int64]
    coefficients: Floats
    covariance: Floats
    below: Floats
    above: Floats
    typical: Floats
    recurring: Floats
    parents: _Parents
    few: Floats
    """So many failures within its window are never an anomaly; -inf for what counts none."""
    window: Floats
    only_up: NDArray[np.bool_]

    @classmethod
    def of(
        cls, mechanisms: Sequence[Mechanism], numbers: list[int], rows: NDArray[np.int64], matrix: Matrix, roles: Roles
    ) -> "_Alike":
        group = [mechanisms[number] for number in numbers]
        size, shape = len(group), (len(group), len(group[0].parents), 1)
        below, above, typical = np.array([(one.below, one.above, one.typical_load) for one in group]).T[:, :, None]
        coefficients = np.concatenate([one.coefficients for one in group]).reshape(size, -1, 1)
        covariance = np.concatenate([one.covariance for one in group]).reshape(size, coefficients.shape[1], -1)
        recurring = np.concatenate([_STEADY if one.recurring is None else one.recurring for one in group])
        every = [parent for one in group for parent in one.parents]
        said = np.array([parent[1:] for parent in every], dtype=np.float64).reshape(-1, 4)
        lag, median, low, high = said.T.reshape(4, *shape)
        parents = matrix.rows(parent.variable for parent in every).reshape(shape)
        variables = [one.variable for one in group]
        failing = np.array([[roles.role(variable) == "failure"] for variable in variables])
        return cls(
            group[0],
            np.array(numbers),
            rows[numbers],
            coefficients,
            covariance,
            below,
            above,
            typical,
            recurring.reshape(size, BINS),
            _Parents(parents, lag.astype(np.int64), median, low, high),
            np.where(failing, FEW_FAILURES, -np.inf),
            np.array([[roles.signals[variable.signal].window] for variable in variables]),
            np.array([[roles.only_up_hurts(variable)] for variable in variables]),
        )


@dataclass(frozen=True)
class Packed:
    """Mechanisms of the variables `predicted`, laid out for the `variables` of a matrix and what their `signals` are,
    to predict them together again and again."""

    predicted: tuple[Variable, ...]
    variables: tuple[Variable, ...]
    signals: Mapping[str, Signal]
    levels: _Seen
    groups: tuple[_Alike, ...]

    @classmethod
    def of(cls, mechanisms: Sequence[Mechanism], matrix: Matrix, roles: Roles) -> "Packed":
        """Raises KeyError when a variable is not in the matrix."""
        rows = matrix.rows(one.variable for one in mechanisms)
        if (rows < 0).any():
            raise KeyError(mechanisms[int(np.argmin(rows))].variable)
        alike: dict[tuple[bool, bool, tuple[float, ...], int], list[int]] = {}
        for number, one in enumerate(mechanisms):
            alike.setdefault((one.seasonal, one.weekly, one.steps, len(one.parents)), []).append(number)
        groups = (_Alike.of(mechanisms, numbers, rows, matrix, roles) for numbers in alike.values())
        predicted = tuple(one.variable for one in mechanisms)
        return cls(predicted, matrix.variables, roles.signals, _Seen.by(matrix, roles), tuple(groups))

    def suits(self, predicted: Sequence[Variable], matrix: Matrix, roles: Roles) -> bool:
        """Whether it is laid out for mechanisms of these variables in this matrix."""
        alike = self.predicted == tuple(predicted) and self.variables == matrix.variables
        return alike and self.signals is roles.signals


def _predict(group: _Alike, drift: Floats, levels: _Levels, matrix: Matrix, roles: Roles) -> Iterable[Prediction]:
    """Of mechanisms that are alike, at their levels (`drift`, mechanisms x 1). Arrays are mechanisms x times (x columns
    of the design)."""
    first, size = group.first, len(group.numbers)
    alone, _ = design_matrix(matrix, roles, (), first.seasonal, first.weekly, first.steps)
    parents, unsure = _parents(group.parents, levels.seen, matrix)
    design = np.concatenate([np.broadcast_to(alone, (size, *alone.shape)), parents], axis=2)
    expected = (design @ group.coefficients)[:, :, 0] + drift
    load = levels.load[group.rows]
    chance = np.fmax(1.0, group.typical / load)
    spread = np.sqrt(chance + np.einsum("mti,mti->mt", design @ group.covariance, design))
    spread *= group.recurring[:, bins_of(matrix.times)]
    unsure = (unsure @ np.abs(group.coefficients[:, alone.shape[1] :]))[:, :, 0]
    below, above = group.below * spread + unsure, group.above * spread + unsure
    above = np.fmax(above, group.few / (load * group.window))
    scale = Scale(*(np.asarray(one)[group.rows] for one in levels.scale))
    level = levels.seen[group.rows], expected
    return map(Prediction, *Prediction.of(matrix.values[group.rows], scale, level, (below, above), group.only_up))


def _parents(parents: _Parents, seen: Floats, matrix: Matrix) -> tuple[Floats, Floats]:
    """Mechanisms x times x parents: their values in the design, and how unsure what one explains is, per unit."""
    columns = np.arange(matrix.values.shape[1]) - parents.lag
    values = seen[np.where(columns < 0, -1, parents.rows), np.maximum(columns, 0)]
    missing = np.isnan(values)
    values = np.where(missing, parents.median, values)
    outside = np.abs(values - np.clip(values, parents.low, parents.high))
    range_ = np.maximum(parents.high - parents.median, parents.median - parents.low)
    unsure = np.where(missing, range_, EXTRAPOLATION * outside)
    return values.transpose(0, 2, 1), unsure.transpose(0, 2, 1)
