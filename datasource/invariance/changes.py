"""Environments that nobody declared: when a mechanism became another one.

The time is cut into blocks. How far each block alone would move the coefficients of a regression over all (its scores),
and how much it scatters, says what kind of mechanism it has; a change parts blocks before from blocks after. Blocks
are compared with blocks, which forgives whatever hangs together within one (Ibragimov and Müller 2010); the best of all
places counts as many times as there are places (Bonferroni), and each side is looked at again.
"""

import numpy as np
from scipy import stats

from datasource.data import Floats
from datasource.invariance.groups import ORDER
from datasource.invariance.model import Rows
from datasource.numerics import glsar
from datasource.numerics.regression import whitened

BLOCKS = 24
"""Into so many the time is cut: each long enough for what hangs together, and enough of them to compare."""
_ROWS_OF_A_BLOCK = 4
"""Times the number of columns, at least."""
_FEWEST = 5
"""Blocks on each side of a change, and more than it has numbers to compare."""
MOST_CHANGES = 3


def change_points(rows: Rows, level: float, levels: bool = True) -> tuple[int, ...]:
    """The positions on the grid of times at which the mechanism became another one, at most three, in order, each
    significant at `level`; none where there are too few rows to tell. Another level is one with `levels` alone."""
    scores, starts = _scores(rows)
    scores = scores if levels else scores[:, 1:]
    if not len(scores):
        return ()
    found: list[tuple[float, int]] = []
    waiting = [(0, len(scores))]
    while waiting:
        first, last = waiting.pop()
        p_value, place = _split(scores[first:last])
        if p_value < level:
            found.append((p_value, first + place))
            waiting += [(first, first + place), (first + place, last)]
    clearest = sorted(found)[:MOST_CHANGES]
    return tuple(sorted(int(starts[place]) for _, place in clearest))


def _scores(rows: Rows) -> tuple[Floats, Floats]:
    """By block: what it says of level, slopes and noise, each of about unit size (blocks, 2 + k); and its position."""
    n, width = rows.columns.shape
    count = min(BLOCKS, (n - ORDER) // (_ROWS_OF_A_BLOCK * width))
    if count < 2 * _FEWEST:
        return np.empty((0, 0)), np.empty(0)
    spread = rows.columns.std(axis=0)
    if not (spread > 0).all():
        return np.empty((0, 0)), np.empty(0)
    scaled = (rows.columns - rows.columns.mean(axis=0)) / spread
    rho = glsar(scaled[:, 0], scaled[:, 1:], ORDER, 2, rows.positions).rho
    joint, kept = whitened(np.column_stack([np.ones(n), scaled]), rho, rows.positions)
    X, y = np.column_stack([joint[:, 0], joint[:, 2:]]), joint[:, 1]
    coefficients = np.linalg.lstsq(X, y, rcond=None)[0]
    left = y - X @ coefficients
    squares = left**2 / (left @ left / len(left)) - 1
    influence = np.column_stack([(X * left[:, None]) @ np.linalg.pinv(X.T @ X / len(X)), squares])
    parts = np.array_split(np.arange(len(left)), count)
    positions = rows.positions[kept]
    return (
        np.array([influence[part].mean(axis=0) for part in parts]),
        np.array([positions[part[0]] for part in parts], dtype=np.float64),
    )


def _split(scores: Floats) -> tuple[float, int]:
    """The p-value of the clearest change among blocks, and before which block it is: Hotelling's T^2."""
    count, size = scores.shape
    freedom = count - 2
    places = range(_FEWEST, count - _FEWEST + 1)
    if freedom - size + 1 < 2 or not places:
        return 1.0, 0
    best = (1.0, 0)
    for place in places:
        before, after = scores[:place], scores[place:]
        gap = before.mean(axis=0) - after.mean(axis=0)
        within = [side - side.mean(axis=0) for side in (before, after)]
        covariance = sum(one.T @ one for one in within) / freedom * (1 / len(before) + 1 / len(after))
        squared = float(gap @ np.linalg.pinv(covariance, hermitian=True) @ gap)
        ratio = squared * (freedom - size + 1) / (freedom * size)
        best = min(best, (float(stats.f.sf(ratio, size, freedom - size + 1)), place))
    return min(1.0, best[0] * len(places)), best[1]
