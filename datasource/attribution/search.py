"""Which label values changed otherwise than the rest: a scan over all combinations of up to three labels.

As a scan statistic (Kulldorff 1997) it compares each combination's change with what it would be, had it changed as the
rest did, and asks for more the more combinations there are. What is found is taken out, and the rest is scanned again.
"""

from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy.special import xlogy

from datasource.attribution.cells import added
from datasource.attribution.usual import Law, variances
from datasource.numerics import Floats, Ints

PRIOR = 10
"""Windows of history that Taylor's law is worth beside a combination's own."""
CHANCE = 0.01
"""The probability of a story where there is none."""
MATERIAL = 0.05
"""The smallest part of the change that is a story."""
MOST = 5
"""Stories."""

Mask = np.ndarray[tuple[int], np.dtype[np.bool_]]


class Trial(NamedTuple):
    """What is scanned, by cell: levels expected `before` and seen `after`, the `effect` of each on the whole.

    `history` (cells x windows) is how each went up and down earlier, beside the whole, around a level of `usual`;
    `floor` is the least variance that so few events can have, `apart` how many windows the two times are. With `signed`
    levels, the rest is taken not to have changed. `by_effect` prefers what moved the whole the same way, else what
    moved more than the rest is preferred.
    """

    before: Floats
    after: Floats
    effect: Floats
    history: Floats
    usual: Floats
    floor: Floats
    law: Law
    apart: float
    by_effect: bool = False

    @property
    def signed(self) -> bool:
        return bool((self.before < 0).any() or (self.after < 0).any())


class Grouping(NamedTuple):
    """Cells by a combination of labels: the columns, and each cell's place among so `many` groups."""

    columns: tuple[int, ...]
    place: Ints
    many: int


class Story(NamedTuple):
    """A combination of label values, as columns and codes, and its cells."""

    columns: tuple[int, ...]
    codes: tuple[int, ...]
    cells: Mask


def find_groupings(codes: Ints, depth: int) -> tuple[Grouping, ...]:
    """Every combination of up to `depth` labels none of which follows from the others."""
    found: dict[tuple[int, ...], Grouping] = {}
    for size in range(1, depth + 1):
        for columns in combinations(range(codes.shape[1]), size):
            parts = [tuple(c for c in columns if c != one) for one in columns] if size > 1 else []
            if any(part not in found for part in parts):
                continue
            keys = codes[:, columns[0]]
            for column in columns[1:]:
                keys = keys * (codes[:, column].max() + 1) + codes[:, column]
            distinct, place = np.unique(keys, return_inverse=True)
            if any(found[part].many == len(distinct) for part in parts):
                continue
            found[columns] = Grouping(columns, place.ravel().astype(np.int64), len(distinct))
    return tuple(found.values())


def find_stories(codes: Ints, groupings: tuple[Grouping, ...], trial: Trial, change: float) -> Iterator[Story]:
    """What changed otherwise than the rest and carries a part of `change`, the clearest first; cells in one story are
    in no other."""
    depths = [len(one.columns) for one in groupings]
    many = {depth: sum(g.many for g in groupings if len(g.columns) == depth) for depth in depths}
    left = np.ones(len(codes), dtype=bool)
    for _ in range(MOST):
        best: tuple[bool, float, Story] | None = None
        for grouping in groupings:
            cost = np.log(many[len(grouping.columns)] * len(many) / CHANCE)
            for preferred, score, group in _best(grouping, trial, left, change, cost):
                if best is None or (preferred, score) > best[:2]:
                    cells = (grouping.place == group) & left
                    first = int(np.flatnonzero(cells)[0])
                    own = tuple(int(codes[first, c]) for c in grouping.columns)
                    best = preferred, score, Story(grouping.columns, own, cells)
        if best is None:
            return
        yield best[2]
        left &= ~best[2].cells
        if not left.any():
            return


def _best(
    grouping: Grouping, trial: Trial, left: Mask, change: float, cost: float
) -> Iterator[tuple[bool, float, int]]:
    """The clearest of a grouping's groups that pass, one preferred and one not."""
    columns = np.stack([trial.before, trial.after, trial.effect, trial.usual, trial.floor], axis=1)
    table = np.where(left[:, None], np.hstack([columns, trial.history]), 0.0)
    whole = table.sum(axis=0)
    groups = added(table, grouping.place, grouping.many)
    before, after, effect, usual, floor = groups[:, :5].T
    rest_before, rest_after = whole[0] - before, whole[1] - after
    law, windows = trial.law, trial.history.shape[1]
    there = np.abs(rest_before) > 1e-12 * np.abs(whole[0])
    factor = np.where(there, rest_after / np.where(there, rest_before, 1.0), 1.0)
    if trial.signed:
        factor = np.ones_like(factor)
    off = after - factor * before
    apart = _apart(before, after, factor) if not trial.signed else off**2
    alike = (before + after) / (1 + factor)
    noise = law.variance(factor * alike) + factor**2 * law.variance(alike)
    if trial.signed:
        noise = law.variance(before) + law.variance(after)
    known = (usual > 0) & (windows > 1)
    level = law.variance(np.where(known, usual, 1.0))
    seen = windows * variances(groups[:, 5:], trial.apart)
    degrees = np.where(known, PRIOR + windows, PRIOR)
    scale = np.where(known, (PRIOR + seen / np.maximum(level, 1e-300)) / degrees, 1.0)
    rest = law.variance(rest_after) + factor**2 * law.variance(rest_before)
    shared = np.where(there & (not trial.signed), (before / np.where(there, rest_before, 1.0)) ** 2 * rest, 0.0)
    # the floor is that of the levels as they are; of levels that differ by the factor alone, it is the factor times it
    least = factor * floor
    likely = _over(apart, np.maximum(noise, least) + shared)
    squared = _over(apart, np.maximum(scale * noise, least) + shared)
    passes = (degrees + 1) / 2 * np.log1p(squared / degrees) > cost
    score = likely / 2 - cost
    some = added(left.astype(float), grouping.place, grouping.many)
    passes &= (np.abs(effect) >= MATERIAL * abs(change)) & (some > 0) & (some < left.sum())
    moved = np.sign(whole[2]) or 1.0
    against = (after - before) * moved < 0
    preferred = effect * moved > 0 if trial.by_effect else (off * moved > 0) | against
    for kind in (True, False):
        of_kind = passes & (preferred == kind)
        if of_kind.any():
            group = int(np.argmax(np.where(of_kind, score, -np.inf)))
            yield kind, float(score[group]), group


def _apart(before: Floats, after: Floats, factor: Floats) -> Floats:
    """The squared difference that two Poisson levels as far apart as these have: their deviance from levels that differ
    by the factor, times the variance at which it is measured."""
    both = before + after
    alike = both / (1 + factor)
    deviance = 2 * (xlogy(after, _over(after, factor * alike)) + xlogy(before, _over(before, alike)))
    squared: Floats = np.maximum(deviance, 0.0) * factor * both
    return squared


def _over(above: Floats, below: Floats) -> Floats:
    found: Floats = np.divide(above, below, out=np.zeros_like(above), where=below > 0)
    return found
