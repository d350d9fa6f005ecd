"""A study of several units over time, laid out as a table of units by times."""

from dataclasses import dataclass

import numpy as np

from datasource.data import Floats
from datasource.effects.study import Ints, Mask, Study, StudyError

NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class PanelTable:
    """The outcome by unit and time (units, m), NaN where there is none, at the increasing places `times` (m).

    `began` (units) is the first treated place of each unit, NEVER for controls; `columns` (k, units, m) hold what is
    adjusted for.
    """

    outcome: Floats
    times: Ints
    began: Ints
    names: tuple[str, ...]
    columns: Floats
    notices: tuple[str, ...] = ()

    @property
    def group(self) -> Mask:
        """The units (units) that are treated at some time."""
        return self.began < NEVER

    @property
    def first(self) -> int:
        """The first treated place of any unit."""
        return int(self.began.min())

    @property
    def together(self) -> bool:
        """Whether all treated units begin at one time."""
        return len(np.unique(self.began[self.group])) == 1

    @property
    def post(self) -> Mask:
        """The times (m) from the first treated one on."""
        after: Mask = self.times >= self.first
        return after

    @property
    def treated_now(self) -> Mask:
        """The places (units, m) of units that have begun."""
        begun: Mask = self.times >= self.began[:, None]
        return begun


def panel_table(study: Study, method: str) -> PanelTable:
    """The table of a study with times; several rows of one unit and time count as their mean.

    Where `group` or `post` say so they decide who is treated and from when, else the first row of a unit with the
    treatment does. A unit that is treated from its first row on shows no before and is left out. Raises StudyError
    without times, without a time before or after the start, or when nothing is treated.
    """
    if study.times is None:
        raise StudyError(f"{method} compares before with after; give the column of times")
    units = np.zeros(study.n, dtype=np.int64) if study.units is None else study.units
    labels, place = np.unique(units, return_inverse=True)
    times, column = np.unique(study.times, return_inverse=True)
    if len(times) < 2:
        raise StudyError(f"{method} needs a time before the start and one after; there is only one time")
    names = [study.unit_names[label] if label < len(study.unit_names) else f"unit {label}" for label in labels.tolist()]
    began, notices = _began(study, place, len(labels), method)
    shape = (len(labels), len(times))
    counts = np.zeros(shape)
    np.add.at(counts, (place, column), 1)
    if counts.max() > 1:
        notices.append("several rows of the same unit and time count as their mean")

    def mean(values: Floats) -> Floats:
        sums = np.zeros(shape)
        np.add.at(sums, (place, column), values)
        found: Floats = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
        return found

    outcome = mean(study.outcome)
    columns = [mean(values) for values in study.adjustment.values.T] if study.adjustment.names else []
    earliest = np.array([int(times[np.flatnonzero(row)[0]]) for row in counts > 0], dtype=np.int64)
    kept = began > earliest
    if not (kept & (began < NEVER)).any():
        raise StudyError(
            f"no time before the start: {study.treatment_name} is there from the first time on; give earlier times"
        )
    if not kept.all():
        without = ", ".join(name for name, known in zip(names, kept, strict=True) if not known)
        notices.append(f"left out, treated from the first time on: {without}")
    return PanelTable(
        outcome[kept],
        times,
        began[kept],
        tuple(name for name, known in zip(names, kept, strict=True) if known),
        np.array(columns)[:, kept] if columns else np.empty((0, int(kept.sum()), len(times))),
        tuple(notices),
    )


def only_series(table: PanelTable) -> tuple[Floats, Floats, list[str]]:
    """The mean outcome of the treated (m), that of each control (m, controls), and notices; for one start.

    Units that miss over a tenth of the treated's times are no controls; then times that any one misses are NaN.
    """
    notices = list(table.notices)
    treated = mean_of(table.outcome[table.group])
    there = np.isfinite(treated)
    whole = np.isfinite(table.outcome[:, there]).mean(axis=1) >= 0.9
    if not whole[~table.group].all():
        dropped = [name for name, keep in zip(table.names, whole | table.group, strict=True) if not keep]
        notices.append(f"no controls, too often missing: {', '.join(dropped)}")
    if table.group.sum() > 1:
        notices.append(f"the mean of {int(table.group.sum())} treated units is compared")
    if not table.together:
        notices.append("the treated units begin at different times: the first start counts for all")
    return treated, table.outcome[whole & ~table.group].T, notices


def control_names(table: PanelTable) -> tuple[str, ...]:
    """The names of the controls of `only_series`, in order."""
    there = np.isfinite(mean_of(table.outcome[table.group]))
    whole = np.isfinite(table.outcome[:, there]).mean(axis=1) >= 0.9
    return tuple(name for name, keep in zip(table.names, whole & ~table.group, strict=True) if keep)


def mean_of(rows: Floats) -> Floats:
    """The mean by column of what is there (rows, m); NaN where nothing is."""
    counts = np.isfinite(rows).sum(axis=0)
    found: Floats = np.where(counts > 0, np.nansum(rows, axis=0) / np.maximum(counts, 1), np.nan)
    return found


def _began(study: Study, place: Ints, count: int, method: str) -> tuple[Ints, list[str]]:
    """The first treated place by unit, NEVER without one."""
    assert study.times is not None
    notices: list[str] = []
    if study.group is None and study.post is None:
        treated = study.binary(method) == 1
    else:
        group, post = study.group, study.post
        if group is None:
            active = study.binary(method) == 1
            group = np.isin(place, place[active]).astype(np.int64)
        if post is None:
            active = study.binary(method) == 1
            post = (study.times >= study.times[active].min()).astype(np.int64)
        treated = (group == 1) & (post == 1)
    if not treated.any():
        raise StudyError(f"no row of {study.treatment_name} is treated; give times after the start")
    began = np.full(count, NEVER)
    np.minimum.at(began, place[treated], study.times[treated])
    after = study.times >= began[place]
    if study.group is None and study.post is None and (after & ~treated).any():
        share = treated[after].mean()
        notices.append(f"{study.treatment_name} is on in {share:.0%} of the rows after its start; all of them count")
    return began, notices
