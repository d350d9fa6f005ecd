"""The rows of a CSV file as an effect sees them: independent, a series, or a panel of units over time."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np

from datasource.data import Floats
from datasource.data.csv.files import Loss
from datasource.data.csv.layout import Layout, find_layout, row_entities
from datasource.data.csv.table import CsvError, Table
from datasource.data.csv.times import find_grid, stray_time
from datasource.data.words import count
from datasource.effects.study import Ints, StudyError
from datasource.settings import format_duration

FEWEST_ROWS = 2
_CLOCK = 100_000_000
"""Smaller numbers are years, rounds or the like, not seconds since 1970."""


_MANY, _FAR_OFF = 0.05, 0.1
"""A larger share of rows that are moved by more than a tenth of a step is told."""


class Rows(NamedTuple):
    """Which rows of the file count (`kept`, places in it), in the file's order, and where each stands.

    `times` are places on a grid of `step` seconds (0 where they are numbers of another kind), None where rows are
    independent; `units` number the unit by place
    in `unit_names`, None where there is one. `doubled` rows share time and unit with another.
    """

    kept: Ints
    times: Ints | None
    step: int
    units: Ints | None
    unit_names: tuple[str, ...]
    unit: str
    time: str
    doubled: int
    notices: tuple[str, ...]

    def lagged(self, values: Floats, lag: int) -> Floats:
        """The values (n) of `lag` steps before, within the unit; NaN where there are none. Raises StudyError."""
        if not lag:
            return values
        if self.times is None:
            raise StudyError(f"a lag of {lag} needs times: name the time column with --time, or use rules without lags")
        if self.doubled:
            which = count(self.doubled, "row", "shares its", "share their")
            raise StudyError(f"{which} time with another; name what tells them apart (--unit)")
        units = np.zeros(len(self.times), dtype=np.int64) if self.units is None else self.units
        width = int(self.times.max()) + 1 + lag
        keys = units * width + self.times + lag
        order = np.argsort(keys)
        place = np.minimum(np.searchsorted(keys[order], keys - lag), len(keys) - 1)
        source = order[place]
        return np.where(keys[source] == keys - lag, values[source], np.nan)

    def without_idle_units(self, treatment: Floats) -> "Rows":
        """Without the units of rows that have no time, where the treatment (n) never moves within one.

        An intercept for each would then leave nothing of it.
        """
        if self.units is None or self.times is not None:
            return self
        for unit in np.unique(self.units):
            own = treatment[(self.units == unit) & np.isfinite(treatment)]
            if (own != own[:1]).any():
                return self
        said = f"the treatment never moves within one '{self.unit}': the units are not told apart"
        return self._replace(units=None, unit_names=(), unit="", notices=(*self.notices[:-1], said))


def place_rows(
    table: Table, taken: Collection[str], time: str | None, unit: Sequence[str], accept_loss: bool = False
) -> Rows:
    """Find the time and the unit of each row; columns that are `taken` are neither.

    Raises CsvError and StudyError, also where many rows have none and that is not accepted.
    """
    free = tuple(column for column in table.columns if column.name not in taken or column.name in (time, *unit))
    outcome = next((column for column in table.columns if column.name in taken and column.values is not None), None)
    numbers = (outcome,) if outcome is not None else ()
    layout = find_layout(table._replace(columns=(*free, *numbers)), time, unit)
    notices: list[str] = []
    loss = Loss(table.path, accept_loss, notices)
    kept = np.arange(table.rows)
    name = " and ".join(column.name for column in layout.entities)
    codes, texts = row_entities(layout.entities, table.rows)
    if layout.entities:
        kept = kept[codes[kept] >= 0]
        if unit and not kept.size:
            raise CsvError(f"{table.path}: '{name}' is empty in every row; name another column as the unit")
        counts = np.bincount(codes[kept])
        if counts.max(initial=0) < FEWEST_ROWS:
            notices.append(f"'{name}' is different in every row: it tells no units apart")
            kept, name, texts = np.arange(table.rows), "", [()]
        elif len(kept) < table.rows:
            nameless = table.rows - len(kept)
            loss.tell(nameless, table.rows, f"{count(nameless, 'row', 'names', 'name')} no '{name}': left out")
    several = bool(name) and len(texts) > 1
    if several and not unit:
        notices.append(f"'{name}' is taken as the unit, each with an intercept of its own; --unit names another")
    units = codes if several else np.zeros(table.rows, dtype=np.int64)
    times, step = None, 0
    if layout.times is not None:
        timed = np.isfinite(layout.times.seconds[kept])
        if not timed.all():
            timeless = int((~timed).sum())
            loss.tell(
                timeless, table.rows, f"{count(timeless, 'row', 'has', 'have')} no time that can be read: left out"
            )
            kept = kept[timed]
        if not kept.size:
            raise CsvError(f"{table.path}: no row has both a time and a unit; nothing can be computed")
        times, step, said = _on_grid(table, layout, kept, units)
        notices += said
        if len(np.unique(times)) == 1:
            notices.append(f"every row has the same '{layout.time}': rows are taken as independent")
            times = None
    doubled = 0
    if times is not None:
        doubled = len(kept) - len(np.unique(np.column_stack([times, units[kept]]), axis=0))
    return Rows(
        kept,
        times,
        step,
        units[kept] if several else None,
        tuple("/".join(text) for text in texts) if several else (),
        name if several else "",
        layout.time if times is not None else "",
        doubled,
        tuple(notices),
    )


def _on_grid(table: Table, layout: Layout, kept: Ints, units: Ints) -> tuple[Ints, int, list[str]]:
    """The place of each kept row on a regular grid, its step in seconds, and what is to be said of it.

    Times that no grid tells apart count as one step each, whatever lies between them.
    """
    assert layout.times is not None
    seconds = layout.times.seconds[kept]
    order = np.argsort(seconds, kind="stable")
    grid = find_grid(seconds[order], units[kept][order])
    place = np.empty(len(kept), dtype=np.int64)
    place[order] = grid.place
    ranks = np.unique(seconds, return_inverse=True)[1].astype(np.int64)
    if len(np.unique(place)) < len(np.unique(ranks)):
        irregular = (
            f"'{layout.time}' is irregular: each time counts as one step, whatever lies between, and lags count rows; "
            "take means over steps of one length where the length matters"
        )
        return ranks, 0, [irregular] if seconds[0] > _CLOCK else []
    stray = stray_time(grid, seconds[order])
    if stray is not None:
        line = table.line(int(kept[order[stray]]))
        when = np.datetime64(int(seconds[order][stray]), "s")
        raise CsvError(f"{table.path}:{line}: column '{layout.time}' says {when}, far from the others; correct it")
    if grid.start <= _CLOCK:
        return place, 0, []
    off = np.abs(seconds - grid.step * place - np.median(seconds - grid.step * place))
    many = int((off > _FAR_OFF * grid.step).sum())
    moved = count(many, "row", "is", "are")
    moved += f" moved onto steps of {format_duration(grid.step)}, by up to {off.max():.0f} s"
    return place, grid.step, [moved] if many > _MANY * len(kept) else []
