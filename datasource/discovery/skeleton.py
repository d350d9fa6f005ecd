"""Which variables depend on each other whatever is held fixed: the skeleton of PC-stable, tested in batches.

Partial correlations by Fisher's z (Colombo and Maathuis 2014, order-independent). Everything is computed from a
correlation matrix: for a variable and all sets of its neighbours of one size, one solve of many small systems gives the
partial correlations with every other neighbour. Equal to causal-learn's `pc(data, alpha, fisherz, stable=True)`.
"""

from collections.abc import Mapping
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from datasource.data import Floats

Bools = NDArray[np.bool_]
_CHUNK = 20_000
_LARGEST = 1 - np.finfo(float).eps


class Skeleton(NamedTuple):
    """`adjacent` is symmetric; `separating` holds for each pair that was parted all variables of the sets that did."""

    adjacent: Bools
    separating: Mapping[tuple[int, int], frozenset[int]]


def skeleton(
    correlations: Floats,
    rows: float,
    alpha: float,
    possible: Bools | None = None,
    required: Bools | None = None,
    most: int | None = None,
) -> Skeleton:
    """The skeleton of variables with these correlations over so many independent rows.

    Pairs that are not `possible` are never adjacent, `required` ones always; at most `most` variables are held fixed.
    """
    count = len(correlations)
    adjacent = np.ones((count, count), dtype=np.bool_) if possible is None else possible | possible.T
    kept = np.zeros((count, count), dtype=np.bool_) if required is None else required | required.T
    adjacent = (adjacent | kept) & ~np.eye(count, dtype=np.bool_)
    separating: dict[tuple[int, int], set[int]] = {}
    limit, size = stats.norm.ppf(1 - alpha / 2), 0
    while size < adjacent.sum(axis=0).max(initial=0) and (most is None or size <= most):
        parted = np.zeros_like(adjacent)
        for one in range(count):
            neighbours = np.flatnonzero(adjacent[one])
            if len(neighbours) <= size:
                continue
            least = np.tanh(limit / np.sqrt(max(rows - size - 3, 1e-9)))
            members = np.zeros((len(neighbours), count), dtype=np.bool_)
            for sets in _chunks(neighbours, size):
                partial = _partial(correlations, one, neighbours, sets)
                number, other = np.nonzero(np.abs(partial) < least)
                parted[one, neighbours[other]] = True
                members[other[:, None], sets[number]] = True
            for place, inside in zip(neighbours.tolist(), members, strict=True):
                if parted[one, place]:
                    pair = (min(one, place), max(one, place))
                    separating.setdefault(pair, set()).update(np.flatnonzero(inside).tolist() if size else ())
        adjacent &= ~(parted | parted.T) | kept
        size += 1
    found = {pair: frozenset(members) for pair, members in separating.items() if not adjacent[pair]}
    return Skeleton(adjacent, found)


def _chunks(neighbours: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
    chosen = list(combinations(neighbours.tolist(), size))
    sets = np.array(chosen, dtype=np.int64).reshape(len(chosen), size)
    return [sets[first : first + _CHUNK] for first in range(0, len(sets), _CHUNK)]


def _partial(matrix: Floats, one: int, others: NDArray[np.int64], sets: NDArray[np.int64]) -> Floats:
    """Partial correlations (sets x others) of `one` with each of `others` given each set; 1 where it is in the set."""
    if not sets.shape[1]:
        marginal: Floats = np.clip(matrix[one, others][None, :], -_LARGEST, _LARGEST)
        return marginal
    targets = np.concatenate([[one], others])
    inner = matrix[sets[:, :, None], sets[:, None, :]]
    crossed = matrix[sets[:, :, None], targets[None, None, :]]
    solved = np.linalg.solve(inner, crossed)
    spread = 1 - np.einsum("ska,ska->sa", crossed, solved)
    both = matrix[one, others] - np.einsum("sk,ska->sa", crossed[:, :, 0], solved[:, :, 1:])
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Floats = both / np.sqrt(np.abs(spread[:, :1] * spread[:, 1:]))
    inside = (sets[:, :, None] == others[None, None, :]).any(axis=1)
    found = np.where(inside, 1.0, np.clip(np.nan_to_num(found, nan=1.0), -_LARGEST, _LARGEST))
    return found
