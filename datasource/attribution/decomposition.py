"""The change of a sum or ratio, divided among cells so that the parts add up to it."""

from typing import NamedTuple

import numpy as np

from datasource.attribution.cells import added
from datasource.numerics import Floats, Ints

_ROUNDS = 30


class Effects(NamedTuple):
    """What each cell adds to the change: `rate` by its own level, `mix` by its share of what stands below the line.

    Of a sum all is `rate`. Both together, over all cells, are the change.
    """

    rate: Floats
    mix: Floats

    @property
    def total(self) -> Floats:
        return self.rate + self.mix


def of_sum(before: Floats, after: Floats) -> Effects:
    """What each cell adds to the change of a sum."""
    return Effects(after - before, np.zeros_like(before))


def of_ratio(above: Floats, below: Floats, usual: Floats | None = None) -> Effects:
    """What each cell adds to the change of sum(above) / sum(below); both are cells x (before, after).

    Kitagawa (1955), Components of a difference between two rates: a cell's rate effect is the change of its own ratio
    at the mean of its shares, its mix effect the change of its share times how far its mean ratio is from the whole's.
    A cell that was not there before has no ratio of its own; where `usual` is given, its ratio is compared with that
    one, and otherwise it is all mix, as is a cell that is gone.

    >>> effects = of_ratio(np.array([[1.0, 4.0], [1.0, 1.0]]), np.array([[10.0, 10.0], [90.0, 90.0]]))
    >>> effects.rate.round(3).tolist(), bool(abs(effects.mix).max() < 1e-15)
    ([0.03, 0.0], True)
    """
    whole = below.sum(axis=0)
    ratio = float((above.sum(axis=0) / whole).mean())
    share = below / whole
    total = above[:, 1] / whole[1] - above[:, 0] / whole[0] - ratio * (share[:, 1] - share[:, 0])
    own = np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)
    before, after = own.T
    new = after if usual is None else usual
    mean = np.where(np.isnan(before), new, np.where(np.isnan(after), before, (before + after) / 2))
    mix = np.where(np.isnan(mean), 0.0, (share[:, 1] - share[:, 0]) * (np.nan_to_num(mean) - ratio))
    return Effects(total - mix, mix)


def by_single_labels(codes: Ints, above: Floats, below: Floats) -> Floats:
    """The ratio that each cell should have by its label values, each of which has a factor of its own.

    Raked (iterative proportional fitting, Deming and Stephan 1940) until the ratio of every single label value is met:
    the log-linear model of main effects, which labels that go together do not mislead. A value without anything below
    the line has the factor 1, so that a new version is compared with how the rest was.
    """
    ratio = np.full(len(above), above.sum() / below.sum())
    columns = [(column, int(column.max()) + 1) for column in codes.T]
    wanted = [(added(above, place, count), added(below, place, count)) for place, count in columns]
    for _ in range(_ROUNDS):
        worst = 0.0
        for (place, count), (sums, weights) in zip(columns, wanted, strict=True):
            expected = added(ratio * below, place, count)
            factor = np.divide(sums, expected, out=np.ones(count), where=(weights > 0) & (expected > 0))
            ratio = ratio * factor[place]
            worst = max(worst, float(np.abs(factor - 1).max()))
        if worst < 1e-4:
            break
    return ratio
