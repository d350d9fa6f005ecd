"""The matrix: variables x times on one regular grid."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasource.data.variable import Variable

Floats = NDArray[np.float64]
_SOME = 64
"""Variables that are looked at together."""


@dataclass(frozen=True)
class Matrix:
    """Values of variables on a regular grid.

    `values` is variables x times, float64, NaN where there is no sample. A time is the end of its
    interval, in seconds since 1970, a multiple of `step`.
    """

    variables: tuple[Variable, ...]
    start: int
    step: int
    values: Floats

    def __post_init__(self) -> None:
        if self.values.shape[0] != len(self.variables) or self.values.ndim != 2:
            raise ValueError(f"{len(self.variables)} variables do not fit values of shape {self.values.shape}")
        self.values.setflags(write=False)

    def __getstate__(self) -> dict[str, Any]:
        """Its fields alone: what is remembered beside them may grow while this is sent to a worker. The values in one
        piece, so that another process can take them as they are."""
        return {one.name: getattr(self, one.name) for one in fields(self)} | {
            "values": np.ascontiguousarray(self.values)
        }

    @cached_property
    def times(self) -> NDArray[np.int64]:
        """Seconds since 1970, one per column."""
        times: NDArray[np.int64] = self.start + self.step * np.arange(self.values.shape[1], dtype=np.int64)
        return times

    @cached_property
    def sampled(self) -> NDArray[np.bool_]:
        """By time, whether any variable has a sample. A few variables mostly tell that of all times."""
        found = np.zeros(self.values.shape[1], dtype=np.bool_)
        for first in range(0, len(self.variables), _SOME):
            left = np.flatnonzero(~found)
            if not left.size:
                break
            found[left] = np.isfinite(self.values[first : first + _SOME, left]).any(axis=0)
        return found

    @property
    def end(self) -> int:
        """The last time; one step before `start` when there are no columns."""
        return self.start + self.step * (int(self.values.shape[1]) - 1)

    @cached_property
    def _rows(self) -> dict[Variable, int]:
        return {variable: row for row, variable in enumerate(self.variables)}

    def __contains__(self, variable: Variable) -> bool:
        return variable in self._rows

    def row(self, variable: Variable) -> Floats:
        """The values of one variable, by time. Raises KeyError for one that is not there."""
        row: Floats = self.values[self._rows[variable]]
        return row

    def rows(self, variables: Iterable[Variable | None]) -> NDArray[np.int64]:
        """The place of each variable in `values`; -1 for one that is not there."""
        return np.array([self._rows.get(variable, -1) for variable in variables], dtype=np.int64)  # type: ignore[arg-type]

    def select(self, variables: Sequence[Variable]) -> "Matrix":
        """The same times, only these variables, in this order."""
        return Matrix(tuple(variables), self.start, self.step, self.values[[self._rows[v] for v in variables]])

    def between(self, start: float, end: float) -> "Matrix":
        """The columns whose times lie in [start, end]; maybe none."""
        first = max(0, int(np.ceil((start - self.start) / self.step)))
        last = max(first, int((end - self.start) // self.step) + 1)
        return Matrix(self.variables, self.start + first * self.step, self.step, self.values[:, first:last])


def empty_matrix(start: int, step: int, columns: int = 0) -> Matrix:
    """A matrix that knows no variable."""
    return Matrix((), start, step, np.empty((0, columns)))
