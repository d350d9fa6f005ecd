"""What was measured, by all labels: the cells of which every label value is a sum."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from datasource.numerics import Floats, Ints

_MOST_LABELS = 12
"""Labels that are combined; of more, those with the most values stay out."""
_REPLACED = 0.5
"""Above this share of series that went and of series that came, a label's values were replaced."""


class Rows(NamedTuple):
    """Series as they were read: the labels of each, `values` (series x windows) with 0 where there is no sample, and
    whether it was there before and after (series x 2)."""

    labels: Sequence[Mapping[str, str]]
    values: Floats
    there: np.ndarray[tuple[int, int], np.dtype[np.bool_]]

    def since(self, window: int) -> "Rows":
        """The same without the windows before one."""
        return self._replace(values=self.values[:, window:])


class Cells(NamedTuple):
    """Sums by label values, over windows of time, the last two of which are compared.

    `codes` (cells x labels) are places in `values` of each label; `above` (cells x windows) is the sum, or what stands
    above the line of a ratio, and `below` what stands below it; `there` (cells x 2) says whether any series was there.
    """

    labels: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]
    codes: Ints
    above: Floats
    below: Floats | None
    there: np.ndarray[tuple[int, int], np.dtype[np.bool_]]

    def kept(self, columns: Sequence[int]) -> "Cells":
        """The same by fewer labels."""
        keys, place = np.unique(self.codes[:, columns], axis=0, return_inverse=True)
        place, count = place.ravel(), len(keys)
        return Cells(
            tuple(self.labels[c] for c in columns),
            tuple(self.values[c] for c in columns),
            keys.astype(np.int64),
            added(self.above, place, count),
            None if self.below is None else added(self.below, place, count),
            added(self.there.astype(float), place, count) > 0,
        )


def added(values: Floats, place: Ints, count: int) -> Floats:
    """Rows with the same place added up: (count x columns)."""
    if values.ndim == 1:
        total: Floats = np.bincount(place, values.astype(float), minlength=count).astype(float)
        return total
    sums = np.zeros((count, values.shape[1]))
    for column, own in enumerate(values.T):
        sums[:, column] = np.bincount(place, own, minlength=count)
    return sums


def lay_out(above: Rows, below: Rows | None, apart: frozenset[str] = frozenset()) -> Cells:
    """Cells by all labels that both rows have, without those that are kept `apart`."""
    labels = {label for one in above.labels for label in one}
    if below is not None:
        labels &= {label for one in below.labels for label in one}
    names = tuple(sorted(labels - apart - {"__name__"}))
    parts = [above] if below is None else [above, below]
    keys = [tuple(one.get(name, "") for name in names) for part in parts for one in part.labels]
    cells = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    place = np.array([cells[key] for key in keys], np.int64)
    split, count = len(above.labels), len(cells)
    values = tuple(tuple(dict.fromkeys(key[column] for key in cells)) for column in range(len(names)))
    codes = np.zeros((count, len(names)), np.int64)
    for column, texts in enumerate(values):
        number = {text: code for code, text in enumerate(texts)}
        codes[:, column] = [number[key[column]] for key in cells]
    last = parts[-1]
    return Cells(
        names,
        values,
        codes,
        added(above.values, place[:split], count),
        None if below is None else added(below.values, place[split:], count),
        added(last.there.astype(float), place[split:] if below is not None else place, count) > 0,
    )


class Dimensions(NamedTuple):
    """Cells by the labels that can tell something apart, and what is said of the others.

    `same` are by label those whose values go with its own; of the labels `replaced` most values went while others came.
    """

    cells: Cells
    same: Mapping[str, tuple[str, ...]]
    replaced: tuple[str, ...]
    left_out: tuple[str, ...]


def find_dimensions(cells: Cells, preferred: Sequence[str] = ()) -> Dimensions:
    """Labels that differ between series and whose values can be compared; of labels that always go together one.

    `preferred` are labels of the query's own grouping.
    """
    varying = [c for c in range(len(cells.labels)) if len(np.unique(cells.codes[:, c])) > 1]
    replaced = [c for c in varying if _replaced(cells, c)]
    left = [c for c in varying if c not in replaced]

    def rank(column: int) -> tuple[bool, float, str]:
        texts = cells.values[column]
        return cells.labels[column] not in preferred, sum(map(len, texts)) / len(texts), cells.labels[column]

    same: dict[int, list[int]] = {}
    for column in sorted(left, key=rank):
        twin = next((one for one in same if _go_together(cells.codes[:, one], cells.codes[:, column])), None)
        if twin is None:
            same[column] = []
        else:
            same[twin].append(column)
    order = sorted(same, key=lambda c: (cells.labels[c] not in preferred, len(cells.values[c]), cells.labels[c]))
    kept, left_out = order[:_MOST_LABELS], order[_MOST_LABELS:]
    return Dimensions(
        cells.kept(kept),
        {cells.labels[c]: tuple(cells.labels[t] for t in same[c]) for c in kept if same[c]},
        tuple(cells.labels[c] for c in replaced),
        tuple(cells.labels[c] for c in left_out),
    )


def _replaced(cells: Cells, column: int) -> bool:
    """Whether most series had values that are gone, and most have values that were not there."""
    there = added(cells.there.astype(float), cells.codes[:, column], len(cells.values[column]))
    before, after = there.T
    if not before.sum() or not after.sum():
        return False
    went = before[after == 0].sum() / before.sum()
    came = after[before == 0].sum() / after.sum()
    return bool(went > _REPLACED and came > _REPLACED)


def _go_together(one: Ints, other: Ints) -> bool:
    pairs = len(np.unique(np.stack([one, other], axis=1), axis=0))
    return pairs == len(np.unique(one)) == len(np.unique(other))
