"""The environments of a question as sums, which are compared."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from datasource.data import Environment, Floats
from datasource.invariance.model import Question, Rows
from datasource.numerics import Ints, glsar
from datasource.numerics.moment_sums import Joined, MomentError, MomentSums, moment_sums, regress

ORDER = 5
"""Of the autoregression by which rows are whitened, one for all environments."""
BLOCKS, FEWEST_BLOCKS = 12, 6
"""Stretches of an environment in time, whose differences tell what is chance: enough degrees of freedom, each longer
than what hangs together."""
_FEWEST_ROWS = 60
"""Of an environment, however few causes there are."""
_ROWS_OF_A_BLOCK = 5
"""Times the number of columns."""


@dataclass(frozen=True)
class Group:
    """An environment: one block where it is parallel to others, else several that follow each other."""

    environment: Environment
    blocks: tuple[MomentSums, ...]


@dataclass(frozen=True)
class Groups:
    """All environments of a question. `levels` says that they must have the same level, too; `clustered` that blocks
    are compared with blocks."""

    members: tuple[Group, ...]
    levels: bool
    clustered: bool

    @property
    def causes(self) -> int:
        """How many there are."""
        return len(self.members[0].blocks[0].location) - 1

    def fit(self, members: Sequence[int], columns: Sequence[int] | None = None, levels: bool | None = None) -> Joined:
        """The outcome (column 0) on the columns of causes, of all without `columns`, over some environments, with
        `levels` that they share or not. Raises MomentError."""
        columns = range(1, 1 + self.causes) if columns is None else columns
        everything = [block for group in self.members for block in group.blocks]
        chosen = [block for member in members for block in self.members[member].blocks]
        shared = self.levels if levels is None else levels
        return regress(chosen, 0, columns, own_levels=not shared, like=everything, clustered=self.clustered)

    @property
    def splits(self) -> list[tuple[list[int], list[int]]]:
        """Each environment and all others; of two, only one."""
        count = len(self.members)
        return [([one], [other for other in range(count) if other != one]) for one in range(count if count > 2 else 1)]


def enough(columns: int, parallel: bool) -> int:
    """How many rows an environment needs."""
    needed = _ROWS_OF_A_BLOCK * (1 + columns) * (1 if parallel else FEWEST_BLOCKS) + ORDER
    return max(needed, _FEWEST_ROWS)


def grouped(question: Question) -> Groups:
    """The environments of a question as sums, whitened alike. Raises MomentError."""
    if len(question.rows) < 2:
        raise MomentError("two environments are needed, with enough points in each")
    rho = _autoregression(question.rows)
    return Groups(
        tuple(Group(one.environment, _blocks(one, rho, question.parallel, question.window)) for one in question.rows),
        levels=question.levels,
        clustered=not question.parallel,
    )


def _autoregression(rows: Sequence[Rows]) -> Floats:
    """One autoregression for what the causes leave of the outcome in all environments."""
    apart = int(max(one.positions.max() for one in rows)) + 10 * ORDER
    columns = np.vstack([one.columns for one in rows])
    positions = np.concatenate([one.positions + place * apart for place, one in enumerate(rows)])
    codes = np.repeat(np.arange(len(rows)), [len(one.columns) for one in rows])
    found = glsar(columns[:, 0], columns[:, 1:], ORDER, 2, positions, groups=codes).rho
    return found if np.isfinite(found).all() else np.zeros(ORDER)


def _blocks(rows: Rows, rho: Floats, parallel: bool, window: int) -> tuple[MomentSums, ...]:
    count = 1 if parallel else min(BLOCKS, len(rows.columns) // (_ROWS_OF_A_BLOCK * (1 + rows.columns.shape[1])))
    parts = np.array_split(np.arange(len(rows.columns)), max(count, 1))
    return tuple(_sums(rows.columns[part], rows.positions[part], rho, window) for part in parts)


def _sums(columns: Floats, positions: Ints, rho: Floats, window: int) -> MomentSums:
    return moment_sums(columns, positions, rho, window)
