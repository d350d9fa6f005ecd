"""A matrix that grows at its newest end."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasource.data.matrix import Floats, Matrix, empty_matrix
from datasource.data.variable import Entity, Variable

_SPARE_ROWS = 16
_SPARE_COLUMNS = 64
_SOME = 64
"""Rows that are laid together; few, for those of a whole baseline are copied on the way."""


class Block(NamedTuple):
    """What was read of one signal: `columns` values per entity, the first at `start` (seconds).

    It is all that is known of the signal in these columns: an entity that it does not name has no samples there.
    """

    signal: str
    start: int
    columns: int
    rows: Mapping[Entity, Floats]


class GrowingMatrix:
    """The newest `keep` columns, and room for more beside them, in one array.

    `matrix` is a view of the array, and what it shows never changes: new columns and new variables are written
    outside of it. Only when the room is used up, when samples that were shown turn out to be others, or when a
    variable is dropped, the kept columns are copied to a new array.
    """

    def __init__(self, step: int, keep: int) -> None:
        self.step = step
        self.keep = keep
        self.matrix = empty_matrix(0, step)
        self._array: Floats = np.empty((0, 0))
        self._origin = 0
        self._rows: dict[Variable, int] = {}
        self._signals: dict[str, list[Variable]] = {}
        self._shown = 0
        """How many rows of the array a published matrix shows."""

    def lay(self, blocks: list[Block], end: int) -> Matrix:
        """Lay `blocks` over the matrix and publish its columns up to `end` (seconds, a multiple of the step).

        `end` does not lie before the matrix' own. What a block has outside of the kept columns is left away; columns
        that no block has are NaN. A variable without a sample in the kept columns is dropped. `blocks` is emptied on
        the way, so that a large answer is not held twice.
        """
        start = end - (self.keep - 1) * self.step
        needed = len(self._rows) or sum(len(block.rows) for block in blocks)
        if needed > self._array.shape[0] or (end - self._origin) // self.step >= self._array.shape[1]:
            self._move(start, self._rows, needed)
        while blocks:
            self._lay(blocks.pop(0), start, end)
        dead = self._without_samples(start, end)
        if dead:
            self._move(start, [variable for variable in self._rows if variable not in dead])
        self._shown = len(self._rows)
        values = self._array[: self._shown, self._columns(start, end)]
        self.matrix = Matrix(tuple(self._rows), start, self.step, values)
        return self.matrix

    def _lay(self, block: Block, start: int, end: int) -> None:
        first, last = max(block.start, start), min(block.start + (block.columns - 1) * self.step, end)
        if first > last:
            return
        inside = slice((first - block.start) // self.step, (last - block.start) // self.step + 1)
        rows = {Variable(entity, block.signal): row[inside] for entity, row in block.rows.items()}
        nothing = np.full(inside.stop - inside.start, np.nan)
        variables = self._signals.get(block.signal, ())
        known = [rows.pop(variable, nothing) for variable in variables]
        for begin in range(0, len(known), _SOME):
            few = np.stack(known[begin : begin + _SOME])
            if self._changes(self._places(variables[begin : begin + _SOME]), first, few):
                self._move(start, self._rows)
            self._array[self._places(variables[begin : begin + _SOME]), self._columns(first, last)] = few
        for variable, row in rows.items():
            if np.isfinite(row).any():
                added = self._add(variable, start)
                self._array[added, self._columns(first, last)] = row

    def _places(self, variables: Sequence[Variable]) -> NDArray[np.int64]:
        return np.array([self._rows[variable] for variable in variables], dtype=np.int64)

    def _changes(self, places: NDArray[np.int64], first: int, rows: Floats) -> bool:
        """Whether laying rows from the time `first` on would change what was published."""
        shown = max(0, min(rows.shape[1], (self.matrix.end - first) // self.step + 1))
        there = places < self._shown
        if not shown or not there.any():
            return False
        before = self._array[places[there], self._columns(first, first + (shown - 1) * self.step)]
        return not np.array_equal(before, rows[there, :shown], equal_nan=True)

    def _add(self, variable: Variable, start: int) -> int:
        row = len(self._rows)
        if row == self._array.shape[0]:
            self._move(start, self._rows, row + 1)
        self._array[row] = np.nan
        self._rows[variable] = row
        self._signals.setdefault(variable.signal, []).append(variable)
        return row

    def _without_samples(self, start: int, end: int) -> set[Variable]:
        values = self._array[: len(self._rows), self._columns(start, end)]
        silent = np.flatnonzero(~np.isfinite(values[:, -1]))
        dead = {int(row) for row in silent if not np.isfinite(values[row]).any()}
        return {variable for variable, row in self._rows.items() if row in dead}

    def _move(self, start: int, variables: Iterable[Variable], rows: int = 0) -> None:
        """Copy the columns from `start` on of these variables to a new array, with room for `rows` and some more."""
        kept = list(variables)
        rows = max(rows, len(kept))
        array = np.empty((rows + rows // 8 + _SPARE_ROWS, self.keep + self.keep // 8 + _SPARE_COLUMNS))
        old = self._array[:, max(0, start - self._origin) // self.step :][:, : array.shape[1]]
        for row, variable in enumerate(kept):
            array[row, : old.shape[1]] = old[self._rows[variable]]
            array[row, old.shape[1] :] = np.nan
        self._array, self._origin, self._shown = array, start, 0
        self._rows = {variable: row for row, variable in enumerate(kept)}
        self._signals = {}
        for variable in kept:
            self._signals.setdefault(variable.signal, []).append(variable)

    def _columns(self, first: int, last: int) -> slice:
        return slice((first - self._origin) // self.step, (last - self._origin) // self.step + 1)
