"""What variables explain of another one beside what is given: partial R^2, many at once, from products of rows."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from datasource.data import Floats

_RIDGE = 1e-9


class Products:
    """Products of rows that are always given (`fixed`), of some variables at all lags, and of their squares.

    Of `count` variables, `lagged` (as of `discovery.series.lagged`) holds those at the lags 0 to `lags`.
    """

    def __init__(self, lagged: Floats, fixed: Floats, count: int, lags: int, numbers: Sequence[int]) -> None:
        self._place = {number: place for place, number in enumerate(numbers)}
        self._count, self._lags, self._rows = len(numbers), lags, lagged.shape[1]
        rows = [lag * count + number for lag in range(lags + 1) for number in numbers]
        every = np.concatenate([fixed, lagged[rows], lagged[list(numbers)] ** 2])
        self._fixed = len(fixed)
        self._products = every @ every.T

    def gram(self, effect: int, causes: Sequence[int], tested: Sequence[int]) -> "Gram":
        """An effect given its own past and causes at all lags, with their squares, and what is tested beside it."""
        own = [self._at(effect, lag) for lag in range(1, self._lags + 1)]
        given = [self._at(cause, lag) for cause in causes for lag in range(self._lags + 1)]
        bent = [self._at(cause, self._lags + 1) for cause in causes]
        asked = [self._at(one, lag) for one in tested for lag in range(self._lags + 1)]
        fixed = [*range(self._fixed), *own, *given, *bent]
        return Gram(self._products, fixed, [self._at(effect, 0), *asked], self._lags + 1, self._rows)

    def _at(self, number: int, lag: int) -> int:
        return self._fixed + lag * self._count + self._place[number]


class Gram:
    """An effect, and variables at their lags beside it, without what is given explains of them.

    `products` are those of rows, of which `fixed` are given, and `asked` the effect and the lags of what is tested.
    """

    def __init__(self, products: Floats, fixed: Sequence[int], asked: Sequence[int], width: int, n: int) -> None:
        self._width, self._n, self._used = width, n, len(fixed)
        inner = products[np.ix_(fixed, fixed)]
        inner[np.diag_indices_from(inner)] += _RIDGE * np.trace(inner) / len(inner)
        crossed = products[np.ix_(fixed, asked)]
        left = products[np.ix_(asked, asked)] - crossed.T @ np.linalg.solve(inner, crossed)
        spread, before = np.diag(left), products[asked, asked]
        moving = spread > 1e-7 * before
        scale = np.sqrt(np.where(moving, spread, 1.0))
        self._left = np.where(np.outer(moving, moving), left / np.outer(scale, scale), 0.0)

    def explained(self) -> tuple[Floats, Floats, Floats]:
        """Of each tested variable the partial R^2 at all its lags, its p-value by the F test, and the partial
        correlation at the strongest lag."""
        count = (len(self._left) - 1) // self._width
        at = 1 + np.arange(count * self._width).reshape(count, self._width)
        crossed = self._left[0, at]
        inside = self._left[at[:, :, None], at[:, None, :]] * (1 - 1e-6)
        diagonal = np.arange(self._width)
        inside[:, diagonal, diagonal] = 1.0
        share = np.clip(np.einsum("nw,nw->n", crossed, np.linalg.solve(inside, crossed[:, :, None])[:, :, 0]), 0.0, 1.0)
        freedom = max(self._n - self._used - self._width, 1)
        ratio = share / self._width / np.maximum(1 - share, 1e-12) * freedom
        strongest = crossed[np.arange(count), np.abs(crossed).argmax(axis=1)] if count else np.empty(0)
        return share, stats.f.sf(ratio, self._width, freedom), strongest
