"""How a study's rows follow each other in time."""

import numpy as np

from datasource.data import Floats
from datasource.data.words import count
from datasource.effects.study import Ints, Study, StudyError
from datasource.numerics.grid import closed_up

_APART = 7


def places(study: Study) -> Ints:
    """Places (n) on one grid that holds one unit after the other, too far apart to be neighbours.

    Raises StudyError where rows share unit and time: nothing then says which of them comes first.
    """
    return study.once(_places)


def _places(study: Study) -> Ints:
    assert study.times is not None
    found = closed_up(study.times)
    if study.units is not None:
        found = found + np.unique(study.units, return_inverse=True)[1] * (int(found.max()) + _APART)
    if (np.diff(found) <= 0).any() and (doubled := study.n - len(np.unique(found))):
        which = count(doubled, "row", "shares its", "share their")
        raise StudyError(f"{which} time with another; name what tells them apart (--unit)")
    return found


def moved(values: Floats, study: Study, steps: int) -> Floats:
    """Values (n, ...) of `steps` steps later in the same unit, of earlier where negative; NaN where there is no row.

    Raises StudyError where rows share unit and time.
    """
    placed = places(study)
    wanted = placed + steps
    at = np.minimum(np.searchsorted(placed, wanted), study.n - 1)
    found: Floats = values[at].astype(np.float64)
    found[placed[at] != wanted] = np.nan
    return found


def on_grid(values: Floats, study: Study) -> Floats:
    """Values (n) as (units, times), NaN where there is no row; huge gaps shortened. The study must have times."""
    units, times = _cells(study)
    grid = np.full((int(units.max(initial=0)) + 1, int(times.max(initial=0)) + 1), np.nan)
    grid[units, times] = values
    return grid


def at_rows(grid: Floats, study: Study) -> Floats:
    """What a grid as of `on_grid` holds at each row (n)."""
    found: Floats = grid[_cells(study)]
    return found


def _cells(study: Study) -> tuple[Ints, Ints]:
    assert study.times is not None
    units = np.zeros(study.n, dtype=np.int64) if study.units is None else np.unique(study.units, return_inverse=True)[1]
    return units, closed_up(study.times)


def autocorrelations(grid: Floats, lags: int) -> Floats:
    """Autocorrelations (units, lags) of each row of (units, times) around its own mean; 0 for what is constant."""
    there = np.isfinite(grid)
    largest = np.abs(grid[there]).max(initial=0) or 1.0
    filled = np.where(there, grid / largest, 0.0)
    means = filled.sum(axis=1, keepdims=True) / np.maximum(there.sum(axis=1, keepdims=True), 1)
    centred = np.where(there, filled - means, 0.0)
    variance = (centred**2).sum(axis=1)
    moves = variance > 1e-24 * np.maximum(there.sum(axis=1), 1)
    found = [(centred[:, lag:] * centred[:, : grid.shape[1] - lag]).sum(axis=1) for lag in range(1, lags + 1)]
    correlations: Floats = np.where(moves[:, None], np.array(found).T / np.where(moves, variance, 1.0)[:, None], 0.0)
    return correlations


def memory(values: Floats, study: Study) -> float:
    """The autocorrelation at one step, the mean over units; 0 where rows are independent."""
    if study.times is None:
        return 0.0
    grid = on_grid(values, study)
    return float(autocorrelations(grid, 1).mean()) if grid.shape[1] > 2 else 0.0


def place(number: int, of: int, whole: str) -> str:
    """In words: "the second fifth of the time"."""
    ordinals = [*("first", "second", "third", "fourth")[: of - 1], "last"]
    kinds = {2: "half", 3: "third", 4: "quarter", 5: "fifth"}
    return f"the {ordinals[number]} {kinds[of]} of the {whole}"
