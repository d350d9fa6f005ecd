"""Scores calibrated to a promise: so many false alarm episodes a day, of the whole installation.

What each part of the baseline shows, judged by the others, is what a new day will show. There are three kinds of
evidence, and each has its share of the promise: a score that lasts (`points` of the last `of` above 1), a strong one
(two points in a row), and the joint one of an entity. For each, every variable has a level that it exceeds as seldom as
is asked for (`levels`); as alarms of one wobble come together, the episodes of the whole installation correct all of
them by one factor (`tail`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasource.anomaly.constants import (
    BINS,
    DAY,
    FEWEST_PARTS,
    JOINT_CAP,
    JOINT_FEWEST,
    LARGEST_FACTOR,
    LASTING_INCIDENT,
    LONG,
    MOST_PARTS,
    NEVER,
    PART_ROWS,
    PARTS,
    RECURS,
    SHARE_JOINT,
    SHARE_LASTING,
    SHARE_STRONG,
    SMALLEST_FACTOR,
    SMALLEST_HEIGHT,
    SMALLEST_LEVEL,
    SMALLEST_STRONG_LEVEL,
    STANDS_OUT,
    STRONG_POINTS,
    UNSEEN,
    USUAL_DAYS,
)
from datasource.anomaly.joint import together
from datasource.anomaly.levels import FEWEST_ALIKE, Highest, usual_heights
from datasource.anomaly.mechanism import bins_of
from datasource.anomaly.persistence import Persistence, kth_largest
from datasource.anomaly.tail import peaks_of, tail_of
from datasource.data import Floats

_KNOWN = 0.3
"""A part of which less than this share is known tells nothing of its highest score."""
_ACROSS = 0.7
"""Two parts have one stretch in common where heights at their border reach this share of the smaller peak."""
_CHUNK = 512
"""Rows that are looked at in one go, which bounds the memory."""

Groups = Mapping[tuple[str, str], NDArray[np.int64]]


@dataclass(frozen=True)
class Baseline:
    """The times (seconds) of a baseline: `older` single ones first, then every `step` seconds."""

    times: NDArray[np.int64]
    older: int
    step: int

    @property
    def days(self) -> float:
        """How long the part at full resolution is."""
        return (self.times.size - self.older) * self.step / DAY

    @cached_property
    def span(self) -> float:
        """How long all of it is, in seconds."""
        return float(self.times[-1] - self.times[0] + self.step) if self.times.size else 0.0

    @cached_property
    def recent_parts(self) -> int:
        """Into how many parts the newer times are divided."""
        points = self.times.size - self.older
        parts = round(self.days) if self.days >= USUAL_DAYS else PARTS
        return max(min(parts, MOST_PARTS, points // PART_ROWS), FEWEST_PARTS)

    @cached_property
    def part_days(self) -> float:
        """How long a part is, in days."""
        return self.days / self.recent_parts

    @cached_property
    def parts(self) -> NDArray[np.int64]:
        """The part of each time, from 0: days of the older times, then the parts of the newer ones."""
        newer = np.arange(self.times.size - self.older) * self.recent_parts // max(self.times.size - self.older, 1)
        if not self.older:
            return newer
        days = (self.times[: self.older] - self.times[self.older]) // DAY
        _, numbers = np.unique(days, return_inverse=True)
        return np.concatenate([numbers, newer + numbers[-1] + 1])

    @cached_property
    def folds(self) -> NDArray[np.int64]:
        """Of each time, from 0, the fold that is expected by fits on the others: the parts, each in three where it is
        shorter than a day, as long as they have enough rows."""
        points = self.times.size - self.older
        wanted = 3 * self.recent_parts if self.days < USUAL_DAYS else self.recent_parts
        count = max(min(wanted, points // PART_ROWS), self.recent_parts)
        newer = np.arange(points) * count // max(points, 1)
        if not self.older:
            return newer
        return np.concatenate([self.parts[: self.older], newer + self.older_parts])

    @cached_property
    def day_of(self) -> NDArray[np.int64]:
        """The day of each part, from 0, days counted back from the end of the baseline."""
        days = (self.times[-1] - self.times[self.starts]) // DAY
        found: NDArray[np.int64] = days[0] - days
        return found

    @cached_property
    def older_parts(self) -> int:
        """How many of the parts are older days."""
        return int(self.parts[self.older]) if self.older else 0

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """The first place of each part."""
        return np.flatnonzero(np.diff(self.parts, prepend=-1))

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """How many times each part has."""
        return np.diff(np.append(self.starts, self.times.size))

    @cached_property
    def long(self) -> NDArray[np.bool_]:
        """Which parts are so long that what lasts for half a day within is no incident."""
        found: NDArray[np.bool_] = np.full(self.sizes.size, self.part_days * DAY >= 1.9 * LONG)
        found[: self.older_parts] = True
        return found


class Calibration(NamedTuple):
    """For each row, by what its interval is to be multiplied and beyond which score two points are an alarm; for each
    entity, the level of its joint score; what the parts of the baseline show: so many alarm episodes a day."""

    factors: Floats
    strong: Floats
    joint: Sequence[float]
    supported: float


def recurring(scores: Floats, baseline: Baseline, persistence: Persistence) -> Floats | None:
    """By row and half hour of the day, how many times as high scores (rows x times) persist on three or more days as
    they do at other times; 1 where they do not. None for less than three days."""
    if baseline.span < USUAL_DAYS * DAY * 0.95:
        return None
    slots = baseline.times * BINS // DAY
    starts = np.flatnonzero(np.diff(slots, prepend=slots[:1] - 1))
    days, bins = slots[starts] // BINS, slots[starts] % BINS
    highest = np.full((len(scores), int(days[-1] - days[0]) + 1, BINS), 0.0, np.float32)
    for chunk in _chunks(len(scores)):
        heights = kth_largest(np.nan_to_num(scores[chunk]), *persistence)
        highest[chunk][:, days - days[0], bins] = np.maximum.reduceat(heights, starts, axis=1)
    near = np.maximum(highest, np.maximum(np.roll(highest, 1, axis=2), np.roll(highest, -1, axis=2)))
    place = near.shape[1] - USUAL_DAYS
    usual = np.partition(near, place, axis=1)[:, place]
    elsewhere = np.maximum(np.median(usual, axis=1, keepdims=True), SMALLEST_HEIGHT)
    times = usual / elsewhere
    found: Floats = np.where(times > RECURS, times, 1.0).astype(np.float64)
    return found


def calibrate(
    scores: Floats,
    groups: Groups,
    alarming: NDArray[np.bool_],
    entities: Sequence[NDArray[np.int64]],
    baseline: Baseline,
    promise: float,
    persistence: Persistence,
    noise: Floats,
) -> Calibration:
    """Calibrate scores (rows x times, in reference widths, NaN where unknown) of expected values by other parts.

    `groups` has the rows of one signal and kind each, `alarming` says which rows make alarms, `entities` which rows
    have a joint score together. `promise` is in episodes a day, `noise` (rows) the robust standard deviation
    of the gaps.
    """
    watch = _Watch(baseline, persistence)
    groups = _several(groups)
    everything, scores = scores, watch.without_incidents(scores, noise)
    able = [rows for rows in entities if rows.size >= JOINT_FEWEST]
    shares = np.array(
        [SHARE_LASTING, SHARE_STRONG if persistence.points > STRONG_POINTS else 0.0, SHARE_JOINT * bool(able)]
    )
    lasting, strong, joint = promise * shares / shares.sum()
    factors, by_part, first = watch.levels(
        scores, everything, noise, groups, alarming, lasting, persistence, SMALLEST_LEVEL
    )
    strengths, second = np.full(len(scores), NEVER), np.zeros(baseline.times.size)
    if strong:
        both = Persistence(STRONG_POINTS, STRONG_POINTS)
        levels, _, second = watch.levels(
            scores, everything, noise, groups, alarming, strong, both, SMALLEST_STRONG_LEVEL, most=NEVER
        )
        strengths = np.maximum(levels / factors, 1.0)
    several = [np.inf] * len(entities)
    third = np.zeros(baseline.times.size)
    if able:
        rows = np.stack([together(everything[rows] / by_part[rows][:, baseline.parts]) for rows in able])
        numbers = {("", "joint"): np.arange(len(able))}
        everybody = np.ones(len(able), dtype=np.bool_)
        alone = Persistence(1, 1)
        none = np.zeros(len(able))
        calm = watch.without_incidents(rows, none)
        levels, _, third = watch.levels(calm, rows, none, numbers, everybody, joint, alone, 0.0, bound=JOINT_CAP)
        found = iter(np.minimum(levels, JOINT_CAP * 0.999).tolist())
        several = [next(found) if rows.size >= JOINT_FEWEST else np.inf for rows in entities]
    seen = np.maximum(first, np.maximum(second, third))
    episodes = peaks_of(seen, 1.0, persistence.apart).size
    supported = (episodes + UNSEEN) / baseline.days if baseline.days else np.inf
    return Calibration(factors, strengths, several, supported)


@dataclass(frozen=True)
class _Watch:
    baseline: Baseline
    persistence: Persistence

    def levels(
        self,
        scores: Floats,
        everything: Floats,
        noise: Floats,
        groups: Groups,
        alarming: NDArray[np.bool_],
        rate: float,
        kept: Persistence,
        least: float,
        *,
        most: float = LARGEST_FACTOR,
        bound: float = np.inf,
    ) -> tuple[Floats, Floats, Floats]:
        """Of each row, the level that makes all alarming ones together exceed theirs in `rate` episodes a day, as the
        scores without incidents say; the same for each part (rows x parts), as the others say; and by time the highest
        score of `everything` over the level that the other parts know. The installation raises levels by a factor of
        `most`; no score is above `bound`."""
        baseline = self.baseline
        # What a baseline cannot show is promised as if part of an episode more had been seen.
        rate *= rate * baseline.days / (rate * baseline.days + UNSEEN)
        times = max(int(alarming.sum()), 1) / (rate * baseline.part_days) if baseline.part_days else 1.0
        levels, by_part = np.ones(len(scores)), np.ones((len(scores), baseline.sizes.size))
        usual, whole = np.zeros(baseline.times.size), np.zeros(baseline.times.size)
        for rows in groups.values():
            highest = self._highest(scores, noise, rows, kept, bound)
            levels[rows] = np.maximum(highest.levels(times), least)
            if not alarming[rows].any():
                continue
            for part in range(baseline.sizes.size):
                by_part[rows, part] = np.maximum(highest.levels(times, part), least)
            for chunk in _chunks(rows.size):
                heights = kth_largest(np.nan_to_num(scores[rows[chunk]]), *kept)
                every = kth_largest(np.nan_to_num(everything[rows[chunk]]), *kept)
                cut = np.minimum(heights, highest.limit[chunk, None])
                for part, (start, size) in enumerate(zip(baseline.starts, baseline.sizes, strict=True)):
                    place = slice(start, start + size)
                    by = by_part[rows[chunk], part, None]
                    active = alarming[rows[chunk]]
                    np.maximum(usual[place], (cut[:, place] / by)[active].max(axis=0, initial=0.0), out=usual[place])
                    seen = (every[:, place] / by)[active].max(axis=0, initial=0.0)
                    np.maximum(whole[place], seen, out=whole[place])
        newer = usual[baseline.older :]
        tail = tail_of(newer, baseline.days, self.persistence.apart)
        factor = min(max(tail.level(rate), SMALLEST_FACTOR), most) if tail else 1.0
        return np.maximum(levels * factor, least), np.maximum(by_part * factor, least), whole / factor

    def without_incidents(self, scores: Floats, noise: Floats) -> Floats:
        """The scores (rows x times) without what stays for long (twice `persistence.of` points, or to the very end) far
        beyond what is usual, unless it stays for half a day, as a weekend does."""
        found = scores.copy()
        baseline, of = self.baseline, self.persistence.of
        for chunk in _chunks(len(scores)):
            heights = kth_largest(np.nan_to_num(scores[chunk]), *self.persistence)
            peaks = np.maximum.reduceat(heights, baseline.starts, axis=1)
            usual, _ = usual_heights(_counted_once(heights, peaks, baseline.starts), baseline.day_of)
            limit = np.maximum(STANDS_OUT * usual, LASTING_INCIDENT * noise[chunk])
            beyond = heights > limit[:, None]
            calendar = (np.add.reduceat(beyond, baseline.starts, axis=1) / baseline.sizes >= 0.5) & baseline.long
            for row in np.flatnonzero(beyond.any(axis=1)):
                for first, stop in _runs(beyond[row]):
                    lasts = stop - first >= 2 * of or stop > beyond.shape[1] - of
                    if lasts and not calendar[row, baseline.parts[first:stop]].any():
                        found[chunk.start + row, max(0, first - of) : stop + of] = np.nan
        return found

    def _highest(
        self, scores: Floats, noise: Floats, rows: NDArray[np.int64], kept: Persistence, bound: float
    ) -> Highest:
        baseline = self.baseline
        peaks = np.empty((rows.size, baseline.sizes.size))
        once = np.empty_like(peaks)
        for chunk in _chunks(rows.size):
            own = scores[rows[chunk]]
            counts = np.add.reduceat(np.isfinite(own), baseline.starts, axis=1)
            known = counts >= _KNOWN * baseline.sizes
            heights = kth_largest(np.nan_to_num(own), *kept)
            found = np.maximum.reduceat(heights, baseline.starts, axis=1)
            # Where every part is full of holes, those that know anything tell what there is to tell.
            told = known | (~known.any(axis=1, keepdims=True) & (counts > 0))
            peaks[chunk] = np.where(told, found, np.nan)
            once[chunk] = _counted_once(heights, peaks[chunk], baseline.starts)
        older = baseline.older_parts
        if older:
            # Single older points do not show what is short: they only raise what the newer ones say.
            with np.errstate(all="ignore"):
                middle = np.nanmedian(peaks[:, older:], axis=1, keepdims=True)
            peaks[:, :older] = np.where(np.isnan(peaks[:, :older]), np.nan, np.fmax(peaks[:, :older], middle))
        lasting = self._lasting(scores, rows, kept) if baseline.long.any() else None
        return Highest(peaks, once, baseline.day_of, noise[rows], lasting, bound)

    def _lasting(
        self, scores: Floats, rows: NDArray[np.int64], kept: Persistence
    ) -> Callable[[Floats], NDArray[np.bool_]]:
        def lasting(limit: Floats) -> NDArray[np.bool_]:
            found = np.zeros((rows.size, self.baseline.sizes.size), dtype=np.bool_)
            for chunk in _chunks(rows.size):
                beyond = kth_largest(np.nan_to_num(scores[rows[chunk]]), *kept) > limit[chunk, None]
                share = np.add.reduceat(beyond, self.baseline.starts, axis=1) / self.baseline.sizes
                found[chunk] = (share >= 0.5) & self.baseline.long
            return found

        return lasting


def _several(groups: Groups) -> Groups:
    """The groups, those of few rows together: one signal of one entity says nothing of how alike signals are."""
    few = [rows for rows in groups.values() if rows.size < FEWEST_ALIKE]
    found = {name: rows for name, rows in groups.items() if rows.size >= FEWEST_ALIKE}
    return {**found, ("", ""): np.concatenate(few)} if few else found


def _runs(flags: NDArray[np.bool_]) -> list[list[int]]:
    """Where the stretches of flags begin, and stop."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    found: list[list[int]] = edges.reshape(-1, 2).tolist()
    return found


def _counted_once(heights: Floats, peaks: Floats, starts: NDArray[np.int64]) -> Floats:
    """The peaks (variables x parts) without the smaller of two that are one stretch across the border of their
    parts."""
    found = peaks.copy()
    borders = starts[1:]
    across = np.minimum(heights[:, borders - 1], heights[:, borders])
    smaller = np.fmin(peaks[:, :-1], peaks[:, 1:])
    joined = across > _ACROSS * smaller
    first = peaks[:, :-1] <= peaks[:, 1:]
    found[:, :-1][joined & first] = np.nan
    found[:, 1:][joined & ~first] = np.nan
    return found


def _chunks(rows: int) -> list[slice]:
    return [slice(first, min(first + _CHUNK, rows)) for first in range(0, rows, _CHUNK)]


def spread_over(profile: Floats | None, times: NDArray[np.int64]) -> Floats | float:
    """A profile by half hour of the day (rows x bins), at times in seconds: rows x times; 1 without a profile."""
    return 1.0 if profile is None else profile[:, bins_of(times)]
