"""Folds for cross-fitting: blocks of time, so that no row is predicted by its neighbours."""

import numpy as np

from datasource.data import Floats
from datasource.effects.study import Ints, Study, StudyError

FOLDS = 5
FEWEST = 20
"""Rows that cross-fitting needs."""


def blocked_folds(study: Study, arms: Floats | None = None) -> Ints:
    """The fold 0 ... 4 of each row (n): five blocks of time, of each unit's own; independent rows at random, seed 0.

    With `arms` (n, 0 or 1), every four folds hold rows of either arm: independent rows are dealt out by arm, and so
    are times where a block would otherwise hold most rows of an arm. Raises StudyError for fewer than 20 rows.
    """
    if study.n < FEWEST:
        raise StudyError(f"{study.n} rows cannot be split to cross-fit; give at least {FEWEST}, better 200")
    places = np.random.default_rng(0).permutation(study.n) if study.times is None else study.times
    whole = np.zeros(study.n, dtype=np.int64)
    folds = _cut(places, whole if study.times is None or study.units is None else study.units)
    if arms is not None and (study.times is None or not _either_arm_remains(folds, arms)):
        folds = _cut(places, arms.astype(np.int64))
    return folds


def splits(folds: Ints) -> list[tuple[Ints, Ints]]:
    """The rows to train on and to predict, fold by fold, as scikit-learn and EconML take them."""
    return [(np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)) for fold in np.unique(folds)]


def _cut(places: Ints, strata: Ints) -> Ints:
    """Five blocks of equal length, by place, of each stratum."""
    folds = np.empty(len(places), dtype=np.int64)
    for stratum in np.unique(strata):
        rows = np.flatnonzero(strata == stratum)
        folds[rows[np.argsort(places[rows], kind="stable")]] = np.arange(len(rows)) * FOLDS // len(rows)
    return folds


def _either_arm_remains(folds: Ints, arms: Floats) -> bool:
    """Whether outside each fold there is at least half of what an even split would leave of either arm."""
    return all((arms[train] == arm).sum() >= 0.4 * (arms == arm).sum() for train, _ in splits(folds) for arm in (0, 1))
